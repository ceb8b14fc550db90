/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/conn_rig.h"

#define HOST "Host: h\r\n"

static void
requests_follow_each_other_on_one_connection(void **state)
{
	(void)state;
	connect_client();
	for (int i = 0; i < 3; i++) {
		say("GET / HTTP/1.1\r\n" HOST "\r\n");
		expect_answer(200, "hello");
		assert_true(head_has("\r\nConnection: keep-alive\r\n"));
		assert_true(head_has("\r\nServer: quartet/"));
		assert_true(head_has("\r\nDate: "));
	}
	await(&rig.overs, 3);
	assert_int_equal(rig.sent, 5);
	assert_int_equal(rig.connections, 1);
}

static void
a_head_may_come_byte_by_byte(void **state)
{
	const char *text = "\r\nGET / HTTP/1.1\r\n" HOST "\r\n";

	(void)state;
	connect_client();
	for (size_t i = 0; text[i] != '\0'; i++)
		say_bytes(text + i, 1);
	expect_answer(200, "hello");
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	connect_client();
	say("POST /text HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
	    "GET / HTTP/1.1\r\n" HOST "\r\n"
	    "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthree"
	    "PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfour"
	    "GET /feed?sls HTTP/1.1\r\n" HOST "\r\n"
	    "GET /last HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "one");
	expect_answer(200, "hello");
	expect_answer(200, "three");
	expect_answer(403, "refused");
	expect_head(200);
	expect_text("8\r\n" SLICE_TEXT "\r\n8\r\n" SLICE_TEXT "\r\n0\r\n\r\n");
	expect_answer(200, "hello");
}

static void
a_long_pipeline_gives_others_a_turn(void **state)
{
	enum { MANY = 400 };
	struct str text;

	(void)state;
	str_init(&text, 1 << 20);
	for (int i = 0; i < MANY; i++)
		str_adds(&text, "GET / HTTP/1.1\r\n" HOST "\r\n");
	connect_client();
	say_bytes(text.p, text.n);
	for (int i = 0; i < MANY; i++)
		expect_answer(200, "hello");
	str_release(&text);
}

static void
connection_close_and_http_1_0_end_it(void **state)
{
	static const char *const requests[] = {
	    "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
	    "GET / HTTP/1.0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		connect_client();
		say(requests[i]);
		expect_answer(200, "hello");
		assert_true(head_has("\r\nConnection: close\r\n"));
		expect_end();
		hang_up();
	}
	connect_client();
	say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	expect_answer(200, "hello");
	say("GET / HTTP/1.0\r\n\r\n");
	expect_answer(200, "hello");
	expect_end();
}

static void
what_is_pipelined_behind_a_close_does_not_reset_the_answer(void **state)
{
	(void)state;
	connect_client();
	say("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET / HTTP/1.1\r\n" HOST
	    "\r\n");
	expect_answer(200, "hello");
	expect_end();
	say("and more");
	assert_int_equal(rig.requests, 1);
}

static void
head_has_the_length_and_no_body(void **state)
{
	(void)state;
	connect_client();
	say("HEAD / HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	assert_true(head_has("\r\nContent-Length: 5\r\n"));
	say("HEAD /sized?sss HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	assert_true(head_has("\r\nContent-Length: 24\r\n"));
	say("HEAD /feed?sss HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	assert_false(head_has("Content-Length") || head_has("chunked"));
	assert_true(head_has("\r\nConnection: keep-alive\r\n"));
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
	assert_int_equal(rig.slices, 0);
}

static void
no_content_has_no_length(void **state)
{
	(void)state;
	connect_client();
	say("GET /empty HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
	expect_head(204);
	assert_false(head_has("Content-Length"));
	expect_answer(200, "hello");
}

/* Bodies in */

static void
bodies_come_as_text_or_source_fixed_or_chunked(void **state)
{
	static const char *const paths[] = {"/text", "/echo"};

	(void)state;
	connect_client();
	for (size_t i = 0; i < 2; i++) {
		char text[200];

		(void)snprintf(text, sizeof text,
		    "POST %s HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", paths[i]);
		say(text);
		say("hello ");
		say("world");
		expect_answer(200, "hello world");
		(void)snprintf(text, sizeof text,
		    "POST %s HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n6\r\nhel",
		    paths[i]);
		say(text);
		say("lo \r\n5");
		say("\r\nworld\r\n0\r\n");
		say("Trailer: x\r\n\r\n");
		expect_answer(200, "hello world");
		(void)snprintf(text, sizeof text,
		    "POST %s HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", paths[i]);
		say(text);
		expect_answer(200, "");
	}
}

static void
a_large_body_passes_through_few_pieces(void **state)
{
	enum { SIZE = 3 * 1000 * 1000 };
	char *body = malloc(SIZE + 1);

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)('a' + i % 23);
	body[SIZE] = '\0';
	connect_client();
	say("PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n");
	say_bytes(body, SIZE);
	expect_head(200);
	need(SIZE);
	assert_memory_equal(rig.heard, body, SIZE);
	/* Full pieces, so that whole blocks reach the disks. */
	assert_int_equal(rig.slices, (SIZE + PIECE_LARGE_SIZE - 1) / PIECE_LARGE_SIZE);
	free(body);
}

static void
a_text_has_its_limit_to_the_byte(void **state)
{
	char body[TEXT_LIMIT + 2];
	char head[100];

	(void)state;
	(void)memset(body, 'x', sizeof body);
	for (size_t over = 0; over < 2; over++) {
		size_t n = TEXT_LIMIT + over;

		connect_client();
		(void)snprintf(head, sizeof head,
		    "POST /text HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n);
		say(head);
		say_bytes(body, n);
		expect_head(over ? 413 : 200);
		hang_up();
		rig.n_heard = 0;
		connect_client();
		(void)snprintf(head, sizeof head,
		    "POST /text HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
		    n);
		say(head);
		say_bytes(body, n);
		say("\r\n0\r\n\r\n");
		expect_head(over ? 413 : 200);
		hang_up();
		rig.n_heard = 0;
	}
}

static void
one_hundred_continue_waits_for_who_wants_the_body(void **state)
{
	(void)state;
	connect_client();
	say("POST /text HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	expect_text("HTTP/1.1 100 Continue\r\n\r\n");
	say("ok");
	expect_answer(200, "ok");
	say("PUT /echo HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect_text("HTTP/1.1 100 Continue\r\n\r\n");
	say("2\r\nok\r\n0\r\n\r\n");
	expect_answer(200, "ok");
	/* Without a body there is nothing to go on with. */
	say("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n");
	expect_answer(200, "hello");
	/* Who does not wait needs no word, and goes on. */
	say("POST /text HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok");
	expect_answer(200, "ok");
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
}

static void
a_refused_expectation_gets_its_answer_and_an_end(void **state)
{
	(void)state;
	connect_client();
	say("PUT /refuse HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
	expect_answer(403, "refused");
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_end();
	/* One that sends all the same is not reset. */
	say("123456789");
	await(&rig.overs, 1);
}

static void
a_refused_body_is_drained_before_the_end(void **state)
{
	static char block[64 * 1024];

	(void)state;
	connect_client();
	say("PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n");
	for (int i = 0; i < 16; i++)
		say_bytes(block, sizeof block);
	expect_answer(403, "refused");
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_end();
	hang_up();
	connect_client();
	say("PUT /first HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 16; i++) {
		say("10000\r\n");
		say_bytes(block, sizeof block);
		say("\r\n");
	}
	say("0\r\n\r\n");
	expect_answer(400, "BadRequest");
	expect_end();
}

static void
draining_has_a_limit(void **state)
{
	static char block[64 * 1024];
	ssize_t n = 0;

	(void)state;
	rig.group.drain_max = 128 * 1024;
	connect_client();
	say("PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 1000000000\r\n\r\n");
	for (int i = 0; i < 200 && n >= 0; i++)
		n = send(rig.fd, block, sizeof block, MSG_NOSIGNAL);
	assert_true(n < 0);
	await(&rig.connections, 0);
}

static void
a_body_that_breaks_off_is_told_to_its_taker(void **state)
{
	static const char *const requests[] = {
	    "POST /text HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
	    "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
	    "PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc",
	    "PUT /echo HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		rig.body_err = ERR_OK;
		connect_client();
		say(requests[i]);
		assert_int_equal(shutdown(rig.fd, SHUT_WR), 0);
		await(&rig.overs, i + 1);
		assert_int_equal(rig.body_err, ERR_CANCELLED);
		hang_up();
	}
}

static void
broken_chunks_are_answered(void **state)
{
	(void)state;
	connect_client();
	say("PUT /echo HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n");
	expect_answer(400, "BadRequest");
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_end();
	hang_up();
	connect_client();
	say("POST /text HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
	expect_answer(400, "BadRequest");
	expect_end();
}

static void
what_is_pipelined_behind_chunks_is_not_lost_silently(void **state)
{
	(void)state;
	connect_client();
	say("PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	say("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "x");
	if (head_has("\r\nConnection: close\r\n"))
		expect_end();
	else
		expect_answer(200, "hello");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_up, rig_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(requests_follow_each_other_on_one_connection),
	    TEST(a_head_may_come_byte_by_byte),
	    TEST(pipelined_requests_are_answered_in_order),
	    TEST(a_long_pipeline_gives_others_a_turn),
	    TEST(connection_close_and_http_1_0_end_it),
	    TEST(what_is_pipelined_behind_a_close_does_not_reset_the_answer),
	    TEST(head_has_the_length_and_no_body),
	    TEST(no_content_has_no_length),
	    TEST(bodies_come_as_text_or_source_fixed_or_chunked),
	    TEST(a_large_body_passes_through_few_pieces),
	    TEST(a_text_has_its_limit_to_the_byte),
	    TEST(one_hundred_continue_waits_for_who_wants_the_body),
	    TEST(a_refused_expectation_gets_its_answer_and_an_end),
	    TEST(a_refused_body_is_drained_before_the_end),
	    TEST(draining_has_a_limit),
	    TEST(a_body_that_breaks_off_is_told_to_its_taker),
	    TEST(broken_chunks_are_answered),
	    TEST(what_is_pipelined_behind_chunks_is_not_lost_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
