/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_xml - node documents: what a client sends, and what it gets.
 *
 * Reading is tolerant where real clients differ (any prefix, children in any order,
 * unknown ones ignored) and says nothing about meaning: which properties exist, whose
 * they are and whether the URI fits the request is the caller's business. Child nodes in
 * a posted container are ignored.
 *
 * Writing keeps the element order of the VOSpace 2.1 schema; it is done through
 * node_form.h.
 *
 * Memory: a node_doc points into the arena; a node_out is borrowed for the call.
 * Thread: any. Writing fails as core/str does, in str_failed.
 */
#ifndef QUARTET_XML_NODE_XML_H
#define QUARTET_XML_NODE_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"
#include "service/xml/lists_xml.h"
#include "storage/node.h"

struct node_xml_limits {
	size_t bytes; /* of the document */
	size_t properties; /* in it */
	size_t value_bytes; /* of one property */
};

struct node_doc_property {
	struct bytes uri, value;
	bool is_nil; /* to be deleted; the value does not count */
};

struct node_doc {
	struct bytes uri; /* as written, not yet parsed */
	enum node_type type; /* NODE_DATA where none is given */
	bool type_given; /* false: no xsi:type, or the general vos:Node */
	const struct node_doc_property *properties; /* in document order */
	size_t n_properties;
	struct bytes target;
	bool has_target;
};

/*
 * ERR_TOO_LARGE beyond a limit; ERR_TYPE_NOT_SUPPORTED naming the type;
 * ERR_INVALID_ARGUMENT for what is not a node document; ERR_NO_MEMORY.
 */
enum err node_xml_parse(struct arena *a, struct bytes text,
    const struct node_xml_limits *limits, struct node_doc *out,
    struct errinfo *why) ERR_CHECKED;

/* "DataNode" */
const char *node_xml_type_name(enum node_type type);

struct node_out_property {
	struct bytes uri, value;
	bool read_only;
};

struct node_out {
	struct bytes uri; /* percent-encoded */
	enum node_type type;
	bool minimal; /* detail=min: no properties, no busy */
	bool busy; /* types with bytes */
	struct bytes target; /* links */
	const struct node_out_property *properties; /* written in this order */
	size_t n_properties;
	/* Types with bytes: views; none where they are not worth their room. */
	const struct lists_item *accepts, *provides;
	size_t n_accepts, n_provides;
	/* Not of links: what the service can do with it. None: not written. */
	const struct lists_item *capabilities;
	size_t n_capabilities;
};

#endif
