/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 16, CHUNK_SIZE = 16 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* usable bytes behind the header */
};

/* The header padded, so that what follows it is aligned. */
enum { HEADER_SIZE = (sizeof(struct arena_chunk) + ALIGN - 1) / ALIGN * ALIGN };

static char *
chunk_start(struct arena_chunk *c)
{
	return (char *)c + HEADER_SIZE;
}

void
arena_init(struct arena *a, size_t limit_bytes)
{
	*a = (struct arena){.limit_bytes = limit_bytes};
}

static void
drop_chunks(struct arena *a, struct arena_chunk *keep)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->chunks; c != NULL; c = next) {
		next = c->next;
		if (c != keep)
			free(c);
	}
}

void
arena_clear(struct arena *a)
{
	struct arena_chunk *keep = NULL;

#ifndef QUARTET_ARENA_CHECKED
	for (struct arena_chunk *c = a->chunks; c != NULL; c = c->next)
		if (c->size == CHUNK_SIZE - HEADER_SIZE)
			keep = c;
#endif
	drop_chunks(a, keep);
	a->used_bytes = 0;
	a->chunks = keep;
	a->at = a->end = NULL;
	if (keep != NULL) {
		keep->next = NULL;
		a->at = chunk_start(keep);
		a->end = a->at + keep->size;
	}
}

void
arena_release(struct arena *a)
{
	drop_chunks(a, NULL);
	arena_init(a, 0);
}

static struct arena_chunk *
add_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *c = malloc(HEADER_SIZE + size);

	if (c == NULL)
		return NULL;
	c->next = a->chunks;
	c->size = size;
	a->chunks = c;
	return c;
}

#ifdef QUARTET_ARENA_CHECKED
static void *
take(struct arena *a, size_t size, size_t padded)
{
	struct arena_chunk *c = add_chunk(a, size);

	(void)padded;
	return c == NULL ? NULL : chunk_start(c);
}
#else
static void *
take(struct arena *a, size_t size, size_t padded)
{
	bool own = padded > (CHUNK_SIZE - HEADER_SIZE) / 4;
	struct arena_chunk *c;
	char *p;

	(void)size;
	if (padded > (size_t)(a->end - a->at)) {
		c = add_chunk(a, own ? padded : CHUNK_SIZE - HEADER_SIZE);
		if (c == NULL)
			return NULL;
		if (own)
			return chunk_start(c);
		a->at = chunk_start(c);
		a->end = a->at + c->size;
	}
	p = a->at;
	a->at += padded;
	return p;
}
#endif

void *
arena_alloc(struct arena *a, size_t size)
{
	size_t padded = size == 0 ? ALIGN : (size + ALIGN - 1) / ALIGN * ALIGN;
	void *p;

	if (padded < size || padded > a->limit_bytes - a->used_bytes)
		return NULL;
	p = take(a, size, padded);
	if (p != NULL)
		a->used_bytes += padded;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n, size_t size)
{
	void *p;

	if (size != 0 && n > SIZE_MAX / size)
		return NULL;
	p = arena_alloc(a, n * size);
	if (p != NULL)
		(void)memset(p, 0, n * size);
	return p;
}

char *
arena_text(struct arena *a, struct bytes b)
{
	char *p = arena_alloc(a, b.n + 1);

	if (p == NULL)
		return NULL;
	if (b.n > 0)
		(void)memcpy(p, b.p, b.n);
	p[b.n] = '\0';
	return p;
}

struct bytes
arena_copy(struct arena *a, struct bytes b)
{
	return (struct bytes){arena_text(a, b), b.n};
}

struct bytes
arena_format(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return (struct bytes){NULL, 0};
	p = arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return (struct bytes){NULL, 0};
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct bytes){p, (size_t)n};
}
