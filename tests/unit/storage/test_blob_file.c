/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/core/pool.h"
#include "storage/blob_file.h"

enum { PAGE = BLOB_PAGE };

#define MAX_ENTRIES ((uint64_t)BLOB_PAGE_ENTRIES * BLOB_PAGES_MAX)

/* Layout */

static void
check_layout(uint64_t length, uint64_t block_size)
{
	struct blob_layout l = blob_layout(length);

	assert_int_equal(l.length, length);
	assert_int_equal(l.block_size, block_size);
	assert_int_equal(l.data_size % PAGE, 0);
	assert_true(l.data_size >= length && l.data_size - length < PAGE);
	assert_true(l.blocks * block_size >= length);
	assert_true(l.blocks == 0 || (l.blocks - 1) * block_size < length);
	assert_true(l.pages * BLOB_PAGE_ENTRIES >= l.blocks);
	assert_true(l.pages == 0 || (l.pages - 1) * BLOB_PAGE_ENTRIES < l.blocks);
	assert_int_equal(l.file_size, l.data_size + (l.pages + 1) * PAGE);
}

static void
the_layout_is_right_around_every_boundary(void **state)
{
	const uint64_t page_full = (uint64_t)BLOB_PAGE_ENTRIES * PAGE;

	(void)state;
	check_layout(0, PAGE);
	for (int d = -1; d <= 1; d++) {
		check_layout((uint64_t)(PAGE + d), PAGE);
		check_layout((uint64_t)(2 * PAGE + d), PAGE);
		check_layout(page_full + (uint64_t)d, PAGE);
		check_layout(2 * page_full + (uint64_t)d, PAGE);
	}
	assert_int_equal(blob_layout(0).file_size, PAGE);
	assert_int_equal(blob_layout(1).file_size, 3 * PAGE);
	assert_int_equal(blob_layout(page_full).pages, 1);
	assert_int_equal(blob_layout(page_full + 1).pages, 2);
}

static void
blocks_double_when_the_table_would_be_too_long(void **state)
{
	(void)state;
	for (uint64_t size = PAGE; size < PIECE_LARGE_SIZE; size *= 2) {
		check_layout(MAX_ENTRIES * size, size);
		check_layout(MAX_ENTRIES * size + 1, 2 * size);
		assert_int_equal(blob_layout(MAX_ENTRIES * size).pages, BLOB_PAGES_MAX);
		assert_int_equal(
		    blob_layout(MAX_ENTRIES * size + 1).pages, BLOB_PAGES_MAX / 2 + 1);
	}
}

/* A block is verified as a whole, so it must fit into the piece it is read into. */
static void
no_block_is_larger_than_a_piece(void **state)
{
	(void)state;
	for (unsigned shift = 38; shift <= 50; shift++)
		assert_true(blob_layout(1ULL << shift).block_size <= PIECE_LARGE_SIZE);
	check_layout(MAX_ENTRIES * PIECE_LARGE_SIZE + 1, PIECE_LARGE_SIZE);
}

/* Names */

static void
a_name_is_id_and_digest_and_reads_back(void **state)
{
	const uint64_t ids[] = {0, 1, 0x0123456789abcdef, UINT64_MAX};
	uint8_t md5[MD5_SIZE], md5_again[MD5_SIZE];
	char name[BLOB_NAME_SIZE];
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof md5; i++)
		md5[i] = (uint8_t)(i * 17);
	blob_name(0x0123456789abcdef, md5, name);
	assert_string_equal(name, "0123456789abcdef-00112233445566778899aabbccddeeff");
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		blob_name(ids[i], md5, name);
		assert_true(blob_name_parse(bytes_of(name), &id, md5_again));
		assert_int_equal(id, ids[i]);
		assert_memory_equal(md5_again, md5, sizeof md5);
	}
}

static void
other_names_are_none_of_ours(void **state)
{
	static const char *const names[] = {"", ".", "probe",
	    "0123456789abcdef-00112233445566778899aabbccddeef",
	    "0123456789abcdef-00112233445566778899aabbccddeefff",
	    "0123456789abcdef_00112233445566778899aabbccddeeff",
	    "0123456789abcdeg-00112233445566778899aabbccddeeff",
	    "0123456789abcdef-00112233445566778899aabbccddeefg",
	    "0123456789ABCDEF-00112233445566778899aabbccddeeff",
	    "0123456789abcdef-00112233445566778899AABBCCDDEEFF",
	    " 123456789abcdef-00112233445566778899aabbccddeeff"};
	uint8_t md5[MD5_SIZE];
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (blob_name_parse(bytes_of(names[i]), &id, md5))
			fail_msg("%s was taken for ours", names[i]);
}

static void
each_block_of_ids_has_its_leaf(void **state)
{
	char name[BLOB_LEAF_SIZE];

	(void)state;
	assert_int_equal(blob_leaf(0), 0);
	assert_int_equal(blob_leaf(STORE_ID_BLOCK - 1), 0);
	assert_int_equal(blob_leaf(STORE_ID_BLOCK), 1);
	assert_int_equal(blob_leaf((uint64_t)STORE_ID_BLOCK * BLOB_LEAVES), 0);
	assert_int_equal(
	    blob_leaf((uint64_t)STORE_ID_BLOCK * BLOB_LEAVES - 1), BLOB_LEAVES - 1);
	blob_leaf_name(0, name);
	assert_string_equal(name, "00/00");
	blob_leaf_name(0x1234, name);
	assert_string_equal(name, "12/34");
	blob_leaf_name(BLOB_LEAVES - 1, name);
	assert_string_equal(name, "ff/ff");
}

/* Tables */

static uint8_t
pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 12) * 13 + (i >> 20));
}

static struct blob_trailer
some_trailer(uint64_t length)
{
	struct blob_trailer t = {.id = 0xfeed,
	    .length = length,
	    .node_id = 77,
	    .created_ms = 1234567890123,
	    .path = BYTES("/home/jo/image.fits")};

	for (size_t i = 0; i < MD5_SIZE; i++) {
		t.md5[i] = (uint8_t)(i + 1);
		t.store[i] = (uint8_t)(0x80 + i);
	}
	return t;
}

/* Table and trailer of `length` pattern bytes added in portions of `portion`. */
static uint8_t *
make_footer(const uint8_t *data, uint64_t length, size_t portion)
{
	struct blob_layout l = blob_layout(length);
	struct blob_trailer trailer = some_trailer(length);
	struct blob_table *t = blob_table_new();
	uint8_t *footer = malloc((size_t)(l.file_size - l.data_size));

	assert_non_null(t);
	assert_non_null(footer);
	for (uint64_t at = 0; at < length; at += portion) {
		size_t n = length - at < portion ? (size_t)(length - at) : portion;

		assert_true(blob_table_add(t, data + at, n));
	}
	blob_table_write(t, &trailer, footer);
	blob_table_free(t);
	return footer;
}

static void
check_table(const uint8_t *data, uint64_t length, const uint8_t *footer)
{
	struct blob_layout l = blob_layout(length);

	for (uint64_t page = 0; page < l.pages; page++)
		assert_true(blob_page_ok(footer + page * PAGE, 0xfeed, page));
	for (uint64_t block = 0; block < l.blocks; block++) {
		const uint8_t *page = footer + block / BLOB_PAGE_ENTRIES * PAGE;
		uint64_t at = block * l.block_size;
		size_t n = length - at < l.block_size ? (size_t)(length - at)
						      : (size_t)l.block_size;

		assert_int_equal(blob_page_entry(page, block), crc32c(0, data + at, n));
	}
}

static void
a_table_has_the_crc_of_every_block_however_it_was_fed(void **state)
{
	const uint64_t page_full = (uint64_t)BLOB_PAGE_ENTRIES * PAGE;
	const uint64_t lengths[] = {0, 1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE + 17,
	    page_full - 1, page_full, page_full + 1, 2 * page_full, 2 * page_full + PAGE};
	const size_t portions[] = {1000, PAGE, 65536, 1 << 20};
	uint64_t most = 2 * page_full + PAGE;
	uint8_t *data = malloc(most), *footer;

	(void)state;
	assert_non_null(data);
	for (uint64_t i = 0; i < most; i++)
		data[i] = pattern(i);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		for (size_t k = 0; k < sizeof portions / sizeof portions[0]; k++) {
			footer = make_footer(data, lengths[i], portions[k]);
			check_table(data, lengths[i], footer);
			free(footer);
		}
	free(data);
}

/*
 * So many zeros that blocks had to double once. The CRC of a block of zeros depends on
 * its length only, but for the last block, which ends with a byte that is none.
 */
static void
a_table_of_more_than_4_gib_has_doubled_blocks(void **state)
{
	enum { PORTION = 64 << 20 };
	const uint64_t length = MAX_ENTRIES * PAGE + 2 * PORTION + 1;
	struct blob_layout l = blob_layout(length);
	struct blob_trailer trailer = some_trailer(length);
	struct blob_table *t = blob_table_new();
	uint8_t *zeros = calloc(1, PORTION), *footer = malloc((l.pages + 1) * PAGE);
	uint32_t crc;

	(void)state;
	assert_non_null(t);
	assert_non_null(zeros);
	assert_non_null(footer);
	assert_true(length > 4ULL << 30);
	assert_int_equal(l.block_size, 2 * PAGE);
	for (uint64_t left = length - 1; left > 0;) {
		size_t n = left < PORTION ? (size_t)left : PORTION;

		assert_true(blob_table_add(t, zeros, n));
		left -= n;
	}
	assert_true(blob_table_add(t, "x", 1));
	blob_table_write(t, &trailer, footer);
	crc = crc32c(0, zeros, 2 * PAGE);
	for (uint64_t block = 0; block < l.blocks - 1; block++)
		if (blob_page_entry(footer + block / BLOB_PAGE_ENTRIES * PAGE, block) !=
		    crc)
			fail_msg("wrong CRC of block %llu", (unsigned long long)block);
	assert_int_equal(blob_page_entry(footer + (l.pages - 1) * PAGE, l.blocks - 1),
	    crc32c(crc32c(0, zeros, (length - 1) % (2 * PAGE)), "x", 1));
	assert_ok(blob_trailer_read(footer + l.pages * PAGE, &trailer, NULL),
	    (struct errinfo *)NULL);
	assert_int_equal(trailer.length, length);
	blob_table_free(t);
	free(zeros);
	free(footer);
}

/* Trailers */

static void
check_trailer(const uint8_t *page, uint64_t length)
{
	struct blob_trailer want = some_trailer(length), got;
	struct errinfo why;

	assert_ok(blob_trailer_read(page, &got, &why), &why);
	assert_int_equal(got.id, want.id);
	assert_int_equal(got.length, length);
	assert_int_equal(got.node_id, want.node_id);
	assert_int_equal(got.created_ms, want.created_ms);
	assert_memory_equal(got.md5, want.md5, MD5_SIZE);
	assert_memory_equal(got.store, want.store, STORE_UUID_SIZE);
	assert_bytes(got.path, "/home/jo/image.fits");
}

static void
a_trailer_reads_back(void **state)
{
	uint8_t data[5000] = {0};
	uint8_t *footer = make_footer(data, sizeof data, sizeof data);

	(void)state;
	check_trailer(footer + PAGE, sizeof data);
	free(footer);
}

static void
of_a_long_path_the_end_is_kept(void **state)
{
	struct blob_trailer trailer = some_trailer(0), got;
	struct blob_table *t = blob_table_new();
	uint8_t page[PAGE];
	char path[BLOB_PATH_MAX + 10];
	struct errinfo why;

	(void)state;
	assert_non_null(t);
	for (size_t n = BLOB_PATH_MAX - 1; n <= sizeof path; n++) {
		for (size_t i = 0; i < n; i++)
			path[i] = (char)('a' + i % 26);
		trailer.path = (struct bytes){path, n};
		blob_table_write(t, &trailer, page);
		assert_ok(blob_trailer_read(page, &got, &why), &why);
		assert_int_equal(got.path.n, n < BLOB_PATH_MAX ? n : BLOB_PATH_MAX);
		assert_memory_equal(got.path.p, path + n - got.path.n, got.path.n);
	}
	trailer.path = (struct bytes){NULL, 0};
	blob_table_write(t, &trailer, page);
	assert_ok(blob_trailer_read(page, &got, &why), &why);
	assert_int_equal(got.path.n, 0);
	blob_table_free(t);
}

/* Damage */

static void
every_flipped_byte_of_a_trailer_is_noticed(void **state)
{
	uint8_t data[5000] = {0};
	uint8_t *footer = make_footer(data, sizeof data, sizeof data);
	uint8_t *page = footer + PAGE;
	struct blob_trailer got;
	struct errinfo why;

	(void)state;
	for (size_t i = 0; i < PAGE; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			page[i] ^= (uint8_t)(1 << bit);
			assert_err(blob_trailer_read(page, &got, &why), ERR_DAMAGED);
			page[i] ^= (uint8_t)(1 << bit);
		}
	check_trailer(page, sizeof data);
	free(footer);
}

static void
every_flipped_byte_of_a_table_is_noticed(void **state)
{
	uint8_t data[5000] = {0};
	uint8_t *footer = make_footer(data, sizeof data, sizeof data);

	(void)state;
	for (size_t i = 0; i < PAGE; i++) {
		footer[i] ^= 1;
		assert_false(blob_page_ok(footer, 0xfeed, 0));
		footer[i] ^= 1;
	}
	assert_true(blob_page_ok(footer, 0xfeed, 0));
	free(footer);
}

static void
a_page_of_another_file_or_place_is_noticed(void **state)
{
	uint8_t data[5000] = {0};
	uint8_t *footer = make_footer(data, sizeof data, sizeof data);

	(void)state;
	assert_false(blob_page_ok(footer, 0xfeee, 0));
	assert_false(blob_page_ok(footer, 0xfeed, 1));
	free(footer);
}

/* Whatever a path's length says, nothing behind its room is believed. */
static void
a_trailer_with_a_path_too_long_is_damaged(void **state)
{
	uint8_t data[5000] = {0};
	uint8_t *footer = make_footer(data, sizeof data, sizeof data);
	uint8_t *page = footer + PAGE;
	struct blob_trailer got;
	struct errinfo why;
	uint32_t crc;

	(void)state;
	page[80] = (BLOB_PATH_MAX + 1) & 0xff;
	page[81] = (BLOB_PATH_MAX + 1) >> 8;
	crc = crc32c(0, page, PAGE - 4);
	for (size_t i = 0; i < 4; i++)
		page[PAGE - 4 + i] = (uint8_t)(crc >> 8 * i);
	assert_err(blob_trailer_read(page, &got, &why), ERR_DAMAGED);
	free(footer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_layout_is_right_around_every_boundary),
	    cmocka_unit_test(blocks_double_when_the_table_would_be_too_long),
	    cmocka_unit_test(no_block_is_larger_than_a_piece),
	    cmocka_unit_test(a_name_is_id_and_digest_and_reads_back),
	    cmocka_unit_test(other_names_are_none_of_ours),
	    cmocka_unit_test(each_block_of_ids_has_its_leaf),
	    cmocka_unit_test(a_table_has_the_crc_of_every_block_however_it_was_fed),
	    cmocka_unit_test(a_table_of_more_than_4_gib_has_doubled_blocks),
	    cmocka_unit_test(a_trailer_reads_back),
	    cmocka_unit_test(of_a_long_path_the_end_is_kept),
	    cmocka_unit_test(every_flipped_byte_of_a_trailer_is_noticed),
	    cmocka_unit_test(every_flipped_byte_of_a_table_is_noticed),
	    cmocka_unit_test(a_page_of_another_file_or_place_is_noticed),
	    cmocka_unit_test(a_trailer_with_a_path_too_long_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
