/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small file becomes a file at each location: an upload under the id it has, then the
 * catalogue lets its bytes go.
 */
#include <stdlib.h>
#include <string.h>

#include "replication/small_inside.h"
#include "service/core/check.h"
#include "service/core/log.h"
#include "storage/blob_small.h"

struct move {
	struct small *s;
	struct small_file *file;
	struct mirror_put *put;
	struct source body;
	bool body_given;
	struct blob_settle settle;
};

/* The bytes once more, where the trailer has room behind them. */
static enum next
give_body(struct source *body, struct slice *out)
{
	struct move *move = container_of(body, struct move, body);
	const struct small_file *file = move->file;
	struct piece *piece;

	if (move->body_given)
		return NEXT_END;
	piece = pool_take_loose(move->s->m->pool, PIECE_SMALL_SIZE);
	if (piece == NULL) {
		(void)errinfo_set(&body->why, ERR_NO_MEMORY, "no memory to move a file");
		return NEXT_FAILED;
	}
	(void)memcpy(piece->data, file->piece->data, file->n);
	*out = (struct slice){.piece = piece, .n = file->n};
	move->body_given = true;
	return NEXT_SLICE;
}

static void
close_body(struct source *body)
{
	(void)body; /* a part of its move */
}

static const struct source_ops body_ops = {.next = give_body, .close = close_body};

static void
move_over(struct move *move)
{
	struct small *s = move->s;

	s->moving--;
	free(move);
	small_pump(s);
}

static void
try_later(struct move *move)
{
	struct small *s = move->s;

	small_lock(s);
	small_requeue(s, move->file);
	small_unlock(s);
	move_over(move);
}

static void
leave_table(struct move *move, bool is_moved)
{
	struct small *s = move->s;

	small_lock(s);
	s->moved += is_moved;
	small_forget(s, move->file);
	small_unlock(s);
}

static void
settled(struct change *change)
{
	struct blob_settle *settle = container_of(change, struct blob_settle, change);
	struct move *move = container_of(settle, struct move, settle);

	if (change->err == ERR_OK || change->err == ERR_NOT_FOUND) {
		/* Whichever: the id is closed when the files have come to rest. */
		mirror_put_own_id(move->put);
		leave_table(move, change->err == ERR_OK);
		if (change->err == ERR_OK)
			mirror_put_commit(move->put);
		else
			mirror_put_abandon(move->put);
		move_over(move);
		return;
	}
	if (change->outcome_open)
		mirror_put_leave(move->put);
	else
		mirror_put_abandon(move->put);
	try_later(move);
}

static void
failed(struct move *move, const struct errinfo *why)
{
	log_warning("a small file waits for the locations: %s", errinfo_text(why));
	mirror_put_abandon(move->put);
	try_later(move);
}

static void
filled(void *arg, enum err err)
{
	struct move *move = arg;

	if (err != ERR_OK) {
		failed(move, mirror_put_why(move->put));
		return;
	}
	move->settle = (struct blob_settle){
	    .change = {.loop = move->s->loop, .done = settled},
	    .id = move->file->id,
	    .have = mirror_put_blob(move->put)->have,
	};
	blob_settle(move->s->m->store, &move->settle);
}

static void
opened(void *arg, enum err err)
{
	struct move *move = arg;

	if (err != ERR_OK) {
		failed(move, mirror_put_why(move->put));
		return;
	}
	move->body.ops = &body_ops;
	mirror_put_fill(move->put, &move->body, filled, move);
}

void
small_move_start(struct small *s, struct small_file *file)
{
	struct move *move = calloc(1, sizeof *move);
	struct blob_small row;
	struct errinfo why = {.code = ERR_OK};
	enum err e;

	CHECK(move != NULL); /* a few hundred bytes */
	move->s = s;
	move->file = file;
	s->moving++;
	e = blob_small_decode(file->id,
	    (struct bytes){(const char *)file->piece->data, file->row_n}, &row, &why);
	if (e == ERR_OK) {
		struct mirror_put_spec spec = {
		    .length = file->n,
		    .limit = file->n,
		    .md5_given = true,
		    .node_id = row.node_id,
		    .path = row.path,
		    .id = file->id,
		};

		(void)memcpy(spec.md5, file->md5, MD5_SIZE);
		e = mirror_put_new(s->m, s->loop, &spec, &move->put, &why);
	}
	if (e != ERR_OK)
		try_later(move); /* said by who refused it */
	else
		mirror_put_open(move->put, opened, move);
}
