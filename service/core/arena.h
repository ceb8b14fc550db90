/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that lives exactly as long as one request.
 *
 * Order: arena_init -> arena_alloc* -> (arena_clear -> arena_alloc*)* -> arena_release.
 * Nothing taken from an arena is freed singly. Every allocation counts against the
 * ceiling given at init; beyond it, or when the system has no memory, the allocator
 * returns NULL and the request fails with ERR_NO_MEMORY, not the server.
 * In the asan preset each allocation is a real malloc, so that overruns show.
 * Thread: one at a time, normally the loop that owns the request.
 */
#ifndef QUARTET_CORE_ARENA_H
#define QUARTET_CORE_ARENA_H

#include <stddef.h>

#include "service/core/bytes.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	char *at, *end; /* free room of the newest chunk */
	size_t used_bytes; /* handed out since the last clear */
	size_t limit_bytes;
};

void arena_init(struct arena *a, size_t limit_bytes);

/* Everything handed out becomes invalid; one chunk is kept for the next use. */
void arena_clear(struct arena *a);
void arena_release(struct arena *a);

/* Aligned for any type; contents undefined. NULL when the ceiling is reached. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, zeroed; checks n * size for overflow. */
void *arena_zalloc(struct arena *a, size_t n, size_t size) __attribute__((malloc));

#define arena_new(a, type)      ((type *)arena_zalloc((a), 1, sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_zalloc((a), (n), sizeof(type)))

/* A copy. .p is NULL when the ceiling is reached, also for an empty input. */
struct bytes arena_copy(struct arena *a, struct bytes b);
/* A NUL-terminated copy; bytes after an inner NUL stay but are not seen by C. */
char *arena_text(struct arena *a, struct bytes b);
/* printf into the arena; .p is NULL when the ceiling is reached. */
struct bytes arena_format(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
