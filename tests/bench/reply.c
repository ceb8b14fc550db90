/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/reply.h"

#include <string.h>
#include <strings.h>

/* Append to a short text; what does not fit is cut. */
static void
add(char *to, size_t room, size_t *n, const char *p, size_t more)
{
	size_t fits = room - 1 - *n;

	if (more < fits)
		fits = more;
	memcpy(to + *n, p, fits);
	*n += fits;
	to[*n] = '\0';
}

/* A name may come in several calls, and so may a value; the first of each is told apart
 * by what came before. */
static int
header_name(http_parser *parser, const char *p, size_t n)
{
	struct reply *r = parser->data;

	if (r->in_value)
		r->name_n = 0;
	r->in_value = false;
	add(r->name, sizeof r->name, &r->name_n, p, n);
	return 0;
}

static int
header_value(http_parser *parser, const char *p, size_t n)
{
	struct reply *r = parser->data;

	r->in_value = true;
	if (strcasecmp(r->name, "digest") == 0)
		add(r->digest, sizeof r->digest, &r->digest_n, p, n);
	return 0;
}

static int
headers_complete(http_parser *parser)
{
	struct reply *r = parser->data;

	return r->head_only ? 1 : 0;
}

static int
body(http_parser *parser, const char *p, size_t n)
{
	struct reply *r = parser->data;

	if (r->text_n < sizeof r->text - 1)
		add(r->text, sizeof r->text, &r->text_n, p, n);
	r->body_n += n;
	return 0;
}

static int
message_complete(http_parser *parser)
{
	struct reply *r = parser->data;

	/* RFC 9110 15.2: an interim answer announces another one. */
	if (parser->status_code / 100 == 1)
		return 0;
	r->status = parser->status_code;
	r->keep_alive = http_should_keep_alive(parser) != 0;
	r->done = true;
	/* One request at a time: whatever follows is a fault of the server. */
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings plain_settings = {
    .on_headers_complete = headers_complete,
    .on_body = body,
    .on_message_complete = message_complete,
};

static const http_parser_settings digest_settings = {
    .on_header_field = header_name,
    .on_header_value = header_value,
    .on_headers_complete = headers_complete,
    .on_body = body,
    .on_message_complete = message_complete,
};

void
reply_begin(struct reply *r, bool head_only, bool want_digest)
{
	http_parser_init(&r->parser, HTTP_RESPONSE);
	r->parser.data = r;
	r->head_only = head_only;
	r->done = r->keep_alive = false;
	r->status = 0;
	r->body_n = 0;
	r->text[0] = '\0';
	r->text_n = 0;
	r->want_digest = want_digest;
	r->in_value = false;
	r->name[0] = r->digest[0] = '\0';
	r->name_n = r->digest_n = 0;
}

bool
reply_feed(struct reply *r, const char *p, size_t n)
{
	size_t used;

	if (r->done)
		return n == 0;
	used = http_parser_execute(
	    &r->parser, r->want_digest ? &digest_settings : &plain_settings, p, n);
	if (!r->done)
		return used == n && HTTP_PARSER_ERRNO(&r->parser) == HPE_OK;
	return used == n;
}

bool
reply_end(struct reply *r)
{
	if (!r->done)
		(void)http_parser_execute(&r->parser, &plain_settings, NULL, 0);
	return r->done;
}
