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
suffix(struct bytes digits, uint64_t length, uint64_t *first_out, uint64_t *n_out)
{
	uint64_t n;

	if (!number(digits, &n))
		return RANGE_WHOLE;
	if (n == 0 || length == 0)
		return RANGE_BEYOND;
	*n_out = n < length ? n : length;
	*first_out = length - *n_out;
	return RANGE_PART;
}

enum range_verdict
range_parse(struct bytes value, uint64_t length, uint64_t *first_out, uint64_t *n_out)
{
	struct bytes unit = BYTES("bytes="), first_text, last_text;
	uint64_t first, last = UINT64_MAX;
	size_t dash;

	value = bytes_trim(value);
	if (value.n < unit.n || !bytes_caseeq((struct bytes){value.p, unit.n}, unit))
		return RANGE_WHOLE;
	value = bytes_trim(bytes_skip(value, unit.n));
	dash = bytes_find(value, '-');
	if (dash == value.n)
		return RANGE_WHOLE;
	first_text = (struct bytes){value.p, dash};
	last_text = bytes_skip(value, dash + 1);
	if (first_text.n == 0)
		return suffix(last_text, length, first_out, n_out);
	if (!number(first_text, &first))
		return RANGE_WHOLE;
	if (last_text.n > 0 && (!number(last_text, &last) || last < first))
		return RANGE_WHOLE;
	if (first >= length)
		return RANGE_BEYOND;
	if (last >= length)
		last = length - 1;
	*first_out = first;
	*n_out = last - first + 1;
	return RANGE_PART;
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
