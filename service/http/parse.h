/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - HTTP/1.1 messages (RFC 9112): a request head as a plain struct, and the
 * decoding of chunked bodies. The grammar is http-parser's; what that library lets pass
 * and a server had better not (bare LF, folded lines, blanks before a colon, odd
 * versions, a missing Host) is refused here.
 *
 * Order, for each request of a connection: http_parse_head with a whole head, then, for a
 * chunked body, http_parse_chunks until *ended_out. Thread: one at a time per object.
 */
#ifndef QUARTET_HTTP_PARSE_H
#define QUARTET_HTTP_PARSE_H

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_PUT = 4,
	METHOD_POST = 8,
	METHOD_DELETE = 16,
	METHOD_OTHER = 32,
};

struct http_header {
	struct bytes name, value; /* value without blanks at its ends */
};

struct http_head {
	enum method method;
	struct bytes method_name;
	struct bytes path; /* raw, begins with '/' */
	struct bytes query; /* raw, without '?'; .p NULL when there is none */
	const struct http_header *header;
	size_t n_headers;
	unsigned minor; /* HTTP/1.minor */
	bool keep_alive;
	bool expect_continue;
	bool chunked;
	uint64_t length; /* of the body, when not chunked; 0 without Content-Length */
	bool length_given;
};

struct http_limits {
	size_t head_max, target_max;
};

struct http_parse;

struct http_parse *http_parse_new(void); /* NULL: no memory */
void http_parse_free(struct http_parse *p);

/*
 * Where the head at the front of `text` ends, the empty line included; 0: not yet.
 * *scanned (0 at first) remembers what was looked at, for the next call with more text.
 */
size_t http_head_end(struct bytes text, size_t *scanned);

/*
 * Parse the head `text`, which ends with its empty line. Everything in *out points into
 * `text` or the arena. ERR_BAD_REQUEST, ERR_URI_TOO_LONG, ERR_HEAD_TOO_LARGE,
 * ERR_HTTP_VERSION, ERR_CODING, ERR_EXPECTATION with what was wrong.
 */
enum err http_parse_head(struct http_parse *p, struct bytes text,
    const struct http_limits *limits, struct arena *a, struct http_head *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Decode chunked bytes in place: of `n` bytes at `at`, *used_out were consumed, and the
 * body bytes among them were moved together to the front, *body_out of them. After the
 * last chunk *ended_out is set, and what follows was not touched.
 */
enum err http_parse_chunks(struct http_parse *p, char *at, size_t n, size_t *used_out,
    size_t *body_out, bool *ended_out, struct errinfo *why) ERR_CHECKED;

/* The value of a header, .p NULL when it is absent. The first one, if repeated. */
struct bytes http_header(const struct http_head *head, const char *name);

#endif
