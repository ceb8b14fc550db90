/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_call - a job's work as a call, so that the rules for requests hold for it too: the
 * caller is the job's owner as he is now, the arena is given, there is nobody to answer.
 * Thread: the engine's loop.
 */
#ifndef QUARTET_OP_JOB_CALL_H
#define QUARTET_OP_JOB_CALL_H

#include "service/job/engine.h"
#include "service/op/op.h"

/* Whose jobs are those that came by the socket, in place of a DN's key; no DN has it. */
#define JOB_OPERATOR "operator"

struct job_call {
	struct op_call call;
	struct caller caller;
};

/* ERR_DENIED: the owner is gone. */
enum err job_call_init(
    struct job_call *jc, const struct job_run *run, struct arena *a) ERR_CHECKED;

/* End the run with a failure; the text is call->why. */
void job_call_fail(struct job_run *run, struct job_call *jc, enum err err);

#endif
