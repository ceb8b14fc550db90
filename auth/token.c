/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is base64url of 40 bytes: account 8 | token id 8 | secret 24, numbers big-endian.
 * 40 is not a multiple of three, but the decoder refuses spare bits.
 */
#include "auth/token.h"

#include <string.h>

#include "service/core/encode.h"

enum { AT_ACCOUNT = 0, AT_ID = 8, AT_SECRET = 16, SECRET_SIZE = 24, RAW_SIZE = 40 };

_Static_assert((int)TOKEN_TEXT_SIZE >= (int)(RAW_SIZE * 8 + 5) / 6 + 1, "token size");

static void
put_number(uint8_t *to, uint64_t number)
{
	for (size_t i = 8; i > 0; number >>= 8)
		to[--i] = (uint8_t)number;
}

static uint64_t
get_number(const uint8_t *from)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | from[i];
	return number;
}

enum err
token_make(struct token *token, char text[TOKEN_TEXT_SIZE], struct errinfo *why)
{
	char room[BASE64_ROOM(RAW_SIZE)];
	uint8_t raw[RAW_SIZE];

	put_number(raw + AT_ACCOUNT, token->account);
	do {
		random_bytes(raw + AT_ID, RAW_SIZE - AT_ID);
		token->id = get_number(raw + AT_ID);
	} while (token->id == 0);
	if (!sha256_of(raw, sizeof raw, token->hash))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a token");
	base64url_encode(raw, sizeof raw, room);
	(void)memcpy(text, room, strlen(room) + 1);
	return ERR_OK;
}

static enum err
refuse(struct errinfo *why, const char *what)
{
	return errinfo_set(why, ERR_NOT_AUTHENTICATED, "the token %s", what);
}

enum err
token_open(struct store_reader *reader, struct arena *a, struct bytes text,
    unsigned kinds, int64_t now_ms, struct token *out, struct errinfo *why)
{
	uint8_t raw[RAW_SIZE], hash[SHA256_SIZE];
	size_t size;
	enum err e;

	if (!base64url_decode(text, raw, sizeof raw, &size) || size != sizeof raw)
		return refuse(why, "is malformed");
	if (!sha256_of(raw, sizeof raw, hash))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a token");
	e = tokens_get(
	    reader, a, get_number(raw + AT_ACCOUNT), get_number(raw + AT_ID), out, why);
	if (e == ERR_NOT_FOUND)
		return refuse(why, "is not known, or was revoked");
	if (e != ERR_OK)
		return e;
	if (!secret_equal(hash, out->hash, sizeof hash) || (kinds >> out->kind & 1) == 0)
		return refuse(why, "is not known, or was revoked");
	return now_ms < out->expires_ms ? ERR_OK : refuse(why, "has expired");
}
