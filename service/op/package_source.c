/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive as a source.
 *
 *   package_walk ──► queue of members, their files opened ahead ──► archive_out ──► pieces
 *
 * Files are opened some members ahead, so that the disks work while the archive is
 * written: without that each small file would cost a whole turn. The queue is filled when
 * half of it is used up, so that many are asked for at once. A member's length is
 * that of the version opened; one that is replaced meanwhile is read to its end, since a
 * blob being read is not removed.
 */
#include <stdlib.h>

#include "service/core/check.h"
#include "service/op/package.h"
#include "service/op/package_walk.h"

enum {
	MEMBER_ARENA = 1024 * 1024, /* texts of one member */
	LOOKS = 2, /* at a file that is replaced all the time */
	RETRY_MS = 50, /* where there are too many transfers */
};

struct package;

struct entry {
	struct package *package;
	struct archive_member member;
	struct arena arena;
	struct package_bytes bytes;
	struct source *source; /* of a file with bytes */
	bool opened, begun;
	bool pending; /* its source will call `ready` */
	struct slice first; /* taken ahead; .n 0: none */
};

struct package {
	struct source base;
	struct op_call *call;
	struct job_part *part;
	struct archive_out *archive;
	struct package_walk *walk;
	struct entry *entry; /* a ring */
	size_t room, head, n;
	bool walked; /* to its end */
	bool finished; /* the archive's end is written */
	bool done; /* and handed out */

	/* Whoever waits is woken once, by whatever comes first. */
	bool wanted;
	struct loop_timer *retry;
	struct loop_job turn;
	bool turn_posted, waits_for_piece;
	struct pool_waiter waiter;
	bool closed;
};

static void
free_package(struct package *p)
{
	for (size_t i = 0; i < p->room; i++)
		arena_release(&p->entry[i].arena);
	free(p->entry);
	package_walk_free(p->walk);
	archive_out_free(p->archive);
	loop_timer_free(p->retry);
	free(p);
}

/* What was posted comes once more before everything can go. */
static void
free_when_quiet(struct package *p)
{
	if (p->closed && !p->turn_posted && !p->waits_for_piece)
		free_package(p);
}

static void
wake(struct package *p)
{
	if (p->wanted && !p->closed) {
		p->wanted = false;
		p->base.ready(p->base.arg);
	}
}

static enum next
later(struct package *p)
{
	p->wanted = true;
	return NEXT_LATER;
}

static void
on_turn(struct loop_job *job)
{
	struct package *p = container_of(job, struct package, turn);

	p->turn_posted = false;
	wake(p);
	free_when_quiet(p);
}

static enum next
another_turn(struct package *p)
{
	if (!p->turn_posted) {
		p->turn_posted = true;
		p->turn.run = on_turn;
		loop_post(p->call->env->loop, &p->turn);
	}
	return later(p);
}

static void
on_retry(void *arg)
{
	wake(arg);
}

static void
on_piece(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct package *p = container_of(w, struct package, waiter);

	p->waits_for_piece = false;
	wake(p);
	free_when_quiet(p);
}

static enum next
wait_for_piece(struct package *p)
{
	if (!p->waits_for_piece) {
		p->waits_for_piece = true;
		p->waiter = (struct pool_waiter){
		    .job = {.run = on_piece}, .loop = p->call->env->loop};
		pool_wait(p->call->env->pool, &p->waiter);
	}
	return later(p);
}

static enum next
failed(struct package *p, enum err err, const struct errinfo *why)
{
	p->base.why = *why;
	p->base.why.code = err;
	return NEXT_FAILED;
}

/* Members */

static void
entry_ready(void *arg)
{
	struct entry *e = arg;

	e->pending = false;
	if (e == &e->package->entry[e->package->head])
		wake(e->package);
}

static void
drop(struct entry *e)
{
	if (e->source != NULL)
		source_close(e->source);
	if (e->first.n > 0)
		piece_unref(e->first.piece);
	e->source = NULL;
	e->first.n = 0;
	e->pending = false;
}

static void
pop(struct package *p)
{
	drop(&p->entry[p->head]);
	p->head = (p->head + 1) % p->room;
	p->n--;
}

/* ERR_NOT_FOUND: the file was replaced since, and these bytes are gone. */
static enum err
open_blob(struct package *p, struct entry *e, struct errinfo *why)
{
	struct op_env *env = p->call->env;
	struct blob blob;
	enum err err;

	if (e->bytes.blob_id == 0)
		return ERR_OK;
	err = blob_get(env->reader, e->bytes.blob_id, &blob, why);
	return err == ERR_OK ? mirror_source(env->mirror, env->loop, &blob, 0,
				   blob.length, &e->source, why)
			     : err;
}

/* The file as it is now. ERR_NODE_NOT_FOUND: it is gone. */
static enum err
open_anew(struct package *p, struct entry *e, struct errinfo *why)
{
	struct node node;
	enum err err =
	    nodes_get(p->call->env->reader, &e->arena, e->bytes.node_id, &node, why);

	if (err != ERR_OK)
		return err;
	e->member.length = node.length;
	e->bytes.blob_id = node.blob_id;
	return open_blob(p, e, why);
}

/*
 * Open the file and have its first bytes fetched. ERR_BUSY: not now. A file replaced
 * between two looks is looked at once more.
 */
static enum err
open_entry(struct package *p, struct entry *e, struct errinfo *why)
{
	enum err err = ERR_OK;

	if (e->opened)
		return ERR_OK;
	if (e->member.kind == ARCHIVE_FILE)
		err = open_blob(p, e, why);
	for (unsigned i = 0; err == ERR_NOT_FOUND && i < LOOKS; i++)
		err = open_anew(p, e, why);
	if (err != ERR_OK)
		return err;
	e->opened = true;
	if (e->source == NULL)
		return ERR_OK;
	e->source->ready = entry_ready;
	e->source->arg = e;
	return ERR_OK;
}

static enum next
ask(struct entry *e, struct slice *out)
{
	enum next next = e->pending ? NEXT_LATER : source_next(e->source, out);

	e->pending = next == NEXT_LATER;
	return next;
}

/* Begin to fetch, without waiting for it. */
static enum err
fetch_ahead(struct entry *e, struct errinfo *why)
{
	if (e->source == NULL)
		return ERR_OK;
	mirror_source_quietly(e->source);
	if (ask(e, &e->first) != NEXT_FAILED)
		return ERR_OK;
	*why = e->source->why;
	return why->code;
}

/* Another member at the end of the queue. */
static enum package_step
walk_on(struct package *p, struct errinfo *why)
{
	struct entry *e = &p->entry[(p->head + p->n) % p->room];
	enum package_step step;
	enum err err;

	arena_clear(&e->arena);
	e->opened = e->begun = false;
	step = package_walk_next(p->walk, &e->arena, &e->member, &e->bytes, why);
	if (step != PACKAGE_MEMBER)
		return step;
	err = open_entry(p, e, why);
	if (err == ERR_NODE_NOT_FOUND)
		return PACKAGE_AGAIN;
	p->n++;
	if (err == ERR_OK || err == ERR_BUSY) /* then it is opened when its turn comes */
		return PACKAGE_MEMBER;
	return PACKAGE_FAILED;
}

/*
 * Have the bytes of all members behind the first `from` fetched. One right after the
 * other: a location that sleeps is woken once for many, not once for each.
 */
static enum err
fetch_all(struct package *p, size_t from, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = from; i < p->n && e == ERR_OK; i++)
		e = fetch_ahead(&p->entry[(p->head + i) % p->room], why);
	if (p->n > from)
		mirror_wake(p->call->env->mirror);
	return e;
}

/* Fill the queue; what the last step of the walk was. */
static enum package_step
fill_queue(struct package *p, struct errinfo *why)
{
	enum package_step step = PACKAGE_MEMBER;

	while (step == PACKAGE_MEMBER && p->n < p->room)
		step = walk_on(p, why);
	p->walked = step == PACKAGE_END;
	return step;
}

/* See to it that half of the queue is there, as far as it goes without waiting. */
static enum next
look_ahead(struct package *p)
{
	struct errinfo why = {.code = ERR_OK};
	size_t before = p->n;
	enum package_step step;
	enum err e;

	if (p->walked || p->n > p->room / 2)
		return NEXT_SLICE;
	step = fill_queue(p, &why);
	if (step == PACKAGE_FAILED)
		return failed(p, why.code, &why);
	e = fetch_all(p, before, &why);
	if (e != ERR_OK)
		return failed(p, e, &why);
	return step == PACKAGE_AGAIN && p->n == 0 ? another_turn(p) : NEXT_SLICE;
}

/* Bytes of the first member's file; NEXT_END: there are no more. */
static enum next
pass_bytes(struct package *p, struct entry *e)
{
	struct errinfo why;
	struct slice slice = e->first;
	enum next next = NEXT_SLICE;
	enum err err;

	if (e->source == NULL)
		return NEXT_END;
	e->first.n = 0;
	if (slice.n == 0)
		next = ask(e, &slice);
	if (next == NEXT_FAILED)
		return failed(p, e->source->why.code, &e->source->why);
	if (next == NEXT_LATER)
		return later(p);
	if (next == NEXT_END)
		return NEXT_END;
	err = archive_out_data(p->archive, slice_data(&slice), slice.n, &why);
	piece_unref(slice.piece);
	return err == ERR_OK ? NEXT_SLICE : failed(p, err, &why);
}

/* The first member of the queue goes on. */
static enum next
advance(struct package *p)
{
	struct entry *e = &p->entry[p->head];
	struct errinfo why = {.code = ERR_OK};
	enum err err = open_entry(p, e, &why);
	enum next next;

	if (err == ERR_BUSY) {
		loop_timer_set(p->retry, RETRY_MS);
		return later(p);
	}
	if (err == ERR_NODE_NOT_FOUND) {
		pop(p);
		return NEXT_SLICE;
	}
	if (err == ERR_OK && !e->begun) {
		e->begun = true;
		err = archive_out_begin(p->archive, &e->member, &why);
	}
	if (err != ERR_OK)
		return failed(p, err, &why);
	next = pass_bytes(p, e);
	if (next != NEXT_END)
		return next;
	pop(p);
	return NEXT_SLICE;
}

/* One step towards more bytes of the archive. */
static enum next
step(struct package *p)
{
	struct errinfo why;
	enum next next;
	enum err err;

	if (job_part_is_aborted(p->part)) {
		(void)errinfo_set(&why, ERR_CANCELLED, "the job was aborted");
		return failed(p, ERR_CANCELLED, &why);
	}
	next = look_ahead(p);
	if (next != NEXT_SLICE)
		return next;
	if (p->n > 0)
		return advance(p);
	err = archive_out_finish(p->archive, &why);
	p->finished = true;
	return err == ERR_OK ? NEXT_SLICE : failed(p, err, &why);
}

/* The source */

static enum next
hand_out(struct package *p, struct piece *piece, struct slice *out)
{
	size_t n = archive_out_take(p->archive, piece->data, piece->size);

	*out = (struct slice){.piece = piece, .n = n};
	return NEXT_SLICE;
}

static enum next
package_next(struct source *s, struct slice *out)
{
	struct package *p = container_of(s, struct package, base);
	enum next next = NEXT_SLICE;
	struct piece *piece;

	while (next == NEXT_SLICE && !p->finished &&
	       archive_out_held(p->archive) < PIECE_SMALL_SIZE)
		next = step(p);
	if (next == NEXT_FAILED)
		return next;
	if (archive_out_held(p->archive) == 0) {
		p->done = p->finished;
		return p->finished ? NEXT_END : NEXT_LATER;
	}
	piece = pool_take(p->call->env->pool, PIECE_SMALL);
	if (piece == NULL)
		return wait_for_piece(p);
	p->wanted = false; /* it comes back by itself */
	return hand_out(p, piece, out);
}

static void
end_part(struct package *p)
{
	const struct errinfo *why = &p->base.why;

	if (p->done)
		jobs_end_part(p->part, JOB_COMPLETED, NULL, NULL);
	else if (why->code != ERR_OK)
		jobs_end_part(
		    p->part, JOB_ERROR, err_fault(why->code), errinfo_text(why));
	else
		jobs_end_part(p->part, JOB_ERROR, err_fault(ERR_CANCELLED),
		    "the client went away before the end of the archive");
}

static void
package_close(struct source *s)
{
	struct package *p = container_of(s, struct package, base);

	p->closed = true;
	while (p->n > 0)
		pop(p);
	end_part(p);
	pool_dismiss(p->call->env->pool);
	if (p->waits_for_piece && pool_unwait(p->call->env->pool, &p->waiter))
		p->waits_for_piece = false;
	free_when_quiet(p);
}

static const struct source_ops package_ops = {
    .next = package_next, .close = package_close};

static enum err
make(struct package *p, const struct package_spec *spec, struct errinfo *why)
{
	struct op_env *env = p->call->env;
	enum err e;

	p->room = (size_t)env->settings->package_read_ahead;
	p->entry = calloc(p->room, sizeof *p->entry);
	p->retry = loop_timer_new(env->loop, on_retry, p);
	if (p->entry == NULL || p->retry == NULL) {
		p->room = p->entry == NULL ? 0 : p->room;
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an archive");
	}
	for (size_t i = 0; i < p->room; i++) {
		p->entry[i].package = p;
		arena_init(&p->entry[i].arena, MEMBER_ARENA);
	}
	e = archive_out_new(spec->format, &p->archive, why);
	return e == ERR_OK
		   ? package_walk_new(p->call, spec->paths, spec->n, &p->walk, why)
		   : e;
}

enum err
package_source(struct op_call *call, const struct package_spec *spec,
    struct job_part *part, struct source **out)
{
	struct package *p;
	enum err e;

	if (!pool_admit(call->env->pool))
		return errinfo_set(&call->why, ERR_BUSY, "too many transfers at once");
	p = calloc(1, sizeof *p);
	if (p == NULL) {
		pool_dismiss(call->env->pool);
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an archive");
	}
	p->base.ops = &package_ops;
	p->call = call;
	p->part = part;
	e = make(p, spec, &call->why);
	if (e != ERR_OK) {
		pool_dismiss(call->env->pool);
		free_package(p);
		return e;
	}
	*out = &p->base;
	return ERR_OK;
}
