/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "fits/name.h"
#include "service/core/encode.h"

static struct arena arena;

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

/* `subs` is a list ended by NULL. */
static const char *
name_of(const char *file, const char *const *subs, bool compressed)
{
	struct section s[10];
	struct errinfo why;
	size_t n = 0;

	for (; subs[n] != NULL; n++)
		assert_ok(section_parse(&arena, bytes_of(subs[n]), &s[n], &why), &why);
	return name_of_cutout(&arena, bytes_of(file), s, n, compressed);
}

#define SUBS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
the_name_tells_what_was_cut(void **state)
{
	(void)state;
	assert_string_equal(
	    name_of("my_file.fits", SUBS("[2]", "[SCI,3][400:500]"), false),
	    "my_file.2____SCI_3__400_500.fits");
	assert_string_equal(name_of("myfile_raw.fits",
				SUBS("[116][100:250,*]", "[SCI,14][100:125,100:175]",
				    "[91][*,90:255]", "[101]"),
				false),
	    "myfile_raw.116__100_250_____SCI_14__100_125_100_175___91____90_255___101."
	    "fits");
	assert_string_equal(
	    name_of("a.fits", SUBS("[1:2,3:4]"), false), "a.0__1_2_3_4.fits");
	assert_string_equal(name_of("a.fits", SUBS("[x y.z][-*,1:9:2]"), false),
	    "a.X_Y_Z__-__1_9_2.fits");
}

static void
endings_of_fits_files_are_replaced(void **state)
{
	(void)state;
	assert_string_equal(name_of("a.FITS", SUBS("[1]"), false), "a.1.fits");
	assert_string_equal(name_of("a.fit", SUBS("[1]"), false), "a.1.fits");
	assert_string_equal(name_of("a.fits.fz", SUBS("[1]"), false), "a.1.fits");
	assert_string_equal(name_of("a.fits.fz", SUBS("[1]"), true), "a.1.fits.fz");
	assert_string_equal(name_of("a.fits", SUBS("[1]"), true), "a.1.fits");
	assert_string_equal(name_of("a.b", SUBS("[1]"), false), "a.b.1.fits");
	assert_string_equal(name_of("a", SUBS("[1]"), false), "a.1.fits");
	assert_string_equal(name_of(".fits", SUBS("[1]"), false), "cutout.1.fits");
	assert_string_equal(name_of_headers(&arena, BYTES("a.fits")), "a.fits.txt");
}

static void
a_name_has_at_most_200_bytes(void **state)
{
	static const char *const many[] = {"[123456789][123456789:123456789]",
	    "[123456789][123456789:123456789]", "[123456789][123456789:123456789]",
	    "[123456789][123456789:123456789]", "[123456789][123456789:123456789]",
	    "[123456789][123456789:123456789]", NULL};
	const char *name;
	char file[256];

	(void)state;
	name = name_of("some_file.fits", many, false);
	assert_in_range(strlen(name), 190, NAME_MAX_BYTES);
	assert_true(bytes_ends(bytes_of(name), BYTES(".fits")));
	for (size_t i = 0; i + 3 < sizeof file; i += 3)
		(void)memcpy(file + i, "\xe2\x82\xac", 4); /* three bytes each */
	name = name_of(file, many, false);
	assert_in_range(strlen(name), 190, NAME_MAX_BYTES);
	assert_true(bytes_ends(bytes_of(name), BYTES(".fits")));
	assert_true(utf8_valid(bytes_of(name)));
	name = name_of_headers(&arena, bytes_of(file));
	assert_in_range(strlen(name), 190, NAME_MAX_BYTES);
	assert_true(utf8_valid(bytes_of(name)));
}

static void
shapes_have_names_too(void **state)
{
	(void)state;
	assert_string_equal(
	    name_of_shape(&arena, BYTES("fitsfile.fits"), BYTES("CIRCLE 45.6 77.3 0.5")),
	    "fitsfile.circle_45_6_77_3_0_5.fits");
	assert_string_equal(
	    name_of_shape(&arena, BYTES("x.fits.fz"), BYTES("RANGE 1e-07 2 -3.5 4")),
	    "x.range_1e-07_2_-3_5_4.fits");
	assert_true(strlen(name_of_shape(&arena, BYTES("x"),
			bytes_of(arena_format(&arena, "POLYGON %0*d", 1000, 1).p))) <=
		    NAME_MAX_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_name_tells_what_was_cut),
	    cmocka_unit_test(endings_of_fits_files_are_replaced),
	    cmocka_unit_test(a_name_has_at_most_200_bytes),
	    cmocka_unit_test(shapes_have_names_too),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
