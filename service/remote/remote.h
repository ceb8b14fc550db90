/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote - the server as a client: bytes fetched from, or sent to, hosts the operator
 * listed, since a user asked for it.
 *
 * Promise: a connection is made only to a host and port of remote_hosts, by TLS with a
 * certificate that host can show, and only at an address that is public or opened by
 * remote_private; the address is looked at when it is connected to, so a name that changes
 * its meaning changes nothing. No redirect is followed; no proxy, cookie, user name or
 * connection of another transfer is used. What the peer answers is bounded in bytes and
 * time, and an answer that is no success is not read.
 *
 * Two things are here: turns, of which remote_jobs_max are given at one time; and
 * exchanges, one request and its answer each.
 *
 * Order: remote_new -> remote_take_turn -> remote_ask* -> remote_end_turn ... remote_free.
 * Thread: the loop of the configuration; its callbacks run there, never before the call
 * that caused them has returned. Nothing here waits: names are looked up on threads of
 * libcurl, everything else is driven by the loop.
 */
#ifndef QUARTET_REMOTE_REMOTE_H
#define QUARTET_REMOTE_REMOTE_H

#include "conf/settings.h"
#include "service/core/digest.h"
#include "service/core/loop.h"
#include "service/core/stream.h"
#include "service/remote/endpoint.h"

struct remote;

struct remote_config {
	const struct settings *settings;
	struct loop *loop;
	struct pool *pool;
};

static inline bool
remote_is_on(const struct settings *settings)
{
	return settings->remote_hosts.n > 0;
}

/* Are the settings in order? ERR_CONFIG names the one that is wrong; remote_ca is read. */
enum err remote_check(const struct settings *settings, struct errinfo *why) ERR_CHECKED;

/* Before the loop runs: it reads remote_ca. ERR_CONFIG as remote_check. */
enum err remote_new(const struct remote_config *config, struct remote **out,
    struct errinfo *why) ERR_CHECKED;
/* No turn and no exchange is left, and the loop has ended. NULL is fine. */
void remote_free(struct remote *remote);

/*
 * Owned by who asks, from take to end; `run` is called when it is its turn. The next one
 * is that of the owner who holds the fewest, and of those the one that asked first: who
 * asks for many keeps nobody waiting for all of them.
 */
struct remote_turn {
	void (*run)(struct remote_turn *turn);
	uint64_t owner;
	/* Its own. */
	struct remote_turn *next;
	enum { TURN_NONE, TURN_WAITS, TURN_TAKEN } state;
};

void remote_take_turn(struct remote *remote, struct remote_turn *turn);
/* Whether it has come or not, or was never asked for. */
void remote_end_turn(struct remote *remote, struct remote_turn *turn);

/* An exchange */

#define REMOTE_LENGTH_UNKNOWN UINT64_MAX

enum remote_field {
	REMOTE_TYPE,
	REMOTE_ENCODING,
	REMOTE_DIGEST,
	REMOTE_REPR_DIGEST,
	REMOTE_CONTENT_DIGEST,
	REMOTE_CONTENT_MD5,
	REMOTE_FIELDS
};

/* Of an answer. */
struct remote_head {
	uint64_t length; /* as announced, or REMOTE_LENGTH_UNKNOWN */
	struct bytes field[REMOTE_FIELDS]; /* .p NULL: absent */
};

struct remote_request {
	const struct endpoint *endpoint; /* need not last */
	uint64_t time_ms; /* most that it may take */
	bool is_put;
	/* Of a PUT: what is sent, `length` bytes; NULL: nothing. The exchange closes it. */
	struct source *body;
	uint64_t length;
	bool md5_given;
	uint8_t md5[MD5_SIZE];
	struct bytes type, encoding; /* .p NULL: not told */
	/*
	 * GET: ERR_OK when the answer is 200 and its head is here. PUT: ERR_OK when the peer
	 * has everything and says so. ERR_TRANSFER_FAILED: the peer's or the network's
	 * fault; any other code is that of `body`.
	 */
	void (*answered)(void *arg, enum err err);
	void *arg;
};

struct remote_exchange;

/* ERR_TRANSFER_FAILED: the host is not listed. `body` is closed then, too. */
enum err remote_ask(struct remote *remote, const struct remote_request *request,
    struct remote_exchange **out, struct errinfo *why) ERR_CHECKED;
/* Why it was not answered with ERR_OK. */
const struct errinfo *remote_why(const struct remote_exchange *x);
/* End it, at any time; `answered` is not called any more. NULL is fine. */
void remote_drop(struct remote_exchange *x);

/* Of a GET that was answered; until it is dropped. */
const struct remote_head *remote_head(const struct remote_exchange *x);
/*
 * What the peer sends, as mirror_put_fill wants it: full pieces, but for the last. The
 * exchange passes over to the source and ends when that is closed. A body that is cut
 * off, too slow or too late is ERR_TRANSFER_FAILED; one that ends well has the length
 * that was announced.
 */
struct source *remote_body(struct remote_exchange *x);

#endif
