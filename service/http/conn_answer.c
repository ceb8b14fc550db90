/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to a request: its head, and its body as far as the socket takes it. The
 * next bytes are asked of the source when those before are gone, so a client that does
 * not read stops everything behind it.
 */
#include <stdio.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/http/conn_private.h"
#include "service/http/status.h"

/* Bytes sent before other connections have a turn. */
enum { TURN_MAX = 4 * 1024 * 1024 };

void
conn_flush(struct conn *c)
{
	while (c->out_at < c->out.n) {
		struct iovec v = {c->out.p + c->out_at, c->out.n - c->out_at};
		size_t n;

		/* What breaks here breaks again with the body. */
		if (transport_write(c->transport, &v, 1, &n, &c->write_want) !=
		    TRANSPORT_DONE)
			return;
		c->out_at += n;
	}
	str_clear(&c->out);
	c->out_at = 0;
}

static bool
status_has_no_body(int status)
{
	return status == 204 || status == 304;
}

static void
write_head(struct conn *c, const struct conn_reply *r, uint64_t length)
{
	char date[ISOTIME_SIZE];

	httptime_format(clock_wall_ms(), date);
	str_addf(&c->out,
	    "HTTP/1.1 %d %s\r\nServer: quartet/" QUARTET_VERSION "\r\nDate: %s\r\n",
	    r->status, http_reason(r->status), date);
	str_add(&c->out, r->fields);
	if (c->answer_chunked)
		str_adds(&c->out, "Transfer-Encoding: chunked\r\n");
	else if (!r->no_body && !status_has_no_body(r->status) && length != UINT64_MAX)
		str_addf(&c->out, "Content-Length: %llu\r\n", (unsigned long long)length);
	str_adds(&c->out, c->close_after ? "Connection: close\r\n\r\n"
					 : "Connection: keep-alive\r\n\r\n");
}

static void
answer_ready(void *arg)
{
	struct conn *c = arg;

	c->answer_waits = false;
	conn_run(c);
}

void
conn_reply(struct conn *c, const struct conn_reply *r)
{
	bool is_head = c->head.method == METHOD_HEAD;
	uint64_t length =
	    r->source != NULL || (is_head && r->text.n == 0) ? r->length : r->text.n;

	MAGIC_CHECK(c, CONN_MAGIC);
	CHECK(c->state == CONN_BUSY && !c->replied);
	/* What is left of the body is not the next request. */
	if (!conn_input_skip(c) || c->group->stopping)
		c->close_after = true;
	c->replied = true;
	c->state = CONN_ANSWER;
	c->answer = r->source;
	/* HTTP/1.0 knows no chunks: there the end of the connection is the end. */
	c->answer_chunked = r->source != NULL && r->length == UINT64_MAX && !is_head &&
			    c->head.minor >= 1;
	if (r->source != NULL && r->length == UINT64_MAX && !c->answer_chunked &&
	    !is_head)
		c->close_after = true;
	c->answer_left = r->length;
	c->begun = false;
	write_head(c, r, length);
	if (is_head && c->answer != NULL) {
		source_close(c->answer);
		c->answer = NULL;
	}
	if (c->answer == NULL) {
		if (!is_head)
			str_add(&c->out, r->text);
		c->answer_ended = true;
		c->sent = is_head ? 0 : r->text.n;
	} else {
		c->answer->ready = answer_ready;
		c->answer->arg = c;
	}
	if (str_failed(&c->out))
		conn_break(c);
	conn_pace_reset(c);
	if (!c->running)
		conn_run(c);
}

/* Put the next slice behind what is to be sent; false: not yet, or broken. */
static bool
next_slice(struct conn *c)
{
	switch (source_next(c->answer, &c->slice)) {
	case NEXT_SLICE:
		if (c->answer_left != UINT64_MAX) {
			if (c->slice.n > c->answer_left)
				break;
			c->answer_left -= c->slice.n;
		}
		c->sent += c->slice.n;
		if (c->answer_chunked)
			str_addf(&c->out, "%zx\r\n", c->slice.n);
		return true;
	case NEXT_END:
		if (c->answer_left != 0 && c->answer_left != UINT64_MAX)
			break;
		if (c->answer_chunked)
			str_adds(&c->out, "0\r\n\r\n");
		c->answer_ended = true;
		return true;
	case NEXT_LATER:
		c->answer_waits = true;
		return false;
	case NEXT_FAILED:
		break;
	}
	conn_break(c); /* the missing end tells the client */
	return false;
}

/* What was sent is done with. */
static void
consume(struct conn *c, size_t n)
{
	size_t head = c->out.n - c->out_at;

	conn_moved(c, n, c->group->bytes_out);
	c->begun = true;
	if (n < head) {
		c->out_at += n;
		return;
	}
	n -= head;
	str_clear(&c->out);
	c->out_at = 0;
	if (c->slice.piece == NULL)
		return;
	c->slice.offset += n;
	c->slice.n -= n;
	if (c->slice.n > 0)
		return;
	piece_unref(c->slice.piece);
	c->slice.piece = NULL;
	if (c->answer_chunked)
		str_adds(&c->out, "\r\n");
}

static enum transport_result
send_some(struct conn *c, size_t *n_out)
{
	struct iovec v[2];
	int n = 0;

	if (c->out_at < c->out.n)
		v[n++] = (struct iovec){c->out.p + c->out_at, c->out.n - c->out_at};
	if (c->slice.piece != NULL)
		v[n++] =
		    (struct iovec){c->slice.piece->data + c->slice.offset, c->slice.n};
	return transport_write(c->transport, v, n, n_out, &c->write_want);
}

void
conn_answer_end(struct conn *c, bool broken)
{
	if (c->answer != NULL)
		source_close(c->answer);
	c->answer = NULL;
	if (c->slice.piece != NULL)
		piece_unref(c->slice.piece);
	c->slice.piece = NULL;
	c->has_request = false;
	c->group->handler->over(c->group->arg, c, c->sent, broken);
}

/* Have the next bytes ready; false: there are none for now, or it broke. */
static bool
fill(struct conn *c)
{
	if (c->slice.piece != NULL || c->answer_ended)
		return true;
	if (!c->answer_waits && next_slice(c))
		return true;
	/* A head waits for the first bytes, so that both go out in one write; the end of
	 * a chunk does not. */
	return c->state != CONN_DEAD && c->begun && c->out_at < c->out.n;
}

enum conn_sending
conn_answer_send(struct conn *c)
{
	size_t turn = 0, n;

	for (;;) {
		if (!fill(c))
			return c->state == CONN_DEAD ? SENDING_BROKE : SENDING_WAITS;
		if (c->slice.piece == NULL && c->out_at == c->out.n)
			return SENDING_DONE;
		if (turn > TURN_MAX) {
			c->write_want = LOOP_WRITE;
			return SENDING_WAITS;
		}
		switch (send_some(c, &n)) {
		case TRANSPORT_DONE:
			turn += n;
			consume(c, n);
			break;
		case TRANSPORT_AGAIN:
			return SENDING_WAITS;
		case TRANSPORT_END:
		case TRANSPORT_BROKEN:
			conn_break(c);
			return SENDING_BROKE;
		}
	}
}
