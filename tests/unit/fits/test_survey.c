/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/survey.h"
#include "tests/unit/fits/sample.h"

enum { FILE_BYTES = 100 * FITS_BLOCK, TEXT_MAX = 10000 };

static struct arena arena;
static struct str cards;
static struct survey survey;
static struct section section[4];
static struct errinfo why;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	str_init(&cards, SAMPLE_MAX);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	survey_release(&survey);
	str_release(&cards);
	arena_release(&arena);
	return 0;
}

/* `subs` ends with NULL; without any the text is asked for. */
static void
start(const char *const *subs)
{
	size_t n = 0;

	for (; subs[n] != NULL; n++)
		assert_ok(
		    section_parse(&arena, bytes_of(subs[n]), &section[n], &why), &why);
	assert_ok(survey_init(&survey, &arena, n > 0 ? section : NULL, n, FILE_BYTES,
		      TEXT_MAX, &why),
	    &why);
}

#define SUBS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TEXT      ((const char *const[]){NULL})

/* The next HDU: an image of `n` bytes with one more card. */
static enum err
take(unsigned index, const char *card, int64_t n)
{
	struct hdu hdu;

	str_clear(&cards);
	sample_image(&cards, index == 0, 8, 1, &n);
	sample_card(&cards, card);
	sample_card(&cards, "END");
	assert_ok(header_read(str_bytes(&cards), index, 0, &hdu, &why), &why);
	return survey_take(&survey, &hdu, str_bytes(&cards), &why);
}

static void
picks_come_in_the_order_of_the_file_then_of_the_request(void **state)
{
	(void)state;
	start(SUBS("[B]", "[1]", "[A][1:2]", "[B]"));
	assert_ok(take(0, "", 1), &why);
	assert_ok(take(1, "EXTNAME = 'A'", 1), &why);
	assert_false(survey_is_complete(&survey));
	assert_ok(take(2, "EXTNAME = 'B'", 1), &why);
	assert_true(survey_is_complete(&survey));
	assert_ok(survey_check(&survey, &why), &why);
	assert_int_equal(survey.n_picks, 4);
	assert_ptr_equal(survey.pick[0].section, &section[1]);
	assert_ptr_equal(survey.pick[1].section, &section[2]);
	assert_ptr_equal(survey.pick[2].section, &section[0]);
	assert_ptr_equal(survey.pick[3].section, &section[3]);
	assert_int_equal(survey.primary.hdu.index, 0);
	assert_non_null(sample_find(survey.pick[2].cards, "EXTNAME"));
}

static void
the_first_of_several_with_a_name_is_taken(void **state)
{
	(void)state;
	start(SUBS("[A]"));
	assert_ok(take(0, "", 1), &why);
	assert_ok(take(1, "EXTNAME = 'A'", 1), &why);
	assert_ok(take(2, "EXTNAME = 'A'", 1), &why);
	assert_int_equal(survey.n_picks, 1);
	assert_int_equal(survey.pick[0].hdu.index, 1);
}

static void
what_is_missing_is_named(void **state)
{
	(void)state;
	start(SUBS("[0]", "[X,2][*]"));
	assert_ok(take(0, "", 1), &why);
	assert_false(survey_is_enough(&survey));
	assert_err(survey_check(&survey, &why), ERR_INVALID_ARGUMENT);
	assert_string_equal(why.text, "the file has no HDU for [X,2][*]");
}

static void
companions_are_looked_for_behind_their_image(void **state)
{
	(void)state;
	start(SUBS("[0]"));
	assert_ok(take(0, "CPDIS1  = 'LOOKUP'", 1), &why);
	assert_true(survey_is_enough(&survey));
	assert_false(survey_is_complete(&survey));
	assert_ok(take(1, "EXTNAME = 'OTHER'", 1), &why);
	assert_false(survey_is_complete(&survey));
	assert_ok(take(2, "EXTNAME = 'WCSDVARR'", 1), &why);
	assert_true(survey_is_complete(&survey));
	assert_int_equal(survey.n_companions, 1);
	assert_int_equal(survey.companion[0].hdu.index, 2);
}

static void
the_text_ends_with_what_cannot_be_passed(void **state)
{
	(void)state;
	start(TEXT);
	assert_ok(take(0, "OBJECT  = 'x'   ", 1), &why);
	assert_false(survey_is_complete(&survey));
	assert_ok(take(1, "", FILE_BYTES), &why);
	assert_true(survey_is_complete(&survey));
	assert_ok(survey_check(&survey, &why), &why);
	assert_true(bytes_contains(str_bytes(&survey.text),
	    BYTES("\nOBJECT  = 'x'\nEND\n\nXTENSION= 'IMAGE   '")));
	assert_true(bytes_ends(str_bytes(&survey.text), BYTES("\n\nEND\n")));
}

static void
the_text_is_limited(void **state)
{
	enum err e = ERR_OK;

	(void)state;
	start(TEXT);
	for (unsigned i = 0; i < 1000 && e == ERR_OK; i++)
		e = take(i, "COMMENT  and so on", 1);
	assert_int_equal(e, ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		picks_come_in_the_order_of_the_file_then_of_the_request, set_up,
		tear_down),
	    cmocka_unit_test_setup_teardown(
		the_first_of_several_with_a_name_is_taken, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_missing_is_named, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		companions_are_looked_for_behind_their_image, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		the_text_ends_with_what_cannot_be_passed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_text_is_limited, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
