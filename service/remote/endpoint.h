/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint - where a user wants bytes fetched from or sent to, and the hosts he may name.
 *
 * The text comes from anybody, so what is read here is not given to another reader: a URL
 * is taken apart strictly, and put together anew from the parts that were checked. Only
 * https, without a user, a fragment, blanks or bytes beyond ASCII.
 * Names are compared in lower case and without the dot at their end; addresses by value.
 * A host whose last label is a number must be a plain IPv4 address: other spellings of
 * one ("127.1", "0x7f000001") are refused.
 * Values only. Thread: any.
 */
#ifndef QUARTET_REMOTE_ENDPOINT_H
#define QUARTET_REMOTE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

enum { PEER_HOST_SIZE = 256 };

struct peer {
	char host[PEER_HOST_SIZE]; /* as compared; an IPv6 address without brackets */
	bool is_v6;
	uint16_t port;
};

struct endpoint {
	struct peer peer;
	struct bytes target; /* of the URL: "/a?b", "?b" or nothing */
};

/* "host", "host:port", "[::1]", "[::1]:port"; without a port 443. */
bool peer_parse(struct bytes text, struct peer *out);
bool peer_equal(const struct peer *a, const struct peer *b);
/* "host:port" */
void peer_show(const struct peer *peer, struct str *to);

/* ERR_INVALID_ARGUMENT; the text does not repeat the URL. */
enum err endpoint_parse(struct bytes url, size_t bytes_max, struct endpoint *out,
    struct errinfo *why) ERR_CHECKED;
/* The URL that is asked. */
void endpoint_show(const struct endpoint *endpoint, struct str *to);

#endif
