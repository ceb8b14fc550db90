/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/coordinates.h"
#include "tests/unit/fits/sample.h"

static struct str cards;

static int
set_up(void **state)
{
	(void)state;
	str_init(&cards, SAMPLE_MAX);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	str_release(&cards);
	return 0;
}

/* `lines` ends with NULL. */
static struct bytes
header_of(const char *const *lines)
{
	str_clear(&cards);
	for (; *lines != NULL; lines++)
		sample_card(&cards, *lines);
	sample_card(&cards, "END");
	return str_bytes(&cards);
}

#define CARDS(...) header_of((const char *const[]){__VA_ARGS__, NULL})

static void
what_is_sky(void **state)
{
	static const char *const sky[] = {"CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--SIN'",
	    "CTYPE3  = 'GLON-CAR'", "CTYPE1A = 'ELAT-AIT'", "CTYPE1  = 'HPLN-TAN'",
	    "CTYPE12 = 'RA---TAN-SIP'"};
	static const char *const other[] = {"CTYPE1  = 'FREQ'", "CTYPE1  = 'RA'",
	    "CTYPE1  = 'LINEAR'", "CTYPE1  = 5", "OBJECT  = 'RA---TAN'",
	    "COMMENT = 'RA---TAN'", "CTYPE   = 'RA---TAN'", "CTYPE1  = ''"};

	(void)state;
	for (size_t i = 0; i < sizeof sky / sizeof *sky; i++)
		assert_true(coordinates_are_sky(CARDS("SIMPLE  = T", sky[i])));
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		assert_false(coordinates_are_sky(CARDS("SIMPLE  = T", other[i])));
	assert_false(coordinates_are_sky(BYTES("")));
}

static void
only_what_matters_is_handed_on(void **state)
{
	struct str out;
	struct bytes all = CARDS("SIMPLE  = T", "CTYPE1  = 'RA---TAN'",
	    "HIERARCH ESO CRVAL1 = 3", "CD1_1   = 1.0", "CDATE   = 'x'", "PV2_3A  = 1.0",
	    "PVT     = 1", "A_2_0   = 1.0", "WAT1_001= 'wtype=tnx'", "COMMENT   CRPIX1",
	    "RADESYS = 'ICRS'", "OBSERVER= 'Jo Doe'");

	(void)state;
	str_init(&out, SAMPLE_MAX);
	assert_int_equal(coordinates_pick(&out, all), 6);
	assert_int_equal(out.n, 6 * CARD_SIZE);
	assert_false(bytes_contains(str_bytes(&out), BYTES("ESO")));
	assert_false(bytes_contains(str_bytes(&out), BYTES("Jo Doe")));
	assert_true(bytes_contains(str_bytes(&out), BYTES("PV2_3A")));
	str_release(&out);
}

static void
what_needs_more_than_the_header_is_said(void **state)
{
	(void)state;
	assert_null(coordinates_fault(
	    CARDS("CTYPE1  = 'RA---TAN'", "CTYPE3  = 'WAVE-TAB'", "PS3_0   = 'TABLE'")));
	assert_non_null(coordinates_fault(CARDS("CTYPE1  = 'RA---TAB'")));
	assert_non_null(
	    coordinates_fault(CARDS("CTYPE1  = 'RA---TAN'", "CPDIS1  = 'LOOKUP'")));
	assert_non_null(coordinates_fault(CARDS("D2IMDIS2= 'Lookup'")));
}

static void
compressed_images_have_axes_of_their_own(void **state)
{
	struct hdu hdu = {.kind = HDU_COMPRESSED, .naxis = 2, .axis = {8, 100}};
	uint64_t axis[AXES_MAX];

	(void)state;
	assert_int_equal(
	    coordinates_axes(&hdu,
		CARDS("ZNAXIS  = 3", "ZNAXIS1 = 10", "ZNAXIS2 = 20", "ZNAXIS3 = 30"),
		axis),
	    3);
	assert_int_equal(axis[0], 10);
	assert_int_equal(axis[2], 30);
	assert_int_equal(
	    coordinates_axes(&hdu, CARDS("ZNAXIS  = 2", "ZNAXIS1 = 10"), axis), 0);
	assert_int_equal(
	    coordinates_axes(&hdu, CARDS("ZNAXIS  = 33", "ZNAXIS99= 10"), axis), 0);
	hdu.kind = HDU_IMAGE;
	assert_int_equal(coordinates_axes(&hdu, CARDS("ZNAXIS  = 3"), axis), 2);
	hdu.axis[1] = 0;
	assert_int_equal(coordinates_axes(&hdu, CARDS("X       = 3"), axis), 0);
	hdu.kind = HDU_BINTABLE;
	assert_int_equal(coordinates_axes(&hdu, CARDS("X       = 3"), axis), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_sky, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		only_what_matters_is_handed_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_needs_more_than_the_header_is_said, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		compressed_images_have_axes_of_their_own, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
