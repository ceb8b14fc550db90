/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token is base64url of 75 bytes, numbers big-endian:
 *
 *   version 1 | key id 1 | flags 1 | node or parent id 8 | identity 8 | expiry (ms) 6 |
 *   job 9 | token 9 | HMAC-SHA256 of all that and of the path's SHA-256: 32
 *
 * 75 is a multiple of three: 100 characters without a spare bit.
 */
#include "auth/preauth.h"

#include <string.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/isotime.h"

enum { VERSION = 3 };

enum { FLAG_WRITE = 1, FLAG_NEW_FILE = 2 };

enum {
	AT_VERSION = 0,
	AT_KEY = 1,
	AT_FLAGS = 2,
	AT_TARGET = 3,
	AT_IDENTITY = 11,
	AT_EXPIRY = 19,
	AT_JOB = 25,
	AT_TOKEN = 34,
	AT_MAC = 43,
	TOKEN_SIZE = AT_MAC + SHA256_SIZE,
};

_Static_assert((int)PREAUTH_TEXT_SIZE == (int)BASE64_ROOM(TOKEN_SIZE), "token size");

static void
put_number(uint8_t *to, uint64_t number, size_t n)
{
	while (n > 0) {
		to[--n] = (uint8_t)number;
		number >>= 8;
	}
}

static uint64_t
get_number(const uint8_t *from, size_t n)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number << 8 | from[i];
	return number;
}

static enum err
seal(const struct preauth_key *key, const uint8_t token[TOKEN_SIZE], struct bytes path,
    uint8_t mac_out[SHA256_SIZE], struct errinfo *why)
{
	static const char purpose[] = "quartet preauth"; /* a key serves this end only */
	uint8_t sealed[sizeof purpose + AT_MAC + SHA256_SIZE];

	(void)memcpy(sealed, purpose, sizeof purpose);
	(void)memcpy(sealed + sizeof purpose, token, AT_MAC);
	if (!sha256_of(path.p, path.n, sealed + sizeof purpose + AT_MAC) ||
	    !hmac_sha256(key->secret, sizeof key->secret, sealed, sizeof sealed, mac_out))
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for a pre-authorised URL");
	return ERR_OK;
}

enum err
preauth_make(const struct preauth_key *key, const struct preauth_grant *grant,
    struct bytes path, char out[PREAUTH_TEXT_SIZE], struct errinfo *why)
{
	bool new_file = grant->node_id == 0;
	uint8_t token[TOKEN_SIZE];
	enum err e;

	CHECK(grant->expires_ms >= 0 && grant->expires_ms < INT64_C(1) << 48);
	token[AT_VERSION] = VERSION;
	token[AT_KEY] = key->id;
	token[AT_FLAGS] =
	    (uint8_t)((grant->write ? FLAG_WRITE : 0) | (new_file ? FLAG_NEW_FILE : 0));
	put_number(token + AT_TARGET, new_file ? grant->parent_id : grant->node_id, 8);
	put_number(token + AT_IDENTITY, grant->identity, 8);
	put_number(token + AT_EXPIRY, (uint64_t)grant->expires_ms, 6);
	put_number(token + AT_JOB, grant->job, 9);
	put_number(token + AT_TOKEN, grant->token, 9);
	e = seal(key, token, path, token + AT_MAC, why);
	if (e == ERR_OK)
		base64url_encode(token, sizeof token, out);
	return e;
}

static const struct preauth_key *
key_of(const struct preauth_key *keys, size_t n, uint8_t id)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].id == id)
			return &keys[i];
	return NULL;
}

static struct preauth_grant
grant_of(const uint8_t token[TOKEN_SIZE])
{
	uint64_t target = get_number(token + AT_TARGET, 8);
	bool new_file = (token[AT_FLAGS] & FLAG_NEW_FILE) != 0;

	return (struct preauth_grant){
	    .write = (token[AT_FLAGS] & FLAG_WRITE) != 0,
	    .node_id = new_file ? 0 : target,
	    .parent_id = new_file ? target : 0,
	    .identity = get_number(token + AT_IDENTITY, 8),
	    .expires_ms = (int64_t)get_number(token + AT_EXPIRY, 6),
	    .job = get_number(token + AT_JOB, 9),
	    .token = get_number(token + AT_TOKEN, 9),
	};
}

enum err
preauth_open(const struct preauth_key *keys, size_t n, struct bytes token,
    struct bytes path, int64_t now_ms, struct preauth_grant *out, struct errinfo *why)
{
	uint8_t raw[TOKEN_SIZE], mac[SHA256_SIZE];
	char when[ISOTIME_SIZE];
	const struct preauth_key *key;
	struct preauth_grant grant;
	size_t size;
	enum err e;

	if (!base64url_decode(token, raw, sizeof raw, &size) || size != sizeof raw ||
	    raw[AT_VERSION] != VERSION)
		return errinfo_set(
		    why, ERR_DENIED, "the token of the pre-authorised URL is malformed");
	key = key_of(keys, n, raw[AT_KEY]);
	if (key == NULL)
		return errinfo_set(why, ERR_DENIED,
		    "the token of the pre-authorised URL has a key that is not valid");
	e = seal(key, raw, path, mac, why);
	if (e != ERR_OK)
		return e;
	if (!secret_equal(mac, raw + AT_MAC, sizeof mac))
		return errinfo_set(why, ERR_DENIED,
		    "the token of the pre-authorised URL is not valid for this path");
	grant = grant_of(raw);
	if (now_ms >= grant.expires_ms) {
		isotime_format(grant.expires_ms, when);
		return errinfo_set(
		    why, ERR_DENIED, "the pre-authorised URL expired on %.19s", when);
	}
	*out = grant;
	return ERR_OK;
}
