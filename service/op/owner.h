/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner - the identity a new node belongs to: the caller's, or the one an administrator
 * named. A certificate nobody knew yet gets its identity here, with its first node.
 */
#ifndef QUARTET_OP_OWNER_H
#define QUARTET_OP_OWNER_H

#include "service/op/op.h"

struct owner_ask {
	/* An account name or a DN, .p NULL: the caller. */
	struct bytes creator;
	uint64_t id_out;
	/* owner.c's own. */
	struct op_call *call;
	void (*known)(struct owner_ask *ask, enum err err);
	struct accounts_ensure_dn ensure;
};

/*
 * Calls `known` now or later with ERR_OK and ask->id_out, or with a failure whose text is
 * in call->why. ERR_INVALID_ARGUMENT: nobody of that name.
 */
void owner_find(struct op_call *call, struct owner_ask *ask,
    void (*known)(struct owner_ask *ask, enum err err));

/*
 * The target of a link as it is stored: one that names this space carries our authority
 * with '~', so that every client finds its way back (architecture D39).
 * ERR_INVALID_ARGUMENT: it is not there, or no absolute URI.
 */
enum err target_as_stored(struct op_call *call, struct bytes *target) ERR_CHECKED;

#endif
