/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists_xml - what a space speaks, as documents: its protocols, views and properties
 * (VOSpace 2.1 6.1). Everything is borrowed for the call. Thread and failure: as core/str.
 */
#ifndef QUARTET_XML_LISTS_XML_H
#define QUARTET_XML_LISTS_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

/* Something named by a URI. */
struct lists_item {
	struct bytes uri;
	bool derived; /* a view that is not the bytes themselves: original="false" */
};

struct lists_part {
	const char *name; /* "accepts", "provides", "contains" */
	const struct lists_item *items;
	size_t n;
};

/* The attributes of an item, each with a blank before it. */
void lists_xml_attributes(struct str *s, const struct lists_item *item);

/* `root` is "protocols", `item` "protocol", and so on. */
void lists_xml_write(struct str *s, const char *root, const char *item,
    const struct lists_part *parts, size_t n);

#endif
