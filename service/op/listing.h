/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing - a container's document as a stream: memory does not grow with the number of
 * children, and no read transaction is open while the client is slow.
 *
 * In name order (listing_walk.h) a page of children is read, written and forgotten before
 * the next; what lies deeper follows its container in the same flat list.
 * In another order the keys of all children (24 bytes each) are gathered and sorted by a
 * worker first; more than listing_sort_max children are refused then.
 */
#ifndef QUARTET_OP_LISTING_H
#define QUARTET_OP_LISTING_H

#include "service/op/listing_filter.h"
#include "service/op/props.h"
#include "service/op/target.h"
#include "service/xml/node_form.h"

enum listing_sort { LISTING_BY_NAME, LISTING_BY_DATE, LISTING_BY_LENGTH };

struct listing_ask {
	const struct node_form *form;
	enum props_detail detail;
	uint64_t limit; /* children at most; UINT64_MAX: all */
	struct path start; /* where to begin, below the container; n == 0: the first */
	size_t depth; /* 1: its children; more: what is in them too, in name order only */
	enum listing_sort sort;
	bool descending;
	struct listing_filter filter;
};

/*
 * Finish the call with the listing of `target` (a container the caller may list), or fail
 * it. Its source is released with the answer.
 */
void listing_reply(
    struct op_call *call, const struct op_target *target, const struct listing_ask *ask);

/*
 * One node as a document's node, with what the caller may see of it (stat_unreadable).
 * `facts` are those of the trail to it.
 */
enum err listing_node(struct op_call *call, struct arena *a, const struct node *node,
    struct bytes uri, enum props_detail detail, const struct acl_facts *facts,
    struct node_out *out) ERR_CHECKED;

#endif
