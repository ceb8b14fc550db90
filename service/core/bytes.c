/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/bytes.h"

char
bytes_lower(char c)
{
	if (c < 'A' || c > 'Z')
		return c;
	return (char)(c - 'A' + 'a');
}

bool
bytes_caseeq(struct bytes a, struct bytes b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (bytes_lower(a.p[i]) != bytes_lower(b.p[i]))
			return false;
	return true;
}

int
bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool
bytes_starts(struct bytes b, struct bytes prefix)
{
	return b.n >= prefix.n && (prefix.n == 0 || memcmp(b.p, prefix.p, prefix.n) == 0);
}

bool
bytes_ends(struct bytes b, struct bytes suffix)
{
	return b.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(b.p + b.n - suffix.n, suffix.p, suffix.n) == 0);
}

size_t
bytes_find(struct bytes b, char c)
{
	const char *at = b.n == 0 ? NULL : memchr(b.p, c, b.n);

	return at == NULL ? b.n : (size_t)(at - b.p);
}

bool
bytes_contains(struct bytes b, struct bytes needle)
{
	if (needle.n == 0)
		return true;
	return b.n >= needle.n && memmem(b.p, b.n, needle.p, needle.n) != NULL;
}

struct bytes
bytes_trim(struct bytes b)
{
	static const struct bytes blanks = {" \t\r\n", 4};

	while (b.n > 0 && bytes_find(blanks, b.p[0]) < blanks.n)
		b = bytes_skip(b, 1);
	while (b.n > 0 && bytes_find(blanks, b.p[b.n - 1]) < blanks.n)
		b.n--;
	return b;
}

bool
bytes_token(struct bytes *rest, const char *separators, struct bytes *token_out)
{
	struct bytes sep = bytes_of(separators);
	size_t n;

	while (rest->n > 0 && bytes_find(sep, rest->p[0]) < sep.n)
		*rest = bytes_skip(*rest, 1);
	if (rest->n == 0)
		return false;
	for (n = 0; n < rest->n && bytes_find(sep, rest->p[n]) == sep.n; n++)
		continue;
	*token_out = (struct bytes){rest->p, n};
	*rest = bytes_skip(*rest, n);
	return true;
}

bool
bytes_u64(struct bytes b, uint64_t *out)
{
	uint64_t v = 0;

	if (b.n == 0)
		return false;
	for (size_t i = 0; i < b.n; i++) {
		uint64_t digit;

		if (b.p[i] < '0' || b.p[i] > '9')
			return false;
		digit = (uint64_t)(b.p[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
