/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_admin_private - what the operations behind the admin socket share: answers in JSON,
 * for quartet(1) and for scripts. The socket's mode and the peer's uid have decided who
 * asks.
 */
#ifndef QUARTET_OP_OP_ADMIN_PRIVATE_H
#define QUARTET_OP_OP_ADMIN_PRIVATE_H

#include <jansson.h>

#include "service/op/op.h"

/* Finish with an object; the reference is taken. */
void admin_reply(struct op_call *call, int status, json_t *object);

/* Text as a JSON string; bytes that are no UTF-8 become null. */
json_t *admin_text(struct bytes text);

/* A parameter that must be there. ERR_INVALID_ARGUMENT names it. */
enum err admin_param(
    struct op_call *call, const char *name, struct bytes *out) ERR_CHECKED;

/* The parameter `location`, a number from 1; all of them without it. */
enum err admin_locations(struct op_call *call, location_map *out) ERR_CHECKED;

/* The decoded name behind the route: "/alice" -> "alice"; .n == 0: none. */
enum err admin_name(struct op_call *call, struct bytes *out) ERR_CHECKED;

#endif
