/* SPDX-License-Identifier: Apache-2.0 */
/* How a pass is written down, what an order makes of it, and the rules it keeps. */
#include "tests/support/check.h"

#include <string.h>

#include "replication/scrub_pass.h"

static const struct scrub_pass some_pass = {
    .state = SCRUB_STOPPED,
    .report_only = true,
    .confirmed = true,
    .at = 1,
    .began_ms = 2,
    .ended_ms = 3,
    .covered_ms = 4,
    .files = 5,
    .bytes = 1ULL << 60,
    .bad = 7,
    .missing = 8,
    .found = 9,
    .unknown = UINT64_MAX,
};

static struct bytes
record_bytes(const uint8_t record[SCRUB_RECORD_SIZE])
{
	return (struct bytes){(const char *)record, SCRUB_RECORD_SIZE};
}

static void
a_record_comes_back_as_it_was(void **state)
{
	uint8_t record[SCRUB_RECORD_SIZE], again[SCRUB_RECORD_SIZE];
	struct scrub_pass pass;

	(void)state;
	scrub_pass_encode(&some_pass, record);
	assert_int_equal(scrub_pass_decode(record_bytes(record), &pass, NULL), ERR_OK);
	scrub_pass_encode(&pass, again);
	assert_memory_equal(record, again, sizeof record);
	assert_int_equal(pass.state, SCRUB_STOPPED);
	assert_true(pass.report_only && pass.confirmed);
	assert_true(pass.at == 1 && pass.began_ms == 2 && pass.ended_ms == 3);
	assert_true(pass.covered_ms == 4 && pass.files == 5 && pass.bytes == 1ULL << 60);
	assert_true(pass.bad == 7 && pass.missing == 8 && pass.found == 9);
	assert_true(pass.unknown == UINT64_MAX);
}

static void
every_flipped_bit_of_a_record_is_noticed(void **state)
{
	uint8_t record[SCRUB_RECORD_SIZE];
	struct scrub_pass pass;
	struct bytes cut;

	(void)state;
	scrub_pass_encode(&some_pass, record);
	for (size_t bit = 0; bit < 8 * sizeof record; bit++) {
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    scrub_pass_decode(record_bytes(record), &pass, NULL), ERR_DAMAGED);
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cut = record_bytes(record);
	cut.n--;
	assert_int_equal(scrub_pass_decode(cut, &pass, NULL), ERR_DAMAGED);
}

static void
a_pass_that_ends_covers_all_since_it_began(void **state)
{
	struct scrub_pass pass = {.state = SCRUB_IDLE};

	(void)state;
	scrub_pass_begin(&pass, false, 1000);
	assert_int_equal(pass.state, SCRUB_RUNNING);
	assert_int_equal(pass.covered_ms, 0);
	pass.at = 77;
	scrub_pass_end(&pass, 5000);
	assert_int_equal(pass.state, SCRUB_IDLE);
	assert_int_equal(pass.at, 0);
	assert_int_equal(pass.ended_ms, 5000);
	assert_int_equal(pass.covered_ms, 1000);
	scrub_pass_begin(&pass, true, 9000);
	scrub_pass_end(&pass, 9500);
	assert_int_equal(pass.covered_ms, 1000); /* a report covers nothing */
	assert_int_equal(pass.ended_ms, 5000);
}

/* Counts and place after an order; `files` tells a pass that goes on from a new one. */
static void
assert_order(enum scrub_state from, uint64_t at, enum scrub_verb verb, bool report_only,
    enum scrub_state to, bool goes_on, bool confirmed)
{
	struct scrub_pass pass = {.state = from, .at = at, .files = 3, .began_ms = 5};

	scrub_pass_order(&pass, verb, report_only, 9);
	assert_int_equal(pass.state, to);
	assert_int_equal(pass.files, goes_on ? 3 : 0);
	assert_int_equal(pass.began_ms, goes_on ? 5 : 9);
	assert_int_equal(pass.report_only, report_only && !goes_on);
	assert_int_equal(pass.confirmed, confirmed);
}

static void
an_order_begins_a_pass_or_lets_it_go_on(void **state)
{
	(void)state;
	assert_order(SCRUB_IDLE, 0, SCRUB_START, false, SCRUB_RUNNING, false, false);
	assert_order(SCRUB_RUNNING, 7, SCRUB_START, false, SCRUB_RUNNING, true, false);
	assert_order(SCRUB_OFF, 7, SCRUB_START, false, SCRUB_RUNNING, true, false);
	assert_order(SCRUB_OFF, 0, SCRUB_START, false, SCRUB_RUNNING, false, false);
	assert_order(SCRUB_STOPPED, 7, SCRUB_START, false, SCRUB_RUNNING, true, true);
	assert_order(SCRUB_STOPPED, 0, SCRUB_START, false, SCRUB_RUNNING, true, true);
	assert_order(SCRUB_RUNNING, 7, SCRUB_START, true, SCRUB_RUNNING, false, false);
	assert_order(SCRUB_STOPPED, 7, SCRUB_START, true, SCRUB_RUNNING, false, false);
	assert_order(SCRUB_RUNNING, 7, SCRUB_STOP, false, SCRUB_OFF, true, false);
	assert_order(SCRUB_IDLE, 0, SCRUB_STOP, false, SCRUB_OFF, true, false);
	assert_order(SCRUB_STOPPED, 7, SCRUB_STOP, false, SCRUB_STOPPED, true, false);
}

static void
the_oldest_copy_is_behind_or_ahead(void **state)
{
	struct scrub_pass pass = {.state = SCRUB_IDLE};

	(void)state;
	assert_int_equal(scrub_pass_oldest(&pass, 40), 40); /* never looked at */
	assert_true(scrub_pass_oldest(&pass, INT64_MAX) == INT64_MAX);
	pass.covered_ms = 100;
	assert_int_equal(scrub_pass_oldest(&pass, 40), 100);
	assert_int_equal(scrub_pass_oldest(&pass, 150), 150); /* made since */
	pass.began_ms = 200;
	pass.at = 7;
	assert_int_equal(
	    scrub_pass_oldest(&pass, 40), 100); /* ahead, by the pass before */
	assert_int_equal(scrub_pass_oldest(&pass, INT64_MAX), 200); /* all is behind */
	pass.report_only = true;
	assert_int_equal(scrub_pass_oldest(&pass, 250), 250);
}

static void
the_limit_is_the_lesser_but_one_copy(void **state)
{
	(void)state;
	assert_int_equal(scrub_limit(0, 20, 1), 1);
	assert_int_equal(scrub_limit(199, 20, 1), 1);
	assert_int_equal(scrub_limit(200, 20, 1), 2);
	assert_int_equal(scrub_limit(1000000, 20, 1), 20);
	assert_int_equal(scrub_limit(50, 20, 100), 20);
	assert_int_equal(scrub_limit(150, 20, 7), 10);
	assert_true(scrub_limit(UINT64_MAX, UINT64_MAX, 100) == UINT64_MAX);
}

/* Reads of `n` bytes in a second on an idle location. */
static unsigned
reads_in_a_second(size_t n, uint64_t rate)
{
	struct scrub_pace pace = {0};
	uint64_t now_us = 5000000, end_us = now_us + 1000000;
	unsigned reads = 0;

	while (now_us < end_us) {
		uint64_t wait = scrub_pace_wait(&pace, now_us, 0, n, rate);

		reads += wait == 0;
		now_us += wait == 0 ? 10 : wait * 1000;
	}
	return reads;
}

static void
it_reads_no_faster_than_told(void **state)
{
	(void)state;
	assert_in_range(reads_in_a_second(1 << 20, 20 << 20), 19, 22);
	assert_in_range(reads_in_a_second(12288, 20 << 20), 1600, 1750);
	assert_in_range(reads_in_a_second(1 << 20, 64 << 10), 1, 1);
}

static void
clients_that_are_there_for_a_second_go_first(void **state)
{
	struct scrub_pace pace = {0};
	const uint64_t rate = 1ULL << 30;

	(void)state;
	assert_int_equal(scrub_pace_wait(&pace, 10000000, 2, 4096, rate), 0);
	assert_int_equal(scrub_pace_wait(&pace, 10900000, 1, 4096, rate), 0);
	assert_true(scrub_pace_wait(&pace, 11000000, 1, 4096, rate) > 0);
	assert_true(scrub_pace_wait(&pace, 19000000, 1, 4096, rate) > 0);
	assert_int_equal(scrub_pace_wait(&pace, 19050000, 0, 4096, rate), 0);
	assert_int_equal(scrub_pace_wait(&pace, 19100000, 3, 4096, rate), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_comes_back_as_it_was),
	    cmocka_unit_test(every_flipped_bit_of_a_record_is_noticed),
	    cmocka_unit_test(a_pass_that_ends_covers_all_since_it_began),
	    cmocka_unit_test(an_order_begins_a_pass_or_lets_it_go_on),
	    cmocka_unit_test(the_oldest_copy_is_behind_or_ahead),
	    cmocka_unit_test(the_limit_is_the_lesser_but_one_copy),
	    cmocka_unit_test(it_reads_no_faster_than_told),
	    cmocka_unit_test(clients_that_are_there_for_a_second_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
