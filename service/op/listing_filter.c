/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/listing_filter.h"

#include "service/core/encode.h"

/* The length of the character that `b` begins with; names are UTF-8 (D25). */
static size_t
character(struct bytes b)
{
	size_t n = utf8_sequence(b);

	return n > 0 ? n : 1;
}

/*
 * The last '*' takes one character more whenever the rest does not fit: what came before
 * it need never be looked at again.
 */
bool
listing_filter_name(struct bytes pattern, struct bytes name)
{
	struct bytes star = {NULL, 0}, after = name;

	while (name.n > 0) {
		if (pattern.n > 0 && pattern.p[0] == '*') {
			pattern = bytes_skip(pattern, 1);
			star = pattern;
			after = name;
		} else if (pattern.n > 0 && pattern.p[0] == '?') {
			pattern = bytes_skip(pattern, 1);
			name = bytes_skip(name, character(name));
		} else if (pattern.n > 0 && pattern.p[0] == name.p[0]) {
			pattern = bytes_skip(pattern, 1);
			name = bytes_skip(name, 1);
		} else if (star.p != NULL) {
			after = bytes_skip(after, character(after));
			pattern = star;
			name = after;
		} else {
			return false;
		}
	}
	while (pattern.n > 0 && pattern.p[0] == '*')
		pattern = bytes_skip(pattern, 1);
	return pattern.n == 0;
}

bool
listing_filter_matches(const struct listing_filter *f, const struct node *node)
{
	if (f->name.p != NULL && !listing_filter_name(f->name, node->name))
		return false;
	return node->changed_ms >= f->since_ms || node->content_ms >= f->since_ms;
}
