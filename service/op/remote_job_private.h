/* SPDX-License-Identifier: Apache-2.0 */
/* remote_job_private - what the two ways of a transfer have in common. */
#ifndef QUARTET_OP_REMOTE_JOB_PRIVATE_H
#define QUARTET_OP_REMOTE_JOB_PRIVATE_H

#include "service/op/file_publish.h"
#include "service/op/remote_job.h"
#include "service/remote/remote.h"
#include "storage/quota_hold.h"

/*
 *   start: rights ─► turn ─► rights again ─► attempt ─► job_done
 *                                              ▲  └──► job_failed (an endpoint did)
 *                                              └─────────────┘
 *                                                 └──► job_refuse (we did)
 */
struct remote_way {
	const char *direction;
	struct bytes protocol; /* the one that is used */
	/* Finds job->target, and what the caller may do there. */
	enum err (*check)(struct remote_job *job);
	/* With job->endpoint; ends in one of the three above, now or later. */
	void (*attempt)(struct remote_job *job);
	/* Gives back what an attempt holds. */
	void (*release)(struct remote_job *job);
	/* Too late to be aborted. */
	bool (*is_ending)(const struct remote_job *job);
};

struct remote_job {
	struct job_run *run;
	struct job_call *jc;
	struct op_call *call;
	const struct transfer_doc *doc;
	const struct remote_way *way;
	struct path path; /* as asked for; the target is where it leads */
	struct op_target target;
	struct remote_turn turn;
	struct job_groups groups; /* asked for anew, when they are old; then `go_on` */
	void (*go_on)(struct remote_job *job);
	bool asks_for_groups;
	uint64_t until_ms;
	size_t next; /* of the document's protocols */
	size_t tries;
	struct endpoint endpoint; /* the one at hand */
	struct str failures; /* of those before */
	struct remote_exchange *exchange;
	/* Of a pull */
	struct mirror_put *put;
	struct quota_hold hold;
	struct file_publish publish;
	struct bytes type, encoding; /* what the peer says they are; .p NULL: nothing */
	bool is_publishing;
};

/* Most that may still be taken. */
uint64_t remote_job_time_left(const struct remote_job *job);

/* The bytes are where they belong. */
void remote_job_done(struct remote_job *job);
/* This endpoint did not do: the next one. */
void remote_job_failed(struct remote_job *job, const struct errinfo *why);
/* It is no endpoint's fault: the end. The text is in call->why. */
void remote_job_refuse(struct remote_job *job, enum err err);

#endif
