/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/op/range.h"

static void
ranges_mean_what_the_rfc_says(void **state)
{
	static const struct {
		const char *value;
		uint64_t length;
		enum range_verdict verdict;
		uint64_t first, n;
	} rows[] = {
	    {"bytes=0-0", 10, RANGE_PART, 0, 1},
	    {"bytes=0-9", 10, RANGE_PART, 0, 10},
	    {"bytes=0-10", 10, RANGE_PART, 0, 10},
	    {"bytes=3-", 10, RANGE_PART, 3, 7},
	    {"bytes=9-", 10, RANGE_PART, 9, 1},
	    {"BYTES=1-2", 10, RANGE_PART, 1, 2},
	    {" bytes=1-2 ", 10, RANGE_PART, 1, 2},
	    {"bytes=-3", 10, RANGE_PART, 7, 3},
	    {"bytes=-10", 10, RANGE_PART, 0, 10},
	    {"bytes=-11", 10, RANGE_PART, 0, 10},
	    {"bytes=5-18446744073709551615", 10, RANGE_PART, 5, 5},
	    {"bytes=5-99999999999999999999999", 10, RANGE_PART, 5, 5},
	    {"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
	    {"bytes=0-18446744073709551615", UINT64_MAX, RANGE_PART, 0, UINT64_MAX},
	    {"bytes=10-", 10, RANGE_BEYOND, 0, 0},
	    {"bytes=10-11", 10, RANGE_BEYOND, 0, 0},
	    {"bytes=99999999999999999999999-", 10, RANGE_BEYOND, 0, 0},
	    {"bytes=-0", 10, RANGE_BEYOND, 0, 0},
	    {"bytes=0-", 0, RANGE_BEYOND, 0, 0},
	    {"bytes=0-0", 0, RANGE_BEYOND, 0, 0},
	    {"bytes=-1", 0, RANGE_BEYOND, 0, 0},
	    {"bytes=2-1", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=20-21,4-5", 10, RANGE_PART, 4, 2},
	    {"bytes=20-21,30-", 10, RANGE_BEYOND, 0, 0},
	    {"bytes=4-5,x", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=4-5,", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=0-7,4-9", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=,0-1", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=-", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=", 10, RANGE_WHOLE, 0, 0},
	    {"bytes", 10, RANGE_WHOLE, 0, 0},
	    {"", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=x-1", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=0x1-5", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=--1", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=1-2-3", 10, RANGE_WHOLE, 0, 0},
	    {"bytes=1 - 2", 10, RANGE_WHOLE, 0, 0},
	    {"items=0-1", 10, RANGE_WHOLE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct range_part part = {0, 0};
		size_t n;
		enum range_verdict verdict =
		    range_parse(bytes_of(rows[i].value), rows[i].length, &part, 1, &n);

		if (verdict != rows[i].verdict ||
		    (verdict == RANGE_PART &&
			(part.first != rows[i].first || part.n != rows[i].n)))
			fail_msg("%s of %llu: verdict %d, %llu + %llu", rows[i].value,
			    (unsigned long long)rows[i].length, (int)verdict,
			    (unsigned long long)part.first, (unsigned long long)part.n);
	}
}

/* 2023-11-14 22:13:20.5 */
static const struct validators v = {.etag = {"\"abc\"", 5}, .modified_ms = 1700000000500};

#define BEFORE "Tue, 14 Nov 2023 22:13:19 GMT"
#define THEN   "Tue, 14 Nov 2023 22:13:20 GMT"
#define AFTER  "Tue, 14 Nov 2023 22:13:21 GMT"

static bool
unmodified(const char *none_match, const char *since)
{
	return range_not_modified(bytes_of(none_match), bytes_of(since), &v);
}

static void
what_the_client_has_is_not_sent_again(void **state)
{
	(void)state;
	assert_false(unmodified(NULL, NULL));
	assert_true(unmodified("\"abc\"", NULL));
	assert_true(unmodified("W/\"abc\"", NULL));
	assert_true(unmodified("\"x\", \"abc\"", NULL));
	assert_true(unmodified("*", NULL));
	assert_false(unmodified("\"x\"", NULL));
	assert_false(unmodified("abc", NULL));
	assert_false(unmodified("", NULL));
	assert_true(unmodified(NULL, THEN));
	assert_true(unmodified(NULL, AFTER));
	assert_false(unmodified(NULL, BEFORE));
	assert_false(unmodified(NULL, "yesterday"));
	/* The tag decides when both are there. */
	assert_false(unmodified("\"x\"", AFTER));
	assert_true(unmodified("\"abc\"", BEFORE));
}

static bool
applies(const char *if_range)
{
	return range_may_apply(bytes_of(if_range), &v);
}

static void
a_range_of_another_version_is_not_sent(void **state)
{
	(void)state;
	assert_true(applies(NULL));
	assert_true(applies("\"abc\""));
	assert_true(applies(THEN));
	assert_false(applies("\"x\""));
	assert_false(applies("W/\"abc\""));
	assert_false(applies(BEFORE));
	assert_false(applies(AFTER));
	assert_false(applies("yesterday"));
	assert_false(applies(""));
}

static void
several_ranges_come_in_the_order_asked_for(void **state)
{
	struct range_part part[3];
	size_t n;

	(void)state;
	assert_int_equal(
	    range_parse(BYTES("bytes=8-, 0-1 ,50-60,-3"), 10, part, 3, &n), RANGE_PART);
	assert_int_equal(n, 3);
	assert_true(part[0].first == 8 && part[0].n == 2);
	assert_true(part[1].first == 0 && part[1].n == 2);
	assert_true(part[2].first == 7 && part[2].n == 3);
	assert_int_equal(range_parse(BYTES("bytes=0-0,1-1,2-2,3-3"), 10, part, 3, &n),
	    RANGE_WHOLE); /* more than there is room for */
	assert_int_equal(
	    range_parse(BYTES("bytes=0-9,0-0"), 10, part, 3, &n), RANGE_WHOLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranges_mean_what_the_rfc_says),
	    cmocka_unit_test(several_ranges_come_in_the_order_asked_for),
	    cmocka_unit_test(what_the_client_has_is_not_sent_again),
	    cmocka_unit_test(a_range_of_another_version_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
