/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - which operation answers which request: the table of route.def.
 *
 * A path is fixed ("/vault/capabilities") or a prefix with everything below it
 * ("/vault/nodes" and "/vault/nodes/..."). Thread: any.
 */
#ifndef QUARTET_ROUTE_H
#define QUARTET_ROUTE_H

#include "conf/settings.h"
#include "service/http/parse.h"
#include "service/op/op.h"

/* Which door a request came in by; a route belongs to one side. */
enum route_door { ROUTE_PUBLIC, ROUTE_ADMIN };

struct route {
	unsigned methods; /* of enum method */
	struct bytes path;
	bool below; /* and all paths below it */
	enum op_body body;
	size_t limit_at; /* offset in struct settings of the text's limit */
	const struct op *op;
};

/*
 * The route of a request; *rest_out is what follows the prefix. ERR_NOT_FOUND, or
 * ERR_METHOD with *allow_out the methods there are.
 */
enum err route_find(enum route_door door, enum method method, struct bytes path,
    const struct route **out, struct bytes *rest_out, unsigned *allow_out) ERR_CHECKED;

/*
 * Below a link to share everything is there once more, for who opened it: "/share/LINK/x"
 * is "/x". True, with the link's id in *link_out and the rest in *path, for such a path.
 */
bool route_below_link(struct bytes *path, struct bytes *link_out);

/* The operation of the n-th row, NULL behind the last. */
const struct op *route_op(size_t n);

/* The largest text a route may be sent. */
size_t route_limit(const struct route *route, const struct settings *settings);

#endif
