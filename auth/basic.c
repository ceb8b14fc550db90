/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/basic.h"

#include "service/core/encode.h"

enum { TEXT_MAX = 1100 }; /* of name, colon and password */

static const struct bytes scheme = {"Basic", 5};

/* The scheme's name is case-insensitive (RFC 9110 11.1). */
bool
basic_is(struct bytes authorization)
{
	struct bytes word = {authorization.p, bytes_find(authorization, ' ')};

	return bytes_caseeq(word, scheme);
}

/* How many bytes this much padded base64 stands for; false: it cannot be base64. */
static bool
decoded_size(struct bytes text, size_t *out)
{
	size_t pads = 0;

	if (text.n == 0 || text.n % 4 != 0)
		return false;
	while (pads < 2 && text.p[text.n - 1 - pads] == '=')
		pads++;
	*out = text.n / 4 * 3 - pads;
	return true;
}

enum err
basic_parse(
    struct arena *a, struct bytes authorization, struct basic *out, struct errinfo *why)
{
	struct bytes text = bytes_trim(bytes_skip(authorization, scheme.n)), plain;
	size_t colon;
	uint8_t *to;

	if (!decoded_size(text, &plain.n) || plain.n > TEXT_MAX)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "Authorization: Basic is not followed by base64");
	to = arena_alloc(a, plain.n + 1);
	if (to == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a password");
	if (!base64_decode(text, to, plain.n))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "Authorization: Basic is not followed by base64");
	plain.p = (const char *)to;
	colon = bytes_find(plain, ':');
	if (colon == plain.n)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "Authorization: Basic holds no NAME:PASSWORD");
	out->name = (struct bytes){plain.p, colon};
	out->password = bytes_skip(plain, colon + 1);
	return ERR_OK;
}

bool
basic_peer_is_local(struct bytes peer)
{
	return bytes_starts(peer, BYTES("127.")) || bytes_starts(peer, BYTES("[::1]")) ||
	       bytes_starts(peer, BYTES("[::ffff:127."));
}
