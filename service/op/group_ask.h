/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_ask - have known what the outside group service (service/gms) says of a caller,
 * before anything is decided. Nobody is asked about an anonymous one, nor about somebody who
 * has no name there. Who comes with a token, a link or a pre-authorised URL is in the groups
 * of whose it is, as he is in ours.
 * Thread: the loop of `env`.
 */
#ifndef QUARTET_OP_GROUP_ASK_H
#define QUARTET_OP_GROUP_ASK_H

#include "service/gms/gms_remote.h"
#include "service/op/op.h"

struct group_ask {
	struct op_env *env;
	struct arena *arena; /* where the names go */
	struct caller *caller;
	void (*known)(struct group_ask *ask);
	/* Its own. */
	struct gms_ask gms;
};

/*
 * Fill in caller->outside: true, at once; false, later, and then `known` is called. `ask` is
 * borrowed until then; nobody touches the arena meanwhile.
 */
bool group_ask(struct group_ask *ask);

/* What stands in a refusal, for ERR_GROUPS. */
enum err group_ask_refusal(struct op_call *call, struct bytes of) ERR_CHECKED;

#endif
