/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/template.h"

#include <string.h>

bool
template_parse(struct bytes text, struct template *out)
{
	const struct bytes place = BYTES("{n}");

	out->n = 0;
	while (out->n < TEMPLATE_PARTS) {
		const char *hit =
		    text.n == 0 ? NULL : memmem(text.p, text.n, place.p, place.n);

		if (hit == NULL) {
			out->part[out->n++] = text;
			return true;
		}
		out->part[out->n++] = (struct bytes){text.p, (size_t)(hit - text.p)};
		text = bytes_skip(text, (size_t)(hit - text.p) + place.n);
	}
	return false;
}

void
template_render(const struct template *t, uint64_t number, struct str *to)
{
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0)
			str_addu(to, number);
		str_add(to, t->part[i]);
	}
}
