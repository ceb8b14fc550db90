/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

static const struct bytes absent = {NULL, 0};

static void
absent_bytes_equal_empty_ones(void **state)
{
	(void)state;
	assert_true(bytes_eq(absent, BYTES("")));
	assert_true(bytes_is(absent, ""));
	assert_true(bytes_caseeq(absent, BYTES("")));
	assert_int_equal(bytes_cmp(absent, BYTES("")), 0);
	assert_null(bytes_of(NULL).p);
	assert_int_equal(bytes_of(NULL).n, 0);
}

static void
absent_bytes_can_be_taken_apart(void **state)
{
	struct bytes rest = absent, token;

	(void)state;
	assert_null(bytes_skip(absent, 0).p);
	assert_int_equal(bytes_trim(absent).n, 0);
	assert_int_equal(bytes_find(absent, 'x'), 0);
	assert_false(bytes_token(&rest, " ", &token));
	assert_true(bytes_starts(absent, BYTES("")));
	assert_true(bytes_ends(absent, absent));
	assert_false(bytes_starts(absent, BYTES("a")));
	assert_false(bytes_ends(absent, BYTES("a")));
	assert_true(bytes_contains(absent, absent));
	assert_false(bytes_contains(absent, BYTES("a")));
}

static void
equality_looks_at_length_and_every_byte(void **state)
{
	(void)state;
	assert_true(bytes_eq(BYTES("a\0b"), BYTES("a\0b")));
	assert_false(bytes_eq(BYTES("a\0b"), BYTES("a\0c")));
	assert_false(bytes_eq(BYTES("ab"), BYTES("abc")));
	assert_false(bytes_is(BYTES("a\0b"), "a"));
}

static void
case_is_ignored_in_ascii_only(void **state)
{
	(void)state;
	assert_true(bytes_caseeq(BYTES("Content-LENGTH"), BYTES("content-length")));
	assert_false(bytes_caseeq(BYTES("a"), BYTES("ab")));
	assert_false(bytes_caseeq(BYTES("@"), BYTES("`")));
	assert_false(bytes_caseeq(BYTES("["), BYTES("{")));
	assert_false(bytes_caseeq(BYTES("\xc4"), BYTES("\xe4")));
}

static void
lower_case_is_that_of_ascii(void **state)
{
	(void)state;
	assert_int_equal(bytes_lower('A'), 'a');
	assert_int_equal(bytes_lower('Z'), 'z');
	assert_int_equal(bytes_lower('a'), 'a');
	assert_int_equal(bytes_lower('@'), '@');
	assert_int_equal(bytes_lower('['), '[');
	assert_int_equal(bytes_lower('\xc4'), '\xc4');
}

static void
order_is_by_unsigned_bytes_with_the_prefix_first(void **state)
{
	(void)state;
	assert_true(bytes_cmp(BYTES("a"), BYTES("b")) < 0);
	assert_true(bytes_cmp(BYTES("a"), BYTES("a\0")) < 0);
	assert_true(bytes_cmp(BYTES("ab"), BYTES("a")) > 0);
	assert_true(bytes_cmp(BYTES("\xff"), BYTES("a")) > 0);
	assert_true(bytes_cmp(absent, BYTES("a")) < 0);
}

static void
starts_ends_and_contains_compare_the_right_place(void **state)
{
	struct bytes b = BYTES("vos://a/b");

	(void)state;
	assert_true(bytes_starts(b, BYTES("vos:")));
	assert_false(bytes_starts(b, BYTES("os:")));
	assert_true(bytes_ends(b, BYTES("/b")));
	assert_false(bytes_ends(b, BYTES("/a")));
	assert_true(bytes_contains(b, BYTES("//a/")));
	assert_true(bytes_contains(b, BYTES("")));
	assert_false(bytes_contains(b, BYTES("//b")));
	assert_false(bytes_contains(BYTES("ab"), BYTES("abc")));
}

static void
find_gives_the_length_when_there_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(bytes_find(BYTES("a/b/c"), '/'), 1);
	assert_int_equal(bytes_find(BYTES("abc"), '/'), 3);
	assert_int_equal(bytes_find(BYTES("ab\0c"), '\0'), 2);
}

static void
trim_takes_blanks_at_the_ends_only(void **state)
{
	(void)state;
	assert_bytes(bytes_trim(BYTES(" \t a b\r\n")), "a b");
	assert_bytes(bytes_trim(BYTES(" \t\r\n ")), "");
	assert_bytes(bytes_trim(BYTES("\v")), "\v");
}

static void
tokens_come_in_order_and_empty_ones_are_skipped(void **state)
{
	struct bytes rest = BYTES(",, a,b ,"), token;

	(void)state;
	assert_true(bytes_token(&rest, ", ", &token));
	assert_bytes(token, "a");
	assert_true(bytes_token(&rest, ", ", &token));
	assert_bytes(token, "b");
	assert_false(bytes_token(&rest, ", ", &token));
	assert_bytes(token, "b");
	assert_int_equal(rest.n, 0);
}

static void
numbers_are_digits_and_nothing_else(void **state)
{
	static const char *const refused[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0",
	    "1e3", "18446744073709551616", "18446744073709551620",
	    "99999999999999999999"};
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_false(bytes_u64(bytes_of(refused[i]), &v));
	assert_false(bytes_u64(BYTES("1\0"), &v));
	assert_int_equal(v, 7);
	assert_true(bytes_u64(BYTES("0"), &v));
	assert_int_equal(v, 0);
	assert_true(bytes_u64(BYTES("007"), &v));
	assert_int_equal(v, 7);
	assert_true(bytes_u64(BYTES("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(absent_bytes_equal_empty_ones),
	    cmocka_unit_test(absent_bytes_can_be_taken_apart),
	    cmocka_unit_test(equality_looks_at_length_and_every_byte),
	    cmocka_unit_test(case_is_ignored_in_ascii_only),
	    cmocka_unit_test(lower_case_is_that_of_ascii),
	    cmocka_unit_test(order_is_by_unsigned_bytes_with_the_prefix_first),
	    cmocka_unit_test(starts_ends_and_contains_compare_the_right_place),
	    cmocka_unit_test(find_gives_the_length_when_there_is_nothing),
	    cmocka_unit_test(trim_takes_blanks_at_the_ends_only),
	    cmocka_unit_test(tokens_come_in_order_and_empty_ones_are_skipped),
	    cmocka_unit_test(numbers_are_digits_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
