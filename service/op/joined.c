/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/joined.h"

#include <stdlib.h>

#include "service/core/check.h"

struct joined {
	struct source base;
	struct op_call *call;
	const struct put_txn_segment *segment;
	size_t n, at;
	struct source *from; /* of the segment at hand; NULL: not opened yet */
	struct slice rest; /* of what it gave last; .n 0: nothing */
	struct piece *piece; /* being filled; NULL: none */
	size_t filled;
	bool from_later; /* it will say when to ask again */
	bool wanted;
	bool waits_for_piece, closed;
	struct pool_waiter waiter;
};

static void
wake(struct joined *j)
{
	if (j->wanted && !j->closed) {
		j->wanted = false;
		j->base.ready(j->base.arg);
	}
}

static enum next
later(struct joined *j)
{
	j->wanted = true;
	return NEXT_LATER;
}

static void
from_ready(void *arg)
{
	struct joined *j = arg;

	j->from_later = false;
	wake(j);
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct joined *j = container_of(w, struct joined, waiter);

	j->waits_for_piece = false;
	if (j->closed)
		free(j);
	else
		wake(j);
}

static enum next
wait_for_piece(struct joined *j)
{
	if (!j->waits_for_piece) {
		j->waits_for_piece = true;
		j->waiter = (struct pool_waiter){
		    .job = {.run = piece_back}, .loop = j->call->env->loop};
		pool_wait(j->call->env->pool, &j->waiter);
	}
	return later(j);
}

static enum err
open_segment(struct joined *j)
{
	struct op_env *env = j->call->env;
	struct blob blob;
	enum err e =
	    blob_get(env->reader, j->segment[j->at].blob_id, &blob, &j->base.why);

	if (e == ERR_NOT_FOUND)
		e = errinfo_set(
		    &j->base.why, ERR_CONFLICT, "the transaction was ended meanwhile");
	if (e == ERR_OK)
		e = mirror_source(env->mirror, env->loop, &blob, 0, blob.length, &j->from,
		    &j->base.why);
	if (e != ERR_OK)
		return e;
	j->from->ready = from_ready;
	j->from->arg = j;
	return ERR_OK;
}

/* More bytes of the segments into j->rest. */
static enum next
refill(struct joined *j)
{
	enum next next;

	if (j->from_later)
		return later(j);
	if (j->from == NULL && open_segment(j) != ERR_OK)
		return NEXT_FAILED;
	next = source_next(j->from, &j->rest);
	if (next == NEXT_FAILED)
		j->base.why = j->from->why;
	if (next == NEXT_LATER) {
		j->from_later = true;
		return later(j);
	}
	if (next != NEXT_END)
		return next;
	source_close(j->from);
	j->from = NULL;
	j->at++;
	return NEXT_END;
}

static void
pour(struct joined *j)
{
	size_t room = j->piece->size - j->filled;
	size_t n = j->rest.n < room ? j->rest.n : room;

	(void)memcpy(j->piece->data + j->filled, slice_data(&j->rest), n);
	j->filled += n;
	j->rest.offset += n;
	j->rest.n -= n;
	if (j->rest.n == 0)
		piece_unref(j->rest.piece);
}

static enum next
joined_next(struct source *s, struct slice *out)
{
	struct joined *j = container_of(s, struct joined, base);
	enum next next;

	if (j->piece == NULL) {
		if (j->at == j->n)
			return NEXT_END;
		j->piece = pool_take(j->call->env->pool, PIECE_LARGE);
		if (j->piece == NULL)
			j->piece = pool_take(j->call->env->pool, PIECE_SMALL);
		if (j->piece == NULL)
			return wait_for_piece(j);
		j->filled = 0;
	}
	while (j->filled < j->piece->size && (j->rest.n > 0 || j->at < j->n)) {
		if (j->rest.n > 0) {
			pour(j);
			continue;
		}
		next = refill(j);
		if (next == NEXT_LATER || next == NEXT_FAILED)
			return next;
	}
	if (j->filled == 0) {
		/* The last segment filled the piece before, and only now says it ended. */
		piece_unref(j->piece);
		j->piece = NULL;
		return NEXT_END;
	}
	*out = (struct slice){.piece = j->piece, .n = j->filled};
	j->piece = NULL;
	return NEXT_SLICE;
}

static void
joined_close(struct source *s)
{
	struct joined *j = container_of(s, struct joined, base);

	j->closed = true;
	if (j->from != NULL)
		source_close(j->from);
	if (j->rest.n > 0)
		piece_unref(j->rest.piece);
	piece_unref(j->piece);
	pool_dismiss(j->call->env->pool);
	if (!j->waits_for_piece || pool_unwait(j->call->env->pool, &j->waiter))
		free(j);
}

static const struct source_ops joined_ops = {.next = joined_next, .close = joined_close};

enum err
joined_source(struct op_call *call, const struct put_txn_segment *segments, size_t n,
    struct source **out)
{
	struct joined *j;

	if (!pool_admit(call->env->pool))
		return errinfo_set(&call->why, ERR_BUSY, "too many transfers at once");
	j = calloc(1, sizeof *j);
	if (j == NULL) {
		pool_dismiss(call->env->pool);
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an upload");
	}
	j->base.ops = &joined_ops;
	j->call = call;
	j->segment = segments;
	j->n = n;
	*out = &j->base;
	return ERR_OK;
}
