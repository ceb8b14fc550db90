/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/range.h"

#include "service/core/isotime.h"

/* Digits; a number too large to be told counts as the largest there is. */
static bool
number(struct bytes digits, uint64_t *out)
{
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
	if (!bytes_u64(digits, out))
		*out = UINT64_MAX;
	return digits.n > 0;
}

/* "-n": the last n bytes. */
static enum range_verdict
suffix(struct bytes digits, uint64_t length, struct range_part *out)
{
	uint64_t n;

	if (!number(digits, &n))
		return RANGE_WHOLE;
	if (n == 0 || length == 0)
		return RANGE_BEYOND;
	out->n = n < length ? n : length;
	out->first = length - out->n;
	return RANGE_PART;
}

/* "a-b", "a-", "-n" */
static enum range_verdict
parse_one(struct bytes spec, uint64_t length, struct range_part *out)
{
	size_t dash = bytes_find(spec, '-');
	struct bytes first_text = {spec.p, dash}, last_text;
	uint64_t first, last = UINT64_MAX;

	if (dash == spec.n)
		return RANGE_WHOLE;
	last_text = bytes_skip(spec, dash + 1);
	if (first_text.n == 0)
		return suffix(last_text, length, out);
	if (!number(first_text, &first))
		return RANGE_WHOLE;
	if (last_text.n > 0 && (!number(last_text, &last) || last < first))
		return RANGE_WHOLE;
	if (first >= length)
		return RANGE_BEYOND;
	if (last >= length)
		last = length - 1;
	*out = (struct range_part){first, last - first + 1};
	return RANGE_PART;
}

enum range_verdict
range_parse(struct bytes value, uint64_t length, struct range_part *out, size_t max,
    size_t *n_out)
{
	struct bytes unit = BYTES("bytes=");
	uint64_t left = length;

	*n_out = 0;
	value = bytes_trim(value);
	if (value.n < unit.n || !bytes_caseeq((struct bytes){value.p, unit.n}, unit))
		return RANGE_WHOLE;
	value = bytes_skip(value, unit.n);
	for (;;) {
		size_t comma = bytes_find(value, ',');
		struct range_part part;

		switch (parse_one(
		    bytes_trim((struct bytes){value.p, comma}), length, &part)) {
		case RANGE_WHOLE:
			return RANGE_WHOLE;
		case RANGE_BEYOND:
			break;
		case RANGE_PART:
			if (*n_out == max || part.n > left)
				return RANGE_WHOLE;
			left -= part.n;
			out[(*n_out)++] = part;
			break;
		}
		if (comma == value.n)
			break;
		value = bytes_skip(value, comma + 1);
	}
	return *n_out > 0 ? RANGE_PART : RANGE_BEYOND;
}

static bool
list_has_etag(struct bytes list, struct bytes etag)
{
	struct bytes item;

	while (bytes_token(&list, ",", &item)) {
		item = bytes_trim(item);
		if (bytes_is(item, "*"))
			return true;
		if (bytes_starts(item, BYTES("W/"))) /* weak comparison, 8.8.3.2 */
			item = bytes_skip(item, 2);
		if (bytes_eq(item, etag))
			return true;
	}
	return false;
}

bool
range_not_modified(struct bytes if_none_match, struct bytes if_modified_since,
    const struct validators *v)
{
	int64_t since_ms;

	if (if_none_match.p != NULL) /* takes precedence, 13.2.2 */
		return list_has_etag(if_none_match, v->etag);
	if (if_modified_since.p == NULL || !httptime_parse(if_modified_since, &since_ms))
		return false;
	return v->modified_ms / 1000 <= since_ms / 1000;
}

bool
range_may_apply(struct bytes if_range, const struct validators *v)
{
	int64_t since_ms;

	if (if_range.p == NULL)
		return true;
	if (httptime_parse(if_range, &since_ms))
		return v->modified_ms / 1000 == since_ms / 1000;
	return bytes_eq(if_range, v->etag); /* a weak one never matches */
}
