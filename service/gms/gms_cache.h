/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gms_cache - answers of a group service by whom they are about, so many of them.
 *
 * A full cache forgets the one that was found or made longest ago, but never one that is
 * being asked about. Times are the caller's business. Thread: one at a time; whoever shares
 * it has a lock.
 */
#ifndef QUARTET_GMS_GMS_CACHE_H
#define QUARTET_GMS_GMS_CACHE_H

#include <stdint.h>

#include "service/gms/gms_answer.h"

struct gms_ask;
struct gms_cache;

struct gms_entry {
	/* Whoever uses the cache. */
	bool is_asked; /* a question is under way: it stays */
	struct gms_ask *waiting; /* for the answer to that */
	bool is_known; /* `names` are the answer; else there is none, and why is told */
	uint64_t until_ms; /* it counts before this time; 0: there is nothing yet */
	struct gms_names names; /* set by gms_cache_keep */
	/* The cache's. */
	struct gms_entry *chain, *newer, *older;
	uint64_t hash;
	void *block;
	size_t key_n;
	char key[];
};

struct gms_cache *gms_cache_new(size_t max); /* NULL: no memory */
void gms_cache_free(struct gms_cache *c); /* NULL is fine */

/* NULL: there is none. */
struct gms_entry *gms_cache_find(struct gms_cache *c, struct bytes key);
/* One that is not there. NULL: no memory, or all that there are are being asked about. */
struct gms_entry *gms_cache_add(struct gms_cache *c, struct bytes key);
/* Copy these into the entry. ERR_NO_MEMORY leaves it without any. */
enum err gms_cache_keep(
    struct gms_entry *entry, const struct gms_names *names) ERR_CHECKED;
size_t gms_cache_count(const struct gms_cache *c);

/* Names into an arena. ERR_NO_MEMORY. */
enum err gms_names_copy(
    struct arena *a, const struct gms_names *names, struct gms_names *out) ERR_CHECKED;

#endif
