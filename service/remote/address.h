/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address - which addresses the server may connect to because a user asked for it.
 *
 * Only those of the public internet, and those the operator opened. Loopback, private,
 * shared (CGNAT), link-local, multicast, unspecified, documentation and reserved ones are
 * refused, in IPv6 also where one of those is written inside (mapped, NAT64, 6to4).
 * What is not known to be public is refused (RFC 6890 and its registries).
 * Values only. Thread: any.
 */
#ifndef QUARTET_REMOTE_ADDRESS_H
#define QUARTET_REMOTE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "service/core/bytes.h"

enum { ADDRESS_SIZE = 16, ADDRESS_TEXT_SIZE = 64 };

/* All addresses that begin with these bits; those of IPv4 as ::ffff:a.b.c.d. */
struct address_range {
	uint8_t base[ADDRESS_SIZE];
	unsigned bits;
};

/* "10.1.0.0/16", "fd00::/8" or one address. False: neither, or bits behind the prefix. */
bool address_range_parse(struct bytes text, struct address_range *out);

/* Is it in the range? False also for what is no address. */
bool address_range_has(const struct address_range *range, struct bytes address);

/* May it be connected to? Other families than IPv4 and IPv6 may not. */
bool address_allowed(
    const struct sockaddr *address, const struct address_range *opened, size_t n);

/* For a message: "192.168.1.2". */
void address_show(const struct sockaddr *address, char out[ADDRESS_TEXT_SIZE]);

#endif
