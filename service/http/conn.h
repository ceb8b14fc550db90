/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one client's connection: heads in, bodies in and out, one request at a time.
 *
 *   HANDSHAKE ─► HEAD ─► BUSY ─► ANSWER ─┬─► HEAD              kept alive
 *                 ▲                      ├─► DRAIN ─┐          body refused before it
 * came └──────────────────────┴──────────┴─► CLOSE ─► LINGER ─► gone
 *
 * The handler is told of each request and answers with conn_reply, now or later. Before
 * that it may pull the body, as a source (conn_body) or as one text (conn_collect); the
 * first pull is what sends "100 Continue", so nothing is accepted before the handler
 * wants it. After a reply the handler hears `over` exactly once, also when the client
 * went away; until then head, text and body stay valid.
 *
 * An answer to a request whose body was not read goes out at once; then the body is read
 * and dropped, up to a limit, and the connection closed: clients that only look up from
 * sending when they are done still see the answer (architecture D31). Where it cannot be
 * known what else comes (a head or chunks that make no sense), our end is closed first.
 *
 * Slow clients are cut: a head must come within head_timeout; a body, and the taking of
 * an answer, must move min_rate bytes a second over each stall_timeout spent waiting.
 *
 * Thread: the loop of its group. Memory: a connection frees itself.
 */
#ifndef QUARTET_HTTP_CONN_H
#define QUARTET_HTTP_CONN_H

#include <stdatomic.h>

#include "service/core/stream.h"
#include "service/http/parse.h"

enum { CONN_PEER_SIZE = 64 };

struct conn;
struct tls_context;

struct conn_handler {
	/*
	 * A request. `err` ERR_OK: conn_head(conn) says what; otherwise the head was
	 * refused and `why` says how: answer that, the connection will be closed.
	 */
	void (*request)(
	    void *arg, struct conn *conn, enum err err, const struct errinfo *why);
	/* The answer is out (`sent` bytes of body), or broken off. */
	void (*over)(void *arg, struct conn *conn, uint64_t sent, bool broken);
};

/* All connections of one loop. */
struct conn_group {
	struct loop *loop;
	struct pool *pool;
	const struct conn_handler *handler;
	void *arg;
	struct http_limits limits;
	uint64_t head_timeout_ms, idle_timeout_ms, stall_timeout_ms;
	uint64_t min_rate; /* bytes a second */
	uint64_t drain_max; /* bytes */
	_Atomic unsigned *connections; /* of all groups together */
	/* Heads and bodies, as they pass; likewise. */
	_Atomic uint64_t *bytes_in, *bytes_out;
	bool stopping; /* see conn_group_stop */
	struct conn *first; /* the group's own */
	unsigned n;
};

/* Takes `fd` (connected, nonblocking). `peer` is copied. False: no memory; fd is closed.
 */
bool conn_new(
    struct conn_group *group, int fd, struct tls_context *tls, const char *peer);

/* Close what is idle now, and the rest after the request they are at. */
void conn_group_stop(struct conn_group *group);
/* Close everything at once. */
void conn_group_abort(struct conn_group *group);

/* The request at hand. */
const struct http_head *conn_head(const struct conn *conn);
struct arena *conn_arena(struct conn *conn);
const char *conn_peer(const struct conn *conn);
bool conn_is_tls(const struct conn *conn);

/* What the handler has made of the request at hand. */
void conn_set_request(struct conn *conn, void *request);
void *conn_request(const struct conn *conn);
/* Bytes of its body so far. */
uint64_t conn_received(const struct conn *conn);

/* One pointer of the handler's; `release` is called with it when the connection ends. */
void conn_set_data(struct conn *conn, void *data, void (*release)(void *data));
void *conn_data(const struct conn *conn);

/* As transport_peer_chain. */
enum err conn_peer_chain(const struct conn *conn, struct arena *a, struct bytes **der_out,
    size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* Does the request have a body, as far as its head says? */
bool conn_has_body(const struct conn *conn);

/*
 * The body in full pieces: every slice but the last fills its piece. Pull it to its end
 * or close it; closing early is fine. Only once per request.
 */
struct source *conn_body(struct conn *conn);

/*
 * The whole body as one text of at most `limit` bytes, valid until `over`. `done` may be
 * called before this returns. ERR_TOO_LARGE, ERR_BAD_REQUEST, ERR_CANCELLED.
 */
typedef void conn_collected_fn(void *arg, enum err err, struct bytes text);

void conn_collect(struct conn *conn, size_t limit, conn_collected_fn *done, void *arg);

struct conn_reply {
	int status;
	struct bytes fields; /* complete header lines, each with CRLF; copied */
	struct bytes text; /* the body, when `source` is NULL; copied */
	struct source *source; /* the body; taken */
	uint64_t length; /* of `source`; UINT64_MAX: not known, sent in chunks */
	bool no_body; /* 304 and the like: no Content-Length either */
};

/*
 * Answer the request: exactly once. For HEAD the body is left out, its length is told
 * (`length` counts even without a source). A source that fails breaks the connection,
 * so that the client notices.
 */
void conn_reply(struct conn *conn, const struct conn_reply *reply);

#endif
