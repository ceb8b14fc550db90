/* SPDX-License-Identifier: Apache-2.0 */
/* engine_private - the engine's parts among themselves. All on its loop. */
#ifndef QUARTET_JOB_ENGINE_PRIVATE_H
#define QUARTET_JOB_ENGINE_PRIVATE_H

#include "service/job/engine.h"
#include "service/job/table.h"
#include "storage/jobs.h"

enum {
	JOBS_MAGIC = 0x4a4f4253,
	NUMBERS_BLOCK = 4096, /* taken ahead, refilled at half */
	SCRATCH_MAX = 64 * 1024 * 1024, /* for one record at a time */
	RECORD_MAX = 32 * 1024 * 1024,
	RUN_ARENA_MAX = 64 * 1024 * 1024,
	RUN_WAIT_MS =
	    500, /* RUN and ABORT are answered with the job over, if it is quick */
	TEND_MS = 60000,
	JOBS_AWAITED = 4096,
};

struct jobs {
	uint32_t magic;
	struct jobs_config config;
	struct store_reader *reader;
	struct job_table table;
	struct arena scratch; /* cleared at each question */
	struct str record; /* scratch for encoding */
	struct loop_timer *tend_timer;
	int64_t tend_at_ms;
	struct jobs_reserve reserve;
	bool reserving;
	_Atomic bool ready; /* there were numbers once */
	uint64_t next_number, end_number, spare_number, spare_end;
	struct job_entry *recent, **recent_last;
	size_t recent_bytes;
	struct job_entry *queue, **queue_last;
	unsigned n_long; /* running */
	unsigned n_running, n_writing, n_parts;
	_Atomic unsigned n_moved; /* messages under way */
	_Atomic uint32_t awaited[JOBS_AWAITED]; /* see moved.c */
	bool stopping;
};

/* keep.c: the records */

/* Take a number; false: none at hand now. */
bool keep_number(struct jobs *jobs, uint64_t *out);
/* Have more set aside when few are left. */
void keep_numbers_ahead(struct jobs *jobs);
/* The job as it is, in the arena. */
enum err keep_load(struct jobs *jobs, struct job_entry *entry, struct arena *a,
    struct job *out, struct errinfo *why) ERR_CHECKED;
/* The job has changed: write it, in memory at once. ERR_NO_MEMORY. */
enum err keep_store(struct jobs *jobs, struct job_entry *entry, const struct job *job,
    struct errinfo *why) ERR_CHECKED;
/* Out of the table and the store. */
void keep_remove(struct jobs *jobs, struct job_entry *entry);

/* answer.c */

void engine_answer(struct job_ask *ask, enum err err);
void engine_answer_job(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry);
void engine_refuse(struct job_ask *ask, enum err err, const char *text);
/* Answer when the phase changes (with ask->until_over: when the job is over), or then. */
void engine_wait(struct job_ask *ask, struct job_entry *entry, uint64_t ms);
/* The phase has changed. `all`: even those who wait for the end. */
void engine_wake(struct jobs *jobs, struct job_entry *entry, bool all);

/* run.c */

const struct job_runner *engine_runner(
    const struct jobs *jobs, const struct job_entry *entry);
enum err engine_change_phase(
    struct jobs *jobs, struct job_entry *entry, enum job_phase phase);
/* May be the end of the run already. */
void engine_start(struct jobs *jobs, struct job_entry *entry, bool is_resumed);
void engine_enqueue(struct jobs *jobs, struct job_entry *entry);
/* False: it was not queued. */
bool engine_unqueue(struct jobs *jobs, struct job_entry *entry);
/* As many of the queue as may run. */
void engine_start_next(struct jobs *jobs);
/* May be the end of the run, too. */
void engine_tell_to_end(struct job_entry *entry);
/* ABORTED, now or when its runner hears of it. For a job that is active. */
void engine_abort(struct jobs *jobs, struct job_entry *entry);

/* part.c */

void engine_begin_part(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry);
/* Whoever does the job's part is told to end; what he reports is not looked at. */
void engine_abort_part(struct job_entry *entry);

/* moved.c */

/* The job has changed: does it wait for bytes now, and for which? */
void moved_note(struct jobs *jobs, struct job_entry *entry, const struct job *job);
void moved_forget(struct jobs *jobs, struct job_entry *entry);

/* tend.c */

bool tend_init(struct jobs *jobs);
/* Look at all jobs then, or sooner. */
void tend_at(struct jobs *jobs, int64_t at_ms);
/* When it is this one's time. */
void tend_entry(struct jobs *jobs, const struct job_entry *entry);

/* engine.c */

/* Out of everything; what it does is told to end. */
void engine_remove(struct jobs *jobs, struct job_entry *entry);

/* The record of a new job is durable, or could not be written. */
void engine_created(struct job_entry *entry, enum err err, const struct errinfo *why);

#endif
