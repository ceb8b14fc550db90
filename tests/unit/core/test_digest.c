/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "service/core/digest.h"
#include "service/core/encode.h"

static void
crc32c_of_the_check_string_is_the_published_value(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
}

static void
crc32c_continues_where_it_stopped(void **state)
{
	uint32_t part = crc32c(0, "1234", 4);

	(void)state;
	assert_int_equal(crc32c(part, "56789", 5), 0xe3069283u);
	assert_int_equal(crc32c(part, "", 0), part);
}

static void
joining_two_crcs_equals_the_crc_of_the_whole(void **state)
{
	static uint8_t data[70000];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8));
	for (size_t cut = 0; cut <= sizeof data; cut += 4999) {
		uint32_t a = crc32c(0, data, cut);
		uint32_t b = crc32c(0, data + cut, sizeof data - cut);

		assert_int_equal(
		    crc32c_join(a, b, sizeof data - cut), crc32c(0, data, sizeof data));
	}
}

static void
md5_goes_on_from_a_saved_state(void **state)
{
	uint8_t text[300], saved[MD5_STATE_SIZE], sum[MD5_SIZE], all[MD5_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)i;
	assert_true(md5_of(text, sizeof text, all));
	for (size_t n = 0; n <= sizeof text; n += 7) {
		struct md5 *first = md5_new(), *second;

		assert_non_null(first);
		md5_add(first, text, n);
		md5_save(first, saved);
		md5_free(first);
		second = md5_resume(saved);
		assert_non_null(second);
		md5_add(second, text + n, sizeof text - n);
		md5_end(second, sum);
		md5_free(second);
		assert_memory_equal(sum, all, MD5_SIZE);
	}
	(void)memset(saved, 0xff, sizeof saved);
	assert_null(md5_resume(saved));
}

static void
md5_can_be_read_in_between(void **state)
{
	struct md5 *md5 = md5_new();
	uint8_t sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];

	(void)state;
	assert_non_null(md5);
	md5_end(md5, sum);
	hex_encode(sum, sizeof sum, hex);
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
	md5_add(md5, "ab", 2);
	md5_end(md5, sum);
	md5_add(md5, "c", 1);
	md5_end(md5, sum);
	hex_encode(sum, sizeof sum, hex);
	assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
	md5_free(md5);
}

static void
a_running_sha256_can_be_read_at_any_time(void **state)
{
	struct sha256 *sha = sha256_new();
	uint8_t sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	(void)state;
	assert_non_null(sha);
	sha256_add(sha, "ab", 2);
	sha256_end(sha, sum);
	sha256_add(sha, "c", 1);
	sha256_end(sha, sum);
	hex_encode(sum, sizeof sum, hex);
	assert_string_equal(
	    hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_free(sha);
}

static void
hmac_is_the_one_of_rfc_4231(void **state)
{
	uint8_t mac[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	(void)state;
	assert_true(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac));
	hex_encode(mac, sizeof mac, hex);
	assert_string_equal(
	    hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
a_digest_in_one_go_is_the_published_one(void **state)
{
	uint8_t sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	(void)state;
	assert_true(md5_of("abc", 3, sum));
	hex_encode(sum, MD5_SIZE, hex);
	assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
	assert_true(md5_of("", 0, sum));
	hex_encode(sum, MD5_SIZE, hex);
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
	assert_true(sha256_of("abc", 3, sum));
	hex_encode(sum, SHA256_SIZE, hex);
	assert_string_equal(
	    hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
secrets_are_equal_only_in_every_byte(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	random_bytes(a, sizeof a);
	(void)memcpy(b, a, sizeof b);
	assert_true(secret_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		assert_false(secret_equal(a, b, sizeof a));
		b[i] ^= 0x80;
	}
	assert_true(secret_equal(a, b, 0));
}

static void
random_bytes_differ_each_time(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc32c_of_the_check_string_is_the_published_value),
	    cmocka_unit_test(crc32c_continues_where_it_stopped),
	    cmocka_unit_test(joining_two_crcs_equals_the_crc_of_the_whole),
	    cmocka_unit_test(md5_can_be_read_in_between),
	    cmocka_unit_test(md5_goes_on_from_a_saved_state),
	    cmocka_unit_test(hmac_is_the_one_of_rfc_4231),
	    cmocka_unit_test(a_digest_in_one_go_is_the_published_one),
	    cmocka_unit_test(a_running_sha256_can_be_read_at_any_time),
	    cmocka_unit_test(secrets_are_equal_only_in_every_byte),
	    cmocka_unit_test(random_bytes_differ_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
