/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "service/core/str.h"

static void
parts_are_put_behind_each_other(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 1000);
	str_add(&s, BYTES("a\0b"));
	str_adds(&s, " text");
	str_addc(&s, ' ');
	str_addu(&s, 0);
	str_addc(&s, ' ');
	str_addu(&s, UINT64_MAX);
	str_addf(&s, " %04x|%s", 0x2au, "f");
	assert_false(str_failed(&s));
	assert_int_equal(s.n, 38);
	assert_memory_equal(s.p, "a\0b text 0 18446744073709551615 002a|f", 39);
	assert_int_equal(s.p[s.n], '\0');
	str_release(&s);
}

static void
nothing_added_is_nothing_but_no_failure(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 0);
	assert_null(s.p);
	str_adds(&s, "");
	str_adds(&s, NULL);
	str_add(&s, (struct bytes){NULL, 0});
	str_addf(&s, "%s", "");
	assert_false(str_failed(&s));
	assert_int_equal(s.n, 0);
	assert_string_equal(s.p, "");
	str_release(&s);
	assert_null(s.p);
}

static void
the_limit_can_be_filled_to_the_last_byte(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 300);
	for (int i = 0; i < 300; i++)
		str_addc(&s, 'x');
	assert_false(str_failed(&s));
	assert_int_equal(s.n, 300);
	str_addc(&s, 'y');
	assert_true(str_failed(&s));
	assert_int_equal(s.n, 300);
	assert_int_equal(strlen(s.p), 300);
	str_release(&s);
}

static void
after_a_failure_nothing_is_added_any_more(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 5);
	str_adds(&s, "abc");
	str_adds(&s, "too long");
	assert_true(str_failed(&s));
	str_addc(&s, 'd');
	str_addu(&s, 1);
	str_adds(&s, "");
	str_addf(&s, "%d", 1);
	assert_null(str_reserve(&s, 0));
	assert_true(str_failed(&s));
	assert_bytes(str_bytes(&s), "abc");
	str_release(&s);
}

static void
a_formatted_text_beyond_the_limit_fails_as_a_whole(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 5);
	str_addf(&s, "%s", "123456");
	assert_true(str_failed(&s));
	assert_int_equal(s.n, 0);
	str_release(&s);
}

static void
a_clear_forgets_text_and_failure(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 5);
	str_adds(&s, "abc");
	str_adds(&s, "def");
	assert_true(str_failed(&s));
	str_clear(&s);
	assert_false(str_failed(&s));
	assert_int_equal(s.n, 0);
	assert_string_equal(s.p, "");
	str_adds(&s, "12345");
	assert_bytes(str_bytes(&s), "12345");
	str_release(&s);
}

static void
text_can_be_written_in_place(void **state)
{
	struct str s;
	char *at;

	(void)state;
	str_init(&s, 10000);
	str_adds(&s, "ab");
	at = str_reserve(&s, 5000);
	assert_non_null(at);
	(void)memset(at, 'c', 5000);
	str_grow(&s, 3);
	assert_bytes(str_bytes(&s), "abccc");
	assert_string_equal(s.p, "abccc");
	str_release(&s);
}

static void
reserved_room_counts_against_the_limit_only_when_used(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 10);
	assert_non_null(str_reserve(&s, 10));
	str_grow(&s, 1);
	assert_non_null(str_reserve(&s, 9));
	assert_null(str_reserve(&s, 10));
	assert_true(str_failed(&s));
	str_release(&s);
}

static void
sizes_that_overflow_are_refused(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, SIZE_MAX);
	str_addc(&s, 'x');
	assert_null(str_reserve(&s, SIZE_MAX - 1));
	assert_true(str_failed(&s));
	str_clear(&s);
	assert_null(str_reserve(&s, SIZE_MAX));
	str_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts_are_put_behind_each_other),
	    cmocka_unit_test(nothing_added_is_nothing_but_no_failure),
	    cmocka_unit_test(the_limit_can_be_filled_to_the_last_byte),
	    cmocka_unit_test(after_a_failure_nothing_is_added_any_more),
	    cmocka_unit_test(a_formatted_text_beyond_the_limit_fails_as_a_whole),
	    cmocka_unit_test(a_clear_forgets_text_and_failure),
	    cmocka_unit_test(text_can_be_written_in_place),
	    cmocka_unit_test(reserved_room_counts_against_the_limit_only_when_used),
	    cmocka_unit_test(sizes_that_overflow_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
