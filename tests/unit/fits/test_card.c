/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <math.h>

#include "tests/unit/fits/sample.h"

/* `text` as a card; static, so one at a time. */
static struct card
card_of(const char *text)
{
	static char card[CARD_SIZE + 1];

	(void)snprintf(card, sizeof card, "%-80s", text);
	return card_read(card);
}

static void
values_have_the_type_of_the_standard(void **state)
{
	static const struct {
		const char *text;
		enum card_type type;
		const char *value;
	} cases[] = {
	    {"NAXIS   =                    2 / axes", CARD_INTEGER, "2"},
	    {"NAXIS   = +12", CARD_INTEGER, "+12"},
	    {"X       =                 1.5", CARD_REAL, "1.5"},
	    {"X       =                 .5E-3/", CARD_REAL, ".5E-3"},
	    {"X       = 5.", CARD_REAL, "5."},
	    {"X       = 1D+03", CARD_REAL, "1D+03"},
	    {"X       = 1e3", CARD_REAL, "1e3"},
	    {"X       =                    T", CARD_LOGICAL, "T"},
	    {"X       = 'it''s / here'  / text", CARD_STRING, "'it''s / here'"},
	    {"X       = ''", CARD_STRING, "''"},
	    {"X       = 'no end", CARD_OTHER, NULL},
	    {"X       = 'a' b", CARD_OTHER, NULL},
	    {"X       = NaN", CARD_OTHER, NULL},
	    {"X       = 1 2", CARD_OTHER, NULL},
	    {"X       = (1.0, 2.0)", CARD_OTHER, NULL},
	    {"X       = 1.0E", CARD_OTHER, NULL},
	    {"X       = .", CARD_OTHER, NULL},
	    {"X       = -", CARD_OTHER, NULL},
	    {"X       =", CARD_OTHER, NULL},
	    {"X       = / only a comment", CARD_OTHER, NULL},
	    {"X       =1", CARD_COMMENTARY, ""},
	    {"HISTORY   x = 1", CARD_COMMENTARY, ""},
	    {"HIERARCH ESO DET = 1", CARD_COMMENTARY, ""},
	    {"", CARD_COMMENTARY, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct card c = card_of(cases[i].text);

		if (c.type != cases[i].type)
			fail_msg("\"%s\" has type %d", cases[i].text, (int)c.type);
		if (cases[i].value != NULL)
			assert_bytes(c.value, cases[i].value);
	}
}

static void
keys_and_comments_are_trimmed(void **state)
{
	struct card c = card_of("EXPTIME =                 30.0   / [s] a time  ");

	(void)state;
	assert_bytes(c.key, "EXPTIME");
	assert_bytes(c.comment, "/ [s] a time");
}

static void
integers_beyond_64_bits_are_refused(void **state)
{
	struct card c = card_of("X       = -9223372036854775807");
	int64_t v;

	(void)state;
	assert_true(card_integer(&c, &v));
	assert_true(v == -INT64_MAX);
	c = card_of("X       = 9223372036854775808");
	assert_false(card_integer(&c, &v));
	c = card_of("X       = 1.0");
	assert_false(card_integer(&c, &v));
}

static void
reals_are_read_with_either_exponent(void **state)
{
	struct card c = card_of("X       = -1.25D-02 / old style");
	double v;

	(void)state;
	assert_true(card_real(&c, &v));
	assert_true(v == -0.0125);
	c = card_of("X       = 7");
	assert_true(card_real(&c, &v));
	assert_true(v == 7);
	c = card_of("X       = 1E999");
	assert_false(card_real(&c, &v));
	c = card_of("X       = '7'");
	assert_false(card_real(&c, &v));
}

static void
strings_lose_quotes_and_trailing_blanks(void **state)
{
	struct card c = card_of("X       = '  it''s   ' / text");
	char text[CARD_TEXT_MAX + 1];

	(void)state;
	assert_true(card_string(&c, text));
	assert_string_equal(text, "  it's");
	c = card_of(
	    "X       = '12345678901234567890123456789012345678901234567890123456789"
	    "012345678'");
	assert_true(card_string(&c, text));
	assert_int_equal(strlen(text), CARD_TEXT_MAX);
}

static void
numbers_are_written_in_fixed_format(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, SAMPLE_MAX);
	card_put_integer(&s, BYTES("CRPIX1"), -12, BYTES("/ pixel"));
	card_put_real(&s, BYTES("CRPIX1A"), 5, BYTES("/ pixel"));
	card_put_real(&s, BYTES("CD1_1"), 1e20, BYTES(""));
	card_put_real(&s, BYTES("CD1_2"), -1.0 / 3, BYTES("/ long"));
	card_put_logical(&s, BYTES("EXTEND"), true, BYTES(""));
	assert_int_equal(s.n, 5 * CARD_SIZE);
	assert_memory_equal(s.p, "CRPIX1  =                  -12 / pixel  ", 40);
	assert_memory_equal(s.p + 80, "CRPIX1A =                  5.0 / pixel  ", 40);
	assert_memory_equal(s.p + 160, "CD1_1   =              1.0E+20         ", 39);
	assert_memory_equal(s.p + 240, "CD1_2   = -0.33333333333333331 / long ", 38);
	assert_memory_equal(s.p + 320, "EXTEND  =                    T         ", 39);
	str_release(&s);
}

static void
reals_read_back_as_they_were(void **state)
{
	static const double values[] = {0.1, 1.0 / 3, -5e-324, 1.7976931348623157e308,
	    123456789.123456789, -0.0, 1e15};
	struct str s;

	(void)state;
	str_init(&s, SAMPLE_MAX);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct card c;
		double v;

		str_clear(&s);
		card_put_real(&s, BYTES("X"), values[i], BYTES("/ a comment"));
		c = card_read(s.p);
		assert_int_equal(c.type, CARD_REAL);
		assert_true(card_real(&c, &v));
		assert_true(v == values[i]);
	}
	str_release(&s);
}

static void
a_long_comment_is_cut_at_the_end_of_the_card(void **state)
{
	static const char comment[] =
	    "/ 3456789012345678901234567890123456789012345678901234567890";
	struct str s;

	(void)state;
	str_init(&s, SAMPLE_MAX);
	card_put_integer(&s, BYTES("NAXIS1"), 1, bytes_of(comment));
	assert_int_equal(s.n, CARD_SIZE);
	assert_memory_equal(s.p + 31, comment, 49);
	str_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_have_the_type_of_the_standard),
	    cmocka_unit_test(keys_and_comments_are_trimmed),
	    cmocka_unit_test(integers_beyond_64_bits_are_refused),
	    cmocka_unit_test(reals_are_read_with_either_exponent),
	    cmocka_unit_test(strings_lose_quotes_and_trailing_blanks),
	    cmocka_unit_test(numbers_are_written_in_fixed_format),
	    cmocka_unit_test(reals_read_back_as_they_were),
	    cmocka_unit_test(a_long_comment_is_cut_at_the_end_of_the_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
