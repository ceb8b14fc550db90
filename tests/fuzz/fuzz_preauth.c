/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is once a token: it is refused, since the fuzzer does not know the secret;
 * and once key, grant and path of a token that must come back unchanged, and must be
 * refused when one bit of it is not.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "auth/preauth.h"
#include "service/core/check.h"
#include "service/core/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_foreign(struct bytes token)
{
	static struct preauth_key keys[2];
	struct preauth_grant grant;

	if (keys[1].id == 0) {
		random_bytes(keys, sizeof keys);
		keys[0].id = 0;
		keys[1].id = 1;
	}
	CHECK(preauth_open(keys, 2, token, BYTES("/a"), 0, &grant, NULL) == ERR_DENIED);
}

static void
check_own(const uint8_t numbers[32], struct bytes path)
{
	struct preauth_key key = {numbers[0], "secret"};
	struct preauth_grant grant = {.write = (numbers[1] & 1) != 0}, got;
	char text[PREAUTH_TEXT_SIZE];
	size_t at = numbers[2] % (PREAUTH_TEXT_SIZE - 1);
	struct bytes token;
	uint64_t expires;

	(void)memcpy(
	    (numbers[1] & 2) != 0 ? &grant.node_id : &grant.parent_id, numbers + 8, 8);
	(void)memcpy(&grant.identity, numbers + 16, 8);
	(void)memcpy(&expires, numbers + 24, 8);
	grant.expires_ms = (int64_t)(expires >> 16) | 1;
	CHECK(preauth_make(&key, &grant, path, text, NULL) == ERR_OK);
	token = bytes_of(text);
	CHECK(token.n == PREAUTH_TEXT_SIZE - 1);
	CHECK(preauth_open(&key, 1, token, path, grant.expires_ms - 1, &got, NULL) ==
	      ERR_OK);
	CHECK(got.write == grant.write && got.node_id == grant.node_id &&
	      got.parent_id == grant.parent_id && got.identity == grant.identity &&
	      got.expires_ms == grant.expires_ms);
	CHECK(preauth_open(&key, 1, token, path, grant.expires_ms, &got, NULL) ==
	      ERR_DENIED);
	text[at] = (char)(text[at] ^ 1 << numbers[3] % 8);
	CHECK(preauth_open(&key, 1, token, path, 0, &got, NULL) == ERR_DENIED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = {(const char *)data, size};

	check_foreign(input);
	if (size >= 32)
		check_own(data, bytes_skip(input, 32));
	return 0;
}
