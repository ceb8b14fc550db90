/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: Range, If-Range, If-None-Match, If-Modified-Since; the length of the file is the
 * first eight bytes. A part lies inside the file, whatever was asked for.
 */
#include <stdint.h>
#include <string.h>

#include "service/core/check.h"
#include "service/op/range.h"

enum { PARTS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes
line(struct bytes *rest)
{
	struct bytes front = {rest->p, bytes_find(*rest, '\n')};

	*rest = bytes_skip(*rest, front.n < rest->n ? front.n + 1 : front.n);
	return front;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct validators v = {
	    .etag = BYTES("\"d41d8cd98f00b204e9800998ecf8427e\""),
	    .modified_ms = 1700000000123,
	};
	struct range_part part[PARTS_MAX];
	uint64_t length, left;
	size_t n;
	struct bytes rest, range, if_range, none_match, since;

	if (size < sizeof length)
		return 0;
	(void)memcpy(&length, data, sizeof length);
	rest = (struct bytes){(const char *)data + sizeof length, size - sizeof length};
	range = line(&rest);
	if_range = line(&rest);
	none_match = line(&rest);
	since = line(&rest);
	left = length;
	switch (range_parse(range, length, part, PARTS_MAX, &n)) {
	case RANGE_PART:
		CHECK(n > 0 && n <= PARTS_MAX);
		for (size_t i = 0; i < n; i++) {
			CHECK(part[i].n > 0 && part[i].first < length);
			CHECK(part[i].n <= length - part[i].first && part[i].n <= left);
			left -= part[i].n;
		}
		break;
	case RANGE_BEYOND:
	case RANGE_WHOLE:
		break;
	}
	(void)range_may_apply(if_range, &v);
	(void)range_not_modified(none_match, since, &v);
	return 0;
}
