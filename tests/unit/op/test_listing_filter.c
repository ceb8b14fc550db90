/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/listing_filter.h"

#include "tests/support/check.h"

static void
patterns_match_as_said(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
	    {"*", "anything", true},
	    {"*.fits", "a.fits", true},
	    {"*.fits", ".fits", true},
	    {"*.fits", "a.fits.gz", false},
	    {"a*b*c", "abc", true},
	    {"a*b*c", "a-b-b-c", true},
	    {"a*b*c", "a-b-b", false},
	    {"a?c", "abc", true},
	    {"a?c", "ac", false},
	    {"a?c",
		"a\xc3\xa9"
		"c",
		true},
	    {"?", "\xc3\xa9", true},
	    {"??", "\xc3\xa9", false},
	    {"abc", "abc", true},
	    {"abc", "abcd", false},
	    {"abc", "ab", false},
	    {"a*", "a", true},
	    {"**a**", "bab", true},
	    {"[ab]", "[ab]", true},
	    {"[ab]", "a", false},
	    {"\\*", "\\x", true},
	    {"", "a", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (listing_filter_name(bytes_of(rows[i].pattern),
			bytes_of(rows[i].name)) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].name);
}

static void
many_stars_take_no_time(void **state)
{
	char pattern[201], name[256];

	(void)state;
	for (size_t i = 0; i < 200; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[200] = '\0';
	(void)memset(name, 'a', 255);
	name[255] = '\0';
	assert_true(listing_filter_name(bytes_of(pattern), bytes_of(name)));
	pattern[199] = 'b';
	assert_false(listing_filter_name(bytes_of(pattern), bytes_of(name)));
}

static void
either_date_counts(void **state)
{
	struct node node = {.name = BYTES("n"), .changed_ms = 100, .content_ms = 50};
	struct listing_filter f = {.since_ms = 100};

	(void)state;
	assert_true(listing_filter_matches(&f, &node));
	node.changed_ms = 99;
	assert_false(listing_filter_matches(&f, &node));
	node.content_ms = 101;
	assert_true(listing_filter_matches(&f, &node));
	f = (struct listing_filter){.name = BYTES("x*")};
	assert_false(listing_filter_matches(&f, &node));
	assert_true(listing_filter_is_set(&f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns_match_as_said),
	    cmocka_unit_test(many_stars_take_no_time),
	    cmocka_unit_test(either_date_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
