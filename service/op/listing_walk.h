/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing_walk - the children of a container in the order of their names; on demand also
 * what lies deeper, each node before what is in it.
 *
 * Containers the caller may not list are shown and not entered; links are not followed.
 * No read transaction is open between two calls: what comes and goes meanwhile may be
 * missed, what stays is seen exactly once. Memory grows with the depth only.
 *
 * Order: listing_walk_init -> next*, place* -> listing_walk_release. Thread: the call's
 * loop.
 */
#ifndef QUARTET_OP_LISTING_WALK_H
#define QUARTET_OP_LISTING_WALK_H

#include "service/core/str.h"
#include "service/op/target.h"
#include "storage/nodes.h"

struct listing_level;

struct listing_walk {
	struct op_call *call;
	const struct op_target *target;
	struct acl_node *chain; /* the target's facts, then a place for each level */
	struct bytes *part; /* the target's path, then the containers entered */
	struct listing_level *level;
	size_t depth, n; /* levels at most; now */
	struct str uri; /* of the innermost container, with a final '/' */
	struct arena arena; /* of one page */
	struct nodes_page page; /* of the innermost level: node[at ..] is to come */
	size_t at;
	bool read; /* there is a page */
	bool enters; /* the node given last, before anything else */
};

/* A node, where it is and what the caller may do there; until the next call. */
struct listing_entry {
	const struct node *node;
	struct bytes uri;
	struct acl_facts facts;
};

/*
 * Begin with the node at `start` (names below the target), or with the next one that is
 * there; n == 0: with the first. `target` is borrowed. Levels deeper than 1 count from
 * the target. ERR_NO_MEMORY.
 */
enum err listing_walk_init(struct listing_walk *w, struct op_call *call,
    const struct op_target *target, struct path start, size_t depth) ERR_CHECKED;
/* Zeroed is fine. */
void listing_walk_release(struct listing_walk *w);

/* The next one; node NULL: that was all. `want` is how many will be asked for at most. */
enum err listing_walk_next(
    struct listing_walk *w, uint64_t want, struct listing_entry *out) ERR_CHECKED;

/* Any child of the target, found in another way; does not move the walk. */
enum err listing_walk_place(struct listing_walk *w, const struct node *child,
    struct listing_entry *out) ERR_CHECKED;

#endif
