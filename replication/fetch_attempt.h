/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_attempt - one call of a fetch to one location, and whether what it brought is good.
 * Internal to replication: fetch.c asks, fetch_check.c verifies.
 *
 * An attempt reads the fetch's segments and those pages of the checksum table that are not
 * known yet. Where all that is one stretch of the file, as with every small file that is
 * read whole, it is read as one, and the pages lie in the piece behind the bytes.
 */
#ifndef QUARTET_REPLICATION_FETCH_ATTEMPT_H
#define QUARTET_REPLICATION_FETCH_ATTEMPT_H

#include "replication/fetch.h"

enum attempt_stage {
	ATTEMPT_YOUNG, /* a hedge may follow */
	ATTEMPT_WAITS, /* until read_deadline */
	ATTEMPT_LAST, /* past it, but there is no other to ask */
	ATTEMPT_LEFT, /* another was asked instead: past io_deadline it is stuck */
};

/* Lives until its call returns; `owner` NULL: nobody waits for it. */
struct fetch_attempt {
	struct location_read read;
	struct mirror *m;
	struct copies *owner;
	struct location *location;
	struct loop_timer *timer;
	enum attempt_stage stage;
	bool stuck;
	bool is_hedge;
	bool joined; /* one stretch: bytes, padding, pages */
	struct piece *piece;
	uint8_t *pages; /* table pages read along: in the piece, or own_pages */
	uint8_t *own_pages;
	uint64_t *page; /* behind the ranges */
	size_t n_pages;
	struct location_range range[]; /* of segments and pages */
};

enum { ATTEMPT_PAGES_A_SEGMENT = 2 };

/*
 * Say what has to be read for the owner's fetch into a->piece: fills `page`, `pages` and
 * `range`. The number of ranges; 0: no memory.
 */
size_t attempt_plan(struct fetch_attempt *a);

/* Every block is what its checksum says. Pages that may be asked for again are kept. */
bool attempt_is_good(struct fetch_attempt *a);

#endif
