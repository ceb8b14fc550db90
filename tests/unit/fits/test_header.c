/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "tests/unit/fits/sample.h"

static struct str s;
static struct errinfo why;
static struct hdu hdu;

static int
set_up(void **state)
{
	(void)state;
	str_init(&s, SAMPLE_MAX);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	str_release(&s);
	return 0;
}

/* Reads the cards collected so far, END added; the next begin anew. */
static enum err
read_cards(unsigned index)
{
	enum err e;

	sample_card(&s, "END");
	e = header_read(str_bytes(&s), index, BLOCKS(2), &hdu, &why);
	str_clear(&s);
	return e;
}

static void
assert_damaged(unsigned index, const char *card)
{
	assert_err(read_cards(index), ERR_FITS_DAMAGED);
	if (strstr(why.text, card) == NULL)
		fail_msg("\"%s\" does not name %s", why.text, card);
}

static void
start_table(const char *kind)
{
	char card[CARD_SIZE + 1];

	(void)snprintf(card, sizeof card, "XTENSION= '%-8s'", kind);
	sample_card(&s, card);
	sample_int(&s, "BITPIX", 8);
	sample_int(&s, "NAXIS", 2);
	sample_int(&s, "NAXIS1", 10);
	sample_int(&s, "NAXIS2", 20);
}

static void
an_image_has_axes_and_a_size(void **state)
{
	(void)state;
	sample_image(&s, true, -32, 3, (const int64_t[]){10, 20, 3});
	sample_card(&s, "EXTNAME = 'Sci     '           / name");
	sample_card(&s, "HDUNAME = 'other   '");
	sample_int(&s, "EXTVER", 4);
	assert_ok(read_cards(0), &why);
	assert_int_equal(hdu.kind, HDU_IMAGE);
	assert_int_equal(hdu.naxis, 3);
	assert_int_equal(hdu.axis[1], 20);
	assert_int_equal(hdu.element_bytes, 4);
	assert_int_equal(hdu.data_bytes, 2400);
	assert_int_equal(hdu.header_at, BLOCKS(2));
	assert_int_equal(hdu.data_at, BLOCKS(3));
	assert_int_equal(hdu_end(&hdu), BLOCKS(4));
	assert_string_equal(hdu.name, "Sci");
	assert_string_equal(hdu.hdu_name, "other");
	assert_int_equal(hdu.version, 4);
}

static void
the_kind_depends_on_more_than_the_first_card(void **state)
{
	(void)state;
	start_table("BINTABLE");
	assert_ok(read_cards(1), &why);
	assert_int_equal(hdu.kind, HDU_BINTABLE);
	start_table("BINTABLE");
	sample_int(&s, "PCOUNT", 100);
	sample_card(&s, "ZIMAGE  =                    T");
	assert_ok(read_cards(1), &why);
	assert_int_equal(hdu.kind, HDU_COMPRESSED);
	assert_int_equal(hdu.data_bytes, 300);
	start_table("TABLE");
	assert_ok(read_cards(1), &why);
	assert_int_equal(hdu.kind, HDU_TABLE);
	start_table("DUMP");
	assert_ok(read_cards(1), &why);
	assert_int_equal(hdu.kind, HDU_OTHER);
	start_table("IMAGE");
	sample_int(&s, "GCOUNT", 2);
	assert_ok(read_cards(1), &why);
	assert_int_equal(hdu.kind, HDU_OTHER);
	assert_int_equal(hdu.data_bytes, 400);
}

static void
random_groups_are_sized_without_their_first_axis(void **state)
{
	(void)state;
	sample_image(&s, true, 16, 3, (const int64_t[]){0, 5, 2});
	sample_card(&s, "GROUPS  =                    T");
	sample_int(&s, "PCOUNT", 3);
	sample_int(&s, "GCOUNT", 7);
	assert_ok(read_cards(0), &why);
	assert_int_equal(hdu.kind, HDU_GROUPS);
	assert_int_equal(hdu.data_bytes, 2 * 7 * (3 + 10));
}

static void
no_axes_mean_no_data(void **state)
{
	(void)state;
	sample_image(&s, true, 8, 0, NULL);
	assert_ok(read_cards(0), &why);
	assert_int_equal(hdu.data_bytes, 0);
	sample_image(&s, true, 8, 2, (const int64_t[]){0, 5});
	assert_ok(read_cards(0), &why);
	assert_int_equal(hdu.data_bytes, 0);
}

static void
thirty_two_axes_are_the_limit(void **state)
{
	int64_t ones[40];

	(void)state;
	for (size_t i = 0; i < 40; i++)
		ones[i] = 1;
	sample_image(&s, true, 8, 32, ones);
	assert_ok(read_cards(0), &why);
	assert_int_equal(hdu.naxis, 32);
	sample_image(&s, true, 8, 33, ones);
	assert_damaged(0, "NAXIS ");
}

static void
mandatory_cards_stand_in_order_with_plain_values(void **state)
{
	(void)state;
	assert_damaged(0, "SIMPLE");
	sample_card(&s, "SIMPLE  = 'T       '");
	assert_damaged(0, "SIMPLE");
	sample_card(&s, "XTENSION=                    T");
	assert_damaged(1, "XTENSION");
	sample_card(&s, "SIMPLE  =                    T");
	assert_damaged(0, "BITPIX");
	sample_card(&s, "SIMPLE  =                    T");
	sample_int(&s, "NAXIS", 0);
	sample_int(&s, "BITPIX", 8);
	assert_damaged(0, "BITPIX");
	sample_image(&s, true, 17, 0, NULL);
	assert_damaged(0, "BITPIX");
	sample_image(&s, true, 8, 1, (const int64_t[]){-4});
	assert_damaged(0, "NAXIS1");
	sample_image(&s, true, 8, 0, NULL);
	sample_int(&s, "NAXIS", 0);
	assert_damaged(0, "NAXIS");
	sample_image(&s, true, 8, 2, (const int64_t[]){4, 5});
	sample_int(&s, "NAXIS2", 5);
	assert_damaged(0, "NAXIS2");
}

static void
counts_are_checked(void **state)
{
	(void)state;
	start_table("BINTABLE");
	sample_int(&s, "PCOUNT", -1);
	assert_damaged(1, "PCOUNT");
	start_table("BINTABLE");
	sample_card(&s, "PCOUNT  = 'none'");
	assert_damaged(1, "PCOUNT");
	start_table("BINTABLE");
	sample_int(&s, "GCOUNT", 0);
	assert_damaged(1, "GCOUNT");
}

static void
sizes_that_overflow_are_refused(void **state)
{
	(void)state;
	sample_image(
	    &s, true, 8, 2, (const int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40});
	assert_damaged(0, "overflow");
	sample_image(
	    &s, true, 64, 2, (const int64_t[]){INT64_C(1) << 31, INT64_C(1) << 30});
	assert_damaged(0, "overflow");
	sample_image(&s, true, 8, 1, (const int64_t[]){INT64_MAX});
	assert_damaged(0, "overflow");
	start_table("BINTABLE");
	sample_int(&s, "PCOUNT", INT64_C(1) << 62);
	sample_int(&s, "GCOUNT", 4);
	assert_damaged(1, "overflow");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_image_has_axes_and_a_size),
	    cmocka_unit_test(the_kind_depends_on_more_than_the_first_card),
	    cmocka_unit_test(random_groups_are_sized_without_their_first_axis),
	    cmocka_unit_test(no_axes_mean_no_data),
	    cmocka_unit_test(thirty_two_axes_are_the_limit),
	    cmocka_unit_test(mandatory_cards_stand_in_order_with_plain_values),
	    cmocka_unit_test(counts_are_checked),
	    cmocka_unit_test(sizes_that_overflow_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
