/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "service/http/parse.h"

static const struct http_limits limits = {.head_max = 32 * 1024, .target_max = 4096};

static struct {
	struct http_parse *parse;
	struct arena arena;
	struct http_head head;
	struct errinfo why;
} at;

static int
set_up(void **state)
{
	(void)state;
	at.parse = http_parse_new();
	arena_init(&at.arena, 1 << 20);
	return at.parse == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	http_parse_free(at.parse);
	arena_release(&at.arena);
	return 0;
}

static enum err
parse_bytes(struct bytes text)
{
	at.why = (struct errinfo){.code = ERR_OK};
	return http_parse_head(at.parse, text, &limits, &at.arena, &at.head, &at.why);
}

static enum err
parse(const char *text)
{
	return parse_bytes(bytes_of(text));
}

#define HOST "Host: h\r\n"

static void
a_whole_head_is_taken_apart(void **state)
{
	(void)state;
	assert_ok(parse("GET /a%20b/c?x=1&y HTTP/1.1\r\nHost: h:1\r\n"
			"X-Empty:\r\nX-Blanks: \t v w \t\r\n\r\n"),
	    &at.why);
	assert_int_equal(at.head.method, METHOD_GET);
	assert_bytes(at.head.method_name, "GET");
	assert_bytes(at.head.path, "/a%20b/c");
	assert_bytes(at.head.query, "x=1&y");
	assert_int_equal(at.head.n_headers, 3);
	assert_bytes(http_header(&at.head, "host"), "h:1");
	assert_bytes(http_header(&at.head, "X-EMPTY"), "");
	assert_bytes(http_header(&at.head, "x-blanks"), "v w");
	assert_null(http_header(&at.head, "x-none").p);
	assert_int_equal(at.head.minor, 1);
	assert_true(at.head.keep_alive);
	assert_false(at.head.chunked || at.head.length_given || at.head.expect_continue);
	assert_int_equal(at.head.length, 0);
}

static void
a_query_may_be_empty_or_absent(void **state)
{
	(void)state;
	assert_ok(parse("GET /? HTTP/1.1\r\n" HOST "\r\n"), &at.why);
	assert_non_null(at.head.query.p);
	assert_int_equal(at.head.query.n, 0);
	assert_ok(parse("GET / HTTP/1.1\r\n" HOST "\r\n"), &at.why);
	assert_null(at.head.query.p);
}

static void
methods_are_told_apart_exactly(void **state)
{
	static const struct {
		const char *name;
		enum method method;
	} rows[] = {{"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}, {"PUT", METHOD_PUT},
	    {"POST", METHOD_POST}, {"DELETE", METHOD_DELETE}, {"OPTIONS", METHOD_OTHER},
	    {"PATCH", METHOD_OTHER}, {"TRACE", METHOD_OTHER}, {"get", METHOD_OTHER},
	    {"BREW", METHOD_OTHER}, {"X-Y_1", METHOD_OTHER}, {"M-SEARCH", METHOD_OTHER}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[80];

		(void)snprintf(
		    text, sizeof text, "%s /p HTTP/1.1\r\n" HOST "\r\n", rows[i].name);
		assert_ok(parse(text), &at.why);
		assert_int_equal(at.head.method, rows[i].method);
		assert_true(bytes_is(at.head.method_name, rows[i].name));
		assert_bytes(at.head.path, "/p");
	}
}

static void
persistence_follows_version_and_connection_header(void **state)
{
	(void)state;
	assert_ok(parse("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), &at.why);
	assert_false(at.head.keep_alive);
	assert_ok(
	    parse("GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n"), &at.why);
	assert_false(at.head.keep_alive);
	assert_ok(parse("GET / HTTP/1.0\r\n\r\n"), &at.why);
	assert_false(at.head.keep_alive);
	assert_int_equal(at.head.minor, 0);
	assert_ok(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &at.why);
	assert_true(at.head.keep_alive);
}

static void
absolute_form_loses_scheme_and_authority(void **state)
{
	(void)state;
	assert_ok(parse("GET http://other:80/a/b?c HTTP/1.1\r\n" HOST "\r\n"), &at.why);
	assert_bytes(at.head.path, "/a/b");
	assert_bytes(at.head.query, "c");
	assert_ok(parse("GET HTTPS://u/ HTTP/1.1\r\n" HOST "\r\n"), &at.why);
	assert_bytes(at.head.path, "/");
}

static void
bodies_are_announced_by_length_or_chunks(void **state)
{
	(void)state;
	assert_ok(parse("PUT / HTTP/1.1\r\n" HOST "Content-Length: 12\r\n\r\n"), &at.why);
	assert_true(at.head.length_given);
	assert_int_equal(at.head.length, 12);
	assert_ok(parse("PUT / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), &at.why);
	assert_true(at.head.length_given);
	assert_ok(parse("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED \r\n\r\n"),
	    &at.why);
	assert_true(at.head.chunked);
	assert_false(at.head.length_given);
}

static void
only_100_continue_can_be_expected(void **state)
{
	(void)state;
	assert_ok(
	    parse("PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n"), &at.why);
	assert_true(at.head.expect_continue);
	assert_ok(parse("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), &at.why);
	assert_false(at.head.expect_continue);
	assert_err(
	    parse("PUT / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n"), ERR_EXPECTATION);
}

static void
empty_lines_before_a_request_are_skipped(void **state)
{
	(void)state;
	assert_ok(parse("\r\n\r\nGET /x HTTP/1.1\r\n" HOST "\r\n"), &at.why);
	assert_bytes(at.head.path, "/x");
}

static void
an_upgrade_is_not_taken_up(void **state)
{
	(void)state;
	assert_ok(parse("GET /u HTTP/1.1\r\n" HOST
			"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
	    &at.why);
	assert_bytes(at.head.path, "/u");
	assert_ok(parse("GET / HTTP/1.1\r\n" HOST "\r\n"), &at.why);
}

/* What a lenient reader might take one way and a proxy before it another. */
static void
malformed_heads_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} rows[] = {
	    {"GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST "X Y: a\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET /  HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_HTTP_VERSION},
	    {"GET /\tx HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {" GET / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"G(T / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET /\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET\r\n\r\n", ERR_BAD_REQUEST},
	    {"GET / HTTP/1.2\r\n" HOST "\r\n", ERR_HTTP_VERSION},
	    {"GET / HTTP/2.0\r\n" HOST "\r\n", ERR_HTTP_VERSION},
	    {"PRI * HTTP/2.0\r\n\r\n", ERR_HTTP_VERSION},
	    {"GET / HTTP/0.9\r\n\r\n", ERR_HTTP_VERSION},
	    {"GET / http/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET / FTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET relative HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET http://h HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"GET ftp://h/x HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"CONNECT h:443 HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
		ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST
	     "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST
	     "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\t\r\n\r\n",
		ERR_BAD_REQUEST},
	    {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_BAD_REQUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum err e = parse(rows[i].text);

		if (e != rows[i].err)
			fail_msg("row %zu: %s instead of %s (%s): %s", i, err_fault(e),
			    err_fault(rows[i].err), errinfo_text(&at.why), rows[i].text);
		assert_true(at.why.text[0] != '\0');
	}
}

static void
other_codings_are_not_implemented(void **state)
{
	(void)state;
	assert_err(
	    parse("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	    ERR_CODING);
	assert_err(
	    parse("PUT / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	    ERR_CODING);
}

static void
a_nul_in_the_head_is_refused(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
	static const char target[] = "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n";

	(void)state;
	assert_err(parse_bytes((struct bytes){text, sizeof text - 1}), ERR_BAD_REQUEST);
	assert_err(
	    parse_bytes((struct bytes){target, sizeof target - 1}), ERR_BAD_REQUEST);
}

static char *
repeat(const char *front, const char *middle, size_t n, const char *back)
{
	size_t room = strlen(front) + n * strlen(middle) + strlen(back) + 1;
	char *text = malloc(room), *to = text;

	assert_non_null(text);
	to += snprintf(to, room, "%s", front);
	for (size_t i = 0; i < n; i++)
		to += snprintf(to, room, "%s", middle);
	(void)snprintf(to, room, "%s", back);
	return text;
}

static void
sizes_have_their_own_answers(void **state)
{
	char *target =
	    repeat("GET /", "a", limits.target_max, " HTTP/1.1\r\n" HOST "\r\n");
	char *fits =
	    repeat("GET /", "a", limits.target_max - 1, " HTTP/1.1\r\n" HOST "\r\n");
	char *many = repeat("GET / HTTP/1.1\r\n" HOST, "a: b\r\n", 200, "\r\n");
	char *large =
	    repeat("GET / HTTP/1.1\r\n" HOST "A: ", "a", limits.head_max, "\r\n\r\n");

	(void)state;
	assert_err(parse(target), ERR_URI_TOO_LONG);
	assert_ok(parse(fits), &at.why);
	assert_err(parse(many), ERR_HEAD_TOO_LARGE);
	assert_err(parse(large), ERR_HEAD_TOO_LARGE);
	free(target);
	free(fits);
	free(many);
	free(large);
}

static void
the_end_of_a_head_is_found_however_it_arrives(void **state)
{
	static const char text[] =
	    "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nbody\r\n\r\n";
	size_t end = strlen("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");

	(void)state;
	for (size_t step = 1; step < sizeof text; step++) {
		size_t scanned = 0, have = 0, found = 0;

		while (found == 0) {
			have =
			    have + step < sizeof text - 1 ? have + step : sizeof text - 1;
			found = http_head_end((struct bytes){text, have}, &scanned);
			assert_true(found != 0 || have < end);
		}
		assert_int_equal(found, end);
	}
}

/* Chunks */

enum { BODY_ROOM = 4096 };

/* Decode `text` cut into parts of `step` bytes; *rest_out is what was not consumed. */
static enum err
decode(const char *text, size_t n, size_t step, struct bytes *body_out, size_t *rest_out,
    bool *ended_out)
{
	static char body[BODY_ROOM];
	size_t got = 0;
	bool ended = false;

	assert_ok(parse("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
	    &at.why);
	while (n > 0 && !ended) {
		size_t part = step < n ? step : n, used, out;
		char *heap = malloc(part); /* so that a sanitizer sees its end */
		enum err e;

		assert_non_null(heap);
		(void)memcpy(heap, text, part);
		e = http_parse_chunks(at.parse, heap, part, &used, &out, &ended, &at.why);
		if (e != ERR_OK) {
			free(heap);
			return e;
		}
		assert_true(used <= part && out <= used && got + out <= BODY_ROOM);
		(void)memcpy(body + got, heap, out);
		free(heap);
		got += out;
		text += used;
		n -= used;
		assert_true(ended || used == part);
	}
	*body_out = (struct bytes){body, got};
	*rest_out = n;
	*ended_out = ended;
	return ERR_OK;
}

static void
chunks_are_decoded_however_they_arrive(void **state)
{
	static const char text[] =
	    "5\r\nhello\r\n1;ext=\"v\"\r\n \r\n00A;x\r\n0123456789\r\n"
	    "0\r\nTrailer: t\r\nOther: o\r\n\r\nGET /next";

	(void)state;
	for (size_t step = 1; step <= sizeof text; step++) {
		struct bytes body;
		size_t rest;
		bool ended;

		assert_ok(
		    decode(text, sizeof text - 1, step, &body, &rest, &ended), &at.why);
		assert_true(ended);
		assert_bytes(body, "hello 0123456789");
		assert_true(rest >= strlen("GET /next"));
		assert_true(rest < strlen("GET /next") + step);
	}
}

static void
nothing_behind_the_last_chunk_is_consumed(void **state)
{
	static const char text[] = "1\r\nx\r\n0\r\n\r\nGET /";
	struct bytes body;
	size_t rest;
	bool ended;

	(void)state;
	assert_ok(
	    decode(text, sizeof text - 1, sizeof text, &body, &rest, &ended), &at.why);
	assert_int_equal(rest, 5);
}

static void
broken_chunks_are_refused(void **state)
{
	static const char *const rows[] = {
	    "x\r\n",
	    "-1\r\n",
	    "+1\r\nx\r\n",
	    "0x1\r\nx\r\n",
	    "\r\nx\r\n",
	    ";ext\r\n",
	    "5\nhello\n",
	    "5\rXhello\r\n",
	    "5\r\nhelloXX0\r\n\r\n",
	    "5\r\nhello\n\n0\r\n\r\n",
	    "5\r\nhello\r\r0\r\n\r\n",
	    "5\r\nhello0\r\n\r\n",
	    "5;a\nb\r\nhello\r\n",
	    "5;a\rb\r\nhello\r\n",
	    "10000000000000000\r\n",
	    "ffffffffffffffffff\r\n",
	    "0\r\nTrailer: t\n\r\n",
	    "0\r\nTrailer\r\n\r\n",
	    "0\r\n\rX",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step <= strlen(rows[i]); step++) {
			struct bytes body;
			size_t rest;
			bool ended = false;
			enum err e =
			    decode(rows[i], strlen(rows[i]), step, &body, &rest, &ended);

			if (e != ERR_BAD_REQUEST)
				fail_msg("row %zu, by %zu: accepted, ended %d", i, step,
				    ended);
		}
}

static void
a_parser_is_as_good_as_new_after_a_broken_body(void **state)
{
	struct bytes body;
	size_t rest;
	bool ended;

	(void)state;
	assert_err(decode("zz", 2, 2, &body, &rest, &ended), ERR_BAD_REQUEST);
	assert_ok(decode("1\r\nx\r\n0\r\n\r\n", 11, 3, &body, &rest, &ended), &at.why);
	assert_true(ended);
	assert_bytes(body, "x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_head_is_taken_apart),
	    cmocka_unit_test(a_query_may_be_empty_or_absent),
	    cmocka_unit_test(methods_are_told_apart_exactly),
	    cmocka_unit_test(persistence_follows_version_and_connection_header),
	    cmocka_unit_test(absolute_form_loses_scheme_and_authority),
	    cmocka_unit_test(bodies_are_announced_by_length_or_chunks),
	    cmocka_unit_test(only_100_continue_can_be_expected),
	    cmocka_unit_test(empty_lines_before_a_request_are_skipped),
	    cmocka_unit_test(an_upgrade_is_not_taken_up),
	    cmocka_unit_test(malformed_heads_are_refused),
	    cmocka_unit_test(other_codings_are_not_implemented),
	    cmocka_unit_test(a_nul_in_the_head_is_refused),
	    cmocka_unit_test(sizes_have_their_own_answers),
	    cmocka_unit_test(the_end_of_a_head_is_found_however_it_arrives),
	    cmocka_unit_test(chunks_are_decoded_however_they_arrive),
	    cmocka_unit_test(nothing_behind_the_last_chunk_is_consumed),
	    cmocka_unit_test(broken_chunks_are_refused),
	    cmocka_unit_test(a_parser_is_as_good_as_new_after_a_broken_body),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
