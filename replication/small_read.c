/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/small_read.h"

#include <stdlib.h>
#include <string.h>

#include "replication/small.h"
#include "service/core/check.h"

enum err
small_read_find(struct mirror *m, struct blob *blob, struct piece **piece_out,
    uint64_t *base_out, struct errinfo *why)
{
	enum err e = ERR_OK;

	*piece_out = NULL;
	*base_out = 0;
	if (blob->small) {
		*piece_out = small_find(m->small, blob->id);
		if (*piece_out != NULL)
			return ERR_OK;
		e = small_look_again(m->small, blob->id, blob, why); /* moved since */
	}
	if (e != ERR_OK || blob->pack == 0)
		return e;
	*base_out = blob->pack_at;
	return small_record(m->small, blob->pack, blob, why);
}

/* A source */

struct small_source {
	struct source base;
	struct mirror *m;
	struct piece *piece;
	size_t first, n;
	bool given;
};

static enum next
give(struct source *base, struct slice *out)
{
	struct small_source *s = container_of(base, struct small_source, base);

	if (s->given)
		return NEXT_END;
	s->given = true;
	piece_ref(s->piece);
	*out = (struct slice){s->piece, s->first, s->n};
	s->m->bytes_read += s->n;
	return NEXT_SLICE;
}

static void
close_source(struct source *base)
{
	struct small_source *s = container_of(base, struct small_source, base);

	piece_unref(s->piece);
	pool_dismiss(s->m->pool);
	s->m->work--;
	free(s);
}

static const struct source_ops source_ops = {.next = give, .close = close_source};

/* As any other reading counts. */
static void *
begin(struct mirror *m, struct piece *piece, size_t size, enum err *err,
    struct errinfo *why)
{
	void *p = NULL;

	if (!pool_admit(m->pool)) {
		*err = errinfo_set(why, ERR_BUSY, "too many transfers at once");
	} else if ((p = calloc(1, size)) == NULL) {
		pool_dismiss(m->pool);
		*err = errinfo_set(why, ERR_NO_MEMORY, "no memory to read a file");
	} else {
		m->work++;
		*err = ERR_OK;
		return p;
	}
	piece_unref(piece);
	return NULL;
}

enum err
small_source(struct mirror *m, struct piece *piece, size_t first, size_t n,
    struct source **out, struct errinfo *why)
{
	enum err e;
	struct small_source *s = begin(m, piece, sizeof *s, &e, why);

	if (s == NULL)
		return e;
	*s = (struct small_source){
	    .base = {.ops = &source_ops}, .m = m, .piece = piece, .first = first, .n = n};
	*out = &s->base;
	return ERR_OK;
}

/* A reader */

struct small_reader {
	struct reader base;
	struct mirror *m;
	struct piece *piece;
	struct loop_timer *timer; /* carries the outcome through the loop */
	reader_done_fn *done;
	void *arg;
};

static void
is_read(void *arg)
{
	struct small_reader *r = arg;

	r->done(r->arg, ERR_OK);
}

static void
read_ranges(
    struct reader *base, const struct range *v, size_t n, reader_done_fn *done, void *arg)
{
	struct small_reader *r = container_of(base, struct small_reader, base);

	for (size_t i = 0; i < n; i++) {
		CHECK(v[i].size > 0 && v[i].offset + v[i].size <= base->size_bytes);
		(void)memcpy(v[i].to, r->piece->data + v[i].offset, v[i].size);
		r->m->bytes_read += v[i].size;
	}
	r->done = done;
	r->arg = arg;
	loop_timer_set(r->timer, 0);
}

static void
close_reader(struct reader *base)
{
	struct small_reader *r = container_of(base, struct small_reader, base);

	loop_timer_free(r->timer);
	piece_unref(r->piece);
	pool_dismiss(r->m->pool);
	r->m->work--;
	free(r);
}

static const struct reader_ops reader_ops = {.read = read_ranges, .close = close_reader};

enum err
small_reader(struct mirror *m, struct loop *loop, struct piece *piece, size_t n,
    struct reader **out, struct errinfo *why)
{
	enum err e;
	struct small_reader *r = begin(m, piece, sizeof *r, &e, why);

	if (r == NULL)
		return e;
	*r = (struct small_reader){.base = {.ops = &reader_ops, .size_bytes = n},
	    .m = m,
	    .piece = piece,
	    .timer = loop_timer_new(loop, is_read, r)};
	if (r->timer == NULL) {
		close_reader(&r->base);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer");
	}
	*out = &r->base;
	return ERR_OK;
}
