/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_admin_private - what the operations of the operator share: answers in JSON, for
 * quartet(1), for scripts and for the web page. At the socket its mode and the peer's uid
 * have decided who asks.
 */
#ifndef QUARTET_OP_OP_ADMIN_PRIVATE_H
#define QUARTET_OP_OP_ADMIN_PRIVATE_H

#include "service/op/op.h"

/*
 * A check: the operator, or an administrator who came through the public door with a
 * credential that allows all he may do.
 */
void admin_check(struct op_call *call);

/* A parameter that must be there. ERR_INVALID_ARGUMENT names it. */
enum err admin_param(
    struct op_call *call, const char *name, struct bytes *out) ERR_CHECKED;

/* The parameter `location`, a number from 1; all of them without it. */
enum err admin_locations(struct op_call *call, location_map *out) ERR_CHECKED;

/* The decoded name behind the route: "/alice" -> "alice"; .n == 0: none. */
enum err admin_name(struct op_call *call, struct bytes *out) ERR_CHECKED;

#endif
