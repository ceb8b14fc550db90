/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/scan.h"
#include "tests/unit/fits/sample.h"

enum { HEADER_MAX = 1 << 20 };

static struct str file;
static struct scan scan;
static struct errinfo why;
static uint64_t bytes_read, reads;

static int
set_up(void **state)
{
	(void)state;
	str_init(&file, SAMPLE_MAX);
	bytes_read = reads = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	str_release(&file);
	scan_release(&scan);
	return 0;
}

static void
start(uint64_t header_max, uint64_t hdus_max)
{
	assert_ok(scan_init(&scan, file.n, header_max, hdus_max, &why), &why);
}

/* The next answer that is not SCAN_READ. */
static enum scan_result
next(struct hdu *hdu)
{
	enum scan_result r;

	while ((r = scan_next(&scan, hdu, &why)) == SCAN_READ) {
		assert_in_range(scan.want_n, 1, SCAN_WINDOW);
		assert_in_range(scan.want_at, 0, file.n - scan.want_n);
		(void)memcpy(scan_room(&scan), file.p + scan.want_at, scan.want_n);
		bytes_read += scan.want_n;
		reads++;
		scan_fed(&scan);
	}
	return r;
}

static void
add_primary(int64_t n)
{
	sample_image(&file, true, 8, n > 0, &n);
	sample_end(&file);
	sample_bytes(&file, (size_t)n);
}

static void
add_extension(int64_t n, size_t more_cards)
{
	sample_image(&file, false, 8, n > 0, &n);
	while (more_cards-- > 0)
		sample_card(&file, "COMMENT  once more");
	sample_end(&file);
	sample_bytes(&file, (size_t)n);
}

static void
every_hdu_is_found_at_its_place(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(100);
	add_extension(200000, 0);
	add_extension(0, 2000);
	add_extension(3, 0);
	start(HEADER_MAX, 100);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(next(&hdu), SCAN_HDU);
		assert_int_equal(hdu.index, i);
		assert_memory_equal(file.p + hdu.header_at, scan.cards.p, scan.cards.n);
		assert_memory_equal(scan.cards.p + scan.cards.n - CARD_SIZE, "END  ", 5);
	}
	assert_int_equal(hdu_end(&hdu), file.n);
	assert_int_equal(next(&hdu), SCAN_END);
	assert_int_equal(next(&hdu), SCAN_END);
}

static void
no_byte_is_read_twice_and_data_are_skipped(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(1);
	for (int i = 0; i < 100; i++)
		add_extension(1, 0);
	start(HEADER_MAX, 1000);
	for (int i = 0; i <= 100; i++)
		assert_int_equal(next(&hdu), SCAN_HDU);
	assert_in_range(bytes_read, 0, file.n);
	assert_int_equal(reads, (file.n + SCAN_WINDOW - 1) / SCAN_WINDOW);

	scan_release(&scan);
	str_clear(&file);
	add_primary(10000000);
	add_extension(1, 0);
	bytes_read = 0;
	start(HEADER_MAX, 1000);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_in_range(bytes_read, 1, 2 * SCAN_WINDOW);
}

static void
what_is_not_fits_is_noticed_at_once(void **state)
{
	struct hdu hdu;

	(void)state;
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_NOT_FITS);
	scan_release(&scan);
	for (int i = 0; i < 100000; i++)
		str_adds(&file, "some text ");
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_NOT_FITS);
	assert_int_equal(reads, 1);
}

static void
a_header_must_end(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(0);
	file.n = 1000;
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_FITS_DAMAGED);
	scan_release(&scan);

	str_clear(&file);
	sample_image(&file, true, 8, 0, NULL);
	for (int i = 0; i < 100; i++)
		sample_card(&file, "COMMENT");
	sample_pad(&file, ' ');
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_FITS_DAMAGED);
	scan_release(&scan);
	start(BLOCKS(2), 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_FITS_DAMAGED);
	assert_non_null(strstr(why.text, "too large"));
	scan_release(&scan);

	str_clear(&file);
	sample_image(&file, true, 8, 0, NULL);
	sample_card(&file, "END     of the world");
	sample_pad(&file, ' ');
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_non_null(strstr(why.text, "END"));
}

static void
garbage_after_the_last_hdu_is_ignored(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(5);
	sample_bytes(&file, BLOCKS(3));
	file.n -= 7;
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_END);
}

static void
missing_padding_is_no_damage_but_missing_data_are(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(5);
	file.n = FITS_BLOCK + 5;
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_END);
	scan_release(&scan);
	file.n = FITS_BLOCK + 4;
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_FITS_DAMAGED);
}

static void
a_damaged_hdu_does_no_harm_to_those_before(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(5);
	add_extension(6, 0);
	sample_card(&file, "XTENSION= 'IMAGE   '");
	sample_end(&file);
	start(HEADER_MAX, 10);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(hdu.data_bytes, 6);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_non_null(strstr(why.text, "HDU 2: BITPIX"));
}

static void
the_number_of_hdus_is_limited(void **state)
{
	struct hdu hdu;

	(void)state;
	add_primary(0);
	add_extension(0, 0);
	add_extension(0, 0);
	start(HEADER_MAX, 2);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_HDU);
	assert_int_equal(next(&hdu), SCAN_FAILED);
	assert_int_equal(why.code, ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		every_hdu_is_found_at_its_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		no_byte_is_read_twice_and_data_are_skipped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_is_not_fits_is_noticed_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_header_must_end, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		garbage_after_the_last_hdu_is_ignored, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		missing_padding_is_no_damage_but_missing_data_are, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_damaged_hdu_does_no_harm_to_those_before, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		the_number_of_hdus_is_limited, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
