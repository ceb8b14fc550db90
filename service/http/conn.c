/* SPDX-License-Identifier: Apache-2.0 */
#include "service/http/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/metric.h"
#include "service/http/conn_private.h"

enum {
	READ_ROOM = 4096,
	KEPT_ROOM = 16 * 1024, /* of either buffer, while a connection is idle */
	ARENA_LIMIT = 256 * 1024, /* for the head; operations have arenas of their own */
	TURN_REQUESTS = 32, /* answered in a row before other connections have a turn */
};

#define OUT_LIMIT (SIZE_MAX / 4) /* texts have their limits where they are made */

/* What a step says to the runner. */
enum turn { TURN_AGAIN, TURN_WAIT };

static void conn_ready(void *arg, unsigned what);
static void conn_timeout(void *arg);
static void conn_free(struct conn *c);

bool
conn_new(struct conn_group *group, int fd, struct tls_context *tls, const char *peer)
{
	struct conn *c = calloc(1, sizeof *c);

	if (c == NULL) {
		(void)close(fd);
		return false;
	}
	c->magic = CONN_MAGIC;
	c->group = group;
	c->is_tls = tls != NULL;
	(void)snprintf(c->peer, sizeof c->peer, "%s", peer);
	arena_init(&c->arena, ARENA_LIMIT);
	str_init(&c->out, OUT_LIMIT);
	c->next = group->first;
	if (c->next != NULL)
		c->next->prev = c;
	group->first = c;
	group->n++;
	++*group->connections;
	c->transport = transport_new(fd, tls);
	c->parse = http_parse_new();
	c->timer = loop_timer_new(group->loop, conn_timeout, c);
	c->watch =
	    c->transport == NULL ? NULL : loop_fd_new(group->loop, fd, conn_ready, c);
	if (c->parse == NULL || c->timer == NULL || c->watch == NULL) {
		conn_free(c);
		return false;
	}
	c->state = tls != NULL ? CONN_HANDSHAKE : CONN_HEAD;
	c->head_started_ms = clock_mono_ms();
	conn_run(c);
	return true;
}

static void
conn_free(struct conn *c)
{
	struct conn_group *group = c->group;

	*(c->prev != NULL ? &c->prev->next : &group->first) = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	group->n--;
	--*group->connections;
	if (c->release_data != NULL)
		c->release_data(c->data);
	loop_fd_free(c->watch);
	loop_timer_free(c->timer);
	transport_free(c->transport);
	http_parse_free(c->parse);
	arena_release(&c->arena);
	str_release(&c->out);
	free(c->in);
	c->magic = 0;
	free(c);
}

void
conn_break(struct conn *c)
{
	c->state = CONN_DEAD;
}

/* Pace */

void
conn_moved(struct conn *c, uint64_t n, _Atomic uint64_t *counter)
{
	metric_add(counter, n);
	c->pace.moved += n;
}

/* Is the client being waited for, and for what? */
static bool
waits_for_client(const struct conn *c)
{
	return c->read_want != 0 || c->write_want != 0;
}

static void
pace_update(struct conn *c, uint64_t now)
{
	if (c->pace.since_ms != 0)
		c->pace.waited_ms += now - c->pace.since_ms;
	c->pace.since_ms = waits_for_client(c) ? now : 0;
}

void
conn_pace_reset(struct conn *c)
{
	c->pace = (struct conn_pace){0};
}

/* Has the client been too slow over a whole window? Begins the next window. */
static bool
too_slow(struct conn *c)
{
	const struct conn_group *g = c->group;
	bool slow;

	if (c->pace.waited_ms < g->stall_timeout_ms)
		return false;
	slow =
	    c->pace.moved == 0 || c->pace.moved < g->min_rate * c->pace.waited_ms / 1000;
	c->pace.waited_ms = c->pace.moved = 0;
	return slow;
}

/* When the timer must look again; 0: not at all. */
static uint64_t
next_deadline(const struct conn *c, uint64_t now)
{
	const struct conn_group *g = c->group;

	switch (c->state) {
	case CONN_HANDSHAKE:
		return c->head_started_ms + g->head_timeout_ms;
	case CONN_HEAD:
		return c->head_started_ms != 0 ? c->head_started_ms + g->head_timeout_ms
					       : c->idle_since_ms + g->idle_timeout_ms;
	case CONN_BUSY:
	case CONN_ANSWER:
	case CONN_DRAIN:
	case CONN_CLOSE:
	case CONN_LINGER:
		if (!waits_for_client(c))
			return 0;
		return c->pace.waited_ms < g->stall_timeout_ms
			   ? now + g->stall_timeout_ms - c->pace.waited_ms
			   : now;
	case CONN_DEAD:
		break;
	}
	return 0;
}

static void
arm_timer(struct conn *c)
{
	uint64_t now = clock_mono_ms(), at;

	pace_update(c, now);
	at = next_deadline(c, now);
	/* One that fires early looks again; only an earlier deadline needs a new setting.
	 */
	if (at == 0 || (c->timer_at_ms != 0 && c->timer_at_ms <= at))
		return;
	c->timer_at_ms = at;
	loop_timer_set(c->timer, at > now ? at - now + 1 : 1);
}

/* Heads */

/* Where the body begins is not known: nothing behind the head is believed. */
static void
refuse_input(struct conn *c)
{
	c->in_at = c->in_n;
	c->head.chunked = c->head.expect_continue = false;
	c->head.length = UINT64_MAX;
	conn_input_begin(c);
	c->lingers = c->close_after = true;
}

/* The handler answers a head that could not be read. */
static void
refuse_head(struct conn *c, enum err err, const struct errinfo *why)
{
	c->state = CONN_BUSY;
	c->head_started_ms = 0;
	c->has_request = true;
	c->head = (struct http_head){.method = METHOD_OTHER};
	refuse_input(c);
	c->group->handler->request(c->group->arg, c, err, why);
}

static void
begin_request(struct conn *c, struct bytes text)
{
	const struct conn_group *g = c->group;
	struct errinfo why = {.code = ERR_OK};
	enum err e;

	arena_clear(&c->arena);
	e = http_parse_head(c->parse, text, &g->limits, &c->arena, &c->head, &why);
	c->head_started_ms = 0;
	c->scanned = 0;
	c->state = CONN_BUSY;
	c->has_request = true;
	c->close_after = e != ERR_OK || !c->head.keep_alive || g->stopping;
	if (e != ERR_OK)
		refuse_input(c);
	else
		conn_input_begin(c);
	conn_pace_reset(c);
	g->handler->request(g->arg, c, e, &why);
}

static void
head_too_large(struct conn *c)
{
	struct errinfo why;

	refuse_head(c,
	    errinfo_set(&why, ERR_HEAD_TOO_LARGE, "the head has more than %zu bytes",
		c->group->limits.head_max),
	    &why);
}

static void
head_too_slow(struct conn *c)
{
	struct errinfo why = {.code = ERR_TIMEOUT};

	refuse_head(c, ERR_TIMEOUT, &why);
	/* Nor is anything waited for behind the answer. */
	c->input.broken = true;
	c->lingers = false;
}

/* Move what was not used to the front. */
static void
compact(struct conn *c)
{
	if (c->in_at == 0)
		return;
	(void)memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
	c->in_n -= c->in_at;
	c->in_at = 0;
}

static enum turn
read_head(struct conn *c)
{
	struct bytes have = {c->in + c->in_at, c->in_n - c->in_at};
	size_t end = have.n == 0 ? 0 : http_head_end(have, &c->scanned);
	enum transport_result r;
	size_t n;

	if (end > 0) {
		c->in_at += end;
		begin_request(c, (struct bytes){have.p, end});
		return TURN_AGAIN;
	}
	if (have.n > c->group->limits.head_max) {
		head_too_large(c);
		return TURN_AGAIN;
	}
	compact(c);
	if (!conn_in_reserve(c, READ_ROOM)) {
		conn_break(c);
		return TURN_AGAIN;
	}
	r = transport_read(
	    c->transport, c->in + c->in_n, c->in_room - c->in_n, &n, &c->read_want);
	if (r == TRANSPORT_AGAIN)
		return TURN_WAIT;
	if (r != TRANSPORT_DONE) {
		conn_break(c);
		return TURN_AGAIN;
	}
	if (c->head_started_ms == 0)
		c->head_started_ms = clock_mono_ms();
	c->in_n += n;
	conn_moved(c, n, c->group->bytes_in);
	return TURN_AGAIN;
}

static enum turn
handshake(struct conn *c)
{
	unsigned want = 0;

	switch (transport_handshake(c->transport, &want)) {
	case TRANSPORT_DONE:
		c->state = CONN_HEAD;
		return TURN_AGAIN;
	case TRANSPORT_AGAIN:
		c->read_want = want & LOOP_READ;
		c->write_want = want & LOOP_WRITE;
		return TURN_WAIT;
	case TRANSPORT_END:
	case TRANSPORT_BROKEN:
		break;
	}
	conn_break(c);
	return TURN_AGAIN;
}

static void
begin_close(struct conn *c)
{
	c->state = CONN_CLOSE;
	conn_pace_reset(c);
}

static void
conn_timeout(void *arg)
{
	struct conn *c = arg;
	uint64_t now = clock_mono_ms();

	c->timer_at_ms = 0;
	c->running = true; /* whatever the handler does, the end is below */
	pace_update(c, now);
	if (c->state == CONN_HANDSHAKE || c->state == CONN_HEAD) {
		if (now >= next_deadline(c, now)) {
			if (c->state == CONN_HANDSHAKE)
				conn_break(c);
			else if (c->in_n > c->in_at)
				head_too_slow(c);
			else /* not even a byte: nobody to answer */
				begin_close(c);
		}
	} else if (waits_for_client(c) && too_slow(c)) {
		if (c->state == CONN_BUSY) { /* the handler hears it from the body */
			c->input.broken = true;
			c->close_after = true;
			(void)errinfo_set(
			    &c->input.why, ERR_TIMEOUT, "the client is too slow");
			conn_input_ready(c);
		} else {
			conn_break(c);
		}
	}
	c->running = false;
	conn_run(c);
}

/* Behind the answer */

/* Many idle connections must not hold what their largest request once took. */
static void
trim_buffers(struct conn *c)
{
	if (c->in_n == 0 && c->in_room > KEPT_ROOM) {
		free(c->in);
		c->in = NULL;
		c->in_room = 0;
	}
	if (c->out.room > KEPT_ROOM) {
		str_release(&c->out);
		str_init(&c->out, OUT_LIMIT);
	}
}

static void
next_request(struct conn *c)
{
	conn_input_end(c);
	c->replied = c->answer_chunked = c->answer_waits = c->answer_ended = false;
	c->sent = 0;
	c->state = CONN_HEAD;
	c->idle_since_ms = clock_mono_ms();
	c->head_started_ms = c->in_at < c->in_n ? c->idle_since_ms : 0;
	compact(c);
	trim_buffers(c);
}

static enum turn
answered(struct conn *c)
{
	conn_answer_end(c, false);
	if (!c->close_after && !c->group->stopping) {
		next_request(c);
		if (++c->in_turn < TURN_REQUESTS)
			return TURN_AGAIN;
		c->write_want = LOOP_WRITE;
		return TURN_WAIT;
	}
	if (c->in_at < c->in_n && c->input.ended)
		c->lingers = true;
	/* A client that still sends its body looks up only afterwards. */
	c->state =
	    c->lingers || c->input.ended || c->input.broken ? CONN_CLOSE : CONN_DRAIN;
	c->taken = 0;
	conn_pace_reset(c);
	return TURN_AGAIN;
}

static enum turn
send_answer(struct conn *c)
{
	switch (conn_answer_send(c)) {
	case SENDING_WAITS:
		return TURN_WAIT;
	case SENDING_DONE:
		return answered(c);
	case SENDING_BROKE:
		break;
	}
	return TURN_AGAIN;
}

static enum turn
drain(struct conn *c)
{
	if (!conn_input_drain(c))
		return TURN_WAIT;
	c->state = CONN_CLOSE;
	return TURN_AGAIN;
}

static enum turn
close_end(struct conn *c)
{
	if (transport_close(c->transport, &c->write_want) == TRANSPORT_AGAIN)
		return TURN_WAIT;
	c->state = c->lingers ? CONN_LINGER : CONN_DEAD;
	return TURN_AGAIN;
}

static enum turn
linger(struct conn *c)
{
	if (!conn_input_drop(c))
		return TURN_WAIT;
	conn_break(c);
	return TURN_AGAIN;
}

/* The runner */

/* True when the connection was freed. */
static bool
bury(struct conn *c)
{
	if (c->has_request) { /* only an answer can break off: a handler at work is let
				 finish */
		CHECK(c->replied);
		conn_answer_end(c, true);
	}
	conn_input_end(c);
	if (c->waits && !pool_unwait(c->group->pool, &c->waiter))
		return false; /* its job is on the way and finds it dead */
	conn_free(c);
	return true;
}

static enum turn
step(struct conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
		return handshake(c);
	case CONN_HEAD:
		return read_head(c);
	case CONN_BUSY:
		return TURN_WAIT;
	case CONN_ANSWER:
		return send_answer(c);
	case CONN_DRAIN:
		return drain(c);
	case CONN_CLOSE:
		return close_end(c);
	case CONN_LINGER:
		return linger(c);
	case CONN_DEAD:
		break;
	}
	return TURN_WAIT;
}

static void
update_watch(struct conn *c)
{
	unsigned need = c->read_want | c->write_want;

	/* A watch for reading may stay on when nobody reads just now: the next request of
	 * a kept-alive connection needs it again. It is taken off when it fires in vain.
	 */
	if ((need & ~c->watched) == 0 && (c->watched & ~need & ~(unsigned)LOOP_READ) == 0)
		return;
	loop_fd_want(c->watch, need);
	c->watched = need;
}

void
conn_run(struct conn *c)
{
	MAGIC_CHECK(c, CONN_MAGIC);
	if (c->running)
		return;
	c->running = true;
	c->in_turn = 0;
	while (step(c) == TURN_AGAIN)
		continue;
	c->running = false;
	if (c->state == CONN_DEAD && bury(c))
		return;
	update_watch(c);
	arm_timer(c);
}

static void
conn_ready(void *arg, unsigned what)
{
	struct conn *c = arg;
	bool reads = (c->read_want & what) != 0, writes = (c->write_want & what) != 0;

	if (!reads && !writes) { /* a watch that was left on */
		loop_fd_want(c->watch, c->read_want | c->write_want);
		c->watched = c->read_want | c->write_want;
		return;
	}
	c->running = true;
	pace_update(c, clock_mono_ms());
	if (writes) {
		c->write_want = 0;
		if (c->state == CONN_BUSY)
			conn_flush(c);
	}
	if (reads) {
		if (c->state == CONN_BUSY)
			conn_input_ready(c);
		else
			c->read_want = 0;
	}
	c->running = false;
	conn_run(c);
}

/* The group */

void
conn_group_stop(struct conn_group *group)
{
	struct conn *next;

	group->stopping = true;
	for (struct conn *c = group->first; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_HANDSHAKE)
			conn_break(c);
		else if (c->state == CONN_HEAD && c->in_n == c->in_at)
			begin_close(c);
		conn_run(c);
	}
}

void
conn_group_abort(struct conn_group *group)
{
	struct conn *next;

	group->stopping = true;
	for (struct conn *c = group->first; c != NULL; c = next) {
		next = c->next;
		c->running = true;
		if (c->state == CONN_BUSY) {
			c->input.broken = c->close_after = true;
			(void)errinfo_set(
			    &c->input.why, ERR_CANCELLED, "the server is stopping");
			conn_input_ready(c);
		} else {
			conn_break(c);
		}
		c->running = false;
		conn_run(c);
	}
}

/* What the handler asks */

const struct http_head *
conn_head(const struct conn *c)
{
	return &c->head;
}

struct arena *
conn_arena(struct conn *c)
{
	return &c->arena;
}

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

bool
conn_is_tls(const struct conn *c)
{
	return c->is_tls;
}

void
conn_set_request(struct conn *c, void *request)
{
	c->request = request;
}

void *
conn_request(const struct conn *c)
{
	return c->request;
}

uint64_t
conn_received(const struct conn *c)
{
	return c->input.received;
}

void
conn_set_data(struct conn *c, void *data, void (*release)(void *data))
{
	c->data = data;
	c->release_data = release;
}

void *
conn_data(const struct conn *c)
{
	return c->data;
}

enum err
conn_peer_chain(const struct conn *c, struct arena *a, struct bytes **der_out,
    size_t *n_out, struct errinfo *why)
{
	return transport_peer_chain(c->transport, a, der_out, n_out, why);
}
