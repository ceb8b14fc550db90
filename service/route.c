/* SPDX-License-Identifier: Apache-2.0 */
#include "service/route.h"

#include "service/op/ops.h"
#include "service/op/token_words.h"

static const struct {
	enum route_door door;
	struct route route;
} rows[] = {
#define ROUTE(door, methods, path, below, body, limit, op)                               \
	{ROUTE_##door, {methods, {path, sizeof(path) - 1}, below, OP_BODY_##body,        \
			   offsetof(struct settings, limit), &(op)}},
#include "service/route.def"
#undef ROUTE
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* What follows the route's path; false: another path. */
static bool
matches(const struct route *r, struct bytes path, struct bytes *rest_out)
{
	if (!bytes_starts(path, r->path))
		return false;
	*rest_out = bytes_skip(path, r->path.n);
	if (rest_out->n == 0)
		return true;
	return r->below && rest_out->p[0] == '/';
}

enum err
route_find(enum route_door door, enum method method, struct bytes path,
    const struct route **out, struct bytes *rest_out, unsigned *allow_out)
{
	*allow_out = 0;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct route *r = &rows[i].route;
		struct bytes rest;

		if (rows[i].door != door || !matches(r, path, &rest))
			continue;
		if (r->methods & method) {
			*out = r;
			*rest_out = rest;
			return ERR_OK;
		}
		*allow_out |= r->methods;
	}
	return *allow_out != 0 ? ERR_METHOD : ERR_NOT_FOUND;
}

bool
route_below_link(struct bytes *path, struct bytes *link_out)
{
	static const struct bytes prefix = {"/share/", 7};
	struct bytes rest, link;

	if (!bytes_starts(*path, prefix))
		return false;
	rest = bytes_skip(*path, prefix.n);
	link = (struct bytes){rest.p, bytes_find(rest, '/')};
	if (link.n != TOKEN_ID_DIGITS)
		return false;
	for (size_t i = 0; i < link.n; i++)
		if (!(link.p[i] >= '0' && link.p[i] <= '9') &&
		    !(link.p[i] >= 'a' && link.p[i] <= 'f'))
			return false;
	*link_out = link;
	*path = link.n == rest.n ? BYTES("/") : bytes_skip(rest, link.n);
	return true;
}

const struct op *
route_op(size_t n)
{
	return n < N_ROWS ? rows[n].route.op : NULL;
}

size_t
route_limit(const struct route *route, const struct settings *settings)
{
	return (size_t) *
	       (const uint64_t *)(const void *)((const char *)settings + route->limit_at);
}
