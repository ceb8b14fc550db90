/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/shape.h"

enum { POINTS_MAX = 10 };

static struct arena arena;
static struct errinfo why;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

/* Its one spelling. */
static const char *
spelled(const char *text)
{
	struct shape s;
	struct str out;
	const char *spelling;

	assert_ok(shape_parse_pos(&arena, bytes_of(text), POINTS_MAX, &s, &why), &why);
	str_init(&out, 1000);
	shape_write(&out, &s);
	spelling = arena_text(&arena, str_bytes(&out));
	str_release(&out);
	return spelling;
}

static void
every_form_has_one_spelling(void **state)
{
	static const struct {
		const char *text, *spelled;
	} cases[] = {
	    {"CIRCLE 10.5 -20.25 0.01", "CIRCLE 10.5 -20.25 0.01"},
	    {"  circle\t+1.05e1   -20.250 1E-2 ", "CIRCLE 10.5 -20.25 0.01"},
	    {"Circle .1 0.1 180", "CIRCLE 0.1 0.1 180"},
	    {"CIRCLE 0.1234567890123456 0 0", "CIRCLE 0.1234567890123456 0 0"},
	    {"RANGE 350 10 -1 1", "RANGE 350 10 -1 1"},
	    {"range -Inf +Inf 80 +inf", "RANGE 0 360 80 90"},
	    {"range 5 Inf -Inf 0", "RANGE 5 360 -90 0"},
	    {"POLYGON 1 2 3 4 5 2", "POLYGON 1 2 3 4 5 2"},
	    {"POLYGON 1 2 3 4 5 2 1 2", "POLYGON 1 2 3 4 5 2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(spelled(cases[i].text), cases[i].spelled);
		assert_string_equal(spelled(cases[i].spelled), cases[i].spelled);
	}
}

static void
what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
	    {"", "CIRCLE ..., RANGE"},
	    {"SQUARE 1 2 3", "CIRCLE ..., RANGE"},
	    {"CIRCLE", "longitude latitude radius"},
	    {"CIRCLE 1 2", "three numbers"},
	    {"CIRCLE 1 2 3 4", "three numbers"},
	    {"CIRCLE 1 2 x", "'x' is not a number"},
	    {"CIRCLE 1 2 3d0", "'3d0' is not a number"},
	    {"CIRCLE 1 2 1e400", "'1e400' is not a number"},
	    {"CIRCLE 1 2 --3", "'--3' is not a number"},
	    {"CIRCLE 1 Inf 3", "'Inf' is not a number"},
	    {"CIRCLE 1 -90.5 3", "latitude"},
	    {"CIRCLE 1 2 -3", "radius"},
	    {"CIRCLE 1 2 180.5", "radius"},
	    {"CIRCLE 400 2 3", "longitude"},
	    {"RANGE 1 2 3", "four numbers"},
	    {"RANGE 1 2 4 3", "low to high"},
	    {"RANGE 1 2 NaN 3", "'NaN' is not a number"},
	    {"POLYGON 1 2 3 4", "at least 3 corners"},
	    {"POLYGON 1 2 3 4 5 6 7", "at least 3 corners"},
	    {"POLYGON 1 2 1 2 5 6", "twice"},
	    {"POLYGON 1 2 3 4 361 2", "longitude"},
	    {"POLYGON 1 2 3 4 1 2", "twice"},
	    {"POLYGON 0 0 120 0 240 0", "hemisphere"},
	    {"POLYGON 0 80 120 -80 240 80", "hemisphere"},
	    {"POLYGON 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 9 11 1", "10 corners"},
	};
	struct shape s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_err(shape_parse_pos(
			       &arena, bytes_of(cases[i].text), POINTS_MAX, &s, &why),
		    ERR_INVALID_ARGUMENT);
		if (strstr(why.text, cases[i].word) == NULL)
			fail_msg("'%s': %s", cases[i].text, why.text);
	}
}

static void
a_parameter_has_its_own_kind(void **state)
{
	struct shape s;

	(void)state;
	assert_ok(shape_parse(&arena, SHAPE_CIRCLE, BYTES("1 2 3"), POINTS_MAX, &s, &why),
	    &why);
	assert_int_equal(s.kind, SHAPE_CIRCLE);
	assert_int_equal(s.n, 3);
	assert_err(shape_parse(
		       &arena, SHAPE_CIRCLE, BYTES("CIRCLE 1 2 3"), POINTS_MAX, &s, &why),
	    ERR_INVALID_ARGUMENT);
}

static void
without_memory_it_says_so(void **state)
{
	struct arena tight;
	struct shape s;

	(void)state;
	arena_init(&tight, 8);
	assert_err(
	    shape_parse(&tight, SHAPE_CIRCLE, BYTES("1 2 3"), POINTS_MAX, &s, &why),
	    ERR_NO_MEMORY);
	arena_release(&tight);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		every_form_has_one_spelling, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_wrong_is_said, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_parameter_has_its_own_kind, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_memory_it_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
