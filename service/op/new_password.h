/* SPDX-License-Identifier: Apache-2.0 */
/*
 * new_password - a password as it is stored: its slow hash, made by a worker.
 */
#ifndef QUARTET_OP_NEW_PASSWORD_H
#define QUARTET_OP_NEW_PASSWORD_H

#include "service/core/digest.h"
#include "service/core/worker.h"
#include "service/op/op.h"

struct new_password {
	char hash[PASSWORD_TEXT_SIZE]; /* when done */
	/* new_password.c's own */
	struct op_call *call;
	struct bytes password;
	void (*done)(struct new_password *p, enum err err);
	struct worker_job job;
	bool made;
};

/*
 * Calls `done` once, now or later. ERR_INVALID_ARGUMENT: too short or too long. `p` and
 * the password are borrowed until then.
 */
void new_password_hash(struct new_password *p, struct op_call *call,
    struct bytes password, void (*done)(struct new_password *p, enum err err));

#endif
