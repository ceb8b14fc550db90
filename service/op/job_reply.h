/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_reply - jobs as answers: the resources below a list of jobs (UWS 1.1 section 2).
 */
#ifndef QUARTET_OP_JOB_REPLY_H
#define QUARTET_OP_JOB_REPLY_H

#include "service/job/engine.h"
#include "service/op/op.h"

/* "https://HOST/vault/transfers", by list. .p NULL without memory. */
struct bytes job_list_url(struct op_call *call, enum job_list list);
/* The URL of a job, with `tail` ("/results/transferDetails") behind it. */
struct bytes job_url(
    struct op_call *call, enum job_list list, const char *id, const char *tail);

/* Who makes the job, from the caller. */
void job_set_owner(const struct op_call *call, struct job *job);

/* What the client calls the job, from the parameter RUNID. ERR_INVALID_ARGUMENT. */
enum err job_set_run_id(struct op_call *call, struct job *job) ERR_CHECKED;

/* A refusal as the job's error; the text is call->why. */
void job_set_error(struct op_call *call, struct job *job, enum err err);

/*
 * Finish the call with a resource of the job: `child` is "" (the job), "phase", "error",
 * "results/transferDetails" and so on. ERR_NOT_FOUND for others.
 */
void job_reply(struct op_call *call, const struct job *job, struct bytes child);

/* Finish the call with the list of jobs. */
void job_reply_list(
    struct op_call *call, enum job_list list, const struct job *jobs, size_t n);

#endif
