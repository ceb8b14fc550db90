/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_private - between the loop that drives libcurl and the exchanges.
 *
 *   loop ─► watched descriptor, timer ─► curl ─► on_header, on_body, on_read: take notes
 *                                          └──► over: deliver ─► answered, ready
 *   source_next, ready of a body ─► exchange: resume ─► kick ─► (next turn of the loop)
 *
 * So libcurl is never called from inside itself, and nobody else's code runs in there.
 */
#ifndef QUARTET_REMOTE_REMOTE_PRIVATE_H
#define QUARTET_REMOTE_REMOTE_PRIVATE_H

#include <curl/curl.h>

#include "service/core/arena.h"
#include "service/remote/address.h"
#include "service/remote/remote.h"

enum { REMOTE_MAGIC = 0x524d5445, EXCHANGE_MAGIC = 0x58434847 };

struct remote {
	uint32_t magic;
	struct remote_config config;
	CURLM *multi;
	struct loop_timer *curl_timer, *kick_timer;
	struct peer *peers;
	size_t n_peers;
	struct address_range *opened;
	size_t n_opened;
	struct str ca;
	struct remote_exchange *exchanges;
	struct remote_turn *waiting; /* oldest first */
	struct remote_turn *taken;
	unsigned n_taken;
};

struct remote_exchange {
	uint32_t magic;
	struct remote *remote;
	struct remote_exchange *next, **at;
	CURL *easy;
	struct curl_slist *headers;
	struct arena arena;
	char error[CURL_ERROR_SIZE];
	bool tried; /* an address that was allowed */
	struct errinfo refused; /* one that was not; its text counts if none was */
	struct errinfo why;
	void (*answered)(void *arg, enum err err);
	void *arg;
	bool is_put;
	bool judged; /* the answer's head is here, and it is a success */
	bool ended; /* curl is through with it */
	bool told; /* `answered` was called */
	bool paused, resume;
	/* The answer */
	struct remote_head head;
	size_t head_bytes;
	bool is_coded; /* what Content-Length says does not count */
	/* GET */
	struct source source;
	bool pulled; /* from now on pieces are taken */
	bool wanted; /* ready is owed */
	struct piece *piece; /* being filled; NULL: none */
	size_t filled, skip; /* skip: bytes that curl will bring again, and we have */
	uint64_t received, piece_since_ms;
	bool is_slow;
	bool waits, dropped; /* for a piece; the struct goes when that comes */
	struct pool_waiter waiter;
	/* PUT */
	struct source *body;
	struct slice slice; /* of it; .n 0: none */
	uint64_t sent, length;
};

/* Have the loop look after the exchanges soon. */
void remote_kick(struct remote *remote);

/* exchange.c, for remote.c: what happened in curl, to who waits for it. */
bool exchange_has_news(const struct remote_exchange *x);
/* May be the end of any exchange. */
void exchange_deliver(struct remote_exchange *x);
void exchange_resume(struct remote_exchange *x);
void exchange_end(struct remote_exchange *x, CURLcode code);

#endif
