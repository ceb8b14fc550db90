/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that sees http-parser's header (one that llhttp could replace).
 */
#include "service/http/parse.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"

enum { HEADERS_MAX = 128 };

struct http_parse {
	http_parser parser;
	/* While a head is parsed. */
	struct http_head *head;
	struct http_header header[HEADERS_MAX];
	size_t n_headers;
	bool after_value; /* the next field bytes begin a new header */
	struct bytes target;
	bool complete;
	bool too_many;
	/* While chunks are decoded. */
	char *to;
	const char *framing; /* what of it was not looked at begins here */
	char due; /* the only byte that may come next in the framing; 0: any */
	uint64_t chunk_left;
	bool misframed;
};

struct http_parse *
http_parse_new(void)
{
	return calloc(1, sizeof(struct http_parse));
}

void
http_parse_free(struct http_parse *p)
{
	free(p);
}

static struct http_parse *
of(http_parser *parser)
{
	return parser->data;
}

static int
on_url(http_parser *parser, const char *at, size_t n)
{
	struct http_parse *p = of(parser);

	if (p->target.n == 0)
		p->target.p = at;
	p->target.n += n;
	return 0;
}

static int
on_field(http_parser *parser, const char *at, size_t n)
{
	struct http_parse *p = of(parser);

	if (p->head == NULL) /* a trailer: read over */
		return 0;
	if (p->n_headers == 0 || p->after_value) {
		if (p->n_headers == HEADERS_MAX) {
			p->too_many = true;
			return 1;
		}
		p->header[p->n_headers++] = (struct http_header){{at, 0}, {"", 0}};
		p->after_value = false;
	}
	p->header[p->n_headers - 1].name.n += n;
	return 0;
}

static int
on_value(http_parser *parser, const char *at, size_t n)
{
	struct http_parse *p = of(parser);
	struct bytes *value;

	if (p->head == NULL)
		return 0;
	value = &p->header[p->n_headers - 1].value;
	if (!p->after_value)
		*value = (struct bytes){at, 0};
	p->after_value = true;
	value->n += n;
	return 0;
}

static int
on_head_complete(http_parser *parser)
{
	of(parser)->complete = true;
	return 0;
}

/*
 * The library as packaged takes any two bytes for the CRLF behind a chunk, and any one
 * for an LF. Sizes, extensions and trailers pass here: CR and LF come in pairs or not
 * at all.
 */
static bool
check_framing(struct http_parse *p, const char *end)
{
	for (; p->framing < end; p->framing++) {
		char c = *p->framing;

		if (p->due != '\0' ? c != p->due : c == '\n' || c == '\0') {
			p->misframed = true;
			return false;
		}
		p->due = c == '\r' ? '\n' : '\0';
	}
	return true;
}

static int
on_chunk_header(http_parser *parser)
{
	of(parser)->chunk_left = parser->content_length;
	return 0;
}

static int
on_body(http_parser *parser, const char *at, size_t n)
{
	struct http_parse *p = of(parser);

	if (!check_framing(p, at))
		return 1;
	p->framing = at + n;
	p->chunk_left -= n;
	if (p->chunk_left == 0)
		p->due = '\r';
	(void)memmove(p->to, at, n);
	p->to += n;
	return 0;
}

static int
on_message_complete(http_parser *parser)
{
	struct http_parse *p = of(parser);

	/* A head without a body is complete at once: nothing to stop then. */
	if (p->head == NULL)
		http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

size_t
http_head_end(struct bytes text, size_t *scanned)
{
	/* Empty lines before a request are tolerated (RFC 9112 2.2), so "end" is the
	 * first empty line after some other one. */
	size_t start = 0, from;
	const char *at;

	while (start + 1 < text.n && text.p[start] == '\r' && text.p[start + 1] == '\n')
		start += 2;
	from = *scanned > start + 3 ? *scanned - 3 : start;
	if (text.n <= from)
		return 0;
	at = memmem(text.p + from, text.n - from, "\r\n\r\n", 4);
	if (at != NULL)
		return (size_t)(at - text.p) + 4;
	*scanned = text.n;
	return 0;
}

/* What http-parser tolerates between the lines. */
static enum err
check_lines(struct bytes text, struct errinfo *why)
{
	bool line_start = false; /* of a header line: the request line is the parser's */

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\0')
			return errinfo_set(
			    why, ERR_BAD_REQUEST, "NUL in the request head");
		if (c == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			return errinfo_set(
			    why, ERR_BAD_REQUEST, "LF without CR in the request head");
		if (c == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n'))
			return errinfo_set(
			    why, ERR_BAD_REQUEST, "CR without LF in the request head");
		if (line_start && (c == ' ' || c == '\t'))
			return errinfo_set(why, ERR_BAD_REQUEST, "folded header line");
		line_start = c == '\n';
	}
	return ERR_OK;
}

/* RFC 9110 5.6.2 */
static bool
is_token(struct bytes text)
{
	static const struct bytes marks = {"!#$%&'*+-.^_`|~", 15};

	for (size_t i = 0; i < text.n; i++) {
		char c = bytes_lower(text.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    bytes_find(marks, c) == marks.n)
			return false;
	}
	return text.n > 0;
}

/* "GET /path HTTP/1.1": one blank each, a visible target, a version we speak. */
static enum err
check_request_line(
    struct bytes text, const struct http_limits *limits, struct errinfo *why)
{
	struct bytes line = {text.p, bytes_find(text, '\r')};
	size_t first = bytes_find(line, ' ');
	struct bytes rest =
	    first == line.n ? (struct bytes){line.p, 0} : bytes_skip(line, first + 1);
	size_t second = bytes_find(rest, ' ');
	struct bytes target = {rest.p, second};
	struct bytes version =
	    second == rest.n ? (struct bytes){rest.p, 0} : bytes_skip(rest, second + 1);

	if (!is_token((struct bytes){line.p, first}) || target.n == 0 || version.n == 0)
		return errinfo_set(why, ERR_BAD_REQUEST, "malformed request line");
	if (target.n > limits->target_max)
		return errinfo_set(why, ERR_URI_TOO_LONG,
		    "the target has %zu bytes, the limit is %zu", target.n,
		    limits->target_max);
	for (size_t i = 0; i < target.n; i++)
		if ((unsigned char)target.p[i] <= ' ' || target.p[i] == 0x7f)
			return errinfo_set(why, ERR_BAD_REQUEST,
			    "control character in the request target");
	if (bytes_is(version, "HTTP/1.1") || bytes_is(version, "HTTP/1.0"))
		return ERR_OK;
	if (bytes_starts(version, BYTES("HTTP/")))
		return errinfo_set(why, ERR_HTTP_VERSION, "'%.*s' is not spoken here",
		    BYTES_ARG(version));
	return errinfo_set(why, ERR_BAD_REQUEST, "malformed request line");
}

/* Absolute form (RFC 9112 3.2.2) loses its scheme and authority. */
static enum err
split_target(struct bytes target, struct http_head *out, struct errinfo *why)
{
	size_t question;

	for (size_t i = 0; i < 2; i++) {
		struct bytes scheme = i == 0 ? BYTES("http://") : BYTES("https://");

		if (target.n >= scheme.n &&
		    bytes_caseeq((struct bytes){target.p, scheme.n}, scheme)) {
			target = bytes_skip(target, scheme.n);
			target = bytes_skip(target, bytes_find(target, '/'));
		}
	}
	if (target.n == 0 || target.p[0] != '/')
		return errinfo_set(
		    why, ERR_BAD_REQUEST, "the request target is not a path");
	/* Cut off there, it would name something else than the client meant. */
	if (bytes_find(target, '#') < target.n)
		return errinfo_set(
		    why, ERR_BAD_REQUEST, "fragment in the request target");
	question = bytes_find(target, '?');
	out->path = (struct bytes){target.p, question};
	out->query = question == target.n ? (struct bytes){NULL, 0}
					  : bytes_skip(target, question + 1);
	return ERR_OK;
}

static enum method
method_of(struct bytes name)
{
	static const struct {
		const char *name;
		enum method method;
	} methods[] = {{"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}, {"PUT", METHOD_PUT},
	    {"POST", METHOD_POST}, {"DELETE", METHOD_DELETE}};

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (bytes_is(name, methods[i].name))
			return methods[i].method;
	return METHOD_OTHER;
}

static enum err
check_headers(const struct http_parse *p, struct http_head *out, struct errinfo *why)
{
	unsigned hosts = 0, codings = 0;

	for (size_t i = 0; i < out->n_headers; i++) {
		const struct http_header *h = &out->header[i];

		if (h->name.n == 0 || bytes_find(h->name, ' ') < h->name.n ||
		    bytes_find(h->name, '\t') < h->name.n)
			return errinfo_set(
			    why, ERR_BAD_REQUEST, "blank in the name of a header");
		if (bytes_caseeq(h->name, BYTES("host"))) {
			hosts++;
		} else if (bytes_caseeq(h->name, BYTES("transfer-encoding"))) {
			codings++;
			if (!bytes_caseeq(h->value, BYTES("chunked")))
				return errinfo_set(why, ERR_CODING,
				    "transfer coding '%.*s'", BYTES_ARG(h->value));
		} else if (bytes_caseeq(h->name, BYTES("expect"))) {
			if (!bytes_caseeq(h->value, BYTES("100-continue")))
				return errinfo_set(why, ERR_EXPECTATION,
				    "expectation '%.*s'", BYTES_ARG(h->value));
			out->expect_continue = p->parser.http_minor >= 1;
		} else if (bytes_caseeq(h->name, BYTES("content-length"))) {
			out->length_given = true;
			if (!bytes_u64(h->value, &out->length))
				return errinfo_set(why, ERR_BAD_REQUEST,
				    "Content-Length '%.*s'", BYTES_ARG(h->value));
		}
	}
	if (codings > 1)
		return errinfo_set(why, ERR_CODING, "more than one transfer coding");
	if (codings == 1 && (out->length_given || p->parser.http_minor == 0))
		return errinfo_set(
		    why, ERR_BAD_REQUEST, "Transfer-Encoding where it may not be");
	if (hosts > 1 || (hosts == 0 && p->parser.http_minor >= 1))
		return errinfo_set(why, ERR_BAD_REQUEST,
		    hosts == 0 ? "no Host header" : "more than one Host header");
	out->chunked = codings == 1;
	/* The library and we must mean the same body. */
	if (out->chunked != ((p->parser.flags & F_CHUNKED) != 0))
		return errinfo_set(why, ERR_BAD_REQUEST, "unclear transfer coding");
	return ERR_OK;
}

static enum err
parser_failed(const struct http_parse *p, struct errinfo *why)
{
	enum http_errno code = HTTP_PARSER_ERRNO(&p->parser);

	if (p->too_many)
		return errinfo_set(
		    why, ERR_HEAD_TOO_LARGE, "more than %d headers", HEADERS_MAX);
	return errinfo_set(why, ERR_BAD_REQUEST, "%s", http_errno_description(code));
}

static void
start(struct http_parse *p, struct http_head *head)
{
	http_parser_init(&p->parser, HTTP_REQUEST);
	p->parser.data = p;
	p->head = head;
	p->n_headers = 0;
	p->after_value = p->complete = p->too_many = false;
	p->target = (struct bytes){NULL, 0};
	p->due = '\0';
	p->chunk_left = 0;
	p->misframed = false;
}

/*
 * The library knows its own list of methods, and more of some of them (CONNECT) than we
 * want: it sees every request as a GET.
 */
static size_t
execute(struct http_parse *p, struct bytes text, size_t method)
{
	size_t used = http_parser_execute(&p->parser, &callbacks, "GET", 3);

	if (used != 3)
		return 0;
	return method + http_parser_execute(
			    &p->parser, &callbacks, text.p + method, text.n - method);
}

enum err
http_parse_head(struct http_parse *p, struct bytes text, const struct http_limits *limits,
    struct arena *a, struct http_head *out, struct errinfo *why)
{
	struct http_header *headers;
	size_t used;
	enum err e;

	*out = (struct http_head){.method = METHOD_OTHER};
	while (text.n > 2 && text.p[0] == '\r' && text.p[1] == '\n')
		text = bytes_skip(text, 2);
	if (text.n > limits->head_max)
		return errinfo_set(why, ERR_HEAD_TOO_LARGE,
		    "the head has more than %zu bytes", limits->head_max);
	e = check_lines(text, why);
	if (e == ERR_OK)
		e = check_request_line(text, limits, why);
	if (e != ERR_OK)
		return e;
	start(p, out);
	out->method_name = (struct bytes){text.p, bytes_find(text, ' ')};
	out->method = method_of(out->method_name);
	used = execute(p, text, out->method_name.n);
	p->head = NULL;
	p->parser.upgrade = 0; /* one that we do not offer */
	if (used != text.n || !p->complete)
		return parser_failed(p, why);
	headers = arena_array(a, struct http_header, p->n_headers + 1);
	if (headers == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the request head");
	for (size_t i = 0; i < p->n_headers; i++)
		headers[i] = (struct http_header){
		    p->header[i].name, bytes_trim(p->header[i].value)};
	out->header = headers;
	out->n_headers = p->n_headers;
	out->minor = p->parser.http_minor;
	e = check_headers(p, out, why);
	if (e == ERR_OK)
		e = split_target(p->target, out, why);
	out->keep_alive = http_should_keep_alive(&p->parser) != 0;
	return e;
}

enum err
http_parse_chunks(struct http_parse *p, char *at, size_t n, size_t *used_out,
    size_t *body_out, bool *ended_out, struct errinfo *why)
{
	enum http_errno code;

	p->to = at;
	p->framing = at;
	*used_out = http_parser_execute(&p->parser, &callbacks, at, n);
	*body_out = (size_t)(p->to - at);
	code = HTTP_PARSER_ERRNO(&p->parser);
	if (p->misframed ||
	    ((code == HPE_OK || code == HPE_PAUSED) && !check_framing(p, at + *used_out)))
		return errinfo_set(why, ERR_BAD_REQUEST,
		    "chunked body: CR and LF not where they belong");
	if (code != HPE_OK && code != HPE_PAUSED)
		return errinfo_set(why, ERR_BAD_REQUEST, "chunked body: %s",
		    http_errno_description(code));
	*ended_out = code == HPE_PAUSED;
	return ERR_OK;
}

struct bytes
http_header(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_headers; i++)
		if (bytes_caseeq(head->header[i].name, bytes_of(name)))
			return head->header[i].value;
	return (struct bytes){NULL, 0};
}
