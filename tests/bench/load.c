/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "service/core/clock.h"
#include "service/core/str.h"
#include "tests/bench/reply.h"

enum {
	INPUT_SIZE = 128 * 1024,
	PAD_SIZE = 1024 * 1024,
	PAD_INLINE = 16 * 1024, /* padding up to this goes out along with the head */
	REQUEST_MAX = 1024 * 1024,
	EVENTS = 256,
};

struct conn {
	struct wire wire;
	struct reply reply;
	struct str out; /* head, body text, the first of the padding */
	struct str body;
	size_t out_at;
	uint64_t pad_left;
	uint64_t started_us;
	bool busy, waits_to_write;
};

struct load {
	const struct load_plan *plan;
	struct load_result *result;
	int epoll;
	struct conn *conns;
	unsigned busy;
	uint64_t issued;
	uint64_t started_us, stop_us, moved_us; /* moved: last progress of anybody */
	char *input, *pad;
};

static void __attribute__((format(printf, 2, 3)))
note_error(struct load *l, const char *fmt, ...)
{
	struct load_result *r = l->result;
	va_list ap;

	if (r->errors++ > 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(r->first_error, sizeof r->first_error, fmt, ap);
	va_end(ap);
}

static void
watch(struct load *l, struct conn *c, int op, bool to_write)
{
	struct epoll_event event = {
	    .events = EPOLLIN | (to_write ? EPOLLOUT : 0), .data.ptr = c};

	if (epoll_ctl(l->epoll, op, c->wire.fd, &event) != 0)
		tool_die_sys("epoll_ctl");
	c->waits_to_write = to_write;
}

static void
conn_open(struct load *l, struct conn *c)
{
	wire_open(&c->wire, l->plan->server, true);
	watch(l, c, EPOLL_CTL_ADD, false);
}

static void
conn_reopen(struct load *l, struct conn *c)
{
	wire_close(&c->wire);
	conn_open(l, c);
	l->result->reconnects++;
}

/* The request's text into c->out; padding beyond PAD_INLINE is sent from the pad. */
static void
render(const struct load *l, struct conn *c, uint64_t number)
{
	const struct load_plan *p = l->plan;
	uint64_t pad = 0;

	str_clear(&c->out);
	str_clear(&c->body);
	c->out_at = 0;
	template_render(&p->body, number, &c->body);
	if (c->body.n < p->size)
		pad = p->size - c->body.n;

	str_adds(&c->out, p->method);
	str_addc(&c->out, ' ');
	template_render(&p->target, number, &c->out);
	str_adds(&c->out, " HTTP/1.1\r\nHost: ");
	str_adds(&c->out, p->server->authority);
	str_adds(&c->out, "\r\n");
	str_add(&c->out, p->headers);
	if (p->has_body) {
		str_adds(&c->out, "Content-Length: ");
		str_addu(&c->out, c->body.n + pad);
		str_adds(&c->out, "\r\n");
	}
	str_adds(&c->out, "\r\n");
	str_add(&c->out, str_bytes(&c->body));
	if (pad <= PAD_INLINE) {
		str_add(&c->out, (struct bytes){l->pad, (size_t)pad});
		pad = 0;
	}
	c->pad_left = pad;
	if (str_failed(&c->out) || str_failed(&c->body))
		tool_die("a request is larger than %d bytes", REQUEST_MAX);
	l->result->bytes_out += p->size > c->body.n ? p->size : c->body.n;
}

/* True when another request may begin. */
static bool
more_to_do(const struct load *l, uint64_t now_us)
{
	return l->issued < l->plan->requests && now_us < l->stop_us &&
	       l->result->errors < LOAD_ERRORS_MAX;
}

static ssize_t
write_some(struct load *l, struct conn *c)
{
	ssize_t n;

	if (c->out_at < c->out.n) {
		n = wire_write(&c->wire, c->out.p + c->out_at, c->out.n - c->out_at);
		if (n > 0)
			c->out_at += (size_t)n;
	} else {
		n = wire_write(
		    &c->wire, l->pad, c->pad_left < PAD_SIZE ? c->pad_left : PAD_SIZE);
		if (n > 0)
			c->pad_left -= (uint64_t)n;
	}
	return n;
}

static bool
is_sent(const struct conn *c)
{
	return c->out_at == c->out.n && c->pad_left == 0;
}

/* A write that fails is left to the read that follows: there may be an answer. */
static void
conn_write(struct load *l, struct conn *c)
{
	ssize_t n = 1;

	while (!is_sent(c) && n > 0)
		n = write_some(l, c);
	if (c->waits_to_write != (!is_sent(c) && n == WIRE_LATER))
		watch(l, c, EPOLL_CTL_MOD, !c->waits_to_write);
}

/* The next request on a connection, or rest. */
static void
conn_start(struct load *l, struct conn *c, uint64_t now_us)
{
	c->busy = more_to_do(l, now_us);
	if (!c->busy)
		return;
	render(l, c, l->plan->first + l->issued++);
	reply_begin(&c->reply, strcmp(l->plan->method, "HEAD") == 0, false);
	c->started_us = now_us;
	l->busy++;
	conn_write(l, c);
}

static bool
is_expected(const struct load_plan *p, unsigned status)
{
	for (size_t i = 0; i < LOAD_STATUSES && p->expect[i] != 0; i++)
		if (p->expect[i] == status)
			return true;
	return false;
}

static void
count_answer(struct load *l, const struct conn *c, uint64_t now_us)
{
	struct load_result *r = l->result;
	uint64_t second = (now_us - l->started_us) / 1000000;

	r->bytes_in += c->reply.body_n;
	r->seconds = (double)(now_us - l->started_us) / 1e6;
	if (!is_expected(l->plan, c->reply.status)) {
		note_error(l, "status %u: %s", c->reply.status, c->reply.text);
		return;
	}
	r->requests++;
	latency_add(&r->latency, now_us - c->started_us);
	r->per_second[second < LOAD_SECONDS ? second : LOAD_SECONDS - 1]++;
}

/* The request on `c` is over, well or badly; `keep` says whether `c` can be used again.
 */
static void
conn_next(struct load *l, struct conn *c, bool keep, uint64_t now_us)
{
	c->busy = false;
	l->busy--;
	if (!more_to_do(l, now_us))
		return;
	if (!keep)
		conn_reopen(l, c);
	conn_start(l, c, now_us);
}

static void
conn_fail(struct load *l, struct conn *c, const char *what)
{
	note_error(
	    l, "%s after %.3f s", what, (double)(clock_mono_us() - c->started_us) / 1e6);
	conn_next(l, c, false, clock_mono_us());
}

static void
conn_read(struct load *l, struct conn *c)
{
	uint64_t now_us;

	while (!c->reply.done) {
		ssize_t n = wire_read(&c->wire, l->input, INPUT_SIZE);

		if (n == WIRE_LATER)
			return;
		if (n == WIRE_BROKEN || (n == WIRE_END && !reply_end(&c->reply))) {
			conn_fail(l, c, "connection closed");
			return;
		}
		if (n > 0 && !reply_feed(&c->reply, l->input, (size_t)n)) {
			conn_fail(l, c, "answer is not HTTP");
			return;
		}
	}
	now_us = clock_mono_us();
	count_answer(l, c, now_us);
	conn_next(l, c, c->reply.keep_alive && is_sent(c), now_us);
}

static void
conn_ready(struct load *l, struct conn *c, uint32_t events)
{
	if (!c->busy)
		return;
	/* TLS may have to write after a read and the other way round. */
	if (!is_sent(c) && (c->wire.ssl != NULL || (events & EPOLLOUT) != 0))
		conn_write(l, c);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		conn_read(l, c);
}

/* Idle connections hear of a server's close too: they must not keep epoll busy. */
static void
forget_idle(struct load *l, struct conn *c)
{
	if (!c->busy && epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->wire.fd, NULL) != 0)
		tool_die_sys("epoll_ctl");
}

static bool
check_stall(struct load *l)
{
	uint64_t silent_us = clock_mono_us() - l->moved_us;

	if (silent_us < (uint64_t)l->plan->stall_s * 1000000)
		return true;
	note_error(l, "no answer for %u s", l->plan->stall_s);
	return false;
}

static void
run(struct load *l)
{
	struct epoll_event events[EVENTS];

	while (l->busy > 0) {
		int n = epoll_wait(l->epoll, events, EVENTS, 1000);

		if (n < 0 && errno != EINTR)
			tool_die_sys("epoll_wait");
		if (n <= 0) {
			if (!check_stall(l))
				return;
			continue;
		}
		l->moved_us = clock_mono_us();
		for (int i = 0; i < n; i++) {
			conn_ready(l, events[i].data.ptr, events[i].events);
			forget_idle(l, events[i].data.ptr);
		}
	}
}

static void
prepare(struct load *l, const struct load_plan *plan, struct load_result *out)
{
	*l = (struct load){.plan = plan, .result = out, .epoll = epoll_create1(0)};
	*out = (struct load_result){0};
	if (l->epoll < 0)
		tool_die_sys("epoll");
	l->input = tool_buffer(INPUT_SIZE);
	l->pad = tool_buffer(PAD_SIZE);
	tool_fill(l->pad, PAD_SIZE);
	l->conns = calloc(plan->connections, sizeof *l->conns);
	if (l->conns == NULL)
		tool_die("no memory for %u connections", plan->connections);
	for (unsigned i = 0; i < plan->connections; i++) {
		str_init(&l->conns[i].out, REQUEST_MAX);
		str_init(&l->conns[i].body, REQUEST_MAX);
		conn_open(l, &l->conns[i]);
	}
	wire_kind(&l->conns[0].wire, out->kind, sizeof out->kind);
}

static void
release(struct load *l)
{
	for (unsigned i = 0; i < l->plan->connections; i++) {
		wire_close(&l->conns[i].wire);
		str_release(&l->conns[i].out);
		str_release(&l->conns[i].body);
	}
	free(l->conns);
	free(l->input);
	free(l->pad);
	(void)close(l->epoll);
}

void
load_run(const struct load_plan *plan, struct load_result *out)
{
	struct load l;
	double cpu_s;

	prepare(&l, plan, out);
	cpu_s = tool_cpu_s();
	l.started_us = l.moved_us = clock_mono_us();
	l.stop_us = l.started_us + (uint64_t)(plan->duration_s * 1e6);
	for (unsigned i = 0; i < plan->connections; i++)
		conn_start(&l, &l.conns[i], l.started_us);
	run(&l);
	out->cpu_s = tool_cpu_s() - cpu_s;
	release(&l);
}
