/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/accept.h"

/* In ascending order: the most specific range decides. */
enum range { RANGE_NONE, RANGE_ALL, RANGE_TYPE, RANGE_EXACT };

struct match {
	enum range range;
	unsigned weight; /* thousandths */
};

/* "1", "0.25": up to three digits behind the point. */
static bool
parse_weight(struct bytes text, unsigned *out)
{
	unsigned weight = 0, unit = 1000;

	for (size_t i = 0; i < text.n; i++) {
		if (i == 1 && text.p[i] == '.')
			continue;
		if (i == 5 || text.p[i] < '0' || text.p[i] > '9')
			return false;
		weight += (unsigned)(text.p[i] - '0') * unit;
		unit /= 10;
	}
	*out = weight;
	return text.n > 0 && weight <= 1000;
}

static enum range
range_of(struct bytes range, struct bytes type)
{
	size_t slash = bytes_find(type, '/');

	if (bytes_caseeq(range, type))
		return RANGE_EXACT;
	if (bytes_is(range, "*/*"))
		return RANGE_ALL;
	return range.n == slash + 2 && bytes_ends(range, BYTES("/*")) &&
		       bytes_caseeq(
			   (struct bytes){range.p, slash}, (struct bytes){type.p, slash})
		   ? RANGE_TYPE
		   : RANGE_NONE;
}

/* One of the header's members: "text/xml;q=0.5". */
static bool
parse_member(struct bytes member, struct bytes *range, unsigned *weight)
{
	struct bytes part;

	*weight = 1000;
	if (!bytes_token(&member, ";", range))
		return false;
	*range = bytes_trim(*range);
	while (bytes_token(&member, ";", &part)) {
		part = bytes_trim(part);
		if (part.n > 2 && bytes_lower(part.p[0]) == 'q' && part.p[1] == '=' &&
		    !parse_weight(bytes_skip(part, 2), weight))
			return false;
	}
	return true;
}

static struct match
match_of(struct bytes header, const char *type)
{
	struct match best = {RANGE_NONE, 0};
	struct bytes member, range;
	unsigned weight;

	while (bytes_token(&header, ",", &member)) {
		enum range how;

		if (!parse_member(member, &range, &weight))
			continue;
		how = range_of(range, bytes_of(type));
		if (how > best.range)
			best = (struct match){how, weight};
	}
	return best;
}

bool
accept_prefers(struct bytes header, const char *other, const char *usual)
{
	struct match a = match_of(header, other), b = match_of(header, usual);

	if (a.weight != b.weight)
		return a.weight > b.weight;
	return a.weight > 0 && a.range == RANGE_EXACT && b.range != RANGE_EXACT;
}
