/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "service/core/check.h"

enum { MAPPED_FROM = PIECE_SMALL_SIZE };

struct pool {
	pthread_mutex_t lock;
	size_t limit;
	size_t used; /* bytes handed out and not disowned */
	size_t cached; /* bytes in the free lists */
	size_t disowned; /* bytes disowned and not yet given back */
	unsigned transfers;
	struct piece *free[2];
	struct pool_waiter *waiters, **last_waiter; /* oldest first */
};

static const size_t sizes[] = {
    [PIECE_SMALL] = PIECE_SMALL_SIZE, [PIECE_LARGE] = PIECE_LARGE_SIZE};

enum err
pool_new(size_t limit_bytes, struct pool **out, struct errinfo *why)
{
	struct pool *pool = calloc(1, sizeof *pool);

	if (pool == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the buffer pool");
	CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
	pool->limit = limit_bytes;
	pool->last_waiter = &pool->waiters;
	*out = pool;
	return ERR_OK;
}

/*
 * Large ones are mapped, so that they go back to the system. For one of a small file that
 * is too much: the mapping, its faults and telling all processors that it is gone took a
 * twelfth of the time of an upload (measured).
 */
static void *
data_new(size_t size)
{
	void *data;

	if (size >= MAPPED_FROM) {
		data = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return data == MAP_FAILED ? NULL : data;
	}
	data = aligned_alloc(PIECE_ALIGN, size);
	if (data != NULL)
		(void)memset(data, 0, size); /* as a mapping is */
	return data;
}

static void
data_free(void *data, size_t size)
{
	if (size >= MAPPED_FROM)
		(void)munmap(data, size);
	else
		free(data);
}

static struct piece *
piece_new(struct pool *pool, size_t size)
{
	struct piece *piece = malloc(sizeof *piece);
	void *data = piece == NULL ? NULL : data_new(size);

	if (data == NULL) {
		free(piece);
		return NULL;
	}
	*piece = (struct piece){.data = data, .size = size, .pool = pool};
	return piece;
}

static void
piece_free(struct piece *piece)
{
	data_free(piece->data, piece->size);
	free(piece);
}

void
pool_free(struct pool *pool)
{
	struct piece *next;

	if (pool == NULL)
		return;
	CHECK(pool->used == 0);
	for (int c = PIECE_SMALL; c <= PIECE_LARGE; c++)
		for (struct piece *p = pool->free[c]; p != NULL; p = next) {
			next = p->next;
			piece_free(p);
		}
	if (pool->disowned > 0)
		return; /* the kernel still writes there: leave both to the process's end
			 */
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Cached pieces of the other size make room. Called with the lock held. */
static void
trim(struct pool *pool, size_t size)
{
	for (int c = PIECE_LARGE; c >= PIECE_SMALL; c--)
		while (pool->used + pool->cached + size > pool->limit &&
		       pool->free[c] != NULL) {
			struct piece *p = pool->free[c];

			pool->free[c] = p->next;
			pool->cached -= p->size;
			piece_free(p);
		}
}

static bool
has_room(const struct pool *pool, size_t used, enum piece_class which)
{
	size_t limit = which == PIECE_LARGE ? pool->limit / 4 * 3 : pool->limit;

	return used + sizes[which] <= limit;
}

/*
 * `bytes` came back: post the oldest waiters that fit, and no more than can use them.
 * Called with the lock held.
 */
static void
wake(struct pool *pool, size_t bytes)
{
	struct pool_waiter **at = &pool->waiters, *w;
	size_t used = pool->used, promised = 0;

	while ((w = *at) != NULL && promised < bytes) {
		if (!has_room(pool, used, w->wants)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (pool->last_waiter == &w->next)
			pool->last_waiter = at;
		w->queued = false;
		used += sizes[w->wants];
		promised += sizes[w->wants];
		loop_post(w->loop, &w->job);
	}
}

bool
pool_admit(struct pool *pool)
{
	bool admitted;

	(void)pthread_mutex_lock(&pool->lock);
	admitted = (size_t)(pool->transfers + 1) * PIECE_SMALL_SIZE <= pool->limit / 4;
	if (admitted)
		pool->transfers++;
	(void)pthread_mutex_unlock(&pool->lock);
	return admitted;
}

void
pool_dismiss(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	CHECK(pool->transfers > 0);
	pool->transfers--;
	wake(pool, pool->limit);
	(void)pthread_mutex_unlock(&pool->lock);
}

struct piece *
pool_take(struct pool *pool, enum piece_class which)
{
	size_t size = sizes[which];
	struct piece *piece = NULL;

	(void)pthread_mutex_lock(&pool->lock);
	if (!has_room(pool, pool->used, which))
		goto out;
	piece = pool->free[which];
	if (piece != NULL) {
		pool->free[which] = piece->next;
		pool->cached -= size;
	} else {
		trim(pool, size);
		piece = piece_new(pool, size);
	}
	if (piece == NULL)
		goto out;
	pool->used += size;
	piece->refs = 1;
out:
	(void)pthread_mutex_unlock(&pool->lock);
	return piece;
}

struct piece *
pool_take_loose(struct pool *pool, size_t size)
{
	struct piece *piece = piece_new(pool, size);

	if (piece == NULL)
		return NULL;
	piece->refs = 1;
	piece->disowned = true;
	(void)pthread_mutex_lock(&pool->lock);
	pool->disowned += size;
	(void)pthread_mutex_unlock(&pool->lock);
	return piece;
}

void
pool_wait(struct pool *pool, struct pool_waiter *w)
{
	(void)pthread_mutex_lock(&pool->lock);
	CHECK(!w->queued);
	if (has_room(pool, pool->used, w->wants)) {
		loop_post(w->loop, &w->job);
	} else {
		w->queued = true;
		w->next = NULL;
		*pool->last_waiter = w;
		pool->last_waiter = &w->next;
	}
	(void)pthread_mutex_unlock(&pool->lock);
}

bool
pool_unwait(struct pool *pool, struct pool_waiter *w)
{
	bool found;

	(void)pthread_mutex_lock(&pool->lock);
	found = w->queued;
	if (found) {
		struct pool_waiter **at = &pool->waiters;

		while (*at != w)
			at = &(*at)->next;
		*at = w->next;
		if (pool->last_waiter == &w->next)
			pool->last_waiter = at;
		w->queued = false;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return found;
}

void
piece_ref(struct piece *piece)
{
	CHECK(piece->refs++ > 0);
}

void
piece_unref(struct piece *piece)
{
	struct pool *pool;

	if (piece == NULL || --piece->refs > 0)
		return;
	pool = piece->pool;
	(void)pthread_mutex_lock(&pool->lock);
	if (piece->disowned) {
		pool->disowned -= piece->size;
		piece_free(piece);
	} else {
		struct piece **list =
		    &pool->free[piece->size == PIECE_LARGE_SIZE ? PIECE_LARGE
								: PIECE_SMALL];

		pool->used -= piece->size;
		pool->cached += piece->size;
		piece->next = *list;
		*list = piece;
		wake(pool, piece->size);
	}
	(void)pthread_mutex_unlock(&pool->lock);
}

void
piece_disown(struct piece *piece)
{
	struct pool *pool = piece->pool;

	(void)pthread_mutex_lock(&pool->lock);
	if (!piece->disowned) {
		piece->disowned = true;
		pool->used -= piece->size;
		pool->disowned += piece->size;
		wake(pool, piece->size);
	}
	(void)pthread_mutex_unlock(&pool->lock);
}

struct pool_stats
pool_stats(struct pool *pool)
{
	struct pool_stats s;

	(void)pthread_mutex_lock(&pool->lock);
	s = (struct pool_stats){pool->limit, pool->used, pool->disowned, pool->transfers};
	(void)pthread_mutex_unlock(&pool->lock);
	return s;
}
