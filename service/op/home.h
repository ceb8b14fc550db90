/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home - the home of an account: a container of its name, its own, in the first of
 * allocation_parents, with the quota of the settings.
 */
#ifndef QUARTET_OP_HOME_H
#define QUARTET_OP_HOME_H

#include "service/op/op.h"

struct home {
	/* home.c's own */
	struct op_call *call;
	void (*done)(struct home *h, enum err err);
	struct nodes_create create;
};

/*
 * Calls `done` once, now or later; a node that is there already is left as it is, and is
 * fine. The text of a failure is in call->why. `h` is borrowed until then.
 */
void home_make(struct home *h, struct op_call *call, struct bytes name, uint64_t owner,
    void (*done)(struct home *h, enum err err));

#endif
