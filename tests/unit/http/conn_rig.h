/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_rig - a connection on a loop of its own thread, a handler that does what the path
 * says, and a client that speaks raw bytes over the other end of a socket pair.
 *
 *   /text       the whole body as one text of at most TEXT_LIMIT bytes, sent back
 *   /echo       the body as a source, sent back
 *   /first      one slice of the body, then 400
 *   /refuse     403, the body not touched
 *   /hold       an answer when rig_release is called
 *   /empty      204
 *   /large      200 and a text of 4 MiB
 *   /feed?S     an answer of unknown length, by the script S
 *   /sized?S    the same, its length known
 *   /longer?S   the same, the source ending one byte short of it
 *   others      200 "hello"
 *
 * A script is read letter by letter: s a slice of 8 bytes, S one of 64 KiB, l NEXT_LATER
 * with `ready` right behind it, w the same when rig_release is called, f failure.
 */
#ifndef QUARTET_TESTS_UNIT_HTTP_CONN_RIG_H
#define QUARTET_TESTS_UNIT_HTTP_CONN_RIG_H

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/str.h"
#include "service/http/conn.h"

enum { TEXT_LIMIT = 10000, PATIENCE_S = 20, SMALL = 8, HEARD_MAX = 8 << 20 };

#define SLICE_TEXT "abcdefg\n"

static struct {
	struct conn_group group;
	struct conn_handler handler;
	struct loop *loop;
	struct pool *pool;
	pthread_t thread;
	_Atomic unsigned connections;
	_Atomic uint64_t bytes_in, bytes_out;
	/* What the handler saw. */
	_Atomic unsigned requests, overs, broken, slices, data_released;
	_Atomic uint64_t sent;
	_Atomic int body_err; /* of the last body that failed */
	/* What waits for rig_release; the loop's own. */
	struct conn *held;
	struct feed *waiting;
	bool released;
	/* The client. */
	int fd;
	char heard[HEARD_MAX];
	size_t n_heard;
} rig;

/* A source by script */

struct feed {
	struct source source;
	struct loop_job job;
	const char *script;
	size_t n, at;
	bool closed, posted;
};

static inline void
feed_ready(struct loop_job *job)
{
	struct feed *f = container_of(job, struct feed, job);

	f->posted = false;
	if (f->closed)
		free(f);
	else
		f->source.ready(f->source.arg);
}

static inline void
feed_post(struct feed *f)
{
	f->job.run = feed_ready;
	f->posted = true;
	loop_post(rig.loop, &f->job);
}

static inline enum next
feed_slice(struct slice *out, size_t n)
{
	struct piece *piece = pool_take(rig.pool, PIECE_SMALL);

	CHECK(piece != NULL);
	for (size_t i = 0; i < n; i += SMALL)
		(void)memcpy(piece->data + i, SLICE_TEXT, SMALL);
	*out = (struct slice){.piece = piece, .n = n};
	rig.slices++;
	return NEXT_SLICE;
}

static inline enum next
feed_next(struct source *s, struct slice *out)
{
	struct feed *f = container_of(s, struct feed, source);

	CHECK(!f->posted && rig.waiting != f);
	if (f->at == f->n)
		return NEXT_END;
	switch (f->script[f->at++]) {
	case 's':
		return feed_slice(out, SMALL);
	case 'S':
		return feed_slice(out, PIECE_SMALL_SIZE);
	case 'l':
		feed_post(f);
		return NEXT_LATER;
	case 'w':
		if (rig.released)
			feed_post(f);
		else
			rig.waiting = f;
		return NEXT_LATER;
	default:
		(void)errinfo_set(&s->why, ERR_IO, "as the script says");
		return NEXT_FAILED;
	}
}

static inline void
feed_close(struct source *s)
{
	struct feed *f = container_of(s, struct feed, source);

	if (rig.waiting == f)
		rig.waiting = NULL;
	f->closed = true;
	if (!f->posted)
		free(f);
}

static const struct source_ops feed_ops = {.next = feed_next, .close = feed_close};

static inline void
answer_feed(struct conn *c, struct bytes script, bool sized, uint64_t more)
{
	struct feed *f = calloc(1, sizeof *f);
	struct conn_reply reply = {.status = 200, .length = UINT64_MAX};

	CHECK(f != NULL);
	f->source.ops = &feed_ops;
	f->script = script.p;
	f->n = script.n;
	if (sized) {
		reply.length = more;
		for (size_t i = 0; i < script.n; i++)
			reply.length += script.p[i] == 's'   ? SMALL
					: script.p[i] == 'S' ? PIECE_SMALL_SIZE
							     : 0;
	}
	reply.source = &f->source;
	conn_reply(c, &reply);
}

/* The handler */

static char large_text[4 << 20];

static inline void
answer(struct conn *c, int status, struct bytes text)
{
	conn_reply(c, &(struct conn_reply){.status = status, .text = text});
}

static inline void
answer_err(struct conn *c, enum err err)
{
	rig.body_err = (int)err;
	answer(c, err_http_status(err), bytes_of(err_fault(err)));
}

static inline void
collected(void *arg, enum err err, struct bytes text)
{
	if (err == ERR_OK)
		answer(arg, 200, text);
	else
		answer_err(arg, err);
}

/* Takes a body as a source. */
struct taker {
	struct conn *conn;
	struct source *body;
	struct str text;
	bool first_only;
};

static inline void
taker_end(struct taker *t, enum err err)
{
	source_close(t->body);
	if (err == ERR_OK)
		answer(t->conn, 200, str_bytes(&t->text));
	else
		answer_err(t->conn, err);
	str_release(&t->text);
	free(t);
}

static inline void
taker_go(void *arg)
{
	struct taker *t = arg;
	struct slice s;

	for (;;) {
		switch (source_next(t->body, &s)) {
		case NEXT_SLICE:
			str_add(&t->text, (struct bytes){(char *)s.piece->data, s.n});
			rig.slices++;
			piece_unref(s.piece);
			if (!t->first_only)
				break;
			taker_end(t, ERR_BAD_REQUEST);
			return;
		case NEXT_END:
			taker_end(t, ERR_OK);
			return;
		case NEXT_LATER:
			return;
		case NEXT_FAILED:
			taker_end(t, t->body->why.code);
			return;
		}
	}
}

static inline void
take_body(struct conn *c, bool first_only)
{
	struct taker *t = calloc(1, sizeof *t);

	CHECK(t != NULL);
	t->conn = c;
	t->first_only = first_only;
	str_init(&t->text, HEARD_MAX);
	t->body = conn_body(c);
	t->body->ready = taker_go;
	t->body->arg = t;
	taker_go(t);
}

static inline void
data_gone(void *data)
{
	(void)data;
	rig.data_released++;
}

static inline void
on_request(void *arg, struct conn *c, enum err err, const struct errinfo *why)
{
	const struct http_head *head = conn_head(c);

	CHECK(arg == &rig && (err == ERR_OK || why->code == err));
	rig.requests++;
	conn_set_data(c, &rig, data_gone);
	conn_set_request(c, &rig);
	if (err != ERR_OK)
		answer_err(c, err);
	else if (bytes_is(head->path, "/text"))
		conn_collect(c, TEXT_LIMIT, collected, c);
	else if (bytes_is(head->path, "/echo"))
		take_body(c, false);
	else if (bytes_is(head->path, "/first"))
		take_body(c, true);
	else if (bytes_is(head->path, "/refuse"))
		answer(c, 403, BYTES("refused"));
	else if (bytes_is(head->path, "/hold") && !rig.released)
		rig.held = c;
	else if (bytes_is(head->path, "/empty"))
		answer(c, 204, BYTES(""));
	else if (bytes_is(head->path, "/large"))
		answer(c, 200, (struct bytes){large_text, sizeof large_text});
	else if (bytes_is(head->path, "/feed"))
		answer_feed(c, head->query, false, 0);
	else if (bytes_is(head->path, "/sized"))
		answer_feed(c, head->query, true, 0);
	else if (bytes_is(head->path, "/longer"))
		answer_feed(c, head->query, true, 1);
	else
		answer(c, 200, BYTES("hello"));
}

static inline void
on_over(void *arg, struct conn *c, uint64_t sent, bool broken)
{
	CHECK(arg == &rig && conn_request(c) == &rig);
	CHECK(conn_head(c)->method_name.n < HEARD_MAX); /* still there to be logged */
	rig.sent = sent;
	rig.broken += broken;
	rig.overs++;
}

/* Things to be done on the loop */

static struct {
	struct loop_job job;
	void (*run)(void);
	_Atomic bool done;
} errand;

static inline void
run_errand(struct loop_job *job)
{
	(void)job;
	errand.run();
	errand.done = true;
}

static inline void
on_loop(void (*run)(void))
{
	errand.run = run;
	errand.done = false;
	errand.job.run = run_errand;
	loop_post(rig.loop, &errand.job);
	while (!errand.done)
		(void)usleep(200);
}

static inline void
release(void)
{
	struct conn *held = rig.held;
	struct feed *waiting = rig.waiting;

	rig.released = true;
	rig.held = NULL;
	rig.waiting = NULL;
	if (held != NULL)
		answer(held, 200, BYTES("released"));
	if (waiting != NULL)
		waiting->source.ready(waiting->source.arg);
}

static inline void
rig_release(void)
{
	on_loop(release);
}

static inline void
stop_group(void)
{
	conn_group_stop(&rig.group);
}

static inline void
abort_group(void)
{
	conn_group_abort(&rig.group);
}

/* Wait until a count is reached; wide bounds tell stuck from slow. */
static inline void
await(_Atomic unsigned *count, unsigned wanted)
{
	uint64_t until = clock_mono_ms() + PATIENCE_S * 1000;

	while (*count != wanted && clock_mono_ms() < until)
		(void)usleep(500);
	assert_int_equal(*count, wanted);
}

static void *
run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* Before each test: limits as the tests like them, nothing connected. */
static inline int
rig_up(void **state)
{
	(void)state;
	(void)memset(&rig, 0, sizeof rig);
	rig.fd = -1;
	if (loop_new("rig", &rig.loop, NULL) != ERR_OK ||
	    pool_new(8 << 20, &rig.pool, NULL) != ERR_OK)
		return -1;
	rig.handler = (struct conn_handler){.request = on_request, .over = on_over};
	rig.group = (struct conn_group){
	    .loop = rig.loop,
	    .pool = rig.pool,
	    .handler = &rig.handler,
	    .arg = &rig,
	    .limits = {.head_max = 8192, .target_max = 4096},
	    .head_timeout_ms = 60000,
	    .idle_timeout_ms = 60000,
	    .stall_timeout_ms = 60000,
	    .min_rate = 1024,
	    .drain_max = 4 << 20,
	    .connections = &rig.connections,
	    .bytes_in = &rig.bytes_in,
	    .bytes_out = &rig.bytes_out,
	};
	return pthread_create(&rig.thread, NULL, run_loop, rig.loop);
}

/* After it: everything that was let in must have gone by itself. */
static inline int
rig_down(void **state)
{
	(void)state;
	if (rig.fd >= 0)
		(void)close(rig.fd);
	rig_release();
	on_loop(stop_group);
	await(&rig.connections, 0);
	assert_int_equal(rig.overs, rig.requests);
	assert_int_equal(rig.data_released > 0, rig.requests > 0);
	loop_stop(rig.loop);
	(void)pthread_join(rig.thread, NULL);
	assert_int_equal(pool_stats(rig.pool).used_bytes, 0);
	pool_free(rig.pool);
	loop_free(rig.loop);
	return 0;
}

/* The client */

static int served_fd;

static inline void
let_in(void)
{
	CHECK(conn_new(&rig.group, served_fd, NULL, "peer"));
}

static inline void
connect_client(void)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
	rig.fd = pair[0];
	served_fd = pair[1];
	on_loop(let_in);
}

static inline void
say_bytes(const void *p, size_t n)
{
	assert_int_equal(send(rig.fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void
say(const char *text)
{
	say_bytes(text, strlen(text));
}

/* More of what the server says; false at its end. */
static inline bool
hear_some(void)
{
	ssize_t n =
	    recv(rig.fd, rig.heard + rig.n_heard, sizeof rig.heard - rig.n_heard, 0);

	if (n < 0)
		fail_msg("the server says nothing: errno %d, so far: %.*s", errno,
		    (int)rig.n_heard, rig.heard);
	rig.n_heard += (size_t)n;
	return n > 0;
}

static inline void
need(size_t n)
{
	while (rig.n_heard < n)
		if (!hear_some())
			fail_msg("the end after %zu of %zu bytes: %.*s", rig.n_heard, n,
			    (int)rig.n_heard, rig.heard);
}

static inline void
forget(size_t n)
{
	(void)memmove(rig.heard, rig.heard + n, rig.n_heard - n);
	rig.n_heard -= n;
}

static inline void
expect_text(const char *text)
{
	size_t n = strlen(text);

	need(n);
	if (memcmp(rig.heard, text, n) != 0)
		fail_msg("not '%s' but '%.*s'", text, (int)rig.n_heard, rig.heard);
	forget(n);
}

static char head_text[8192];

/* The head of an answer, into head_text. */
static inline void
expect_head(int status)
{
	char line[32];
	const char *end;
	size_t n;

	while ((end = memmem(rig.heard, rig.n_heard, "\r\n\r\n", 4)) == NULL)
		if (!hear_some())
			fail_msg("no head: '%.*s'", (int)rig.n_heard, rig.heard);
	n = (size_t)(end - rig.heard) + 4;
	assert_true(n < sizeof head_text);
	(void)memcpy(head_text, rig.heard, n);
	head_text[n] = '\0';
	forget(n);
	(void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
	if (strncmp(head_text, line, strlen(line)) != 0)
		fail_msg("not %d but: %s", status, head_text);
}

static inline bool
head_has(const char *field)
{
	return strstr(head_text, field) != NULL;
}

/* A whole answer with a Content-Length. */
static inline void
expect_answer(int status, const char *body)
{
	char field[64];

	expect_head(status);
	(void)snprintf(field, sizeof field, "\r\nContent-Length: %zu\r\n", strlen(body));
	if (!head_has(field))
		fail_msg("no%s in: %s", field, head_text);
	expect_text(body);
}

/* The server closes in order: an end, not a reset. */
static inline void
expect_end(void)
{
	while (hear_some())
		continue;
	if (rig.n_heard != 0)
		fail_msg("before the end: '%.*s'", (int)rig.n_heard, rig.heard);
}

static inline void
hang_up(void)
{
	(void)close(rig.fd);
	rig.fd = -1;
}

#endif
