/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/parts.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/encode.h"

enum { BOUNDARY_BYTES = 12 };

struct parts {
	struct source base;
	struct op_call *call;
	struct blob blob;
	const struct range_part *part;
	struct bytes *head; /* before each part, and the end behind the last */
	size_t n, at; /* the head to be sent next */
	struct source *from; /* of the part at hand */
	bool from_later;
	bool wanted, waits_for_piece, closed;
	struct pool_waiter waiter;
};

static void
wake(struct parts *p)
{
	if (p->wanted && !p->closed) {
		p->wanted = false;
		p->base.ready(p->base.arg);
	}
}

static enum next
later(struct parts *p)
{
	p->wanted = true;
	return NEXT_LATER;
}

static void
from_ready(void *arg)
{
	struct parts *p = arg;

	p->from_later = false;
	wake(p);
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct parts *p = container_of(w, struct parts, waiter);

	p->waits_for_piece = false;
	if (p->closed)
		free(p);
	else
		wake(p);
}

static enum next
wait_for_piece(struct parts *p)
{
	if (!p->waits_for_piece) {
		p->waits_for_piece = true;
		p->waiter = (struct pool_waiter){
		    .job = {.run = piece_back}, .loop = p->call->env->loop};
		pool_wait(p->call->env->pool, &p->waiter);
	}
	return later(p);
}

static enum err
open_part(struct parts *p, const struct range_part *part)
{
	struct op_env *env = p->call->env;
	enum err e = mirror_source(env->mirror, env->loop, &p->blob, part->first, part->n,
	    &p->from, &p->base.why);

	if (e != ERR_OK)
		return e;
	p->from->ready = from_ready;
	p->from->arg = p;
	return ERR_OK;
}

/* The next head; behind it its part begins. */
static enum next
send_head(struct parts *p, struct slice *out)
{
	struct bytes head = p->head[p->at];
	struct piece *piece = pool_take(p->call->env->pool, PIECE_SMALL);

	if (piece == NULL)
		return wait_for_piece(p);
	if (p->at < p->n && open_part(p, &p->part[p->at]) != ERR_OK) {
		piece_unref(piece);
		return NEXT_FAILED;
	}
	CHECK(head.n <= piece->size);
	(void)memcpy(piece->data, head.p, head.n);
	p->at++;
	*out = (struct slice){.piece = piece, .n = head.n};
	return NEXT_SLICE;
}

static enum next
parts_next(struct source *s, struct slice *out)
{
	struct parts *p = container_of(s, struct parts, base);
	enum next next = NEXT_END;

	if (p->from_later)
		return later(p);
	if (p->from != NULL)
		next = source_next(p->from, out);
	if (next == NEXT_LATER) {
		p->from_later = true;
		return later(p);
	}
	if (next == NEXT_FAILED)
		s->why = p->from->why;
	if (next != NEXT_END)
		return next;
	if (p->from != NULL)
		source_close(p->from);
	p->from = NULL;
	return p->at <= p->n ? send_head(p, out) : NEXT_END;
}

static void
parts_close(struct source *s)
{
	struct parts *p = container_of(s, struct parts, base);

	p->closed = true;
	if (p->from != NULL)
		source_close(p->from);
	pool_dismiss(p->call->env->pool);
	if (!p->waits_for_piece || pool_unwait(p->call->env->pool, &p->waiter))
		free(p);
}

static const struct source_ops parts_ops = {.next = parts_next, .close = parts_close};

/* All heads; false: no memory. */
static bool
write_heads(struct parts *p, const struct parts_spec *spec, const char *boundary,
    uint64_t *length_out)
{
	struct arena *a = p->call->arena;
	bool good = true;

	p->head = arena_array(a, struct bytes, spec->n + 1);
	*length_out = 0;
	for (size_t i = 0; i < spec->n && p->head != NULL; i++) {
		const struct range_part *r = &spec->part[i];

		p->head[i] = arena_format(a,
		    "\r\n--%s\r\nContent-Type: %.*s\r\n"
		    "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
		    boundary, BYTES_ARG(spec->content_type), (unsigned long long)r->first,
		    (unsigned long long)(r->first + r->n - 1),
		    (unsigned long long)spec->blob->length);
		good &= p->head[i].p != NULL && p->head[i].n <= PIECE_SMALL_SIZE;
		*length_out += p->head[i].n + r->n;
	}
	if (p->head == NULL)
		return false;
	p->head[spec->n] = arena_format(a, "\r\n--%s--\r\n", boundary);
	*length_out += p->head[spec->n].n;
	return good && p->head[spec->n].p != NULL;
}

enum err
parts_source(struct op_call *call, const struct parts_spec *spec, struct source **out,
    uint64_t *length_out, struct bytes *type_out)
{
	uint8_t random[BOUNDARY_BYTES];
	char boundary[2 * BOUNDARY_BYTES + 1];
	struct parts *p;

	if (!pool_admit(call->env->pool))
		return errinfo_set(&call->why, ERR_BUSY, "too many transfers at once");
	p = calloc(1, sizeof *p);
	random_bytes(random, sizeof random);
	hex_encode(random, sizeof random, boundary);
	*type_out =
	    arena_format(call->arena, "multipart/byteranges; boundary=%s", boundary);
	if (p != NULL)
		*p = (struct parts){.base = {.ops = &parts_ops},
		    .call = call,
		    .blob = *spec->blob,
		    .part = spec->part,
		    .n = spec->n};
	if (p == NULL || type_out->p == NULL ||
	    !write_heads(p, spec, boundary, length_out)) {
		pool_dismiss(call->env->pool);
		free(p);
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for ranges");
	}
	*out = &p->base;
	return ERR_OK;
}
