/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt - signed tokens of others (RFC 7515, 7517, 7519): is one signed by a key of this set,
 * and made for us, now?
 *
 * A key decides which algorithms its signatures may have: RSA those of the RS and PS
 * families, EC those of ES. Nothing else counts, and no critical extension is understood.
 * Thread: one at a time for each key set.
 */
#ifndef QUARTET_OPENID_JWT_H
#define QUARTET_OPENID_JWT_H

#include "service/core/bytes.h"
#include "service/core/err.h"

enum { JWT_NAME_SIZE = 256, JWT_TEXT_MAX = 16 * 1024 };

struct jwt_keys;

/* ERR_INVALID_ARGUMENT: it is no key set. Keys of other kinds are passed over. */
enum err jwt_keys_parse(
    struct bytes json, struct jwt_keys **out, struct errinfo *why) ERR_CHECKED;
void jwt_keys_free(struct jwt_keys *keys); /* NULL is fine */

/* What a token must say. */
struct jwt_wish {
	const char *issuer, *audience;
	const char *nonce; /* NULL: does not matter */
	const char *claim; /* whose value is the name; a text */
	int64_t now_ms;
};

struct jwt_claims {
	char name[JWT_NAME_SIZE];
	int64_t issued_ms;
};

/*
 * ERR_NOT_AUTHENTICATED, saying why. ERR_NOT_FOUND: by a key that is not in the set.
 */
enum err jwt_open(const struct jwt_keys *keys, struct bytes text,
    const struct jwt_wish *wish, struct jwt_claims *out, struct errinfo *why) ERR_CHECKED;

#endif
