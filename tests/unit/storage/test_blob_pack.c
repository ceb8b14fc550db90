/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "storage/blob_file.h"
#include "storage/blob_pack.h"

enum { N = 5, EACH = 1000 };

static void
make_index(struct str *index, uint64_t n)
{
	str_init(index, 1 << 20);
	for (uint64_t i = 0; i < n; i++) {
		struct blob_pack_entry entry = {.id = 100 + i,
		    .at = i * EACH,
		    .length = EACH,
		    .node_id = i % 2,
		    .path = i == 3 ? BYTES("") : BYTES("/jo/a b")};

		(void)memset(entry.md5, (int)i, sizeof entry.md5);
		blob_pack_index_add(index, &entry);
	}
	blob_pack_index_end(index, n * EACH, (uint32_t)n);
	assert_false(str_failed(index));
}

static void
what_goes_in_comes_out(void **state)
{
	struct str index;
	struct bytes rest;
	struct blob_pack_entry entry;
	struct errinfo why;
	uint64_t at = 0, n = 0;

	(void)state;
	make_index(&index, N);
	rest = str_bytes(&index);
	assert_ok(blob_pack_tail((const uint8_t *)rest.p + rest.n - BLOB_PACK_TAIL,
		      N * EACH + rest.n, &at, &why),
	    &why);
	assert_int_equal(at, N * EACH);
	assert_ok(blob_pack_index_check(rest, &why), &why);
	for (; blob_pack_index_next(&rest, &entry); n++) {
		assert_int_equal(entry.id, 100 + n);
		assert_int_equal(entry.at, n * EACH);
		assert_int_equal(entry.length, EACH);
		assert_int_equal(entry.node_id, n % 2);
		assert_int_equal(entry.md5[7], n);
		assert_true(bytes_is(entry.path, n == 3 ? "" : "/jo/a b"));
	}
	assert_int_equal(n, N);
	str_release(&index);
}

static void
a_flipped_bit_or_a_missing_end_is_noticed(void **state)
{
	struct str index;
	struct bytes all;
	struct errinfo why;

	(void)state;
	make_index(&index, N);
	all = str_bytes(&index);
	for (size_t bit = 0; bit < all.n * 8; bit += 5) {
		((char *)(uintptr_t)all.p)[bit / 8] ^= (char)(1 << bit % 8);
		assert_err(blob_pack_index_check(all, &why), ERR_DAMAGED);
		((char *)(uintptr_t)all.p)[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t n = 0; n < all.n; n++)
		assert_err(
		    blob_pack_index_check((struct bytes){all.p, n}, &why), ERR_DAMAGED);
	assert_ok(blob_pack_index_check(all, &why), &why);
	str_release(&index);
}

static void
a_tail_points_into_its_pack(void **state)
{
	struct str index;
	struct bytes all;
	struct errinfo why;
	uint64_t at;

	(void)state;
	make_index(&index, N);
	all = str_bytes(&index);
	assert_err(blob_pack_tail((const uint8_t *)all.p + all.n - BLOB_PACK_TAIL,
		       N * EACH, &at, &why),
	    ERR_DAMAGED);
	assert_err(blob_pack_tail((const uint8_t *)all.p, N * EACH + all.n, &at, &why),
	    ERR_DAMAGED);
	str_release(&index);
}

static void
of_a_long_path_the_end_is_kept(void **state)
{
	static char path[BLOB_PATH_MAX + 10];
	struct blob_pack_entry entry = {
	    .id = 1, .length = 1, .path = {path, sizeof path}};
	struct str index;
	struct bytes rest;
	struct errinfo why;

	(void)state;
	(void)memset(path, 'x', sizeof path);
	path[sizeof path - 1] = 'y';
	str_init(&index, 1 << 20);
	blob_pack_index_add(&index, &entry);
	blob_pack_index_end(&index, 1, 1);
	rest = str_bytes(&index);
	assert_ok(blob_pack_index_check(rest, &why), &why);
	assert_true(blob_pack_index_next(&rest, &entry));
	assert_int_equal(entry.path.n, BLOB_PATH_MAX);
	assert_int_equal(entry.path.p[entry.path.n - 1], 'y');
	str_release(&index);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_in_comes_out),
	    cmocka_unit_test(a_flipped_bit_or_a_missing_end_is_noticed),
	    cmocka_unit_test(a_tail_points_into_its_pack),
	    cmocka_unit_test(of_a_long_path_the_end_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
