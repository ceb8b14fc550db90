/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - the jobs of this service (UWS 1.1): kept, run, waited for, forgotten.
 *
 * Promise: an asynchronous job is durable before its creation is answered; a synchronous
 * one is written without anyone waiting for the disk. After a restart recursive jobs go
 * on, other running ones are in ERROR. A job is its creator's; one created anonymously is
 * everybody's; the administrator may use all.
 *
 * The engine lives on one loop. Requests, on loops of their own, put a question into a
 * struct job_ask and get it back with the answer; there are no locks. What a job does is
 * in the hands of a runner, on the engine's loop:
 *
 *   PENDING ─RUN─► (QUEUED) ─► EXECUTING: runner.start ─► ... ─► job_run_end ─► over
 *      └──ABORT──► ABORTED          └─ABORT─► runner.abort ─┘
 *
 * Order: jobs_open -> loop runs; jobs_ask from any loop -> jobs_stop and jobs_quiet on
 * the engine's loop until true -> loop ended -> jobs_free.
 */
#ifndef QUARTET_JOB_ENGINE_H
#define QUARTET_JOB_ENGINE_H

#include "auth/caller.h"
#include "conf/settings.h"
#include "service/core/arena.h"
#include "service/core/loop.h"
#include "service/job/job.h"

struct jobs;

/* What a runner gets. Everything it makes for the job goes into the arena. */
struct job_run {
	struct job job; /* as it was when it began */
	struct arena arena;
	void *env; /* of the configuration */
	void *state; /* the runner's own */
	bool is_resumed; /* it ran before the server was restarted */
	/* What groups elsewhere its owner is in, as the runner found out; it is worth asking
	 * again at that time (clock_mono_ms). */
	struct caller_outside outside;
	uint64_t outside_until_ms;
	/* The engine's own. */
	struct jobs *jobs;
	struct job_entry *entry;
	bool told_to_end;
	bool by_stop;
};

/*
 * `start` begins and sooner or later calls job_run_end, once, also from inside. `abort`
 * asks to end soon, with JOB_ABORTED; NULL: it cannot be stopped, since it is short.
 */
struct job_runner {
	void (*start)(struct job_run *run);
	void (*abort)(struct job_run *run);
	bool is_long; /* few of these run at a time; it survives a restart */
};

/* How a job ended, or stands. Text is copied. */
struct job_outcome {
	enum job_phase
	    phase; /* EXECUTING, SUSPENDED: its part is done, the client's is not */
	const struct job_pair *results;
	size_t n_results;
	struct bytes awaits; /* EXECUTING: what the client's part is */
	const char *fault; /* NULL: none */
	const char *message;
	uint64_t done, failed;
};

void job_run_end(struct job_run *run, const struct job_outcome *outcome);
/* How far it is; kept for after a restart. */
void job_run_progress(struct job_run *run, uint64_t done, uint64_t failed);

struct jobs_config {
	struct loop *loop;
	struct store *store;
	const struct settings *settings;
	struct job_runner runner[JOB_LISTS]; /* by list; JOB_LIST_SYNC needs none */
	void *env;
};

/* Reads what there is, which may block; before the loop runs. */
enum err jobs_open(
    const struct jobs_config *config, struct jobs **out, struct errinfo *why) ERR_CHECKED;
/* True once the store has set numbers for new jobs aside. Any thread. */
bool jobs_ready(const struct jobs *jobs);
/* Answer who waits, have runners end. */
void jobs_stop(struct jobs *jobs);
/* Nothing runs and nothing is being written. */
bool jobs_quiet(const struct jobs *jobs);
void jobs_free(struct jobs *jobs);

/* How many jobs are in a phase, for those who watch. Any thread. */
size_t jobs_in_phase(const struct jobs *jobs, enum job_phase phase);

enum job_verb {
	JOB_ASK_CREATE, /* ask->job: list, phase, owner, parameters, input, results, error
			 */
	JOB_ASK_GET, /* after wait_ms at most, see below */
	JOB_ASK_LIST,
	JOB_ASK_RUN,
	JOB_ASK_ABORT,
	JOB_ASK_EDIT,
	JOB_ASK_REMOVE,
	JOB_ASK_BEGIN, /* the part that a request does, see job_part below */
};

struct job_ask {
	/* Set by who asks. The arena is the engine's until `done`, which runs on `loop`.
	 */
	enum job_verb verb;
	struct loop *loop;
	void (*done)(struct job_ask *ask);
	struct arena *arena;
	const struct caller *caller;
	enum job_list list; /* the one asked; transfers include the synchronous ones */
	struct bytes id; /* all but CREATE and LIST; .p NULL: by `number`, of a token */
	uint64_t number;
	/* GET: while the phase is waited for, and is `wait_phase` if that is given. */
	uint64_t wait_ms;
	enum job_phase wait_phase; /* 0: any */
	/* EDIT */
	int64_t destruction_ms; /* 0: leave it; only earlier than it was */
	bool set_execution;
	uint64_t execution_s; /* as job_clamp_execution has it */
	enum job_phase from_phase; /* BEGIN: SUSPENDED, or EXECUTING and awaiting bytes */
	const struct job_pair *parameters; /* more of them; a PENDING job only */
	size_t n_parameters;
	/* LIST: newest first */
	unsigned phases; /* bits 1 << phase; 0: all but ARCHIVED */
	int64_t after_ms; /* created later than that */
	uint64_t last; /* at most so many; 0: all */
	/*
	 * The answer. ERR_NOT_FOUND; ERR_DENIED, ERR_NOT_AUTHENTICATED: another's job, or
	 * a phase that does not allow it; ERR_BUSY: too many jobs.
	 */
	enum err err;
	struct errinfo why;
	struct job job;
	struct job_part *part; /* BEGIN */
	const struct job *list_out;
	size_t n_list;
	/* The engine's own. */
	struct jobs *jobs;
	struct loop_job post;
	struct job_entry *entry;
	struct job_ask *next;
	struct loop_timer *timer;
	bool until_over;
};

void jobs_ask(struct jobs *jobs, struct job_ask *ask);

/*
 * part - what a request does for a job: the stream of an archive, for one.
 *
 * JOB_ASK_BEGIN takes a job that is SUSPENDED, or EXECUTING and awaiting bytes, and gives
 * a part, which whoever asked owes one jobs_end_part or jobs_end_part_counted, from any
 * thread. Between the two it can look whether the job was aborted or removed, or the
 * service stops; the job is EXECUTING, and nobody else can begin it.
 */
struct job_part;

bool job_part_is_aborted(const struct job_part *part);
/* COMPLETED, or ERROR with a fault and a text, which are copied. Frees the part. */
void jobs_end_part(
    struct job_part *part, enum job_phase phase, const char *fault, const char *message);
/*
 * The same of a part that did `done` things and failed at `failed` others: the counts
 * become results behind those the job has, as a recursive job has them (no errorcount of
 * 0; none of both when nothing was done).
 */
void jobs_end_part_counted(struct job_part *part, enum job_phase phase, const char *fault,
    const char *message, uint64_t done, uint64_t failed);

/*
 * The bytes a negotiation was about have been moved, by a request that knows the job's
 * number: it is COMPLETED, if it waits for that. From any thread; nobody is told.
 */
void jobs_moved(struct jobs *jobs, uint64_t number);
/*
 * The same by a request that knows no job. Of those of this caller that wait for exactly
 * these bytes (job.awaits) the newest is COMPLETED. Cheap when there is none.
 */
void jobs_moved_by(struct jobs *jobs, const struct caller *caller, struct bytes awaits);

#endif
