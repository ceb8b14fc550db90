/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census - how many copies are missing, and how many files wait for removal.
 *
 * Counts over and over, page by page beside the other work of its loop, and longer pauses
 * the more there is to count. What it tells is as old as the last round: a second, or with
 * millions of rows minutes.
 *
 * Thread: the loop given to census_new; census_facts from any.
 */
#ifndef QUARTET_REPLICATION_CENSUS_H
#define QUARTET_REPLICATION_CENSUS_H

#include "replication/mirror.h"

struct census;

struct census_facts {
	uint64_t repairs[LOCATIONS_MAX]; /* copies missing at each location */
	uint64_t removals[LOCATIONS_MAX]; /* files to be unlinked at each */
	uint64_t
	    lacking[LOCATIONS_MAX]; /* blobs that lack a copy, by how many they have */
	/*
	 * Since when, by clock_mono_ms, each round has found such blobs with so many copies
	 * or fewer; 0: the last round found none.
	 */
	uint64_t lacking_since_ms[LOCATIONS_MAX];
};

enum err census_new(struct mirror *m, struct loop *loop, struct census **out,
    struct errinfo *why) ERR_CHECKED;
void census_start(struct census *census);
void census_stop(struct census *census);
/* After its loop ended. */
void census_free(struct census *census);

/* Of the last round that was complete; all zero before the first. */
void census_facts(struct census *census, struct census_facts *out);

#endif
