/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/companion.h"
#include "tests/unit/fits/sample.h"

static struct str cards;
static struct companion c[COMPANIONS_MAX];

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

static size_t
read_cards(void)
{
	size_t n = companion_read(str_bytes(&cards), c);

	str_clear(&cards);
	return n;
}

static void
assert_companion(size_t i, enum companion_kind kind, const char *name, uint64_t version,
    const char *record)
{
	assert_int_equal(c[i].kind, kind);
	assert_string_equal(c[i].name, name);
	assert_int_equal(c[i].version, version);
	assert_string_equal(c[i].record, record);
}

static void
lookups_are_named_by_type_and_record(void **state)
{
	(void)state;
	sample_card(&cards, "DP2     = 'NAXES: 2.0'");
	sample_card(&cards, "DP2     = 'EXTVER: 7.0'");
	sample_card(&cards, "CPDIS2  = 'Lookup  '");
	sample_card(&cards, "D2IMDIS1= 'LOOKUP  '");
	sample_card(&cards, "D2IM1   = 'EXTVER: 3' / record");
	sample_card(&cards, "CPDIS1  = 'POLYNOMIAL'");
	sample_card(&cards, "DP1     = 'EXTVER: 9.0'");
	assert_int_equal(read_cards(), 2);
	assert_companion(0, COMPANION_LOOKUP, "WCSDVARR", 7, "DP2");
	assert_companion(1, COMPANION_LOOKUP, "D2IMARR", 3, "D2IM1");
}

static void
tables_are_named_by_parameters(void **state)
{
	(void)state;
	sample_card(&cards, "PV3_1   =                    4");
	sample_card(&cards, "PS3_0   = 'WCS-TABLE'");
	sample_card(&cards, "PS3_1   = 'COORDS'");
	sample_card(&cards, "PS2_0A  = 'OTHER   '");
	sample_card(&cards, "PV1_1   =                  0.5");
	assert_int_equal(read_cards(), 2);
	assert_companion(0, COMPANION_TABLE, "WCS-TABLE", 4, "");
	assert_companion(1, COMPANION_TABLE, "OTHER", 1, "");
}

static void
their_number_is_limited(void **state)
{
	(void)state;
	for (int i = 1; i < 99; i++) {
		char key[16], card[CARD_SIZE + 1];

		(void)snprintf(key, sizeof key, "PS%d_0", i);
		(void)snprintf(card, sizeof card, "%-8s= 'X'", key);
		sample_card(&cards, card);
	}
	assert_int_equal(read_cards(), COMPANIONS_MAX);
}

static void
only_the_right_hdu_is_taken(void **state)
{
	struct companion lookup = {2, COMPANION_LOOKUP, 1, "WCSDVARR", "DP1"};
	struct companion table = {1, COMPANION_TABLE, 0, "T", ""};
	struct hdu hdu = {
	    .index = 4, .kind = HDU_IMAGE, .version = 2, .name = "wcsdvarr"};

	(void)state;
	assert_true(companion_is(&lookup, &hdu));
	hdu.version = 1;
	assert_false(companion_is(&lookup, &hdu));
	hdu = (struct hdu){.index = 5, .kind = HDU_BINTABLE, .version = 1, .name = "T"};
	assert_true(companion_is(&table, &hdu));
	hdu.kind = HDU_COMPRESSED;
	assert_false(companion_is(&table, &hdu));
}

static void
a_moved_lookup_keeps_all_but_place_and_version(void **state)
{
	static const struct axis_cut cut[] = {{5, 1, 10}, {3, 1, 10}};
	const struct companion lookup = {.axis = 1};
	struct bytes moved;
	struct str out;

	(void)state;
	sample_image(&cards, false, -32, 2, (const int64_t[]){8, 6});
	sample_card(&cards, "EXTNAME = 'WCSDVARR'");
	sample_card(&cards, "CRPIX1  =                  1.0");
	sample_card(&cards, "CRVAL1  =                 10.0 / pixel");
	sample_card(&cards, "CRVAL2  =                 20.5");
	sample_card(&cards, "CRVAL3  =                 30.0");
	sample_card(&cards, "CHECKSUM= 'abc'");
	sample_card(&cards, "END");
	str_init(&out, SAMPLE_MAX);
	companion_move(
	    &out, str_bytes(&cards), &lookup, &(struct companion_place){cut, 2, 12});
	moved = str_bytes(&out);
	assert_int_equal(moved.n, FITS_BLOCK);
	assert_memory_equal(moved.p, cards.p, (size_t)9 * CARD_SIZE);
	assert_memory_equal(
	    sample_find(moved, "CRVAL1"), "CRVAL1  =                  6.0 /", 32);
	assert_memory_equal(
	    sample_find(moved, "CRVAL2"), "CRVAL2  =                 18.5 ", 31);
	assert_memory_equal(
	    sample_find(moved, "CRVAL3"), "CRVAL3  =                 30.0 ", 31);
	assert_memory_equal(
	    sample_find(moved, "EXTVER"), "EXTVER  =                   12 ", 31);
	assert_null(sample_find(moved, "CHECKSUM"));
	assert_null(sample_find(moved, "BSCALE"));
	str_release(&out);
	str_clear(&cards);
}

static void
a_lookup_of_wider_or_flipped_pixels_is_scaled(void **state)
{
	static const struct axis_cut cut[] = {{9, -2, 4}, {3, 4, 2}};
	const struct companion lookup = {.axis = 2};
	struct bytes moved;
	struct str out;

	(void)state;
	sample_image(&cards, false, -32, 2, (const int64_t[]){8, 6});
	sample_card(&cards, "BZERO   =                  8.0 / offset");
	sample_card(&cards, "CRVAL1  =                 11.0");
	sample_card(&cards, "DATAMAX =                 11.0");
	sample_card(&cards, "END");
	str_init(&out, SAMPLE_MAX);
	companion_move(
	    &out, str_bytes(&cards), &lookup, &(struct companion_place){cut, 2, 1});
	moved = str_bytes(&out);
	assert_memory_equal(
	    sample_find(moved, "BZERO"), "BZERO   =                  2.0 /", 32);
	assert_memory_equal(
	    sample_find(moved, "BSCALE"), "BSCALE  =                 0.25 ", 31);
	assert_memory_equal(
	    sample_find(moved, "CRVAL1"), "CRVAL1  =                 -1.5 ", 31);
	assert_memory_equal(
	    sample_find(moved, "CRVAL2"), "CRVAL2  =                 -0.5 ", 31);
	assert_memory_equal(
	    sample_find(moved, "CDELT1"), "CDELT1  =                 -0.5 ", 31);
	assert_memory_equal(
	    sample_find(moved, "CDELT2"), "CDELT2  =                 0.25 ", 31);
	assert_null(sample_find(moved, "DATAMAX"));
	assert_non_null(sample_find(moved, "EXTVER"));
	str_release(&out);
	str_clear(&cards);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lookups_are_named_by_type_and_record),
	    cmocka_unit_test(tables_are_named_by_parameters),
	    cmocka_unit_test(their_number_is_limited),
	    cmocka_unit_test(only_the_right_hdu_is_taken),
	    cmocka_unit_test(a_moved_lookup_keeps_all_but_place_and_version),
	    cmocka_unit_test(a_lookup_of_wider_or_flipped_pixels_is_scaled),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
