/* SPDX-License-Identifier: Apache-2.0 */
/*
 * props - a node's fields as the properties of a document, and back. The table is
 * property.def.
 */
#ifndef QUARTET_OP_PROPS_H
#define QUARTET_OP_PROPS_H

#include "service/op/op.h"
#include "service/xml/node_xml.h"

/* How much of a node is shown. */
enum props_detail {
	PROPS_MIN, /* nothing but URI and type */
	PROPS_BASIC, /* what stat_unreadable = basic leaves: date and length */
	PROPS_FULL,
	PROPS_MAX, /* also what the caller may do, readable, writable; and how many copies */
};

struct props_rights {
	bool readable, writable;
};

/*
 * The document form of one node. Everything is in the arena given, which may be another
 * than the call's. Looks up the owner's name.
 */
enum err props_of_node(struct op_call *call, struct arena *a, const struct node *node,
    struct bytes uri, enum props_detail detail, struct props_rights rights,
    struct node_out *out) ERR_CHECKED;

/*
 * What a posted document asks to be changed of a node of this type, as a patch. Groups
 * are checked and made unique, names checked, values parsed; what is not the caller's to
 * set is left out. Sets *grants_out when permissions are among it (D57).
 */
enum err props_to_patch(struct op_call *call, const struct node_doc *doc,
    enum node_type type, struct nodes_patch *out, bool *grants_out) ERR_CHECKED;

/* Does the patch really change permissions? Clients post back what they fetched. */
bool props_change_permissions(const struct nodes_patch *p, const struct node *node);

/*
 * The properties of the table, in its order, that users set and that the server makes; how
 * many there are.
 */
enum { PROPS_SETTABLE = 1, PROPS_COMPUTED = 2, PROPS_MAX_ROWS = 64 };
size_t props_known(unsigned kinds, struct lists_item out[PROPS_MAX_ROWS]);

/* The name of who owns the node, for `creator`, from a document; .p NULL: not said. */
struct bytes props_creator(const struct node_doc *doc);

#endif
