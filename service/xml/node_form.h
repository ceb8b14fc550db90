/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_form - the forms a node document can have: XML, and the JSON of the OpenCADC
 * services (server-contract 3.5): attribute names begin with '@', text is '$'.
 *
 * A listing is streamed: open -> child* -> close; between any two calls the caller may
 * send away and clear what the str holds. Thread and failure: as core/str.
 */
#ifndef QUARTET_XML_NODE_FORM_H
#define QUARTET_XML_NODE_FORM_H

#include "service/xml/node_xml.h"

struct node_form {
	const char *content_type;
	/* A whole document; a container without children. */
	void (*write)(struct str *s, const struct node_out *n);
	/* A container's document up to its first child. */
	void (*open)(struct str *s, const struct node_out *container);
	void (*child)(struct str *s, const struct node_out *n, bool is_first);
	void (*close)(struct str *s);
};

extern const struct node_form node_form_xml, node_form_json;

#endif
