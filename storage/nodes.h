/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes - the tree: look up, list, and the atomic changes of it.
 *
 * Reads and changes as store.h says. Nothing here decides who may do what: the caller has
 * asked auth/acl. What can have changed since then is checked again inside the change:
 * existence, type, uniqueness, locks, emptiness, quota, cycles.
 *
 * Sizes: every container knows the bytes and the number of data nodes of everything below
 * it, exactly, after each commit. A move of any subtree costs O(depth).
 */
#ifndef QUARTET_STORAGE_NODES_H
#define QUARTET_STORAGE_NODES_H

#include "service/core/arena.h"
#include "storage/blob.h"
#include "storage/node.h"
#include "storage/path.h"
#include "storage/put_txns.h"
#include "storage/store.h"

/* Reading */

/*
 * The nodes along a path, root first, as far as they exist. n == path.n + 1: all are
 * there. Fewer: the last one is a container without the next name, or it is no container
 * (a link to be followed, or a data node in the way).
 */
struct nodes_trail {
	struct node *node;
	size_t n;
};

enum err nodes_walk(struct store_reader *reader, struct arena *a, struct path path,
    struct nodes_trail *out, struct errinfo *why) ERR_CHECKED;

/* One node. ERR_NODE_NOT_FOUND. */
enum err nodes_get(struct store_reader *reader, struct arena *a, uint64_t id,
    struct node *out, struct errinfo *why) ERR_CHECKED;

/* The nodes from the root to `id`; the way to know where a node is now. */
enum err nodes_chain(struct store_reader *reader, struct arena *a, uint64_t id,
    struct nodes_trail *out, struct errinfo *why) ERR_CHECKED;

/*
 * Up to `max` children of a container in name order (bytes), beginning with the first
 * name >= `from` (> with `after`). A page is consistent; between two pages children may
 * come and go, but what stays is seen exactly once.
 */
struct nodes_page {
	struct node *node;
	size_t n;
	bool more; /* there are children behind the last one */
};

enum err nodes_page(struct store_reader *reader, struct arena *a, uint64_t container,
    struct bytes from, bool after, size_t max, struct nodes_page *out,
    struct errinfo *why) ERR_CHECKED;

/* What sorting needs of each child, in name order; as nodes_page otherwise. */
struct nodes_sort_row {
	uint64_t id;
	uint64_t value; /* see enum nodes_sort */
};
enum nodes_sort { NODES_SORT_DATE, NODES_SORT_LENGTH };

struct nodes_sort_page {
	struct nodes_sort_row *row;
	size_t n;
	struct bytes last; /* name of the last row */
	bool more;
};

enum err nodes_sort_page(struct store_reader *reader, struct arena *a, uint64_t container,
    struct bytes after, enum nodes_sort by, size_t max, struct nodes_sort_page *out,
    struct errinfo *why) ERR_CHECKED;

/* The nodes with these ids, in their order; what is gone, or not in `container`, is left
 * out. */
enum err nodes_get_many(struct store_reader *reader, struct arena *a, uint64_t container,
    const struct nodes_sort_row *row, size_t n, struct nodes_page *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * The nodes that one of some identities owns, wherever they are, in the order of their
 * ids: up to `max` of them, or what there is among the next `look` nodes of all, behind
 * the node `after`. A node made between two pages has the highest id, so it is seen. One
 * whose record is damaged is counted and passed over.
 */
struct nodes_owned {
	uint64_t *id;
	size_t n;
	size_t damaged;
	uint64_t last; /* looked at: the next page begins behind it */
	bool more; /* there may be nodes behind it */
};

enum err nodes_owned(struct store_reader *reader, struct arena *a, const uint64_t *owner,
    size_t n_owners, uint64_t after, size_t look, size_t max, struct nodes_owned *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * The names of the free properties that nodes ever had, in the order of first use, up to
 * `max_bytes` of text.
 */
enum err nodes_property_names(struct store_reader *reader, struct arena *a,
    size_t max_bytes, struct bytes **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* Changes */

/*
 * Create `node` below `parent_id`. Taken from it: name, type, owner, flags, groups,
 * content type and encoding, quota, target, properties. Unset values are inherited where
 * the parent says so. Sets id_out.
 * ERR_CONTAINER_NOT_FOUND, ERR_DUPLICATE_NODE, ERR_PARENT_LOCKED.
 */
struct nodes_create {
	struct change change;
	uint64_t parent_id;
	struct node node;
	uint64_t id_out;
};
void nodes_create(struct store *store, struct nodes_create *r);

/* What to change of a node's metadata; zeroed means nothing. */
struct nodes_patch {
	bool set_public, set_locked, set_inherits;
	enum node_flag is_public, is_locked, inherits;
	bool set_read, set_write;
	struct node_groups group_read, group_write;
	bool set_type, set_encoding; /* .p NULL: forget it */
	struct bytes content_type, content_encoding;
	bool set_quota;
	uint64_t quota;
	bool set_owner;
	uint64_t owner;
	bool set_target;
	struct bytes target;
	/* Free properties to write, value.p NULL: to remove; ascending by URI. */
	const struct node_property *properties;
	size_t n_properties;
};

/*
 * Apply a patch; the date moves even if nothing changed. Locks are not looked at.
 * ERR_NODE_NOT_FOUND; ERR_INVALID_ARGUMENT beyond properties_max, unless the node had as
 * many before; ERR_CHANGED: it does not belong to `owned_by`, if that is given.
 */
struct nodes_update {
	struct change change;
	uint64_t id;
	uint64_t
	    owned_by; /* only what is this principal's, by any identity; 0: whoever's */
	struct nodes_patch patch;
	size_t properties_max;
};
void nodes_update(struct store *store, struct nodes_update *r);

/*
 * Remove a node; its bytes go to the removal queue.
 * ERR_NODE_NOT_FOUND, ERR_NODE_LOCKED (the node or its parent), ERR_NOT_EMPTY.
 */
struct nodes_delete {
	struct change change;
	uint64_t id;
};
void nodes_delete(struct store *store, struct nodes_delete *r);

/*
 * Move and rename a node with everything below it.
 * ERR_NODE_NOT_FOUND, ERR_CONTAINER_NOT_FOUND, ERR_DUPLICATE_NODE, ERR_NODE_LOCKED,
 * ERR_QUOTA, ERR_CYCLE.
 */
struct nodes_move {
	struct change change;
	uint64_t id;
	uint64_t parent_id; /* the new one */
	struct bytes name; /* the new one */
};
void nodes_move(struct store *store, struct nodes_move *r);

/*
 * Copy a node with everything below it, as `name` below `parent_id`, in one change. No
 * byte is copied: both nodes have the same blob from then on. The copies belong to
 * `owner`; they have the properties and permissions of what they are copies of, but no
 * lock and no quota; the topmost takes what it has no value for from its container.
 *
 * `judge` is asked for each node, on the writer's thread, and refuses the whole copy; it
 * gets `r` to find its own state. Sets id_out and n_out.
 * ERR_NODE_NOT_FOUND, ERR_CONTAINER_NOT_FOUND, ERR_DUPLICATE_NODE, ERR_PARENT_LOCKED,
 * ERR_QUOTA, ERR_CYCLE; ERR_TOO_LARGE: more than nodes_max.
 */
struct nodes_copy {
	struct change change;
	uint64_t id;
	uint64_t parent_id;
	struct bytes name;
	uint64_t owner;
	uint64_t nodes_max;
	enum err (*judge)(
	    struct nodes_copy *r, const struct node *node, struct errinfo *why);
	uint64_t id_out;
	uint64_t n_out;
};
void nodes_copy(struct store *store, struct nodes_copy *r);

/*
 * Give a data node its bytes: the node `expect_id`, or, when that is 0, a new node `name`
 * below `parent_id` with `owner`. The blob is durable at blob.have already. The bytes it
 * replaces go to the removal queue; a missing copy gets its row in the repair table.
 * Sets node_id_out.
 * ERR_CHANGED: the name no longer means expect_id (decide again);
 * ERR_CONTAINER_NOT_FOUND, ERR_NODE_LOCKED, ERR_PARENT_LOCKED, ERR_QUOTA;
 * ERR_INVALID_ARGUMENT: it is no data node.
 */
struct nodes_put_file {
	struct change change;
	uint64_t parent_id;
	struct bytes name;
	uint64_t expect_id;
	uint64_t owner;
	struct blob blob; /* id 0: an empty file */
	/* The bytes are those of a put transaction, which ends with this (put_txns.h): with
	 * one segment `blob` is that, else a new one. NULL: none. ERR_CONFLICT. */
	const struct put_txn *txn;
	bool set_type, set_encoding;
	struct bytes content_type, content_encoding;
	uint64_t node_id_out;
};
void nodes_put_file(struct store *store, struct nodes_put_file *r);

#endif
