/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: Digest, Repr-Digest. What both claim is the same sum, or they are refused; a
 * header that is accepted is accepted again.
 */
#include <stdint.h>
#include <string.h>

#include "service/core/check.h"
#include "service/op/digest_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = {(const char *)data, size}, old = {all.p, 0}, new;
	struct digest_claims claims = {.md5_given = false}, before;

	old.n = bytes_find(all, '\n');
	new = bytes_skip(all, old.n < all.n ? old.n + 1 : old.n);
	if (digest_header_add(old, false, &claims, NULL) != ERR_OK)
		return 0;
	before = claims;
	CHECK(digest_header_add(old, false, &claims, NULL) == ERR_OK);
	CHECK(memcmp(&before, &claims, sizeof claims) == 0);
	if (digest_header_add(new, true, &claims, NULL) != ERR_OK)
		return 0;
	if (before.md5_given)
		CHECK(claims.md5_given && memcmp(before.md5, claims.md5, MD5_SIZE) == 0);
	if (before.sha256_given)
		CHECK(claims.sha256_given &&
		      memcmp(before.sha256, claims.sha256, SHA256_SIZE) == 0);
	return 0;
}
