/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a blob in order, one piece being read while the one before is sent.
 */
#include <stdlib.h>

#include "replication/fetch.h"
#include "replication/small_read.h"
#include "service/core/check.h"

struct mirror_source {
	struct source base;
	struct copies copies;
	struct segment segment; /* one at a time */
	uint64_t at, end; /* what is still to be asked for */
	uint64_t asked, asked_end; /* what the fetch under way is for */
	struct slice ready; /* piece NULL: none */
	bool fetching, failed;
	bool wanted; /* the consumer was told NEXT_LATER */
	bool waits; /* for a piece of the pool */
	struct pool_waiter waiter;
	bool closed; /* only the waiter's job is still to come */
};

static void start_fetch(struct mirror_source *s);

/* Tell the consumer that asking again makes sense; the last thing in a callback. */
static void
poke(struct mirror_source *s)
{
	if (!s->wanted)
		return;
	s->wanted = false;
	s->base.ready(s->base.arg);
}

static void
fetched(struct copies *c, enum err err)
{
	struct mirror_source *s = container_of(c, struct mirror_source, copies);

	s->fetching = false;
	if (err != ERR_OK) {
		s->failed = true;
		s->base.why = c->why;
		poke(s);
		return;
	}
	s->ready = (struct slice){
	    .piece = c->piece,
	    .offset = (size_t)(s->asked - c->segment[0].offset),
	    .n = (size_t)(s->asked_end - s->asked),
	};
	c->piece = NULL;
	c->m->bytes_read += s->ready.n;
	poke(s);
}

/* The largest piece there is that can hold a block. */
static struct piece *
take_piece(struct mirror_source *s)
{
	struct pool *pool = s->copies.m->pool;
	uint64_t left = s->end - s->at;
	bool small_will_do = s->copies.layout.block_size <= PIECE_SMALL_SIZE;
	struct piece *piece = NULL;

	if (left > PIECE_SMALL_SIZE - s->copies.layout.block_size || !small_will_do)
		piece = pool_take(pool, PIECE_LARGE);
	if (piece == NULL && small_will_do)
		piece = pool_take(pool, PIECE_SMALL);
	return piece;
}

static void
free_source(struct mirror_source *s)
{
	s->copies.m->work--;
	free(s);
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct mirror_source *s = container_of(w, struct mirror_source, waiter);

	s->waits = false;
	if (s->closed)
		free_source(s);
	else
		start_fetch(s);
}

static void
start_fetch(struct mirror_source *s)
{
	struct copies *c = &s->copies;
	struct piece *piece;
	uint64_t room;

	if (s->at == s->end || s->fetching || s->waits)
		return;
	piece = take_piece(s);
	if (piece == NULL) {
		s->waits = true;
		s->waiter =
		    (struct pool_waiter){.job = {.run = piece_back}, .loop = c->loop};
		pool_wait(c->m->pool, &s->waiter);
		return;
	}
	room = piece->size - s->at % c->layout.block_size;
	s->asked = s->at;
	s->asked_end = s->end - s->at < room ? s->end : s->at + room;
	c->segment[0] = copies_blocks(c, s->asked, s->asked_end - s->asked);
	c->n_segments = 1;
	c->n_bytes = c->segment[0].n;
	s->at = s->asked_end;
	s->fetching = true;
	c->last = s->at == s->end;
	copies_fetch(c, piece, fetched);
}

static enum next
source_next_slice(struct source *base, struct slice *out)
{
	struct mirror_source *s = container_of(base, struct mirror_source, base);

	if (s->ready.piece != NULL) {
		*out = s->ready;
		s->ready.piece = NULL;
		start_fetch(s); /* the next one, while this one is sent */
		return NEXT_SLICE;
	}
	if (s->failed)
		return NEXT_FAILED;
	if (s->at == s->end && !s->fetching)
		return NEXT_END;
	s->wanted = true;
	start_fetch(s);
	s->copies.quiet = false; /* what begins later is not waited with */
	return NEXT_LATER;
}

static void
close_source(struct source *base)
{
	struct mirror_source *s = container_of(base, struct mirror_source, base);
	struct pool *pool = s->copies.m->pool;

	if (s->ready.piece != NULL)
		piece_unref(s->ready.piece);
	copies_release(&s->copies);
	pool_dismiss(pool);
	s->closed = true;
	if (!s->waits || pool_unwait(pool, &s->waiter))
		free_source(s);
}

static const struct source_ops ops = {.next = source_next_slice, .close = close_source};

enum err
mirror_source(struct mirror *m, struct loop *loop, const struct blob *blob,
    uint64_t first, uint64_t n, struct source **out, struct errinfo *why)
{
	struct blob now = *blob;
	struct mirror_source *s;
	struct piece *piece;
	uint64_t base;
	enum err e = small_read_find(m, &now, &piece, &base, why);

	CHECK(n > 0 && first + n <= blob->length);
	if (e != ERR_OK)
		return e;
	if (piece != NULL)
		return small_source(m, piece, (size_t)first, (size_t)n, out, why);
	if (!pool_admit(m->pool))
		return errinfo_set(why, ERR_BUSY, "too many transfers at once");
	s = calloc(1, sizeof *s);
	e = s == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory to read a file")
		      : copies_init(&s->copies, m, loop, &now, &s->segment, why);
	if (e != ERR_OK) {
		free(s);
		pool_dismiss(m->pool);
		return e;
	}
	s->base.ops = &ops;
	s->at = base + first;
	s->end = base + first + n;
	m->work++;
	*out = &s->base;
	return ERR_OK;
}

void
mirror_source_quietly(struct source *source)
{
	if (source->ops == &ops) /* else it is in memory */
		container_of(source, struct mirror_source, base)->copies.quiet = true;
}

void
mirror_wake(struct mirror *m)
{
	for (unsigned i = 0; i < m->n; i++)
		location_wake(m->location[i]);
}
