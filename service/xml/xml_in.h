/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_in - a document from outside as a small tree in an arena.
 *
 * Promise: what comes out is well-formed, its namespaces are resolved, and it keeps the
 * limits. A DOCTYPE is refused, so there are no entities but the five of XML itself;
 * nothing is ever fetched. The encoding a document declares is not believed: bytes that
 * are UTF-8 are read as UTF-8, all others as ISO-8859-1, which old clients send without
 * saying so. Text in the tree is always UTF-8.
 *
 * Memory: the tree lives in the arena; it borrows nothing from `text`.
 * Thread: any, one arena each. No state is kept between calls.
 * Fails with: ERR_TOO_LARGE (bytes, elements), ERR_INVALID_ARGUMENT (everything else that
 * is wrong with the document, the line in the text), ERR_NO_MEMORY.
 * Behind this header stands libxml2; nothing else sees it.
 */
#ifndef QUARTET_XML_XML_IN_H
#define QUARTET_XML_XML_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum { XML_BYTES_MAX = 512 * 1024 * 1024 };

struct xml_limits {
	size_t bytes; /* of the whole document; at most XML_BYTES_MAX */
	size_t depth; /* elements inside each other */
	size_t elements; /* altogether */
	size_t attributes; /* of one element, declarations of namespaces included */
};

/* Without namespace: ns is empty. */
struct xml_attr {
	struct bytes ns, name, value;
};

/* One xmlns declaration; the default namespace has an empty prefix. */
struct xml_binding {
	struct bytes prefix, ns;
};

struct xml_elem {
	struct bytes ns, name; /* ns empty: in no namespace */
	struct bytes text; /* its own, joined; without that of children */
	const struct xml_attr *attrs;
	size_t n_attrs;
	const struct xml_binding *bindings;
	size_t n_bindings;
	const struct xml_elem *parent; /* NULL for the root */
	const struct xml_elem *children; /* the first; in document order along `next` */
	const struct xml_elem *next;
};

enum err xml_parse(struct arena *a, struct bytes text, const struct xml_limits *limits,
    const struct xml_elem **root_out, struct errinfo *why) ERR_CHECKED;

bool xml_is(const struct xml_elem *e, const char *ns, const char *name);

/* The first child of that name, NULL if there is none. */
const struct xml_elem *xml_child(
    const struct xml_elem *e, const char *ns, const char *name);

/* How many children have that name. */
size_t xml_count(const struct xml_elem *e, const char *ns, const char *name);

/* Value of an attribute, ns "" for one without namespace; .p is NULL if absent. */
struct bytes xml_attr(const struct xml_elem *e, const char *ns, const char *name);

/* True if `text` is the true value of XML Schema's boolean: "true" or "1". */
bool xml_true(struct bytes text);

/*
 * Resolve a QName written in `e`, such as the value of xsi:type, by the declarations in
 * force there (those of the whole start tag, whatever the order). False: no such prefix,
 * or not a QName.
 */
bool xml_qname(const struct xml_elem *e, struct bytes text, struct bytes *ns_out,
    struct bytes *name_out);

#endif
