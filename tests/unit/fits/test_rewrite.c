/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of coordinates is checked against astropy (compare_astropy.py); here it
 * is the cards: which are changed, kept, dropped, added, and how they are spelled.
 */
#include "tests/support/check.h"

#include <math.h>

#include "fits/rewrite.h"
#include "tests/unit/fits/sample.h"

static struct str old, new;
static struct hdu hdu;

static int
set_up(void **state)
{
	(void)state;
	str_init(&old, SAMPLE_MAX);
	str_init(&new, SAMPLE_MAX);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	str_release(&old);
	str_release(&new);
	return 0;
}

/* Begins a header of 30 x 20 pixels. */
static void
start(bool primary)
{
	str_clear(&old);
	sample_image(&old, primary, -32, 2, (const int64_t[]){30, 20});
}

/* Rewrites the header begun with `start`. */
static void
rewrite(
    unsigned index, enum hdu_role role, size_t n_extensions, const struct axis_cut *cut)
{
	struct rewrite how = {.role = role, .n_extensions = n_extensions, .cut = cut};
	struct errinfo why;

	sample_card(&old, "END");
	assert_ok(header_read(str_bytes(&old), index, 0, &hdu, &why), &why);
	str_clear(&new);
	rewrite_header(&new, str_bytes(&old), &hdu, &how);
	assert_false(str_failed(&new));
	assert_int_equal(new.n % FITS_BLOCK, 0);
	assert_non_null(sample_find(str_bytes(&new), "END"));
	/* What was made is a header again. */
	assert_ok(header_read((struct bytes){new.p,
				  (size_t)(sample_find(str_bytes(&new), "END") - new.p) +
				      CARD_SIZE},
		      role == ROLE_PRIMARY ? 0 : 1, 0, &hdu, &why),
	    &why);
}

/* The card of `key` is `text`, padded. */
static void
assert_card(const char *key, const char *text)
{
	const char *card = sample_find(str_bytes(&new), key);
	char padded[CARD_SIZE + 1];

	(void)snprintf(padded, sizeof padded, "%-80s", text);
	if (card == NULL)
		fail_msg("there is no %s", key);
	else if (memcmp(card, padded, CARD_SIZE) != 0)
		fail_msg("\"%.80s\" is not \"%s\"", card, text);
}

static void
assert_no_card(const char *key)
{
	if (sample_find(str_bytes(&new), key) != NULL)
		fail_msg("there is a %s", key);
}

static double
value(const char *key)
{
	const char *card = sample_find(str_bytes(&new), key);
	struct card c;
	double v = 0;

	if (card == NULL)
		fail_msg("there is no %s", key);
	c = card_read(card);
	assert_true(card_real(&c, &v));
	return v;
}

#define assert_value(key, v) assert_true(fabs(value(key) - (v)) < 1e-12)

static const struct axis_cut moved[] = {{4, 1, 10}, {3, 1, 5}};
static const struct axis_cut stepped[] = {{29, -3, 10}, {1, 2, 10}};

static void
cards_that_do_not_matter_are_copied_byte_for_byte(void **state)
{
	static const char *const cards[] = {
	    "OBJECT  = 'it''s a galaxy'      / odd   spacing  /  kept",
	    "BSCALE  =  0.5D0",
	    "DATASEC = '[1:30,1:20]'",
	    "HIERARCH ESO DET CHIP1 ID = 'x' / long",
	    "CONTINUE  '&'",
	    "COMMENT CRPIX1  = 5",
	    "crpix1  =                  5.0",
	    "CRPIX1  =5.0",
	    "PV1_1   = 1.0000",
	    "CTYPE1  = 'LINEAR  '",
	    "\xc3\xa4\x01 any bytes",
	    "",
	};
	const char *at;

	(void)state;
	start(true);
	for (size_t i = 0; i < sizeof cards / sizeof *cards; i++)
		sample_card(&old, cards[i]);
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	at = new.p + (ptrdiff_t)5 * CARD_SIZE;
	assert_memory_equal(at, old.p + (ptrdiff_t)5 * CARD_SIZE,
	    sizeof cards / sizeof *cards * CARD_SIZE);
	assert_card("NAXIS1", "NAXIS1  =                   10");
}

static void
an_integer_stays_one_if_it_can(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "CRPIX1  =                   12 / [pix] reference");
	sample_card(&old, "CRPIX2  = 7");
	rewrite(0, ROLE_PRIMARY, 0, moved);
	assert_card("CRPIX1", "CRPIX1  =                    9 / [pix] reference");
	assert_card("CRPIX2", "CRPIX2  =                    5");
	start(true);
	sample_card(&old, "CRPIX1  =                   12 / [pix] reference");
	sample_card(&old, "CRPIX2  = 7");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_card("CRPIX1", "CRPIX1  =    6.666666666666667 / [pix] reference");
	assert_card("CRPIX2", "CRPIX2  =                    4");
}

static void
values_without_a_number_are_left_alone(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "CRPIX1  = 'left'");
	sample_card(&old, "CRPIX2  =                  NaN");
	sample_card(&old, "CD1_1   =");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_card("CRPIX1", "CRPIX1  = 'left'");
	assert_card("CRPIX2", "CRPIX2  =                  NaN");
	assert_card("CD1_1", "CD1_1   =");
}

static void
all_alternates_are_cut(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "CRPIX1  =                 10.0");
	sample_card(&old, "CRPIX1A =                 20.0");
	sample_card(&old, "CRPIX2Z =                 30.0");
	sample_card(&old, "CD1_1A  =                  0.5");
	sample_card(&old, "CD2_1A  =                 0.25");
	sample_card(&old, "CD1_2A  =                 0.75");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_value("CRPIX1", (10.0 - 29) / -3 + 1);
	assert_value("CRPIX1A", (20.0 - 29) / -3 + 1);
	assert_value("CRPIX2Z", (30.0 - 1) / 2 + 1);
	assert_value("CD1_1A", -1.5);
	assert_value("CD2_1A", -0.75);
	assert_value("CD1_2A", 1.5);
	assert_no_card("CDELT1A");
	/* Z names axis 2 only: its scale was 1. */
	assert_value("CDELT2Z", 2);
}

static void
what_was_implied_is_written_when_it_changes(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "CTYPE1  = 'RA---TAN'");
	sample_card(&old, "CTYPE2  = 'DEC--TAN'");
	rewrite(0, ROLE_PRIMARY, 0, moved);
	assert_value("CRPIX1", -3);
	assert_value("CRPIX2", -2);
	assert_no_card("CDELT1");
	start(true);
	sample_card(&old, "CTYPE1  = 'RA---TAN'");
	sample_card(&old, "PC2_1   =                  0.5");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_value("PC1_1", -3);
	assert_value("PC2_1", -1.5);
	assert_value("PC2_2", 2);
	assert_no_card("CDELT1");
	start(true);
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_no_card("CRPIX1");
	assert_no_card("CDELT1");
}

static void
cdelt_takes_the_step_where_pc_does_not_mix(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "CDELT1  =                  2.0");
	sample_card(&old, "CDELT2  =                  3.0");
	sample_card(&old, "PC1_1   =                  1.0");
	sample_card(&old, "PC1_2   =                  0.0");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_value("CDELT1", -6);
	assert_value("CDELT2", 6);
	assert_value("PC1_1", 1);
	assert_no_card("PC2_2");
	start(true);
	sample_card(&old, "CDELT1  =                  2.0");
	sample_card(&old, "CDELT2  =                  3.0");
	sample_card(&old, "PC1_2   =                  0.5");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_value("CDELT1", 2);
	assert_value("CDELT2", 3);
	assert_value("PC1_1", -3);
	assert_value("PC1_2", 1);
	assert_value("PC2_2", 2);
}

static void
sip_coefficients_follow_a_step_but_not_a_shift(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "A_ORDER =                    2");
	sample_card(&old, "A_1_1   =                  0.5");
	rewrite(0, ROLE_PRIMARY, 0, moved);
	assert_card("A_1_1", "A_1_1   =                  0.5");
	start(true);
	sample_card(&old, "A_ORDER =                    2");
	sample_card(&old, "A_1_1   =                  0.5");
	sample_card(&old, "A_0_2   =                  0.5");
	sample_card(&old, "BP_2_0  =                  0.5");
	sample_card(&old, "A_DMAX  =                  6.0");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_card("A_ORDER", "A_ORDER =                    2");
	assert_value("A_1_1", 0.5 * 2);
	assert_value("A_0_2", 0.5 * 4 / -3);
	assert_value("BP_2_0", 0.5 * 9 / 2);
	assert_value("A_DMAX", 2);
}

static void
iraf_and_dss_keywords_follow(void **state)
{
	(void)state;
	start(true);
	sample_card(&old, "LTV1    =                -10.0");
	sample_card(&old, "LTM2_2  =                  0.5");
	sample_card(&old, "LTM2_1  =                 0.25");
	sample_card(&old, "CNPIX1  =                  100");
	sample_card(&old, "AMDX1   =                 67.0");
	rewrite(0, ROLE_PRIMARY, 0, stepped);
	assert_value("LTV1", (-10.0 - 29) / -3 + 1);
	assert_value("LTM1_1", -1.0 / 3);
	assert_value("LTM2_2", 0.25);
	assert_value("LTM2_1", 0.125);
	assert_value("LTV2", (0.0 - 1) / 2 + 1);
	assert_no_card("CNPIX1");
	assert_no_card("AMDX1");
	start(true);
	sample_card(&old, "CNPIX1  =                  100");
	sample_card(&old, "AMDX1   =                 67.0");
	rewrite(0, ROLE_PRIMARY, 0, moved);
	assert_card("CNPIX1", "CNPIX1  =                  103");
	assert_card("AMDX1", "AMDX1   =                 67.0");
}

static void
add_sums(void)
{
	sample_card(&old, "CHECKSUM= 'abc'");
	sample_card(&old, "DATASUM = '12'");
	sample_card(&old, "DATAMIN =                  1.0");
	sample_card(&old, "DATAMAX =                  2.0");
}

static void
sums_go_and_extremes_of_a_cut_too(void **state)
{
	(void)state;
	start(true);
	add_sums();
	rewrite(0, ROLE_PRIMARY, 0, moved);
	assert_no_card("CHECKSUM");
	assert_no_card("DATASUM");
	assert_no_card("DATAMIN");
	assert_no_card("DATAMAX");
	start(true);
	add_sums();
	rewrite(0, ROLE_PRIMARY, 0, NULL);
	assert_no_card("CHECKSUM");
	assert_card("DATAMIN", "DATAMIN =                  1.0");
}

static void
an_extension_becomes_a_primary(void **state)
{
	(void)state;
	start(false);
	sample_card(&old, "EXTNAME = 'SCI     '");
	sample_card(&old, "INHERIT =                    T");
	rewrite(1, ROLE_PRIMARY, 0, NULL);
	assert_memory_equal(new.p, "SIMPLE  =                    T / ", 33);
	assert_card("EXTNAME", "EXTNAME = 'SCI     '");
	assert_no_card("INHERIT");
	assert_no_card("PCOUNT");
	assert_no_card("GCOUNT");
	assert_no_card("EXTEND");
}

static void
a_primary_becomes_an_extension(void **state)
{
	const char *card;

	(void)state;
	start(true);
	sample_card(&old, "EXTEND  =                    T");
	sample_card(&old, "NEXTEND =                    3");
	sample_card(&old, "GCOUNT  =                    1");
	rewrite(0, ROLE_EXTENSION, 0, NULL);
	assert_memory_equal(new.p, "XTENSION= 'IMAGE   '", 20);
	card = new.p + (ptrdiff_t)5 * CARD_SIZE;
	assert_memory_equal(card, "PCOUNT  =                    0", 30);
	assert_memory_equal(card + CARD_SIZE, "GCOUNT  =                    1", 30);
	assert_null(
	    sample_find(bytes_skip(str_bytes(&new), (size_t)7 * CARD_SIZE), "GCOUNT"));
	assert_no_card("EXTEND");
	assert_no_card("NEXTEND");
}

static void
a_primary_says_how_many_extensions_follow(void **state)
{
	(void)state;
	start(true);
	rewrite(0, ROLE_PRIMARY, 2, NULL);
	assert_memory_equal(
	    new.p + (ptrdiff_t)5 * CARD_SIZE, "EXTEND  =                    T", 30);
	assert_value("NEXTEND", 2);
	start(true);
	sample_card(&old, "NEXTEND =                    9 / how many");
	sample_card(&old, "EXTEND  =                    F / maybe");
	rewrite(0, ROLE_PRIMARY, 2, NULL);
	assert_card("NEXTEND", "NEXTEND =                    2 / how many");
	assert_card("EXTEND", "EXTEND  =                    T / maybe");
	start(true);
	sample_card(&old, "NEXTEND =                    9 / how many");
	sample_card(&old, "EXTEND  =                    F / maybe");
	rewrite(0, ROLE_PRIMARY, 0, NULL);
	assert_no_card("NEXTEND");
	assert_no_card("EXTEND");
}

static void
the_minimal_primary_is_a_header(void **state)
{
	struct errinfo why;

	(void)state;
	str_clear(&new);
	rewrite_minimal_primary(&new);
	assert_int_equal(new.n, FITS_BLOCK);
	assert_ok(header_read(str_bytes(&new), 0, 0, &hdu, &why), &why);
	assert_int_equal(hdu.data_bytes, 0);
	assert_card("EXTEND", "EXTEND  =                    T");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cards_that_do_not_matter_are_copied_byte_for_byte),
	    cmocka_unit_test(an_integer_stays_one_if_it_can),
	    cmocka_unit_test(values_without_a_number_are_left_alone),
	    cmocka_unit_test(all_alternates_are_cut),
	    cmocka_unit_test(what_was_implied_is_written_when_it_changes),
	    cmocka_unit_test(cdelt_takes_the_step_where_pc_does_not_mix),
	    cmocka_unit_test(sip_coefficients_follow_a_step_but_not_a_shift),
	    cmocka_unit_test(iraf_and_dss_keywords_follow),
	    cmocka_unit_test(sums_go_and_extremes_of_a_cut_too),
	    cmocka_unit_test(an_extension_becomes_a_primary),
	    cmocka_unit_test(a_primary_becomes_an_extension),
	    cmocka_unit_test(a_primary_says_how_many_extensions_follow),
	    cmocka_unit_test(the_minimal_primary_is_a_header),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
