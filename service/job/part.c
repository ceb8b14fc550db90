/* SPDX-License-Identifier: Apache-2.0 */
/* part - the part of a job that a request does, on a loop of its own. */
#include <stdlib.h>
#include <string.h>

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
	bool counted;
	uint64_t done, failed;
};

/* It waits for the request that asks: one that does its work, or one that brings bytes. */
static bool
can_begin(const struct job_ask *ask, const struct job_entry *entry)
{
	if (entry->phase != ask->from_phase)
		return false;
	return entry->phase == JOB_SUSPENDED ||
	       (entry->waits_for_bytes && entry->run == NULL && entry->part == NULL);
}

void
engine_begin_part(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	struct job_part *part;

	if (!can_begin(ask, entry) || jobs->stopping) {
		engine_answer(ask,
		    errinfo_set(&ask->why, ERR_INVALID_ARGUMENT,
			"cannot execute job %.*s when phase = %.*s",
			BYTES_ARG(ask->id.p != NULL ? ask->id : BYTES("of this URL")),
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

/* The counts, as results behind the others. */
static enum err
add_counts(
    struct jobs *jobs, struct job *job, const struct job_part *part, struct errinfo *why)
{
	struct arena *a = &jobs->scratch;
	struct job_pair *all = arena_array(a, struct job_pair, job->n_results + 2);
	struct bytes done = arena_format(a, "final:%llu", (unsigned long long)part->done);
	struct bytes failed =
	    arena_format(a, "final:%llu", (unsigned long long)part->failed);

	if (all == NULL || done.p == NULL || failed.p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for results");
	if (job->n_results > 0)
		(void)memcpy(all, job->results, job->n_results * sizeof *all);
	job->results = all;
	job->done = part->done;
	job->failed = part->failed;
	if (part->done == 0 && part->failed > 0)
		return ERR_OK;
	all[job->n_results++] = (struct job_pair){BYTES("successcount"), done};
	if (part->failed > 0)
		all[job->n_results++] = (struct job_pair){BYTES("errorcount"), failed};
	return ERR_OK;
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
	if (part->counted)
		e = add_counts(jobs, &job, part, why);
	return e == ERR_OK ? keep_store(jobs, entry, &job, why) : e;
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

void
jobs_end_part_counted(struct job_part *part, enum job_phase phase, const char *fault,
    const char *message, uint64_t done, uint64_t failed)
{
	part->counted = true;
	part->done = done;
	part->failed = failed;
	jobs_end_part(part, phase, fault, message);
}
