/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/preauth.h"

static const struct preauth_key keys[] = {
    {3, "an older key, valid still"},
    {4, "the key that signs now"},
};

static const struct preauth_grant read_grant = {
    .write = false,
    .node_id = 0x0102030405060708,
    .identity = 77,
    .job = 0x1112131415161718,
    .token = 0x2122232425262728,
    .expires_ms = 1767323045678, /* 2026-01-02T03:04:05.678 */
};

static const struct bytes path = {"/alice/a b", 10};

static struct errinfo why;

static struct bytes
made(const struct preauth_key *key, const struct preauth_grant *grant, char *text)
{
	assert_ok(preauth_make(key, grant, path, text, &why), &why);
	return bytes_of(text);
}

static enum err
opened(struct bytes token, int64_t now_ms, struct preauth_grant *out)
{
	return preauth_open(keys, 2, token, path, now_ms, out, &why);
}

static void
a_grant_survives_the_round_trip(void **state)
{
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	assert_int_equal(token.n, PREAUTH_TEXT_SIZE - 1);
	assert_ok(opened(token, read_grant.expires_ms - 1, &got), &why);
	assert_false(got.write);
	assert_int_equal(got.node_id, read_grant.node_id);
	assert_int_equal(got.parent_id, 0);
	assert_int_equal(got.identity, 77);
	assert_true(got.job == read_grant.job);
	assert_true(got.token == read_grant.token);
	assert_int_equal(got.expires_ms, read_grant.expires_ms);
}

static void
a_new_file_is_known_by_its_parent(void **state)
{
	const struct preauth_grant grant = {
	    .write = true, .parent_id = UINT64_MAX, .expires_ms = (INT64_C(1) << 48) - 1};
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;

	(void)state;
	assert_ok(opened(made(&keys[0], &grant, text), 0, &got), &why);
	assert_true(got.write);
	assert_int_equal(got.node_id, 0);
	assert_int_equal(got.parent_id, UINT64_MAX);
	assert_int_equal(got.identity, 0);
	assert_int_equal(got.expires_ms, grant.expires_ms);
}

static void
an_expired_token_says_when(void **state)
{
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	assert_err(opened(token, read_grant.expires_ms, &got), ERR_DENIED);
	assert_string_equal(
	    why.text, "the pre-authorised URL expired on 2026-01-02T03:04:05");
}

static void
another_path_is_refused(void **state)
{
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	assert_err(
	    preauth_open(keys, 2, token, BYTES("/alice/a c"), 0, &got, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "for this path"));
	assert_err(preauth_open(keys, 2, token, BYTES(""), 0, &got, &why), ERR_DENIED);
}

static void
a_key_no_longer_valid_is_refused(void **state)
{
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[0], &read_grant, text);

	(void)state;
	assert_err(preauth_open(keys + 1, 1, token, path, 0, &got, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "key"));
	assert_err(preauth_open(keys, 0, token, path, 0, &got, &why), ERR_DENIED);
}

static void
another_secret_under_the_same_id_is_refused(void **state)
{
	const struct preauth_key forged = {4, "guessed"};
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;

	(void)state;
	assert_err(opened(made(&forged, &read_grant, text), 0, &got), ERR_DENIED);
}

static void
no_character_can_be_changed(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/% ";
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	for (size_t i = 0; i < token.n; i++) {
		char was = text[i];

		for (const char *c = alphabet; *c != '\0'; c++) {
			text[i] = *c;
			if (*c != was)
				assert_err(opened(token, 0, &got), ERR_DENIED);
		}
		text[i] = was;
	}
	assert_ok(opened(token, 0, &got), &why);
}

static void
a_token_of_another_length_is_malformed(void **state)
{
	char text[PREAUTH_TEXT_SIZE + 8];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	(void)memset(text + token.n, 'A', 8);
	for (size_t n = 0; n < sizeof text; n++)
		if (n != token.n) {
			assert_err(opened((struct bytes){text, n}, 0, &got), ERR_DENIED);
			assert_non_null(strstr(why.text, "malformed"));
		}
	assert_err(opened((struct bytes){NULL, 0}, 0, &got), ERR_DENIED);
}

static void
another_version_is_malformed(void **state)
{
	char text[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);

	(void)state;
	text[1] = 'Q'; /* the version is in the first two characters: 1 instead of 2 */
	assert_err(opened(token, 0, &got), ERR_DENIED);
	assert_non_null(strstr(why.text, "malformed"));
}

static bool out_of_memory;

static void *
failing_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return out_of_memory ? NULL : malloc(n);
}

static void *
failing_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return out_of_memory ? NULL : realloc(p, n);
}

static void
plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void
without_memory_nothing_is_made_or_opened(void **state)
{
	char text[PREAUTH_TEXT_SIZE], other[PREAUTH_TEXT_SIZE];
	struct preauth_grant got;
	struct bytes token = made(&keys[1], &read_grant, text);
	enum err making, opening;

	(void)state;
	out_of_memory = true;
	making = preauth_make(&keys[1], &read_grant, path, other, &why);
	opening = opened(token, 0, &got);
	out_of_memory = false;
	assert_err(making, ERR_NO_MEMORY);
	assert_err(opening, ERR_NO_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_grant_survives_the_round_trip),
	    cmocka_unit_test(a_new_file_is_known_by_its_parent),
	    cmocka_unit_test(an_expired_token_says_when),
	    cmocka_unit_test(another_path_is_refused),
	    cmocka_unit_test(a_key_no_longer_valid_is_refused),
	    cmocka_unit_test(another_secret_under_the_same_id_is_refused),
	    cmocka_unit_test(no_character_can_be_changed),
	    cmocka_unit_test(a_token_of_another_length_is_malformed),
	    cmocka_unit_test(another_version_is_malformed),
	    cmocka_unit_test(without_memory_nothing_is_made_or_opened),
	};

	/* Before OpenSSL's first allocation, or it is refused. */
	if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
