/* SPDX-License-Identifier: Apache-2.0 */
/* run - beginning, queueing and ending what jobs do. */
#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/job/engine_private.h"

/* Changing a job: load, change, keep. */
enum err
engine_change_phase(struct jobs *jobs, struct job_entry *entry, enum job_phase phase)
{
	struct errinfo why = {.code = ERR_OK};
	struct job job;
	int64_t now = clock_wall_ms();
	enum err e = keep_load(jobs, entry, &jobs->scratch, &job, &why);

	if (e != ERR_OK) {
		log_warning("job %llu: %s", (unsigned long long)entry->number,
		    errinfo_text(&why));
		return e;
	}
	job.phase = phase;
	if (phase == JOB_EXECUTING && job.started_ms == 0)
		job.started_ms = now;
	if (!job_phase_is_active(phase))
		job.ended_ms = now;
	e = keep_store(jobs, entry, &job, &why);
	if (e == ERR_OK)
		engine_wake(jobs, entry, false);
	return e;
}

const struct job_runner *
engine_runner(const struct jobs *jobs, const struct job_entry *entry)
{
	return &jobs->config.runner[entry->list];
}

static void
end_run(struct job_entry *entry)
{
	struct jobs *jobs = entry->jobs;

	jobs->n_running--;
	jobs->n_long -= engine_runner(jobs, entry)->is_long;
	arena_release(&entry->run->arena);
	free(entry->run);
	entry->run = NULL;
}

void
engine_start(struct jobs *jobs, struct job_entry *entry, bool is_resumed)
{
	struct job_run *run = calloc(1, sizeof *run);
	const struct job_runner *runner = engine_runner(jobs, entry);
	struct errinfo why;

	if (run == NULL || engine_change_phase(jobs, entry, JOB_EXECUTING) != ERR_OK) {
		free(run);
		return;
	}
	*run = (struct job_run){.env = jobs->config.env,
	    .jobs = jobs,
	    .entry = entry,
	    .is_resumed = is_resumed};
	arena_init(&run->arena, RUN_ARENA_MAX);
	entry->run = run;
	jobs->n_running++;
	jobs->n_long += runner->is_long;
	if (keep_load(jobs, entry, &run->arena, &run->job, &why) != ERR_OK) {
		job_run_end(run, &(struct job_outcome){.phase = JOB_ERROR,
				     .fault = err_fault(why.code),
				     .message = errinfo_text(&why)});
		return;
	}
	runner->start(run); /* may be the end of it */
}

void
engine_enqueue(struct jobs *jobs, struct job_entry *entry)
{
	entry->next_queued = NULL;
	*jobs->queue_last = entry;
	jobs->queue_last = &entry->next_queued;
}

bool
engine_unqueue(struct jobs *jobs, struct job_entry *entry)
{
	struct job_entry **at = &jobs->queue;

	while (*at != NULL && *at != entry)
		at = &(*at)->next_queued;
	if (*at == NULL)
		return false;
	*at = entry->next_queued;
	if (jobs->queue_last == &entry->next_queued)
		jobs->queue_last = at;
	return true;
}

void
engine_start_next(struct jobs *jobs)
{
	while (jobs->queue != NULL && !jobs->stopping &&
	       jobs->n_long < jobs->config.settings->jobs_running) {
		struct job_entry *entry = jobs->queue;

		(void)engine_unqueue(jobs, entry);
		engine_start(jobs, entry, entry->phase == JOB_EXECUTING);
	}
}

void
engine_tell_to_end(struct job_entry *entry)
{
	struct jobs *jobs = entry->jobs;
	struct job_run *run = entry->run;

	if (run->told_to_end || engine_runner(jobs, entry)->abort == NULL)
		return;
	run->told_to_end = true;
	run->by_stop = jobs->stopping;
	engine_runner(jobs, entry)->abort(run);
}

void
engine_abort(struct jobs *jobs, struct job_entry *entry)
{
	if (entry->run != NULL) {
		engine_tell_to_end(entry);
		return;
	}
	(void)engine_unqueue(jobs, entry);
	engine_abort_part(entry);
	(void)engine_change_phase(jobs, entry, JOB_ABORTED);
}

static void
fill_outcome(struct job *job, const struct job_outcome *o)
{
	job->done = o->done;
	job->failed = o->failed;
	job->phase = o->phase;
	job->results = o->results;
	job->n_results = o->n_results;
	job->awaits = o->awaits;
	if (o->fault != NULL) {
		job->fault = bytes_of(o->fault);
		job->message = bytes_of(o->message);
	}
	if (!job_phase_is_active(o->phase))
		job->ended_ms = clock_wall_ms();
}

/* It was the server that wanted an end: the job goes on after the restart. */
static bool
is_only_interrupted(const struct job_run *run, const struct job_outcome *o)
{
	return run->by_stop && o->phase == JOB_ABORTED;
}

void
job_run_end(struct job_run *run, const struct job_outcome *outcome)
{
	struct jobs *jobs = run->jobs;
	struct job_entry *entry = run->entry;
	struct errinfo why;
	struct job job;
	enum err e = ERR_OK;

	MAGIC_CHECK(jobs, JOBS_MAGIC);
	CHECK(entry->run == run);
	arena_clear(&jobs->scratch);
	if (entry->removed) {
		end_run(entry);
		if (!entry->putting)
			job_entry_free(entry);
	} else {
		e = keep_load(jobs, entry, &jobs->scratch, &job, &why);
		if (e == ERR_OK && is_only_interrupted(run, outcome)) {
			job.done = outcome->done;
			job.failed = outcome->failed;
		} else if (e == ERR_OK) {
			fill_outcome(&job, outcome);
		}
		if (e == ERR_OK)
			e = keep_store(jobs, entry, &job, &why);
		if (e != ERR_OK)
			log_warning("job %llu: %s", (unsigned long long)entry->number,
			    errinfo_text(&why));
		end_run(entry);
		engine_wake(jobs, entry, job_phase_is_active(outcome->phase));
	}
	engine_start_next(jobs);
}

void
job_run_progress(struct job_run *run, uint64_t done, uint64_t failed)
{
	struct jobs *jobs = run->jobs;
	struct errinfo why;
	struct job job;

	arena_clear(&jobs->scratch);
	if (run->entry->removed ||
	    keep_load(jobs, run->entry, &jobs->scratch, &job, &why) != ERR_OK)
		return;
	job.done = done;
	job.failed = failed;
	if (keep_store(jobs, run->entry, &job, &why) != ERR_OK)
		log_warning("job %llu: %s", (unsigned long long)run->entry->number,
		    errinfo_text(&why));
}
