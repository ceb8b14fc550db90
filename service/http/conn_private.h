/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_private - the inside of a connection, shared by conn.c (life, heads), conn_body.c
 * (what comes behind a head) and conn_answer.c (what goes out).
 */
#ifndef QUARTET_HTTP_CONN_PRIVATE_H
#define QUARTET_HTTP_CONN_PRIVATE_H

#include "service/core/str.h"
#include "service/http/conn.h"
#include "service/http/transport.h"

enum { CONN_MAGIC = 0x434f4e4e };

enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD, /* waiting for a request, or for the rest of its head */
	CONN_BUSY, /* the handler is at work */
	CONN_ANSWER, /* the reply is being sent */
	CONN_DRAIN, /* a refused body is read and dropped */
	CONN_CLOSE, /* our end of the connection is being closed */
	CONN_LINGER, /* it is; what still comes is dropped */
	CONN_DEAD, /* to be freed */
};

enum body_use { BODY_UNTOUCHED, BODY_AS_SOURCE, BODY_AS_TEXT, BODY_CLOSED };

/* What comes behind the head of the request at hand. */
struct conn_input {
	bool chunked;
	uint64_t left; /* bytes of a body of known length still to come */
	bool ended; /* nothing more of this body comes */
	bool broken; /* it can no longer be read; `why` says why */
	struct errinfo why;
	enum body_use use;
	uint64_t received;

	/* As a source. */
	struct source source;
	struct piece *piece; /* being filled */
	size_t filled;
	uint64_t piece_since_ms;
	bool slow; /* the last piece took long: take small ones */
	bool wanted; /* the consumer waits for `ready` */

	/* As a text. */
	struct str text;
	size_t text_max;
	conn_collected_fn *collected;
	void *arg;
};

/* Time spent waiting for the client, and what moved in it. */
struct conn_pace {
	uint64_t since_ms; /* waiting since; 0: not waiting */
	uint64_t waited_ms; /* before that, in this window */
	uint64_t moved; /* bytes in this window */
};

struct conn {
	uint32_t magic;
	struct conn_group *group;
	struct conn *prev, *next;
	enum conn_state state;
	bool running; /* conn_run is on the stack */
	bool is_tls;
	char peer[CONN_PEER_SIZE];
	struct transport *transport;
	struct loop_fd *watch;
	unsigned watched; /* what the loop watches for */
	unsigned read_want, write_want; /* what a pending read or write needs; 0: none */
	struct loop_timer *timer;
	uint64_t timer_at_ms; /* 0: not set */
	uint64_t head_started_ms, idle_since_ms;
	struct conn_pace pace;
	void *data;
	void (*release_data)(void *data);

	/* What was read and not used yet: in[at .. n). */
	char *in;
	size_t in_at, in_n, in_room;
	size_t scanned;

	/* The request. */
	struct http_parse *parse;
	struct arena arena;
	struct http_head head;
	void *request;
	bool has_request; /* the handler was told, and has not heard `over` */
	bool close_after;
	bool lingers; /* unread bytes may come: closing at once would reset the connection
		       */
	bool continue_due;
	uint64_t taken; /* bytes read from the socket since the answer */
	unsigned in_turn; /* requests answered since others had a turn */
	struct conn_input input;
	bool waits; /* for a piece of the pool; may outlive the request */
	struct pool_waiter waiter;

	/* The answer. */
	bool replied;
	struct str out; /* what goes out before the slice */
	size_t out_at;
	struct slice slice; /* piece NULL: none */
	struct source *answer;
	bool answer_chunked, answer_waits, answer_ended;
	bool begun; /* some of it is out */
	uint64_t answer_left; /* bytes the source still owes, when its length is known */
	uint64_t sent;
};

/* Go on from whatever state it is in; the connection may be gone afterwards. */
void conn_run(struct conn *c);

/* The connection is of no use any more; conn_run frees it. Not while the handler works.
 */
void conn_break(struct conn *c);

/* Bytes moved: count them in the group's `counter`, and for the pace. */
void conn_moved(struct conn *c, uint64_t n, _Atomic uint64_t *counter);

/* Another wait begins: what was counted does not count for it. */
void conn_pace_reset(struct conn *c);

/* conn_answer.c */

enum conn_sending { SENDING_WAITS, SENDING_DONE, SENDING_BROKE };

/* Send what is in `out` ahead of the answer, as far as the socket takes it. */
void conn_flush(struct conn *c);
/* Send more of the answer, until it is out or something must be waited for. */
enum conn_sending conn_answer_send(struct conn *c);
/* It is out, or never will be: give everything back and tell the handler. */
void conn_answer_end(struct conn *c, bool broken);

/* conn_body.c */

/* A new request was parsed: set up its input. */
void conn_input_begin(struct conn *c);
/* The descriptor is readable, or the connection broke: go on with the body. */
void conn_input_ready(struct conn *c);
/* The request is over: forget its body. */
void conn_input_end(struct conn *c);
/* Skip what is left of the body without asking the client: true if it all is here. */
bool conn_input_skip(struct conn *c);
/* Read and drop the rest of the body; false: wait for more. */
bool conn_input_drain(struct conn *c);
/* Read and drop whatever comes; false: wait for more. */
bool conn_input_drop(struct conn *c);
/* Make room in `in` for at least `n` more bytes. */
bool conn_in_reserve(struct conn *c, size_t n);

#endif
