/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request: as a source of full pieces, as one text, or dropped.
 *
 * Bytes of a body go straight from the socket (or the TLS record) into the piece that is
 * later written to the disks; the few that came along with the head are copied. A chunked
 * body is read the same way and decoded in place.
 */
#include "service/http/conn_private.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"

enum {
	SLOW_PIECE_MS = 500,
	CHUNKED_READ_MAX =
	    64 * 1024, /* what may have to be put back behind the last chunk */
	DROP_SIZE = 64 * 1024,
};

void
conn_input_begin(struct conn *c)
{
	struct conn_input *in = &c->input;

	*in = (struct conn_input){
	    .chunked = c->head.chunked,
	    .left = c->head.length,
	    .ended = !c->head.chunked && c->head.length == 0,
	};
	c->continue_due = c->head.expect_continue && !in->ended;
}

bool
conn_in_reserve(struct conn *c, size_t n)
{
	size_t room = c->in_room == 0 ? 4096 : c->in_room;
	char *bigger;

	while (room < c->in_n + n)
		room *= 2;
	if (room == c->in_room)
		return true;
	bigger = realloc(c->in, room);
	if (bigger == NULL)
		return false;
	c->in = bigger;
	c->in_room = room;
	return true;
}

static void
input_broken(struct conn *c, enum err err, const char *text)
{
	c->input.broken = true;
	(void)errinfo_set(&c->input.why, err, "%s", text);
	c->close_after = true;
}

/* RFC 9110 10.1.1: once the handler wants the body. */
static void
send_continue(struct conn *c)
{
	if (!c->continue_due)
		return;
	c->continue_due = false;
	str_adds(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	conn_flush(c);
}

/*
 * Decode `n` raw bytes at `at`. *used_out of them belonged to this body.
 */
static enum transport_result
decode(struct conn *c, uint8_t *at, size_t n, size_t *used_out, size_t *body_out)
{
	enum err e = http_parse_chunks(
	    c->parse, (char *)at, n, used_out, body_out, &c->input.ended, &c->input.why);

	if (e == ERR_OK)
		return TRANSPORT_DONE;
	c->input.broken = c->close_after = c->lingers = true;
	return TRANSPORT_BROKEN;
}

/* From what came along with the head. */
static enum transport_result
take_buffered(struct conn *c, uint8_t *to, size_t room, size_t *n_out)
{
	size_t n = c->in_n - c->in_at, used;
	enum transport_result r;

	if (n > room)
		n = room;
	(void)memcpy(to, c->in + c->in_at, n);
	*n_out = used = n;
	r = c->input.chunked ? decode(c, to, n, &used, n_out) : TRANSPORT_DONE;
	c->in_at += used;
	return r;
}

/* Straight from the socket. */
static enum transport_result
take_fresh(struct conn *c, uint8_t *to, size_t room, size_t *n_out)
{
	enum transport_result r;
	size_t n, used;

	send_continue(c);
	if (c->input.chunked && room > CHUNKED_READ_MAX)
		room = CHUNKED_READ_MAX;
	r = transport_read(c->transport, to, room, &n, &c->read_want);
	if (r == TRANSPORT_AGAIN)
		return r;
	if (r != TRANSPORT_DONE) {
		input_broken(c, ERR_CANCELLED, "the client closed the connection");
		return TRANSPORT_BROKEN;
	}
	conn_moved(c, n, c->group->bytes_in);
	c->taken += n; /* the framing of chunks included */
	*n_out = used = n;
	if (!c->input.chunked)
		return TRANSPORT_DONE;
	r = decode(c, to, n, &used, n_out);
	if (r == TRANSPORT_DONE &&
	    used < n) /* pipelined behind chunks: to be asked again */
		c->close_after = c->lingers = true;
	return r;
}

/*
 * Some bytes of the body to `to`. DONE with *n_out possibly 0 (chunk framing only);
 * END when the body is complete; AGAIN: read_want is set.
 */
static enum transport_result
read_some(struct conn *c, uint8_t *to, size_t room, size_t *n_out)
{
	struct conn_input *in = &c->input;
	enum transport_result r;

	*n_out = 0;
	if (in->ended)
		return TRANSPORT_END;
	if (in->broken)
		return TRANSPORT_BROKEN;
	if (!in->chunked && room > in->left)
		room = (size_t)in->left;
	r = c->in_at < c->in_n ? take_buffered(c, to, room, n_out)
			       : take_fresh(c, to, room, n_out);
	if (r != TRANSPORT_DONE)
		return r;
	in->received += *n_out;
	if (!in->chunked) {
		in->left -= *n_out;
		in->ended = in->left == 0;
	}
	return TRANSPORT_DONE;
}

/* As a source */

static bool
take_piece(struct conn *c)
{
	struct conn_input *in = &c->input;
	bool large = !in->slow && (in->chunked ? in->received >= PIECE_SMALL_SIZE
					       : in->left > PIECE_SMALL_SIZE);

	in->piece = large ? pool_take(c->group->pool, PIECE_LARGE) : NULL;
	if (in->piece == NULL)
		in->piece = pool_take(c->group->pool, PIECE_SMALL);
	in->filled = 0;
	in->piece_since_ms = clock_mono_ms();
	return in->piece != NULL;
}

static struct conn *
conn_of_source(struct source *s)
{
	struct conn_input *in = container_of(s, struct conn_input, source);

	return container_of(in, struct conn, input);
}

static void
poke(struct conn *c)
{
	struct conn_input *in = &c->input;

	if (!in->wanted)
		return;
	in->wanted = false;
	in->source.ready(in->source.arg);
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct conn *c = container_of(w, struct conn, waiter);

	c->waits = false;
	if (c->state == CONN_DEAD)
		conn_run(c); /* it was only waited for this */
	else
		poke(c);
}

static void
wait_for_piece(struct conn *c)
{
	c->input.wanted = true;
	if (c->waits)
		return;
	c->waits = true;
	c->waiter =
	    (struct pool_waiter){.job = {.run = piece_back}, .loop = c->group->loop};
	pool_wait(c->group->pool, &c->waiter);
}

static enum next
hand_over(struct conn *c, struct slice *out)
{
	struct conn_input *in = &c->input;

	*out = (struct slice){.piece = in->piece, .n = in->filled};
	in->slow = clock_mono_ms() - in->piece_since_ms > SLOW_PIECE_MS;
	in->piece = NULL;
	return NEXT_SLICE;
}

static enum next
body_next(struct source *s, struct slice *out)
{
	struct conn *c = conn_of_source(s);
	struct conn_input *in = &c->input;
	size_t n;

	for (;;) {
		if (in->piece != NULL && in->filled == in->piece->size)
			return hand_over(c, out);
		if (in->ended)
			return in->piece != NULL && in->filled > 0 ? hand_over(c, out)
								   : NEXT_END;
		if (in->piece == NULL && !take_piece(c)) {
			wait_for_piece(c);
			return NEXT_LATER;
		}
		switch (read_some(
		    c, in->piece->data + in->filled, in->piece->size - in->filled, &n)) {
		case TRANSPORT_DONE:
			in->filled += n;
			break;
		case TRANSPORT_AGAIN:
			in->wanted = true;
			if (!c->running)
				conn_run(c); /* to watch the descriptor */
			return NEXT_LATER;
		case TRANSPORT_END:
			break;
		case TRANSPORT_BROKEN:
			s->why = in->why;
			return NEXT_FAILED;
		}
	}
}

static void
drop_piece(struct conn_input *in)
{
	if (in->piece != NULL)
		piece_unref(in->piece);
	in->piece = NULL;
}

static void
body_close(struct source *s)
{
	struct conn *c = conn_of_source(s);
	struct conn_input *in = &c->input;

	CHECK(in->use == BODY_AS_SOURCE);
	in->use = BODY_CLOSED;
	in->wanted = false;
	c->read_want = 0;
	drop_piece(in);
}

static const struct source_ops body_ops = {.next = body_next, .close = body_close};

struct source *
conn_body(struct conn *c)
{
	CHECK(c->input.use == BODY_UNTOUCHED && c->state == CONN_BUSY);
	c->input.use = BODY_AS_SOURCE;
	c->input.source = (struct source){.ops = &body_ops};
	return &c->input.source;
}

bool
conn_has_body(const struct conn *c)
{
	return c->head.chunked || c->head.length > 0;
}

/* As a text */

static void
text_over(struct conn *c, enum err err, struct bytes text)
{
	struct conn_input *in = &c->input;
	conn_collected_fn *collected = in->collected;

	in->collected = NULL;
	c->read_want = 0;
	collected(in->arg, err, text);
}

/* Go on reading; true when the text, or a failure, was handed over. */
static void
collect(struct conn *c)
{
	struct conn_input *in = &c->input;

	for (;;) {
		size_t want = in->chunked ? 4096 : (size_t)in->left;
		uint8_t *to = NULL;
		size_t n;

		if (in->ended && in->text.n <= in->text_max) {
			text_over(c, ERR_OK,
			    in->text.p == NULL ? BYTES("") : str_bytes(&in->text));
			return;
		}
		if (in->text.n <= in->text_max)
			to = (uint8_t *)str_reserve(&in->text, want);
		if (to == NULL) {
			(void)errinfo_set(
			    &in->why, ERR_TOO_LARGE, "more than %zu bytes", in->text_max);
			text_over(c, ERR_TOO_LARGE, BYTES(""));
			return;
		}
		switch (read_some(c, to, want, &n)) {
		case TRANSPORT_DONE:
			str_grow(&in->text, n);
			break;
		case TRANSPORT_AGAIN:
			if (!c->running)
				conn_run(c);
			return;
		case TRANSPORT_END:
			break;
		case TRANSPORT_BROKEN:
			text_over(c, in->why.code, BYTES(""));
			return;
		}
	}
}

void
conn_collect(struct conn *c, size_t limit, conn_collected_fn *done, void *arg)
{
	struct conn_input *in = &c->input;

	CHECK(in->use == BODY_UNTOUCHED && c->state == CONN_BUSY);
	in->use = BODY_AS_TEXT;
	in->collected = done;
	in->arg = arg;
	in->text_max = limit;
	if (!in->chunked && in->left > limit) {
		text_over(c, ERR_TOO_LARGE, BYTES(""));
		return;
	}
	if (!in->chunked && in->left <= c->in_n - c->in_at) { /* all here: no copy */
		struct bytes text = {c->in + c->in_at, (size_t)in->left};

		c->in_at += text.n;
		in->received = text.n;
		in->left = 0;
		in->ended = true;
		text_over(c, ERR_OK, text);
		return;
	}
	str_init(&in->text, limit + 4096);
	collect(c);
}

/* Both */

void
conn_input_ready(struct conn *c)
{
	c->read_want = 0;
	if (c->input.collected != NULL)
		collect(c);
	else
		poke(c);
}

void
conn_input_end(struct conn *c)
{
	struct conn_input *in = &c->input;

	/* The consumer has closed the source, or never took it. */
	CHECK(in->use != BODY_AS_SOURCE);
	drop_piece(in);
	str_release(&in->text);
	c->read_want = 0;
}

bool
conn_input_skip(struct conn *c)
{
	struct conn_input *in = &c->input;
	size_t here = c->in_n - c->in_at;

	if (in->ended)
		return true;
	if (!in->broken && !in->chunked && in->left <= here) {
		c->in_at += (size_t)in->left;
		in->left = 0;
		in->ended = true;
		return true;
	}
	/* Never asked for: most likely nothing comes. */
	if (c->continue_due && here == 0)
		c->lingers = true;
	c->continue_due = false;
	return false;
}

bool
conn_input_drain(struct conn *c)
{
	uint8_t drop[DROP_SIZE];
	size_t n;

	for (;;) {
		switch (read_some(c, drop, sizeof drop, &n)) {
		case TRANSPORT_DONE:
			if (c->taken > c->group->drain_max)
				return true;
			break;
		case TRANSPORT_AGAIN:
			return false;
		case TRANSPORT_END:
		case TRANSPORT_BROKEN:
			return true;
		}
	}
}

bool
conn_input_drop(struct conn *c)
{
	uint8_t drop[DROP_SIZE];
	enum transport_result r;
	size_t n;

	do {
		r = transport_read(c->transport, drop, sizeof drop, &n, &c->read_want);
		if (r == TRANSPORT_DONE) {
			conn_moved(c, n, c->group->bytes_in);
			c->taken += n;
		}
	} while (r == TRANSPORT_DONE && c->taken <= c->group->drain_max);
	return r != TRANSPORT_AGAIN;
}
