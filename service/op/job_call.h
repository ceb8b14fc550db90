/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_call - a job's work as a call, so that the rules for requests hold for it too: the
 * caller is the job's owner as he is now, the arena is given, there is nobody to answer.
 * Thread: the engine's loop.
 */
#ifndef QUARTET_OP_JOB_CALL_H
#define QUARTET_OP_JOB_CALL_H

#include "service/job/engine.h"
#include "service/op/group_ask.h"
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

/*
 * Have known what groups elsewhere the owner is in, for all that job_call_init makes from
 * then on: run->outside. `known` is called now or later; `arena` holds the names as long as
 * they are used. A run that was told to end meanwhile learns so from run->told_to_end.
 */
struct job_groups {
	struct job_run *run;
	struct arena *arena;
	void (*known)(struct job_groups *g);
	/* Its own. */
	struct caller caller;
	struct group_ask ask;
};
void job_groups_ask(struct job_groups *g);

/*
 * The same before a run does anything: `begin` then begins it. Until then run->state is NULL,
 * and what is told to end ends here.
 */
void job_groups_begin(struct job_run *run, void (*begin)(struct job_run *run));

/* End the run with a failure; the text is call->why. */
void job_call_fail(struct job_run *run, struct job_call *jc, enum err err);

#endif
