/* SPDX-License-Identifier: Apache-2.0 */
/* part - the part of a job that a request does, on a loop of its own. */
#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/job/engine_private.h"

/*
 * Owned by the request until it is posted back; the entry's pointer to it is cleared
 * before the entry goes.
 */
struct job_part {
	struct jobs *jobs;
	uint64_t number;
	struct loop_job post;
	_Atomic bool aborted;
	enum job_phase phase;
	struct errinfo message;
	const char *fault; /* a word of the table, which is constant; NULL: none */
};

void
engine_begin_part(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	struct job_part *part;

	if (entry->phase != JOB_SUSPENDED || jobs->stopping) {
		engine_answer(ask,
		    errinfo_set(&ask->why, ERR_INVALID_ARGUMENT,
			"cannot execute job %.*s when phase = %.*s", BYTES_ARG(ask->id),
			BYTES_ARG(job_phase_name(entry->phase))));
		return;
	}
	part = calloc(1, sizeof *part);
	if (part == NULL) {
		engine_refuse(ask, ERR_NO_MEMORY, "no memory for a job");
		return;
	}
	part->jobs = jobs;
	part->number = entry->number;
	if (engine_change_phase(jobs, entry, JOB_EXECUTING) != ERR_OK) {
		free(part);
		engine_refuse(ask, ERR_INTERNAL, "the job cannot be begun");
		return;
	}
	entry->part = part;
	ask->part = part;
	jobs->n_parts++;
	engine_answer_job(jobs, ask, entry);
}

void
engine_abort_part(struct job_entry *entry)
{
	if (entry->part == NULL)
		return;
	entry->part->aborted = true;
	entry->part = NULL;
}

bool
job_part_is_aborted(const struct job_part *part)
{
	return part->aborted;
}

static enum err
keep_outcome(struct jobs *jobs, struct job_entry *entry, struct job_part *part,
    struct errinfo *why)
{
	struct job job;
	enum err e = keep_load(jobs, entry, &jobs->scratch, &job, why);

	if (e != ERR_OK)
		return e;
	job.phase = part->phase;
	job.ended_ms = clock_wall_ms();
	if (part->fault != NULL) {
		job.fault = bytes_of(part->fault);
		job.message = bytes_of(errinfo_text(&part->message));
	}
	return keep_store(jobs, entry, &job, why);
}

static void
ended(struct loop_job *post)
{
	struct job_part *part = container_of(post, struct job_part, post);
	struct jobs *jobs = part->jobs;
	struct job_entry *entry = job_table_find(&jobs->table, part->number);
	struct errinfo why;

	MAGIC_CHECK(jobs, JOBS_MAGIC);
	jobs->n_parts--;
	if (entry != NULL && entry->part == part) {
		entry->part = NULL;
		arena_clear(&jobs->scratch);
		if (keep_outcome(jobs, entry, part, &why) != ERR_OK)
			log_warning("job %llu: %s", (unsigned long long)part->number,
			    errinfo_text(&why));
		engine_wake(jobs, entry, false);
	}
	free(part);
}

void
jobs_end_part(
    struct job_part *part, enum job_phase phase, const char *fault, const char *message)
{
	part->phase = phase;
	part->fault = fault;
	if (fault != NULL)
		(void)errinfo_set(&part->message, ERR_INTERNAL, "%s", message);
	part->post.run = ended;
	loop_post(part->jobs->config.loop, &part->post);
}
