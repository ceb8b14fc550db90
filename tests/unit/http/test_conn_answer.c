/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out, what is waited for, and how connections end. */
#include "tests/unit/http/conn_rig.h"

#include <malloc.h>

#define HOST "Host: h\r\n"

/* Bodies out */

static void
unknown_lengths_go_out_in_chunks(void **state)
{
	(void)state;
	connect_client();
	say("GET /feed?lslls HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	assert_true(head_has("\r\nTransfer-Encoding: chunked\r\n"));
	expect_text("8\r\n" SLICE_TEXT "\r\n8\r\n" SLICE_TEXT "\r\n0\r\n\r\n");
	say("GET /feed? HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	expect_text("0\r\n\r\n");
	say("GET /feed?ss HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	expect_head(200);
	assert_false(head_has("chunked") || head_has("Content-Length"));
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_text(SLICE_TEXT SLICE_TEXT);
	expect_end();
}

static void
a_chunk_is_whole_while_the_next_one_is_awaited(void **state)
{
	(void)state;
	connect_client();
	say("GET /feed?sws HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	expect_text("8\r\n" SLICE_TEXT "\r\n");
	rig_release();
	expect_text("8\r\n" SLICE_TEXT "\r\n0\r\n\r\n");
}

static void
known_lengths_are_kept(void **state)
{
	(void)state;
	connect_client();
	say("GET /sized?sls HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, SLICE_TEXT SLICE_TEXT);
	await(&rig.overs, 1);
	assert_int_equal(rig.sent, 2 * SMALL);
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
}

static void
an_answer_that_fails_breaks_the_connection(void **state)
{
	static const char *const requests[] = {
	    "GET /feed?slf HTTP/1.1\r\n" HOST "\r\n",
	    "GET /sized?slfs HTTP/1.1\r\n" HOST "\r\n",
	    "GET /longer?ss HTTP/1.1\r\n" HOST "\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		connect_client();
		say(requests[i]);
		await(&rig.broken, i + 1);
		while (hear_some())
			continue;
		assert_null(memmem(rig.heard, rig.n_heard, "0\r\n\r\n", 5));
		rig.n_heard = 0;
		hang_up();
	}
}

static void
a_client_that_does_not_read_stops_the_source(void **state)
{
	char script[200];
	const size_t total = (size_t)139 * PIECE_SMALL_SIZE;
	unsigned taken;
	size_t got;

	(void)state;
	(void)memset(script, 'S', sizeof script);
	(void)memcpy(script, "GET /sized?", 11);
	(void)memcpy(script + 150, " HTTP/1.1\r\n" HOST "\r\n",
	    sizeof " HTTP/1.1\r\n" HOST "\r\n");
	connect_client();
	say(script);
	do { /* until nothing moves any more */
		taken = rig.slices;
		(void)usleep(100000);
	} while (taken == 0 || taken != rig.slices);
	assert_true(taken < 100);
	expect_head(200);
	for (got = rig.n_heard; got < total; got += rig.n_heard) {
		rig.n_heard = 0;
		assert_true(hear_some());
	}
	rig.n_heard = 0;
	await(&rig.overs, 1);
	assert_int_equal(rig.broken, 0);
	assert_int_equal(rig.sent, total);
}

static void
a_client_that_leaves_is_noticed(void **state)
{
	(void)state;
	/* While it should read, */
	connect_client();
	say("GET /sized?SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	hang_up();
	await(&rig.broken, 1);
	rig.n_heard = 0;
	/* while the source has nothing yet, */
	connect_client();
	say("GET /feed?sws HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	hang_up();
	rig_release();
	await(&rig.overs, 2);
	rig.n_heard = 0;
	rig.released = false;
	/* while the handler is at work, */
	connect_client();
	say("GET /hold HTTP/1.1\r\n" HOST "\r\n");
	await(&rig.requests, 3);
	hang_up();
	rig_release();
	await(&rig.overs, 3);
	/* in a head, and before one. */
	connect_client();
	say("GET / HT");
	hang_up();
	connect_client();
	hang_up();
	await(&rig.connections, 0);
}

static void
heads_that_make_no_sense_are_answered_and_the_end(void **state)
{
	(void)state;
	connect_client();
	say("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\nwhat follows is not believed");
	expect_answer(400, "BadRequest");
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_end();
	say("more of it");
	assert_int_equal(rig.requests, 1);
}

static void
a_head_without_end_is_cut_at_the_limit(void **state)
{
	static char block[3000];

	(void)state;
	(void)memset(block, 'a', sizeof block);
	connect_client();
	say("GET / HTTP/1.1\r\nX: ");
	for (int i = 0; i < 3; i++)
		say_bytes(block, sizeof block);
	expect_answer(431, "HeaderFieldsTooLarge");
	expect_end();
}

static void
an_idle_connection_holds_little(void **state)
{
	static char head[8000];
	struct mallinfo2 before, after;

	(void)state;
	(void)memset(head, 'x', sizeof head - 1);
	connect_client();
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
	before = mallinfo2();
	for (int i = 0; i < 3; i++) {
		say("GET /large HTTP/1.1\r\n" HOST "X: ");
		say(head);
		say("\r\n\r\n");
		expect_head(200);
		need(sizeof large_text);
		forget(sizeof large_text);
	}
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
	after = mallinfo2();
	assert_true(
	    after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 65536);
}

/* Time */

static void
a_slow_head_is_cut(void **state)
{
	(void)state;
	rig.group.head_timeout_ms = 100;
	connect_client();
	say("GET / HT");
	expect_answer(408, "RequestTimeout");
	expect_end();
	hang_up();
	/* Nobody is answered who said nothing. */
	connect_client();
	expect_end();
	await(&rig.connections, 0);
}

static void
an_idle_connection_is_closed(void **state)
{
	(void)state;
	rig.group.idle_timeout_ms = 100;
	connect_client();
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
	expect_end();
	await(&rig.connections, 0);
}

static void
a_slow_sender_is_cut(void **state)
{
	static const char *const requests[] = {
	    "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n",
	    "POST /text HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n",
	    "PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n",
	};

	(void)state;
	rig.group.stall_timeout_ms = 300;
	for (size_t i = 0; i < 3; i++) {
		uint64_t until = clock_mono_ms() + PATIENCE_S * 1000;
		ssize_t n = 1;

		connect_client();
		say(requests[i]);
		while (n == 1 && clock_mono_ms() < until) { /* about 100 bytes a second */
			n = send(rig.fd, "x", 1, MSG_NOSIGNAL);
			(void)usleep(10000);
		}
		assert_int_equal(n, -1);
		hang_up();
		await(&rig.connections, 0);
	}
	assert_int_equal(rig.body_err, ERR_TIMEOUT);
}

static void
a_silent_reader_is_cut(void **state)
{
	char request[400] = "GET /sized?";

	(void)state;
	(void)memset(request + 11, 'S', 300);
	(void)snprintf(
	    request + 311, sizeof request - 311, "%s", " HTTP/1.1\r\n" HOST "\r\n");
	rig.group.stall_timeout_ms = 200;
	connect_client();
	say(request);
	await(&rig.broken, 1);
	await(&rig.connections, 0);
}

static void
a_handler_may_take_its_time(void **state)
{
	(void)state;
	rig.group.stall_timeout_ms = rig.group.head_timeout_ms =
	    rig.group.idle_timeout_ms = 100;
	connect_client();
	say("GET /hold HTTP/1.1\r\n" HOST "\r\n");
	(void)usleep(400000);
	rig_release();
	expect_answer(200, "released");
}

/* The end */

static void
stopping_finishes_what_is_under_way(void **state)
{
	int idle;

	(void)state;
	connect_client();
	say("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_answer(200, "hello");
	idle = rig.fd;
	connect_client();
	say("GET /hold HTTP/1.1\r\n" HOST "\r\n");
	await(&rig.requests, 2);
	on_loop(stop_group);
	await(&rig.connections, 1);
	(void)close(idle);
	rig_release();
	expect_answer(200, "released");
	assert_true(head_has("\r\nConnection: close\r\n"));
	expect_end();
}

static void
aborting_cuts_everything_that_waits_for_a_client(void **state)
{
	int reader, sender;

	(void)state;
	connect_client();
	say("GET /sized?SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS HTTP/1.1\r\n" HOST "\r\n");
	expect_head(200);
	reader = rig.fd;
	connect_client();
	say("PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
	await(&rig.requests, 2);
	sender = rig.fd;
	connect_client();
	say("PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
	await(&rig.overs, 1);
	on_loop(abort_group);
	await(&rig.connections, 0);
	assert_int_equal(rig.body_err, ERR_CANCELLED);
	(void)close(reader);
	(void)close(sender);
	rig.n_heard = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_up, rig_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(unknown_lengths_go_out_in_chunks),
	    TEST(a_chunk_is_whole_while_the_next_one_is_awaited),
	    TEST(known_lengths_are_kept),
	    TEST(an_answer_that_fails_breaks_the_connection),
	    TEST(a_client_that_does_not_read_stops_the_source),
	    TEST(a_client_that_leaves_is_noticed),
	    TEST(heads_that_make_no_sense_are_answered_and_the_end),
	    TEST(a_head_without_end_is_cut_at_the_limit),
	    TEST(an_idle_connection_holds_little),
	    TEST(a_slow_head_is_cut),
	    TEST(an_idle_connection_is_closed),
	    TEST(a_slow_sender_is_cut),
	    TEST(a_silent_reader_is_cut),
	    TEST(a_handler_may_take_its_time),
	    TEST(stopping_finishes_what_is_under_way),
	    TEST(aborting_cuts_everything_that_waits_for_a_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
