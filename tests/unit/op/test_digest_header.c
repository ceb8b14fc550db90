/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/digest_header.h"

#include "tests/support/check.h"

#define MD5_ABC    "kAFQmDzST7DWlj99KOF/cg=="
#define SHA256_ABC "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="

static enum err
add(const char *value, bool is_structured, struct digest_claims *out)
{
	struct errinfo why;

	return digest_header_add(bytes_of(value), is_structured, out, &why);
}

static void
the_two_forms_say_the_same(void **state)
{
	struct digest_claims old = {.md5_given = false}, new = {.md5_given = false};

	(void)state;
	assert_int_equal(
	    add("MD5=" MD5_ABC ", sha-256=" SHA256_ABC, false, &old), ERR_OK);
	assert_int_equal(
	    add("md5=:" MD5_ABC ":,sha-256=:" SHA256_ABC ":", true, &new), ERR_OK);
	assert_true(
	    old.md5_given && old.sha256_given && new.md5_given &&new.sha256_given);
	assert_memory_equal(old.md5, new.md5, MD5_SIZE);
	assert_memory_equal(old.sha256, new.sha256, SHA256_SIZE);
}

static void
other_algorithms_are_not_looked_at(void **state)
{
	struct digest_claims claims = {.md5_given = false};

	(void)state;
	assert_int_equal(add("adler32=03da0195, unixsum=1", false, &claims), ERR_OK);
	assert_int_equal(
	    add("sha-1=qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", false, &claims), ERR_OK);
	assert_int_equal(add("crc32c=:AAAA:", true, &claims), ERR_OK);
	assert_int_equal(add("", true, &claims), ERR_OK);
	assert_false(claims.md5_given || claims.sha256_given);
}

static void
what_is_malformed_is_refused(void **state)
{
	static const char *const plain[] = {"md5", "md5=", "=x", "md5=AAAA", "md5=*",
	    "sha-256=" MD5_ABC, "sha-512=zz", "SHA-1=" MD5_ABC, "sha-384=" SHA256_ABC};
	static const char *const structured[] = {
	    "md5=" MD5_ABC, "md5=:" MD5_ABC, "md5=::", "md5=:"};

	(void)state;
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		struct digest_claims claims = {.md5_given = false};

		assert_int_equal(add(plain[i], false, &claims), ERR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < sizeof structured / sizeof structured[0]; i++) {
		struct digest_claims claims = {.md5_given = false};

		assert_int_equal(add(structured[i], true, &claims), ERR_INVALID_ARGUMENT);
	}
}

static void
contradictions_are_refused(void **state)
{
	struct digest_claims claims = {.md5_given = false};

	(void)state;
	assert_int_equal(add("md5=" MD5_ABC, false, &claims), ERR_OK);
	assert_int_equal(add("md5=:" MD5_ABC ":", true, &claims), ERR_OK);
	assert_int_equal(
	    add("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", true, &claims), ERR_INVALID_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_two_forms_say_the_same),
	    cmocka_unit_test(other_algorithms_are_not_looked_at),
	    cmocka_unit_test(what_is_malformed_is_refused),
	    cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
