/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/encode.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
hex_encode(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digits[p[i] >> 4];
		out[2 * i + 1] = hex_digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

/* Value of a hex digit, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hex_decode(struct bytes text, uint8_t *out, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Encode and return the number of characters before padding. */
static size_t
encode64(const char *alphabet, const uint8_t *p, size_t n, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;

		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		for (size_t k = 0; k < left + 1; k++)
			out[at++] = alphabet[v >> (18 - 6 * k) & 63];
	}
	return at;
}

/* `text` without padding. */
static bool
decode64(
    const char *alphabet, struct bytes text, uint8_t *out, size_t room, size_t *n_out)
{
	size_t n = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	if (text.n % 4 == 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] == '\0' ? NULL : strchr(alphabet, text.p[i]);

		if (at == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (n == room)
				return false;
			out[n++] = (uint8_t)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	if (bits != 0)
		return false;
	*n_out = n;
	return true;
}

void
base64_encode(const uint8_t *p, size_t n, char *out)
{
	size_t at = encode64(base64_std, p, n, out);

	while (at % 4 != 0)
		out[at++] = '=';
	out[at] = '\0';
}

bool
base64_decode(struct bytes text, uint8_t *out, size_t n)
{
	size_t pad = (3 - n % 3) % 3, got;

	if (text.n != BASE64_ROOM(n) - 1)
		return false;
	for (size_t i = 0; i < pad; i++)
		if (text.p[text.n - 1 - i] != '=')
			return false;
	text.n -= pad;
	return decode64(base64_std, text, out, n, &got) && got == n;
}

void
base64url_encode(const uint8_t *p, size_t n, char *out)
{
	out[encode64(base64_url, p, n, out)] = '\0';
}

bool
base64url_decode(struct bytes text, uint8_t *out, size_t room, size_t *n_out)
{
	return decode64(base64_url, text, out, room, n_out);
}

static bool
unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool
stays(char c, struct bytes also)
{
	return unreserved(c) || bytes_find(also, c) < also.n;
}

void
pct_encode(struct str *s, struct bytes b, const char *also)
{
	static const char digits[] = "0123456789ABCDEF";
	struct bytes keep = bytes_of(also);
	size_t room = 0, n = 0;
	char *at;

	for (size_t i = 0; i < b.n; i++)
		room += stays(b.p[i], keep) ? 1 : 3;
	at = str_reserve(s, room);
	if (at == NULL)
		return;
	for (size_t i = 0; i < b.n; i++) {
		char c = b.p[i];

		if (stays(c, keep)) {
			at[n++] = c;
			continue;
		}
		at[n++] = '%';
		at[n++] = digits[(uint8_t)c >> 4];
		at[n++] = digits[(uint8_t)c & 15];
	}
	str_grow(s, n);
}

bool
pct_decode(struct arena *a, struct bytes b, bool plus_is_blank, struct bytes *out)
{
	char *to = arena_alloc(a, b.n + 1);
	size_t n = 0;

	*out = (struct bytes){NULL, 0};
	if (to == NULL)
		return false;
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '%') {
			int high = i + 2 < b.n ? hex_value(b.p[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_value(b.p[i + 2]);

			if (low < 0) {
				out->p = to;
				return false;
			}
			to[n++] = (char)(high << 4 | low);
			i += 2;
		} else if (b.p[i] == '+' && plus_is_blank) {
			to[n++] = ' ';
		} else {
			to[n++] = b.p[i];
		}
	}
	to[n] = '\0';
	*out = (struct bytes){to, n};
	return true;
}

size_t
utf8_sequence(struct bytes b)
{
	const uint8_t *p = (const uint8_t *)b.p;
	uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t len;

	if (b.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (len > b.n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

bool
utf8_valid(struct bytes b)
{
	while (b.n > 0) {
		size_t len = utf8_sequence(b);

		if (len == 0)
			return false;
		b = bytes_skip(b, len);
	}
	return true;
}
