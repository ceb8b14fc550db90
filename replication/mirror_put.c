/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One upload, until its caller is told.
 *
 *             open                  fill                    caller
 *   NEW ──► OPENING ──► OPENED ──► FILLING ──► FINISHING ──► DONE ──► COMMITTED, LEFT
 *             S1                     S2        S3 S4 S5                 or ABANDONED, S8
 *
 * Each location's copy has its own little life:
 *
 *   ABSENT   the location was not writable at the start
 *   WRITING ─finish─► FINISHING ─► DURABLE
 *      any failure, slowness or hang: ─► FAILED, and its file is abandoned
 *
 * A chunk of the body lives until its digest is made and every live copy has written it;
 * the bytes in such chunks are limited, which is what throttles the client. A call to a
 * location that hangs stays out with the piece it writes from, which leaves the pool's
 * account; the put itself is freed when the last call has come back.
 *
 * A small body of known length is one chunk: digest, table and trailer are made at once
 * in the same piece, and each location gets one call that does all its steps.
 */
#include "replication/mirror_put.h"

#include <stdlib.h>
#include <string.h>

#include "replication/quorum.h"
#include "replication/small.h"
#include "service/core/check.h"
#include "service/core/clock.h"

enum {
	SMALL_BODY_MAX = PIECE_SMALL_SIZE - 2 * BLOB_PAGE,
	WATCH_MS = 250,
};

static unsigned
count(const struct mirror_put *put, enum copy_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < put->m->n; i++)
		n += put->copy[i].state == state;
	return n;
}

static unsigned
live(const struct mirror_put *put)
{
	return count(put, COPY_WRITING) + count(put, COPY_FINISHING) +
	       count(put, COPY_DURABLE);
}

/* What the failures so far mean for the upload as a whole. */
static enum err
quorum_lost(struct mirror_put *put)
{
	unsigned failed = 0, full = 0;

	for (unsigned i = 0; i < put->m->n; i++) {
		const struct copy *c = &put->copy[i];

		failed += c->state == COPY_FAILED || c->state == COPY_ABSENT;
		full += c->full;
	}
	put->m->quorum_failures++;
	return errinfo_set(&put->why, quorum_loss(failed, full),
	    "%u of %u locations can store the file, %u are needed", put->m->n - failed,
	    put->m->n, put->m->write_quorum);
}

void
mirror_put_free(struct mirror_put *put)
{
	CHECK(put->out == 0 && !put->digesting && put->body == NULL && put->only == NULL);
	if (put->id != 0 && !put->leaves_file && !put->is_others)
		blob_ids_close(put->m->ids, put->id);
	if (!put->dismissed)
		pool_dismiss(put->m->pool);
	put->m->work--;
	loop_timer_free(put->timer);
	md5_free(put->md5);
	md5_free(put->whole);
	sha256_free(put->sha256);
	blob_table_free(put->table);
	free(put->path);
	put->magic = 0;
	free(put);
}

/* Tell the caller. It may end the put meanwhile: nothing may follow. */
static void
report(struct mirror_put *put, enum err err)
{
	mirror_put_done_fn *done = put->done;

	loop_timer_clear(put->timer);
	if (err != ERR_OK && put->why.code == ERR_OK)
		(void)errinfo_set(&put->why, err, "%s", err_text(err));
	put->done = NULL;
	done(put->arg, err);
}

static void
fail(struct mirror_put *put, enum err err)
{
	put->phase = PUT_DONE;
	if (put->body != NULL)
		source_close(put->body);
	put->body = NULL;
	report(put, err);
}

/* Chunks */

static struct chunk *
new_chunk(struct mirror_put *put, const struct slice *slice)
{
	struct chunk *chunk = calloc(1, sizeof *chunk);

	CHECK(chunk != NULL); /* a few bytes beside the piece it names */
	CHECK(slice->offset == 0 && put->received % PIECE_ALIGN == 0);
	*chunk = (struct chunk){
	    .piece = slice->piece, .n = slice->n, .offset = put->received, .owed = 1};
	put->received += slice->n;
	put->in_flight += slice->n;
	return chunk;
}

/* Zeros up to the next page; the number of bytes then. */
static size_t
pad(const struct chunk *chunk)
{
	size_t padded = (chunk->n + BLOB_PAGE - 1) / BLOB_PAGE * BLOB_PAGE;

	CHECK(padded <= chunk->piece->size);
	(void)memset(chunk->piece->data + chunk->n, 0, padded - chunk->n);
	return padded;
}

/* Calls */

static void
unlist_call(struct put_call *call)
{
	struct copy *copy = call->copy;
	struct put_call **at = &copy->first;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (copy->last == &call->next)
		copy->last = at;
}

static void
copy_failed(struct mirror_put *put, struct copy *copy, const struct location_call *call)
{
	if (copy->state == COPY_FAILED)
		return;
	copy->state = COPY_FAILED;
	copy->full = call->err == ERR_NO_SPACE;
	health_failed(put->m->health, copy->location->index, call->why.sys,
	    errinfo_text(&call->why));
}

static void
call_done(struct location_call *location_call)
{
	struct location_put *lp = container_of(location_call, struct location_put, call);
	struct put_call *call = container_of(lp, struct put_call, put);
	struct mirror_put *put = call->owner;
	struct copy *copy = call->copy;

	unlist_call(call);
	put->out--;
	copy->backlog_bytes -= lp->n;
	if (lp->begin || lp->finish || lp->abandon)
		copy->file = lp->file;
	if (copy->first == NULL && copy->hung) {
		copy->hung = false;
		health_stuck(put->m->health, copy->location->index, -1);
	}
	if (call->chunk != NULL)
		mirror_put_release_chunk(put, call->chunk);
	copy->left |= lp->abandon && location_call->err != ERR_OK;
	if (location_call->err != ERR_OK)
		copy_failed(put, copy, location_call);
	else if (lp->finish) /* also one that was given up meanwhile: its file is there */
		copy->state = COPY_DURABLE;
	piece_unref(call->piece);
	free(call);
	mirror_put_advance(put);
}

struct put_call *
mirror_put_call(struct mirror_put *put, struct copy *copy, struct piece *piece, size_t n,
    uint64_t offset)
{
	struct put_call *call = calloc(1, sizeof *call);

	CHECK(call != NULL); /* a few hundred bytes */
	call->owner = put;
	call->copy = copy;
	call->put = (struct location_put){
	    .call = {.verb = LOCATION_PUT, .loop = put->loop, .done = call_done},
	    .file = copy->file,
	    .id = put->id,
	    .piece = piece,
	    .n = n,
	    .offset = offset,
	};
	(void)memcpy(call->put.md5, put->blob.md5, MD5_SIZE);
	call->piece = piece;
	if (piece != NULL)
		piece_ref(piece);
	return call;
}

void
mirror_put_send(struct put_call *call)
{
	struct copy *copy = call->copy;

	call->owner->out++;
	copy->backlog_bytes += call->put.n;
	call->next = NULL;
	*copy->last = call;
	copy->last = &call->next;
	location_submit(copy->location, &call->put.call);
}

/* Opening */

static void watch(void *arg);

static enum err
alloc_parts(struct mirror_put *put)
{
	put->path =
	    strndup(put->spec.path.p == NULL ? "" : put->spec.path.p, put->spec.path.n);
	put->md5 = md5_new();
	if (put->spec.sha256_given)
		put->sha256 = sha256_new();
	if (put->spec.continues)
		put->whole = md5_resume(put->spec.md5_before);
	put->table = blob_table_new();
	put->timer = loop_timer_new(put->loop, watch, put);
	return put->path != NULL && put->md5 != NULL && put->table != NULL &&
		       put->timer != NULL &&
		       (put->sha256 != NULL || !put->spec.sha256_given) &&
		       (put->whole != NULL || !put->spec.continues)
		   ? ERR_OK
		   : errinfo_set(&put->why, ERR_NO_MEMORY, "no memory for an upload");
}

enum err
mirror_put_new(struct mirror *m, struct loop *loop, const struct mirror_put_spec *spec,
    struct mirror_put **out, struct errinfo *why)
{
	location_map writable = health_writable(m->health, m->write_quorum);
	struct mirror_put *put;
	enum err e;

	if (spec->length != MIRROR_LENGTH_UNKNOWN && spec->length > spec->limit)
		return errinfo_set(why, ERR_TOO_LARGE, "%llu bytes, the limit is %llu",
		    (unsigned long long)spec->length, (unsigned long long)spec->limit);
	put = calloc(1, sizeof *put);
	if (put == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an upload");
	if (!pool_admit(m->pool)) {
		free(put);
		return errinfo_set(why, ERR_BUSY, "too many transfers at once");
	}
	m->work++;
	put->magic = PUT_MAGIC;
	put->m = m;
	put->loop = loop;
	put->spec = *spec;
	put->small = spec->length <= SMALL_BODY_MAX;
	put->digest_last = &put->digest_first;
	for (unsigned i = 0; i < m->n; i++) {
		put->copy[i].location = m->location[i];
		put->copy[i].last = &put->copy[i].first;
		put->copy[i].state = writable >> i & 1 ? COPY_WRITING : COPY_ABSENT;
		/* As it is now: the location may have room again when that matters. */
		put->copy[i].full = put->copy[i].state == COPY_ABSENT &&
				    health_state(m->health, i) == STATE_FULL;
	}
	e = alloc_parts(put);
	if (e == ERR_OK && live(put) < m->write_quorum)
		e = quorum_lost(put);
	if (e != ERR_OK) {
		if (why != NULL)
			*why = put->why;
		mirror_put_free(put);
		return e;
	}
	*out = put;
	return ERR_OK;
}

static void
begin_copies(struct mirror_put *put)
{
	for (unsigned i = 0; i < put->m->n; i++)
		if (put->copy[i].state == COPY_WRITING) {
			struct put_call *call =
			    mirror_put_call(put, &put->copy[i], NULL, 0, 0);

			call->put.begin = true;
			mirror_put_send(call);
		}
}

static void
take_id(struct mirror_put *put)
{
	if (put->spec.id != 0) {
		put->id = put->spec.id;
		put->is_others = true;
	} else if (!blob_ids_take(put->m->ids, &put->id)) {
		put->id = 0;
		put->waiting_for_id = true;
		blob_ids_wait(put->m->ids, &put->id_waiter);
		return;
	}
	if (!put->small)
		begin_copies(put);
	mirror_put_advance(put);
}

static void
id_there(struct loop_job *job)
{
	struct blob_ids_waiter *w = container_of(job, struct blob_ids_waiter, job);
	struct mirror_put *put = container_of(w, struct mirror_put, id_waiter);

	put->waiting_for_id = false;
	if (put->phase != PUT_OPENING) {
		mirror_put_advance(put);
	} else if (w->err != ERR_OK) {
		put->why = w->why;
		fail(put, w->err);
	} else {
		take_id(put);
	}
}

void
mirror_put_open(struct mirror_put *put, mirror_put_done_fn *done, void *arg)
{
	MAGIC_CHECK(put, PUT_MAGIC);
	CHECK(put->phase == PUT_NEW);
	put->phase = PUT_OPENING;
	put->done = done;
	put->arg = arg;
	put->id_waiter.loop = put->loop;
	put->id_waiter.job.run = id_there;
	loop_timer_set(put->timer, WATCH_MS);
	take_id(put);
}

/* Copies that answered well, and copies that have not answered. */
static void
tally(const struct mirror_put *put, enum copy_state good_state, unsigned *good_out,
    unsigned *pending_out)
{
	*good_out = *pending_out = 0;
	for (unsigned i = 0; i < put->m->n; i++) {
		const struct copy *c = &put->copy[i];

		if (c->state == COPY_ABSENT || c->state == COPY_FAILED)
			continue;
		if (c->first != NULL)
			++*pending_out;
		else if (c->state == good_state)
			++*good_out;
	}
}

/*
 * Is the step that all copies are in over? Once there is a quorum the rest has
 * straggler_wait to follow.
 */
static enum quorum_verdict
judge(struct mirror_put *put, enum copy_state good_state)
{
	unsigned good, pending;
	enum quorum_verdict verdict;
	uint64_t now;

	tally(put, good_state, &good, &pending);
	verdict = quorum_judge(good, pending, put->m->write_quorum);
	if (verdict != QUORUM_REACHED)
		return verdict;
	now = clock_mono_ms();
	if (put->quorum_ms == 0) {
		put->quorum_ms = now;
		loop_timer_set(put->timer, put->m->straggler_wait_ms + 1);
	}
	return now - put->quorum_ms > put->m->straggler_wait_ms ? QUORUM_ALL
								: QUORUM_OPEN;
}

/* Do not wait for this copy any longer; what is out comes back some day. */
static void
give_up(struct mirror_put *put, struct copy *copy, bool hung)
{
	copy->state = COPY_FAILED;
	for (struct put_call *c = copy->first; c != NULL; c = c->next) {
		if (c->chunk != NULL)
			mirror_put_release_chunk(put, c->chunk);
		c->chunk = NULL;
		if (hung && c->piece != NULL)
			piece_disown(c->piece);
	}
	if (hung && !copy->hung) {
		copy->hung = true;
		health_stuck(put->m->health, copy->location->index, +1);
	}
}

static void
leave_stragglers(struct mirror_put *put)
{
	for (unsigned i = 0; i < put->m->n; i++)
		if (put->copy[i].first != NULL)
			give_up(put, &put->copy[i], false);
}

static void
opening(struct mirror_put *put)
{
	if (put->id == 0)
		return;
	if (!put->small) {
		switch (judge(put, COPY_WRITING)) {
		case QUORUM_OPEN:
		case QUORUM_REACHED:
			return;
		case QUORUM_LOST:
			fail(put, quorum_lost(put));
			return;
		case QUORUM_ALL:
			break;
		}
		leave_stragglers(put);
	}
	put->quorum_ms = 0;
	put->phase = PUT_OPENED;
	report(put, ERR_OK);
}

void
mirror_put_dismiss(struct mirror_put *put)
{
	mirror_put_digest_drop(put);
	put->dismissed = true;
	pool_dismiss(put->m->pool);
}

/* Filling */

static void
send_chunk(struct mirror_put *put, struct chunk *chunk)
{
	size_t padded = pad(chunk);

	for (unsigned i = 0; i < put->m->n; i++) {
		struct copy *copy = &put->copy[i];
		struct put_call *call;

		if (copy->state != COPY_WRITING)
			continue;
		call = mirror_put_call(put, copy, chunk->piece, padded, chunk->offset);
		call->chunk = chunk;
		chunk->owed++;
		mirror_put_send(call);
	}
	*put->digest_last = chunk;
	put->digest_last = &chunk->next;
	mirror_put_digest_start(put);
}

/* All of a small body comes together in its first piece. */
static enum err
gather(struct mirror_put *put, const struct slice *slice)
{
	struct chunk *only = put->only;

	if (slice->n > put->spec.length - put->received) {
		piece_unref(slice->piece);
		return errinfo_set(&put->why, ERR_PRECONDITION,
		    "more than the %llu bytes came that were announced",
		    (unsigned long long)put->spec.length);
	}
	if (only == NULL) {
		put->only = new_chunk(put, slice);
		return ERR_OK;
	}
	(void)memcpy(only->piece->data + only->n, slice_data(slice), slice->n);
	only->n += slice->n;
	put->received += slice->n;
	put->in_flight += slice->n;
	piece_unref(slice->piece);
	return ERR_OK;
}

static enum err
take_slice(struct mirror_put *put, const struct slice *slice)
{
	if (put->small)
		return gather(put, slice);
	send_chunk(put, new_chunk(put, slice));
	if (put->received > put->spec.limit)
		return errinfo_set(&put->why, ERR_TOO_LARGE, "more than %llu bytes",
		    (unsigned long long)put->spec.limit);
	return ERR_OK;
}

/* Ask the body for as much as may be in flight. */
static enum err
pull(struct mirror_put *put)
{
	struct slice slice;
	enum err e = ERR_OK;

	while (e == ERR_OK && !put->body_ended && !put->body_later &&
	       put->in_flight < put->m->slow_backlog_bytes) {
		switch (source_next(put->body, &slice)) {
		case NEXT_SLICE:
			e = take_slice(put, &slice);
			break;
		case NEXT_END:
			put->body_ended = true;
			source_close(put->body);
			put->body = NULL;
			break;
		case NEXT_LATER:
			put->body_later = true;
			break;
		case NEXT_FAILED:
			put->why = put->body->why;
			return put->why.code;
		}
	}
	return e;
}

static void
body_ready(void *arg)
{
	struct mirror_put *put = arg;

	put->body_later = false;
	mirror_put_advance(put);
}

void
mirror_put_fill(
    struct mirror_put *put, struct source *body, mirror_put_done_fn *done, void *arg)
{
	MAGIC_CHECK(put, PUT_MAGIC);
	CHECK(put->phase == PUT_OPENED);
	put->phase = PUT_FILLING;
	put->done = done;
	put->arg = arg;
	put->body = body;
	body->ready = body_ready;
	body->arg = put;
	loop_timer_set(put->timer, WATCH_MS);
	mirror_put_advance(put);
}

/* Finishing */

static bool
is_claimed_sha256(const struct mirror_put *put)
{
	uint8_t sha256[SHA256_SIZE];

	if (put->sha256 == NULL)
		return true;
	sha256_end(put->sha256, sha256);
	return memcmp(put->spec.sha256, sha256, SHA256_SIZE) == 0;
}

/* Length and checksums against what was claimed; fills in the blob. */
static enum err
check_claims(struct mirror_put *put)
{
	put->blob.length = put->received;
	md5_end(put->md5, put->blob.md5);
	if (put->digest_failed)
		return errinfo_set(
		    &put->why, ERR_NO_MEMORY, "no memory for the checksum table");
	if (put->spec.length != MIRROR_LENGTH_UNKNOWN &&
	    put->received != put->spec.length)
		return errinfo_set(&put->why, ERR_PRECONDITION,
		    "%llu bytes were announced, %llu came",
		    (unsigned long long)put->spec.length,
		    (unsigned long long)put->received);
	if (put->spec.md5_given && memcmp(put->spec.md5, put->blob.md5, MD5_SIZE) != 0)
		return errinfo_set(&put->why, ERR_PRECONDITION,
		    "the MD5 of what came is not the one announced");
	if (!is_claimed_sha256(put))
		return errinfo_set(&put->why, ERR_PRECONDITION,
		    "the SHA-256 of what came is not the one announced");
	return ERR_OK;
}

static void
write_footer(struct mirror_put *put, uint8_t *to)
{
	struct blob_trailer trailer = {
	    .id = put->id,
	    .length = put->received,
	    .node_id = put->spec.node_id,
	    .created_ms = clock_wall_ms(),
	    .path = bytes_of(put->path),
	};

	(void)memcpy(trailer.md5, put->blob.md5, MD5_SIZE);
	(void)memcpy(trailer.store, put->m->store_uuid, STORE_UUID_SIZE);
	blob_table_write(put->table, &trailer, to);
}

static void
finish_copies(struct mirror_put *put, struct piece *piece, size_t n, uint64_t offset)
{
	for (unsigned i = 0; i < put->m->n; i++) {
		struct copy *copy = &put->copy[i];
		struct put_call *call;

		if (copy->state != COPY_WRITING)
			continue;
		copy->state = COPY_FINISHING;
		call = mirror_put_call(put, copy, piece, n, offset);
		call->put.begin = put->small;
		call->put.finish = true;
		mirror_put_send(call);
	}
}

/* May the bytes ride in the journal? */
static bool
hold(struct mirror_put *put, const struct chunk *chunk)
{
	if (put->spec.id != 0 || put->spec.is_part)
		return false;
	put->blob.id = put->id;
	put->held = small_hold(put->m->small, &put->blob, chunk->piece->data,
	    put->spec.node_id, bytes_of(put->path));
	return put->held != NULL;
}

/* One piece with data, table and trailer. */
static enum err
finish_small(struct mirror_put *put)
{
	struct chunk *chunk = put->only;
	enum err e;
	size_t n;

	mirror_put_digest_chunk(put, chunk);
	e = check_claims(put);
	if (e == ERR_OK && !hold(put, chunk)) {
		n = pad(chunk);
		write_footer(put, chunk->piece->data + n);
		finish_copies(put, chunk->piece, n + 2 * BLOB_PAGE, 0);
	}
	put->only = NULL;
	mirror_put_release_chunk(put, chunk);
	return e;
}

static enum err
finish_large(struct mirror_put *put)
{
	struct blob_layout layout = blob_layout(put->received);
	size_t n = (size_t)(layout.file_size - layout.data_size);
	struct piece *piece;
	enum err e = check_claims(put);

	if (e != ERR_OK)
		return e;
	piece = pool_take_loose(put->m->pool, n);
	if (piece == NULL)
		return errinfo_set(
		    &put->why, ERR_NO_MEMORY, "no memory for the checksum table");
	write_footer(put, piece->data);
	finish_copies(put, piece, n, layout.data_size);
	piece_unref(piece);
	return ERR_OK;
}

static void
told(struct mirror_put *put)
{
	put->phase = PUT_DONE;
	report(put, ERR_OK);
}

static void
filling(struct mirror_put *put)
{
	enum err e = pull(put);

	if (e != ERR_OK) {
		fail(put, e);
		return;
	}
	if (live(put) < put->m->write_quorum) {
		fail(put, quorum_lost(put));
		return;
	}
	if (!put->body_ended)
		return;
	if (put->received ==
	    0) { /* an empty file needs no blob; what was begun is removed */
		e = check_claims(put);
		if (e != ERR_OK)
			fail(put, e);
		else
			told(put);
		return;
	}
	/* What the digest has not seen yet is waited for, but not those who are behind. */
	if (!put->small && put->in_flight > 0 && judge(put, COPY_WRITING) == QUORUM_ALL)
		leave_stragglers(put);
	if (!put->small && put->in_flight > 0)
		return;
	put->quorum_ms = 0;
	put->phase = PUT_FINISHING;
	e = put->small ? finish_small(put) : finish_large(put);
	if (e != ERR_OK) {
		fail(put, e);
	} else if (put->held != NULL) {
		put->m->bytes_stored += put->received;
		told(put);
	}
}

static void
finishing(struct mirror_put *put)
{
	switch (judge(put, COPY_DURABLE)) {
	case QUORUM_OPEN:
	case QUORUM_REACHED:
		return;
	case QUORUM_LOST:
		fail(put, quorum_lost(put));
		return;
	case QUORUM_ALL:
		break;
	}
	put->blob.id = put->id;
	for (unsigned i = 0; i < put->m->n; i++) {
		if (put->copy[i].state == COPY_DURABLE)
			put->blob.have |= (location_map)(1u << i);
		put->blob.want |= (location_map)(1u << i);
	}
	put->m->bytes_stored += put->received;
	told(put);
}

void
mirror_put_advance(struct mirror_put *put)
{
	switch (put->phase) {
	case PUT_OPENING:
		opening(put);
		break;
	case PUT_FILLING:
		filling(put);
		break;
	case PUT_FINISHING:
		finishing(put);
		break;
	case PUT_COMMITTED:
	case PUT_LEFT:
	case PUT_ABANDONED:
		mirror_put_settle(put);
		break;
	case PUT_NEW:
	case PUT_OPENED:
	case PUT_DONE:
		break;
	}
}

/* Deadlines */

static bool
is_hung(const struct mirror_put *put, const struct copy *copy, uint64_t now_us)
{
	return copy->first != NULL && !copy->hung &&
	       now_us - copy->first->put.call.submitted_us >
		   put->m->io_deadline_ms * 1000;
}

static bool
is_slow(const struct mirror_put *put, struct copy *copy, uint64_t now_ms)
{
	if (copy->state != COPY_WRITING ||
	    copy->backlog_bytes < put->m->slow_backlog_bytes) {
		copy->congested_ms = 0;
		return false;
	}
	if (copy->congested_ms == 0)
		copy->congested_ms = now_ms;
	return now_ms - copy->congested_ms > put->m->slow_time_ms &&
	       quorum_may_drop(live(put), put->m->write_quorum);
}

/*
 * Memory for the living: what waits for a copy that nobody waits for any more leaves the
 * pool's account.
 */
static void
disown_late(const struct mirror_put *put, const struct copy *copy, uint64_t now_us)
{
	if (copy->state != COPY_FAILED && put->phase < PUT_COMMITTED)
		return;
	for (struct put_call *c = copy->first; c != NULL; c = c->next)
		if (c->piece != NULL &&
		    now_us - c->put.call.submitted_us > put->m->slow_time_ms * 1000)
			piece_disown(c->piece);
}

static void
watch(void *arg)
{
	struct mirror_put *put = arg;
	uint64_t now_us = clock_mono_us();

	loop_timer_set(put->timer, WATCH_MS);
	for (unsigned i = 0; i < put->m->n; i++) {
		struct copy *copy = &put->copy[i];

		if (is_hung(put, copy, now_us))
			give_up(put, copy, true);
		else if (is_slow(put, copy, now_us / 1000))
			give_up(put, copy, false);
		disown_late(put, copy, now_us);
	}
	mirror_put_advance(put);
}

const struct blob *
mirror_put_blob(const struct mirror_put *put)
{
	return &put->blob;
}

void
mirror_put_md5_state(const struct mirror_put *put, uint8_t state[MD5_STATE_SIZE])
{
	md5_save(put->whole != NULL ? put->whole : put->md5, state);
}

uint32_t
mirror_put_crc32c(const struct mirror_put *put)
{
	return put->crc32c;
}

const struct errinfo *
mirror_put_why(const struct mirror_put *put)
{
	return &put->why;
}
