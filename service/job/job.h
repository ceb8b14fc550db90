/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - one job of the UWS pattern (UWS 1.1) as a plain record.
 *
 * Values only. All text points into the arena the record was decoded or built in.
 * Thread: whoever owns that arena.
 */
#ifndef QUARTET_JOB_JOB_H
#define QUARTET_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

enum { JOB_ID_SIZE = 17 }; /* [a-z][a-z0-9]{15} and a NUL */

/* Where a job was created, which is also what it does. The numbers are stored. */
enum job_list {
	JOB_LIST_TRANSFERS = 1,
	JOB_LIST_SYNC = 2, /* a transfer negotiated at once; lives shorter */
	JOB_LIST_DELETE = 3,
	JOB_LIST_SETPROPS = 4,
	JOB_LIST_HAND_OVER = 5,
	JOB_LISTS
};

/* The numbers are stored. */
enum job_phase {
	JOB_PENDING = 1,
	JOB_QUEUED = 2,
	JOB_EXECUTING = 3,
	JOB_COMPLETED = 4,
	JOB_ERROR = 5,
	JOB_ABORTED = 6,
	JOB_SUSPENDED = 7, /* waits for a request that does its work */
	/* UWS 1.1 has it, a list may be asked for it, no job of ours is ever in it. */
	JOB_HELD = 8,
	JOB_ARCHIVED = 9, /* ended, and past its destruction; without results */
	/* As HELD. */
	JOB_UNKNOWN = 10,
	JOB_PHASES
};

struct job_pair {
	struct bytes name, value;
};

struct job {
	uint64_t number; /* its place in the store; not part of the record */
	char id[JOB_ID_SIZE];
	enum job_list list;
	enum job_phase phase;
	uint64_t owner; /* principal; 0: anonymous, or somebody with a DN only */
	struct bytes owner_key; /* of that DN; .p NULL: anonymous, or owner is not 0 */
	struct bytes owner_name;
	int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
	int64_t destruction_ms;
	uint64_t execution_s; /* the limit; 0: none */
	struct bytes run_id; /* .p NULL: none */
	const struct job_pair *parameters;
	size_t n_parameters;
	const struct job_pair *results; /* id and URI; "/..." is below the base URL */
	size_t n_results;
	struct bytes fault; /* the fault word, .p NULL: no error */
	struct bytes message; /* behind the word */
	struct bytes input; /* what was posted, in a form its runner knows */
	struct bytes
	    awaits; /* EXECUTING: bytes to be moved, as jobs_moved_by names them */
	uint64_t done, failed; /* nodes, of a recursive job */
};

/* "EXECUTING"; and back, in any case. False: not a phase. */
struct bytes job_phase_name(enum job_phase phase);
bool job_phase_parse(struct bytes text, enum job_phase *out);

/* The value of the parameter of that name; empty when there is none. */
struct bytes job_parameter_of(const struct job *job, const char *name);

/* Something can still happen: by itself, by RUN, by a request. */
static inline bool
job_phase_is_active(enum job_phase phase)
{
	return phase == JOB_PENDING || phase == JOB_QUEUED || phase == JOB_EXECUTING ||
	       phase == JOB_SUSPENDED;
}

/* WAIT blocks in these only (UWS 1.1 2.2.1.1). */
static inline bool
job_phase_is_waited_for(enum job_phase phase)
{
	return phase == JOB_PENDING || phase == JOB_QUEUED || phase == JOB_EXECUTING;
}

/* When a job is destroyed, as it stands: `pending_ms` is the life of one nobody runs. */
int64_t job_destruction(enum job_phase phase, int64_t created_ms, int64_t destruction_ms,
    uint64_t pending_ms);

/* When it has executed too long; INT64_MAX: it does not execute, or has no limit. */
int64_t job_overrun(const struct job *job);

/* The execution duration who asks for that gets; 0 asks for the longest. Seconds. */
uint64_t job_clamp_execution(uint64_t asked_s, uint64_t max_s);

/*
 * The body of .../error for a fault word: clients compare it with a table of theirs
 * (architecture D49).
 */
struct bytes job_error_word(struct bytes fault);

/* 16 characters: the number, so that the record is found, and 46 random bits. */
void job_id_make(uint64_t number, char out[JOB_ID_SIZE]);
/* The number in an id; false: no id of ours. */
bool job_id_number(struct bytes id, uint64_t *out);

#endif
