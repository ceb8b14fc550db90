/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_publish - the last step of an upload: bytes that are durable become those of a
 * file (S6). Who a new file belongs to is found out; when the name means another node by
 * now, the right to that one is checked and the change tried again.
 */
#ifndef QUARTET_OP_FILE_PUBLISH_H
#define QUARTET_OP_FILE_PUBLISH_H

#include "service/op/owner.h"
#include "service/op/target.h"

struct file_publish {
	/* Set by the caller; the rest is zeroed. */
	struct op_call *call;
	struct op_target target;
	/* Finds the target again, and checks the right to it. */
	enum err (*look_again)(struct file_publish *p);
	void (*done)(struct file_publish *p, enum err err);
	/* Its content is set: blob, type, encoding, txn. What it is called, and whose it is,
	 * is filled in. change.outcome_open tells, after a failure, whether the bytes may be
	 * named. */
	struct nodes_put_file file;
	/* Its own. */
	struct owner_ask owner;
	unsigned tries;
};

/* Calls `done`, now or later; the text of a failure is in call->why. */
void file_publish(struct file_publish *p);

#endif
