/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs - records of transfer jobs, opaque here; service/job knows what is in them.
 *
 * Numbers are given out in ascending order, in blocks; a record lies under its number.
 * Reads and changes as store.h says.
 */
#ifndef QUARTET_STORAGE_JOBS_H
#define QUARTET_STORAGE_JOBS_H

#include "service/core/arena.h"
#include "storage/store.h"

/* Take `n` numbers; first_out and those behind it are never given out again. */
struct jobs_reserve {
	struct change change;
	uint64_t n;
	uint64_t first_out;
};
void jobs_reserve(struct store *store, struct jobs_reserve *r);

/* Write a record, or remove it (`record.p` NULL; one that is not there is fine). */
struct jobs_put {
	struct change change;
	uint64_t number;
	struct bytes record;
};
void jobs_put(struct store *store, struct jobs_put *r);

/* ERR_NOT_FOUND; a copy in the arena. */
enum err jobs_get(struct store_reader *reader, struct arena *a, uint64_t number,
    struct bytes *out, struct errinfo *why) ERR_CHECKED;

/* The first record with a number >= `from`. ERR_NOT_FOUND: none. */
enum err jobs_next(struct store_reader *reader, struct arena *a, uint64_t from,
    uint64_t *number_out, struct bytes *out, struct errinfo *why) ERR_CHECKED;

#endif
