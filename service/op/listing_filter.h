/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing_filter - which children of a container are listed, as a pure function. Beyond
 * the standard: clients that know of it need not fetch a million nodes to find ten.
 *
 *   name=PATTERN   '*' is any text, '?' one character, everything else is itself
 *   since=TIME     changed, metadata or bytes, at that time or later
 *
 * Thread: any.
 */
#ifndef QUARTET_OP_LISTING_FILTER_H
#define QUARTET_OP_LISTING_FILTER_H

#include "storage/node.h"

struct listing_filter {
	struct bytes name; /* .p NULL: any */
	int64_t since_ms; /* 0: whenever */
};

static inline bool
listing_filter_is_set(const struct listing_filter *f)
{
	return f->name.p != NULL || f->since_ms != 0;
}

bool listing_filter_matches(const struct listing_filter *f, const struct node *node);

/* Takes time with the product of both lengths at most. */
bool listing_filter_name(struct bytes pattern, struct bytes name);

#endif
