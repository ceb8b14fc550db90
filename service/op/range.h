/* SPDX-License-Identifier: Apache-2.0 */
/*
 * range - conditional and partial answers (RFC 9110 sections 13 and 14), as pure
 * functions over header values. Thread: any.
 */
#ifndef QUARTET_OP_RANGE_H
#define QUARTET_OP_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"

enum range_verdict {
	RANGE_WHOLE, /* no usable Range: send everything */
	RANGE_PART, /* send the parts */
	RANGE_BEYOND, /* 416 */
};

struct range_part {
	uint64_t first, n; /* inside the resource; n > 0 */
};

/*
 * A Range header of a resource of `length` bytes, as up to `max` parts in the order asked
 * for. Those beyond the end are left out of several. Another unit, bad syntax, more parts
 * than `max`, or parts that overlap so much that they are longer than the whole, mean
 * RANGE_WHOLE (14.2: a server may ignore it).
 */
enum range_verdict range_parse(struct bytes value, uint64_t length,
    struct range_part *out, size_t max, size_t *n_out);

/* What a condition looks at. Times in whole seconds, as HTTP has them. */
struct validators {
	struct bytes etag; /* with its quotes; strong */
	int64_t modified_ms;
};

/* If-None-Match and If-Modified-Since of a GET or HEAD (13.1.2, 13.1.3): 304? */
bool range_not_modified(struct bytes if_none_match, struct bytes if_modified_since,
    const struct validators *v);

/* If-Range (13.1.5): may the range be sent? True without the header. */
bool range_may_apply(struct bytes if_range, const struct validators *v);

#endif
