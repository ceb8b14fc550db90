/* SPDX-License-Identifier: Apache-2.0 */
#include "service/remote/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { V4_AT = 12, V4_BITS = 8 * V4_AT, ALL_BITS = 8 * ADDRESS_SIZE };

static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

/* IPv4 that is not public (RFC 6890, 6598, 7526). */
static const struct {
	uint8_t base[4];
	unsigned bits;
} v4_closed[] = {
    {{0, 0, 0, 0}, 8},
    {{10, 0, 0, 0}, 8},
    {{100, 64, 0, 0}, 10},
    {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16},
    {{172, 16, 0, 0}, 12},
    {{192, 0, 0, 0}, 24},
    {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24},
    {{192, 168, 0, 0}, 16},
    {{198, 18, 0, 0}, 15},
    {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24},
    {{224, 0, 0, 0}, 4},
    {{240, 0, 0, 0}, 4},
};

/* IPv6 that holds an IPv4 address, at a byte. */
static const struct {
	struct address_range range;
	size_t at;
} v6_with_v4[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12}, /* NAT64 */
    {{{0x20, 0x02}, 16}, 2}, /* 6to4 */
};

/* The one part of IPv6 that is given out, and what of it is not public. */
static const struct address_range v6_unicast = {{0x20}, 3};
static const struct address_range v6_closed[] = {
    {{0x20, 0x01, 0x00}, 23}, /* protocols, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00}, 20}, /* documentation */
};

static bool
begins(const uint8_t *address, const uint8_t *base, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(address, base, bits / 8) != 0)
		return false;
	return rest == 0 || (address[bits / 8] ^ base[bits / 8]) >> (8 - rest) == 0;
}

static bool
in_range(const uint8_t *address, const struct address_range *range)
{
	return begins(address, range->base, range->bits);
}

static bool
v4_is_public(const uint8_t *v4)
{
	for (size_t i = 0; i < sizeof v4_closed / sizeof v4_closed[0]; i++)
		if (begins(v4, v4_closed[i].base, v4_closed[i].bits))
			return false;
	return true;
}

static bool
is_public(const uint8_t *address)
{
	for (size_t i = 0; i < sizeof v6_with_v4 / sizeof v6_with_v4[0]; i++)
		if (in_range(address, &v6_with_v4[i].range))
			return v4_is_public(address + v6_with_v4[i].at);
	for (size_t i = 0; i < sizeof v6_closed / sizeof v6_closed[0]; i++)
		if (in_range(address, &v6_closed[i]))
			return false;
	return in_range(address, &v6_unicast);
}

/* The 16 bytes of an address; false: of another family. */
static bool
take_bytes(const struct sockaddr *address, uint8_t out[ADDRESS_SIZE])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		(void)memcpy(&v4, address, sizeof v4);
		(void)memcpy(out, mapped, V4_AT);
		(void)memcpy(out + V4_AT, &v4.sin_addr, sizeof v4.sin_addr);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		(void)memcpy(&v6, address, sizeof v6);
		(void)memcpy(out, &v6.sin6_addr, ADDRESS_SIZE);
		return true;
	}
	return false;
}

bool
address_allowed(
    const struct sockaddr *address, const struct address_range *opened, size_t n)
{
	uint8_t bytes[ADDRESS_SIZE];

	if (!take_bytes(address, bytes))
		return false;
	for (size_t i = 0; i < n; i++)
		if (in_range(bytes, &opened[i]))
			return true;
	return is_public(bytes);
}

void
address_show(const struct sockaddr *address, char out[ADDRESS_TEXT_SIZE])
{
	uint8_t bytes[ADDRESS_SIZE];
	bool v4;

	(void)snprintf(out, ADDRESS_TEXT_SIZE, "of family %d", address->sa_family);
	if (!take_bytes(address, bytes))
		return;
	v4 = memcmp(bytes, mapped, V4_AT) == 0;
	(void)inet_ntop(
	    v4 ? AF_INET : AF_INET6, v4 ? bytes + V4_AT : bytes, out, ADDRESS_TEXT_SIZE);
}

static bool
parse_address(struct bytes text, uint8_t out[ADDRESS_SIZE], unsigned *bits_before)
{
	char name[ADDRESS_TEXT_SIZE];

	if (text.n == 0 || text.n >= sizeof name || bytes_find(text, '\0') < text.n)
		return false;
	(void)memcpy(name, text.p, text.n);
	name[text.n] = '\0';
	(void)memcpy(out, mapped, V4_AT);
	*bits_before = V4_BITS;
	if (inet_pton(AF_INET, name, out + V4_AT) == 1)
		return true;
	*bits_before = 0;
	return inet_pton(AF_INET6, name, out) == 1;
}

static bool
is_clear_behind(const uint8_t *address, unsigned bits)
{
	for (unsigned i = bits; i < ALL_BITS; i++)
		if ((address[i / 8] >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

bool
address_range_parse(struct bytes text, struct address_range *out)
{
	size_t slash = bytes_find(text, '/');
	struct address_range range = {.bits = ALL_BITS};
	unsigned before;
	uint64_t bits;

	if (!parse_address((struct bytes){text.p, slash}, range.base, &before))
		return false;
	if (slash < text.n) {
		if (!bytes_u64(bytes_skip(text, slash + 1), &bits) ||
		    bits > ALL_BITS - before)
			return false;
		range.bits = before + (unsigned)bits;
	}
	if (!is_clear_behind(range.base, range.bits))
		return false;
	*out = range;
	return true;
}

bool
address_range_has(const struct address_range *range, struct bytes address)
{
	uint8_t bytes[ADDRESS_SIZE];
	unsigned before;

	return parse_address(address, bytes, &before) && in_range(bytes, range);
}
