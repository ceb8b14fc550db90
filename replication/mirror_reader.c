/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verified ranges of a blob: a read is worked off in portions of one piece each, as many
 * ranges at once as their blocks fit into it.
 */
#include <stdlib.h>

#include "replication/fetch.h"
#include "replication/small_read.h"
#include "service/core/check.h"

/* Where a part of the piece goes. */
struct part {
	size_t at; /* in the piece */
	size_t n;
	uint8_t *to;
};

enum {
	PARTS_MAX = 512,
	STREAM_MIN = 256 * 1024, /* a range as long as this is likely to go on */
};

struct mirror_reader {
	struct reader base;
	struct copies copies;
	uint64_t begin; /* where in the blob the file begins */
	struct segment segment[FETCH_SEGMENTS_MAX];
	const struct range *v; /* what is asked for */
	size_t n, next; /* ranges; the first that is not done */
	size_t into; /* bytes of that one that are done */
	struct part part[PARTS_MAX];
	size_t n_parts;
	reader_done_fn *done;
	void *arg;
	bool waits; /* for a piece of the pool */
	struct pool_waiter waiter;
	bool closed;
};

/*
 * Add blocks for [offset, ...) of at most n bytes to the portion; returns how many bytes
 * of the range its blocks cover, 0 when the portion is full.
 */
static size_t
add_blocks(struct copies *c, uint64_t offset, size_t n, size_t room, size_t *at_out)
{
	struct segment *last = c->n_segments == 0 ? NULL : &c->segment[c->n_segments - 1];
	struct segment want = copies_blocks(c, offset, n);
	uint64_t want_end = want.offset + want.n;

	if (last != NULL && want.offset >= last->offset &&
	    want.offset <= last->offset + last->n) {
		/* Goes on where the last run ends, or inside it. */
		uint64_t end = last->offset + last->n;
		size_t more = want_end > end ? (size_t)(want_end - end) : 0;

		if (more > room - c->n_bytes)
			more = (size_t)((room - c->n_bytes) / c->layout.block_size *
					c->layout.block_size);
		last->n += more;
		c->n_bytes += more;
		*at_out = last->at + (size_t)(offset - last->offset);
		end += more;
		if (end <= offset)
			return 0;
		return end - offset < n ? (size_t)(end - offset) : n;
	}
	if (c->n_segments == FETCH_SEGMENTS_MAX)
		return 0;
	if (want.n > room - c->n_bytes) {
		want.n = (size_t)((room - c->n_bytes) / c->layout.block_size *
				  c->layout.block_size);
		if (want.n == 0)
			return 0;
	}
	want.at = c->n_bytes;
	c->segment[c->n_segments++] = want;
	c->n_bytes += want.n;
	*at_out = want.at + (size_t)(offset - want.offset);
	return want.offset + want.n - offset < n ? (size_t)(want.offset + want.n - offset)
						 : n;
}

/* Fill the portion from where the read stands. */
static void
plan_portion(struct mirror_reader *r, size_t room)
{
	struct copies *c = &r->copies;

	c->n_segments = c->n_bytes = r->n_parts = 0;
	while (r->next < r->n && r->n_parts < PARTS_MAX) {
		const struct range *range = &r->v[r->next];
		struct part *part = &r->part[r->n_parts];

		if (r->into < range->size) {
			part->n = add_blocks(c, r->begin + range->offset + r->into,
			    range->size - r->into, room, &part->at);
			if (part->n == 0)
				return;
			part->to = (uint8_t *)range->to + r->into;
			r->into += part->n;
			r->n_parts++;
		}
		if (r->into < range->size)
			return;
		r->next++;
		r->into = 0;
	}
}

static void go_on(struct mirror_reader *r);

static void
end_read(struct mirror_reader *r, enum err err)
{
	reader_done_fn *done = r->done;

	r->done = NULL;
	done(r->arg, err);
}

static void
fetched(struct copies *c, enum err err)
{
	struct mirror_reader *r = container_of(c, struct mirror_reader, copies);

	if (err != ERR_OK) {
		r->base.why = c->why;
		end_read(r, err);
		return;
	}
	for (size_t i = 0; i < r->n_parts; i++) {
		const struct part *p = &r->part[i];

		(void)memcpy(p->to, c->piece->data + p->at, p->n);
		c->m->bytes_read += p->n;
	}
	piece_unref(c->piece);
	c->piece = NULL;
	if (r->next == r->n)
		end_read(r, ERR_OK);
	else
		go_on(r);
}

static void
free_reader(struct mirror_reader *r)
{
	r->copies.m->work--;
	free(r);
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct mirror_reader *r = container_of(w, struct mirror_reader, waiter);

	r->waits = false;
	if (r->closed)
		free_reader(r);
	else
		go_on(r);
}

static void
go_on(struct mirror_reader *r)
{
	struct copies *c = &r->copies;
	struct piece *piece = pool_take(c->m->pool, PIECE_LARGE);

	if (piece == NULL && c->layout.block_size <= PIECE_SMALL_SIZE)
		piece = pool_take(c->m->pool, PIECE_SMALL);
	if (piece == NULL) {
		r->waits = true;
		r->waiter =
		    (struct pool_waiter){.job = {.run = piece_back}, .loop = c->loop};
		pool_wait(c->m->pool, &r->waiter);
		return;
	}
	plan_portion(r, piece->size);
	copies_fetch(c, piece, fetched);
}

static void
read_ranges(
    struct reader *base, const struct range *v, size_t n, reader_done_fn *done, void *arg)
{
	struct mirror_reader *r = container_of(base, struct mirror_reader, base);
	size_t total = 0;

	CHECK(r->done == NULL);
	for (size_t i = 0; i < n; i++) {
		CHECK(v[i].size > 0 && v[i].offset + v[i].size <= base->size_bytes);
		total += v[i].size;
	}
	CHECK(n > 0 && total <= READER_MAX);
	r->v = v;
	r->n = n;
	r->next = r->into = 0;
	r->done = done;
	r->arg = arg;
	r->copies.scattered = n > 1 || total < STREAM_MIN;
	go_on(r);
}

static void
close_reader(struct reader *base)
{
	struct mirror_reader *r = container_of(base, struct mirror_reader, base);
	struct pool *pool = r->copies.m->pool;

	copies_release(&r->copies);
	pool_dismiss(pool);
	r->closed = true;
	if (!r->waits || pool_unwait(pool, &r->waiter))
		free_reader(r);
}

static const struct reader_ops ops = {.read = read_ranges, .close = close_reader};

enum err
mirror_reader(struct mirror *m, struct loop *loop, const struct blob *blob,
    struct reader **out, struct errinfo *why)
{
	struct blob now = *blob;
	struct mirror_reader *r;
	struct piece *piece;
	uint64_t base;
	enum err e = small_read_find(m, &now, &piece, &base, why);

	if (e != ERR_OK)
		return e;
	if (piece != NULL)
		return small_reader(m, loop, piece, (size_t)blob->length, out, why);
	if (!pool_admit(m->pool))
		return errinfo_set(why, ERR_BUSY, "too many transfers at once");
	r = calloc(1, sizeof *r);
	e = r == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory to read a file")
		      : copies_init(&r->copies, m, loop, &now, r->segment, why);
	if (e != ERR_OK) {
		free(r);
		pool_dismiss(m->pool);
		return e;
	}
	r->base = (struct reader){.ops = &ops, .size_bytes = blob->length};
	r->begin = base;
	m->work++;
	*out = &r->base;
	return ERR_OK;
}
