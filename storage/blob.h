/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob - what the catalogue knows of the bytes of one file version, and the work that is
 * still to be done for it: copies to make (urep), files to remove (gcq).
 *
 * A blob is immutable. `have` names the locations where it is durable, `want` those where
 * it should be. For each location in want but not in have there is a repair row, written
 * in the same commit, unless the bytes are in the catalogue themselves (blob_small.h).
 * Reads and changes as store.h says.
 */
#ifndef QUARTET_STORAGE_BLOB_H
#define QUARTET_STORAGE_BLOB_H

#include "service/core/arena.h"
#include "service/core/digest.h"
#include "storage/store.h"

/* Locations are numbered from 0; bit n of a map is location n. */
typedef uint8_t location_map;

struct blob {
	uint64_t id;
	uint64_t length;
	uint8_t md5[MD5_SIZE];
	location_map have, want;
	uint32_t references; /* nodes that have these bytes */
	int64_t created_ms;
	bool small; /* its bytes are in the catalogue, see blob_small.h */
	struct bytes small_row; /* of a new one: what blob_small_finish made, borrowed */
	/* Not 0: its bytes are those of this blob, from there on (blob_pack.h); it has no
	 * copies of its own. */
	uint64_t pack, pack_at;
};

/* ERR_NOT_FOUND: gone. */
enum err blob_get(struct store_reader *reader, uint64_t id, struct blob *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Up to `max` blobs with ids above `after`, ascending. Damaged records are passed over.
 * *n_out < max: there are no more.
 */
enum err blob_list(struct store_reader *reader, uint64_t after, struct blob *out,
    size_t max, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/*
 * All blobs with ids below `ids_end` whose files belong into a leaf directory, ascending;
 * *out is malloc'd and the caller's. Damaged records are passed over.
 */
enum err blob_list_leaf(struct store_reader *reader, unsigned leaf, uint64_t ids_end,
    struct blob **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* How many leaf directories the files of blobs with ids below `ids_end` lie in. */
unsigned blob_leaves(uint64_t ids_end);

/*
 * A late or repaired copy at `location` is durable: count it. ERR_NOT_FOUND: the blob is
 * gone, or its file there is in the removal queue; the copy must be removed.
 */
struct blob_copied {
	struct change change;
	uint64_t id;
	unsigned location;
};
void blob_copied(struct store *store, struct blob_copied *r);

/* The copy at `location` is missing or bad: no longer counted, a repair row instead. */
struct blob_lost {
	struct change change;
	uint64_t id;
	unsigned location;
};
void blob_lost(struct store *store, struct blob_lost *r);

/* A file that no record names could not be removed: let the removal queue see to it. */
struct blob_discard {
	struct change change;
	uint64_t id;
	uint8_t md5[MD5_SIZE];
	unsigned location;
};
void blob_discard(struct store *store, struct blob_discard *r);

/* A file that is to be unlinked. */
struct blob_removal {
	uint64_t id;
	uint8_t md5[MD5_SIZE];
};

/*
 * Up to `max` files due at `location` by `now_ms`, with ids above `after`, ascending.
 * *n_out < max: there are no more.
 */
enum err blob_removals(struct store_reader *reader, unsigned location, uint64_t after,
    int64_t now_ms, struct blob_removal *out, size_t max, size_t *n_out,
    struct errinfo *why) ERR_CHECKED;

/* These files are unlinked, durably: forget them. */
struct blob_removed {
	struct change change;
	unsigned location;
	const uint64_t *ids;
	size_t n;
};
void blob_removed(struct store *store, struct blob_removed *r);

/*
 * Up to `max` blobs that lack a copy at `location` and whose time it is, those with the
 * fewest copies first. Damaged rows are passed over.
 */
enum err blob_repairs(struct store_reader *reader, unsigned location, int64_t now_ms,
    uint64_t *ids, size_t max, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* A repair at `location` failed: it is tried again later, each time after longer. */
struct blob_postponed {
	struct change change;
	uint64_t id;
	unsigned location;
	uint64_t first_ms, longest_ms; /* the pause doubles from one to the other */
};
void blob_postponed(struct store *store, struct blob_postponed *r);

/* True if a file of blob `id` at `location` is accounted for: by a record's have bit, or
 * by the removal queue. What is neither is garbage. */
enum err blob_known(struct store_reader *reader, uint64_t id, unsigned location,
    bool *known_out, struct errinfo *why) ERR_CHECKED;

#endif
