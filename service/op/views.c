/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/views.h"

static const struct {
	const char *uri;
	unsigned marks;
	bool in, out;
} rows[] = {
#define VIEW(uri, marks, in, out) {uri, marks, in, out},
#include "service/op/view.def"
#undef VIEW
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

_Static_assert((int)N_ROWS <= (int)VIEWS_MAX, "there is room for all");

size_t
views_marked(unsigned marks, struct lists_item out[VIEWS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		if ((rows[i].marks & marks) != 0)
			out[n++] = (struct lists_item){.uri = bytes_of(rows[i].uri),
			    .derived = (rows[i].marks & VIEW_DERIVED) != 0};
	return n;
}

bool
views_allowed(struct bytes uri, bool in)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (bytes_is(uri, rows[i].uri))
			return in ? rows[i].in : rows[i].out;
	return false;
}

static bool
ends_with(struct bytes text, struct bytes end)
{
	return text.n > end.n && bytes_caseeq(bytes_skip(text, text.n - end.n), end);
}

bool
views_is_fits(const struct node *node)
{
	struct bytes type = node->content_type;

	if (type.p != NULL && !bytes_caseeq(type, BYTES("application/octet-stream")))
		return bytes_caseeq(type, BYTES("application/fits")) ||
		       bytes_caseeq(type, BYTES("image/fits"));
	return ends_with(node->name, BYTES(".fits")) ||
	       ends_with(node->name, BYTES(".fits.fz"));
}
