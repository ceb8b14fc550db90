/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - one HTTP answer as it arrives.
 *
 * Order: reply_begin -> reply_feed until `done` -> reply_begin for the next.
 * Nothing of the body is kept but its length, and its first bytes for a message.
 * Behind this header stands http-parser.
 */
#ifndef QUARTET_BENCH_REPLY_H
#define QUARTET_BENCH_REPLY_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_TEXT_SIZE = 200 };

struct reply {
	http_parser parser;
	bool head_only, done, keep_alive;
	unsigned status;
	uint64_t body_n;
	char text[REPLY_TEXT_SIZE]; /* the body's beginning, NUL-terminated */
	size_t text_n;
	/* The Digest header (RFC 3230), when asked for. */
	bool want_digest, in_value;
	char name[16], digest[96];
	size_t name_n, digest_n;
};

/* `head_only`: the answer to a HEAD. */
void reply_begin(struct reply *r, bool head_only, bool want_digest);

/* False: not HTTP, or bytes beyond the end of the answer. */
bool reply_feed(struct reply *r, const char *p, size_t n);

/* The server closed: false if the answer was to go on. */
bool reply_end(struct reply *r);

#endif
