/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "service/core/encode.h"

static void
hex_is_lower_case_and_read_in_either(void **state)
{
	static const uint8_t raw[] = {0x00, 0x1f, 0xab, 0xff};
	uint8_t back[sizeof raw];
	char text[2 * sizeof raw + 1];

	(void)state;
	hex_encode(raw, sizeof raw, text);
	assert_string_equal(text, "001fabff");
	assert_true(hex_decode(BYTES("001FabFF"), back, sizeof back));
	assert_memory_equal(back, raw, sizeof raw);
	hex_encode(raw, 0, text);
	assert_string_equal(text, "");
	assert_true(hex_decode(BYTES(""), back, 0));
}

static void
hex_of_another_length_or_alphabet_is_refused(void **state)
{
	static const char *const refused[] = {"", "a", "abc", "abcde", "ag12", " ab1",
	    "ab1 ", "0xab", "ab:1", "ab/1", "ab@1"};
	uint8_t out[2];

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_false(hex_decode(bytes_of(refused[i]), out, sizeof out));
	assert_false(hex_decode(BYTES("ab\0001"), out, sizeof out));
}

/* RFC 4648 section 10 */
static const struct {
	const char *raw, *base64, *base64url;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xef\xbe\xff", "++++/w==", "----_w"},
};

enum { N_VECTORS = sizeof vectors / sizeof vectors[0] };

static void
base64_goes_both_ways_as_in_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_VECTORS; i++) {
		struct bytes raw = bytes_of(vectors[i].raw);
		char text[BASE64_ROOM(8)];
		uint8_t back[8];
		size_t n;

		base64_encode((const uint8_t *)raw.p, raw.n, text);
		assert_string_equal(text, vectors[i].base64);
		assert_true(base64_decode(bytes_of(text), back, raw.n));
		assert_memory_equal(back, raw.p, raw.n);
		base64url_encode((const uint8_t *)raw.p, raw.n, text);
		assert_string_equal(text, vectors[i].base64url);
		assert_true(base64url_decode(bytes_of(text), back, sizeof back, &n));
		assert_int_equal(n, raw.n);
		assert_memory_equal(back, raw.p, n);
	}
}

static void
base64_has_one_spelling_for_one_value(void **state)
{
	/* All would be "fo" to a lenient reader. */
	static const char *const refused[] = {"Zm8", "Zm8==", "Zm9=", "Zm8 ",
	    " Zm8=", "Zm=8", "Zm8=\n", "Z\nm8=", "Zm8-", "Zm8A"};
	uint8_t out[4];

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_false(base64_decode(bytes_of(refused[i]), out, 2));
	assert_false(base64_decode(BYTES("Zh=="), out, 1)); /* stray bits */
	assert_false(base64_decode(BYTES("Z==="), out, 1));
	assert_false(base64_decode(BYTES("===="), out, 1));
	assert_false(base64_decode(BYTES("Zm8="), out, 1));
	assert_false(base64_decode(BYTES("Zm8="), out, 3));
	assert_false(base64_decode(BYTES("--__"), out, 3));
	assert_false(base64_decode(BYTES("Zm9\0"), out, 3));
}

static void
base64url_takes_no_padding_other_alphabet_or_stray_bits(void **state)
{
	static const char *const refused[] = {"Zg==", "Zm8=", "Z", "Zm9vY", "++++", "//8",
	    "Zh", "Zm9", " Zg", "Zg ", "Z g"};
	uint8_t out[8];
	size_t n = 99;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_false(base64url_decode(bytes_of(refused[i]), out, sizeof out, &n));
	assert_false(base64url_decode(BYTES("Zg\0\0"), out, sizeof out, &n));
	assert_int_equal(n, 99);
}

static void
base64url_keeps_to_the_room_it_was_given(void **state)
{
	uint8_t out[4] = {0, 0, 0, 0x55};
	size_t n;

	(void)state;
	assert_false(base64url_decode(BYTES("Zm9vYg"), out, 3, &n));
	assert_int_equal(out[3], 0x55);
	assert_true(base64url_decode(BYTES("Zm9v"), out, 3, &n));
	assert_int_equal(n, 3);
}

static void
everything_but_unreserved_characters_is_escaped(void **state)
{
	char raw[256];
	struct str s;

	(void)state;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (char)i;
	str_init(&s, 4096);
	pct_encode(&s, (struct bytes){raw, sizeof raw}, "");
	assert_false(str_failed(&s));
	assert_int_equal(s.n, 66 + 190 * 3);
	assert_true(bytes_contains(str_bytes(&s), BYTES("%2C-.%2F0123456789%3A")));
	assert_true(bytes_contains(str_bytes(&s), BYTES("%5E_%60a")));
	assert_true(bytes_ends(str_bytes(&s), BYTES("z%7B%7C%7D~%7F%80%81"
						    "%82%83%84%85%86%87%88%89%8A%8B%8C%8D"
						    "%8E%8F%90%91%92%93%94%95%96%97%98%99"
						    "%9A%9B%9C%9D%9E%9F%A0%A1%A2%A3%A4%A5"
						    "%A6%A7%A8%A9%AA%AB%AC%AD%AE%AF%B0%B1"
						    "%B2%B3%B4%B5%B6%B7%B8%B9%BA%BB%BC%BD"
						    "%BE%BF%C0%C1%C2%C3%C4%C5%C6%C7%C8%C9"
						    "%CA%CB%CC%CD%CE%CF%D0%D1%D2%D3%D4%D5"
						    "%D6%D7%D8%D9%DA%DB%DC%DD%DE%DF%E0%E1"
						    "%E2%E3%E4%E5%E6%E7%E8%E9%EA%EB%EC%ED"
						    "%EE%EF%F0%F1%F2%F3%F4%F5%F6%F7%F8%F9"
						    "%FA%FB%FC%FD%FE%FF")));
	str_release(&s);
}

static void
characters_named_by_the_caller_stay(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 100);
	pct_encode(&s, BYTES("/a b/c+d"), "/");
	assert_bytes(str_bytes(&s), "/a%20b/c%2Bd");
	str_release(&s);
}

static void
an_escaped_text_needs_no_more_room_than_it_has_characters(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 6);
	pct_encode(&s, BYTES("ab c"), "");
	assert_bytes(str_bytes(&s), "ab%20c");
	pct_encode(&s, BYTES("d"), "");
	assert_true(str_failed(&s));
	str_release(&s);
}

static void
escaping_and_unescaping_gives_every_byte_back(void **state)
{
	struct arena a;
	struct bytes back;
	struct str s;
	char raw[256];

	(void)state;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (char)i;
	arena_init(&a, 4096);
	str_init(&s, 4096);
	pct_encode(&s, (struct bytes){raw, sizeof raw}, "");
	assert_true(pct_decode(&a, str_bytes(&s), true, &back));
	assert_int_equal(back.n, sizeof raw);
	assert_memory_equal(back.p, raw, sizeof raw);
	str_release(&s);
	arena_release(&a);
}

static void
a_plus_is_a_blank_in_forms_only(void **state)
{
	struct arena a;
	struct bytes out;

	(void)state;
	arena_init(&a, 256);
	assert_true(pct_decode(&a, BYTES("a+b%2bc%2B"), true, &out));
	assert_bytes(out, "a b+c+");
	assert_true(pct_decode(&a, BYTES("a+b"), false, &out));
	assert_bytes(out, "a+b");
	assert_true(pct_decode(&a, (struct bytes){NULL, 0}, false, &out));
	assert_non_null(out.p);
	assert_int_equal(out.n, 0);
	arena_release(&a);
}

static void
a_broken_escape_is_told_from_no_memory(void **state)
{
	static const char *const broken[] = {
	    "%", "a%", "%4", "%4g", "%g4", "%%41", "%-1", "% 1"};
	struct arena a;
	struct bytes out;

	(void)state;
	arena_init(&a, 1024);
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		assert_false(pct_decode(&a, bytes_of(broken[i]), false, &out));
		assert_non_null(out.p);
		assert_int_equal(out.n, 0);
	}
	arena_release(&a);
	arena_init(&a, 16);
	assert_false(pct_decode(&a, BYTES("0123456789abcdef"), false, &out));
	assert_null(out.p);
	arena_release(&a);
}

static void
well_formed_utf8_is_accepted(void **state)
{
	static const char *const good[] = {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf",
	    "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
	    "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
	    "M\xc3\xa9\x64ian \xce\xb1 \xe2\x98\x85 \xf0\x9f\x94\xad"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(utf8_valid(bytes_of(good[i])));
	assert_true(utf8_valid(BYTES("a\0b")));
}

static void
malformed_utf8_is_refused(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc2", "\xc2\x61", "\xe2\x98",
	    "\xf0\x9f\x94", /* cut short */
	    "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf",
	    "\xf0\x8f\xbf\xbf", /* overlong */
	    "\xed\xa0\x80", "\xed\xbf\xbf", /* surrogates */
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", /* beyond U+10FFFF */
	    "\xe2\x98\x61", "\xe2\x61\x98", "\xf0\x9f\x94\x61", "ok\xff", "\xc3\xa9\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (utf8_valid(bytes_of(bad[i])))
			fail_msg("malformed text %zu was accepted", i);
}

static void
a_sequence_ends_where_its_character_does(void **state)
{
	(void)state;
	assert_int_equal(utf8_sequence(BYTES("ab")), 1);
	assert_int_equal(utf8_sequence(BYTES("\xc3\xa9\x62")), 2);
	assert_int_equal(utf8_sequence(BYTES("\xe2\x98\x85")), 3);
	assert_int_equal(utf8_sequence(BYTES("\xf0\x9f\x94\xad\xf0")), 4);
	assert_int_equal(utf8_sequence(BYTES("\xe2\x98")), 0);
	assert_int_equal(utf8_sequence(BYTES("")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hex_is_lower_case_and_read_in_either),
	    cmocka_unit_test(hex_of_another_length_or_alphabet_is_refused),
	    cmocka_unit_test(base64_goes_both_ways_as_in_the_rfc),
	    cmocka_unit_test(base64_has_one_spelling_for_one_value),
	    cmocka_unit_test(base64url_takes_no_padding_other_alphabet_or_stray_bits),
	    cmocka_unit_test(base64url_keeps_to_the_room_it_was_given),
	    cmocka_unit_test(everything_but_unreserved_characters_is_escaped),
	    cmocka_unit_test(characters_named_by_the_caller_stay),
	    cmocka_unit_test(an_escaped_text_needs_no_more_room_than_it_has_characters),
	    cmocka_unit_test(escaping_and_unescaping_gives_every_byte_back),
	    cmocka_unit_test(a_plus_is_a_blank_in_forms_only),
	    cmocka_unit_test(a_broken_escape_is_told_from_no_memory),
	    cmocka_unit_test(well_formed_utf8_is_accepted),
	    cmocka_unit_test(malformed_utf8_is_refused),
	    cmocka_unit_test(a_sequence_ends_where_its_character_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
