/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   body ──slices──► tar_in ──► members
 *                       └─data─► piece ──► source of one file
 *
 * Bytes of a file are copied once, into pieces that begin where a disk wants them to.
 */
#include "service/op/unpack_in.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"

struct unpack_in {
	struct op_call *call;
	struct job_part *part;
	void (*ready)(void *arg);
	void *arg;
	struct tar_in *tar;

	struct source *body;
	bool body_asked; /* it will call */
	struct slice slice; /* .n 0: none */
	struct bytes rest; /* of the slice */
	struct bytes data; /* of the member, at the front of what came, not yet taken */

	struct source file; /* of the member, while it is open */
	bool is_open, file_wanted;
	uint64_t left; /* to be handed out or dropped */
	struct piece *piece;
	size_t filled;
	struct pool_waiter waiter;
	bool waits_for_piece, closed;
};

static enum err
aborted(struct errinfo *why)
{
	return errinfo_set(why, ERR_CONFLICT, "the job was aborted");
}

/* The body */

/* Whoever asked for bytes of the file is called once. */
static void
wake_file(struct unpack_in *in)
{
	if (!in->is_open || !in->file_wanted)
		return;
	in->file_wanted = false;
	in->file.ready(in->file.arg);
}

static void
on_body(void *arg)
{
	struct unpack_in *in = arg;

	in->body_asked = false;
	if (in->is_open)
		wake_file(in);
	else
		in->ready(in->arg);
}

static void
drop_slice(struct unpack_in *in)
{
	if (in->slice.n > 0)
		piece_unref(in->slice.piece);
	in->slice.n = 0;
	in->rest = (struct bytes){NULL, 0};
}

static enum next
more_body(struct unpack_in *in, struct errinfo *why)
{
	enum next next;

	drop_slice(in);
	if (in->body_asked)
		return NEXT_LATER;
	next = source_next(in->body, &in->slice);
	if (next == NEXT_SLICE)
		in->rest =
		    (struct bytes){(const char *)slice_data(&in->slice), in->slice.n};
	else
		in->slice.n = 0;
	in->body_asked = next == NEXT_LATER;
	if (next == NEXT_FAILED)
		*why = in->body->why;
	return next;
}

/* The archive's end was read: what follows is padding. */
static enum unpack_step
to_the_end(struct unpack_in *in, struct errinfo *why)
{
	for (;;) {
		switch (more_body(in, why)) {
		case NEXT_SLICE:
			break;
		case NEXT_END:
			return UNPACK_END;
		case NEXT_LATER:
			return UNPACK_LATER;
		case NEXT_FAILED:
			return UNPACK_FAILED;
		}
	}
}

/*
 * What comes next of the archive; UNPACK_MEMBER with in->data: bytes of the one before.
 */
static enum unpack_step
pull(struct unpack_in *in, struct errinfo *why)
{
	enum next next;

	for (;;) {
		if (job_part_is_aborted(in->part)) {
			(void)aborted(why);
			return UNPACK_FAILED;
		}
		switch (tar_in_next(in->tar, &in->rest, &in->data, why)) {
		case TAR_IN_MEMBER:
		case TAR_IN_DATA:
			return UNPACK_MEMBER;
		case TAR_IN_END:
			return to_the_end(in, why);
		case TAR_IN_BROKEN:
			return UNPACK_FAILED;
		case TAR_IN_MORE:
			break;
		}
		next = more_body(in, why);
		if (next == NEXT_LATER)
			return UNPACK_LATER;
		if (next == NEXT_END)
			(void)errinfo_set(
			    why, ERR_INVALID_ARGUMENT, "the archive ends before its end");
		if (next != NEXT_SLICE)
			return UNPACK_FAILED;
	}
}

enum unpack_step
unpack_in_next(
    struct unpack_in *in, const struct tar_in_member **member, struct errinfo *why)
{
	enum unpack_step step;

	CHECK(!in->is_open);
	for (;;) {
		in->left -= in->data.n;
		in->data.n = 0;
		step = pull(in, why);
		if (step != UNPACK_MEMBER || in->data.n == 0)
			break;
	}
	if (step != UNPACK_MEMBER)
		return step;
	CHECK(in->left == 0);
	*member = tar_in_member(in->tar);
	in->left = (*member)->length;
	return UNPACK_MEMBER;
}

/* A file */

static void
free_when_quiet(struct unpack_in *in)
{
	if (in->closed && !in->waits_for_piece)
		free(in);
}

static void
on_piece(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct unpack_in *in = container_of(w, struct unpack_in, waiter);

	in->waits_for_piece = false;
	wake_file(in);
	free_when_quiet(in);
}

/* Large ones where they are used up. False: wait for one. */
static bool
have_piece(struct unpack_in *in)
{
	struct pool *pool = in->call->env->pool;

	if (in->piece == NULL && in->left >= PIECE_LARGE_SIZE)
		in->piece = pool_take(pool, PIECE_LARGE);
	if (in->piece == NULL)
		in->piece = pool_take(pool, PIECE_SMALL);
	if (in->piece == NULL && !in->waits_for_piece) {
		in->waits_for_piece = true;
		in->waiter = (struct pool_waiter){
		    .job = {.run = on_piece}, .loop = in->call->env->loop};
		pool_wait(pool, &in->waiter);
	}
	return in->piece != NULL;
}

static void
fill_piece(struct unpack_in *in)
{
	size_t room = in->piece->size - in->filled;
	size_t n = in->data.n < room ? in->data.n : room;

	(void)memcpy(in->piece->data + in->filled, in->data.p, n);
	in->data = bytes_skip(in->data, n);
	in->filled += n;
	in->left -= n;
}

static enum next
hand_out(struct unpack_in *in, struct slice *out)
{
	*out = (struct slice){.piece = in->piece, .n = in->filled};
	in->piece = NULL;
	in->filled = 0;
	return NEXT_SLICE;
}

static enum next
file_later(struct unpack_in *in)
{
	in->file_wanted = true;
	return NEXT_LATER;
}

static enum next
file_next(struct source *s, struct slice *out)
{
	struct unpack_in *in = container_of(s, struct unpack_in, file);

	while (in->left > 0) {
		if (!have_piece(in))
			return file_later(in);
		if (in->data.n == 0) {
			enum unpack_step step = pull(in, &s->why);

			if (step == UNPACK_LATER)
				return file_later(in);
			if (step == UNPACK_FAILED)
				return NEXT_FAILED;
			CHECK(step == UNPACK_MEMBER && in->data.n > 0);
		}
		fill_piece(in);
		if (in->filled == in->piece->size)
			return hand_out(in, out);
	}
	return in->filled > 0 ? hand_out(in, out) : NEXT_END;
}

static void
file_close(struct source *s)
{
	struct unpack_in *in = container_of(s, struct unpack_in, file);

	in->is_open = false;
	piece_unref(in->piece);
	in->piece = NULL;
	in->filled = 0;
	if (in->waits_for_piece && pool_unwait(in->call->env->pool, &in->waiter))
		in->waits_for_piece = false;
}

static const struct source_ops file_ops = {.next = file_next, .close = file_close};

struct source *
unpack_in_file(struct unpack_in *in)
{
	CHECK(!in->is_open);
	in->is_open = true;
	in->file_wanted = false;
	in->file = (struct source){.ops = &file_ops};
	return &in->file;
}

/* Its life */

enum err
unpack_in_new(struct op_call *call, struct job_part *part, void (*ready)(void *arg),
    void *arg, struct unpack_in **out, struct errinfo *why)
{
	struct pool *pool = call->env->pool;
	struct unpack_in *in;

	if (!pool_admit(pool))
		return errinfo_set(why, ERR_BUSY, "too many transfers at once");
	in = calloc(1, sizeof *in);
	if (in != NULL)
		in->tar = tar_in_new((size_t)call->env->settings->unpack_header_max);
	if (in == NULL || in->tar == NULL) {
		free(in);
		pool_dismiss(pool);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an archive");
	}
	in->call = call;
	in->part = part;
	in->ready = ready;
	in->arg = arg;
	in->body = op_open_body(call);
	in->body->ready = on_body;
	in->body->arg = in;
	*out = in;
	return ERR_OK;
}

void
unpack_in_free(struct unpack_in *in)
{
	if (in == NULL)
		return;
	CHECK(!in->is_open);
	drop_slice(in);
	source_close(in->body);
	pool_dismiss(in->call->env->pool);
	tar_in_free(in->tar);
	in->closed = true;
	free_when_quiet(in);
}
