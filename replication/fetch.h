/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - verified blocks of one blob from whichever location has them good and soon.
 * Internal to replication; what mirror_source and mirror_reader are made of.
 *
 * A `struct copies` is a blob that is being read: it pins it, remembers which location
 * serves it well, and keeps the last pages of its checksum table. A fetch brings some
 * blocks into one piece; one fetch at a time per copies.
 *
 * A location that fails, or does not answer within read_deadline, is passed over for the
 * next; the last one there is to ask has until io_deadline. One that is late (hedge.h) has
 * another one asked beside it: the first good answer counts. A call that is out stays out
 * with a piece of its own, so nothing it writes later can be seen. A copy that is missing
 * or bad is reported to the catalogue and moved to the location's bad/.
 */
#ifndef QUARTET_REPLICATION_FETCH_H
#define QUARTET_REPLICATION_FETCH_H

#include "replication/mirror.h"

/* A segment may need two pages of the table, and all are ranges of one location read. */
enum {
	FETCH_SEGMENTS_MAX = LOCATION_RANGES_MAX / 3,
	PAGE_SLOTS = 16,
	ATTEMPTS_AT_ONCE = 2
};

/* A run of whole blocks, but for the end of the file. */
struct segment {
	uint64_t offset;
	size_t n;
	size_t at; /* where in the piece */
};

struct fetch_attempt;

struct copies {
	struct mirror *m;
	struct loop *loop;
	struct blob blob;
	struct blob_layout layout;
	unsigned favourite; /* location that served last, or LOCATIONS_MAX */
	struct {
		uint64_t page;
		uint8_t *p; /* NULL: empty */
	} slot[PAGE_SLOTS];

	/* The fetch under way. */
	struct segment *segment;
	size_t n_segments, n_bytes;
	location_map tried, bad;
	struct fetch_attempt *attempt[ATTEMPTS_AT_ONCE]; /* one, and one that hedges */
	bool scattered;
	bool last; /* no fetch follows: no checksum page need be kept for it */
	bool quiet; /* a fetch that begins now wakes nobody: mirror_wake follows */
	void (*done)(struct copies *c, enum err err);
	struct piece *piece; /* the result: the receiver's, one reference */
	struct loop_timer *failed; /* carries a failure through the loop */
	struct errinfo why;
};

/*
 * Pins the blob. `segments` is room of the user's for as many as a fetch of his has, at
 * most FETCH_SEGMENTS_MAX. ERR_NO_MEMORY. After a failure there is nothing to release.
 */
enum err copies_init(struct copies *c, struct mirror *m, struct loop *loop,
    const struct blob *blob, struct segment *segments, struct errinfo *why) ERR_CHECKED;

/* End it, at any time; `done` is not called any more. */
void copies_release(struct copies *c);

/* The blocks around [offset, offset + n). */
struct segment copies_blocks(const struct copies *c, uint64_t offset, uint64_t n);

/*
 * Bring c->segment[0 .. n_segments) into a piece of at least n_bytes, each at its `at`.
 * `piece` is taken over, and replaced when a location keeps it. `done` comes later:
 * ERR_OK with the result in c->piece, ERR_DAMAGED when no good copy is left, ERR_IO when
 * those that may be good cannot be read now.
 */
void copies_fetch(
    struct copies *c, struct piece *piece, void (*done)(struct copies *c, enum err err));

#endif
