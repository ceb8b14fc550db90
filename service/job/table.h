/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - which jobs there are, by number and by owner, and the records of some of them.
 *
 * The engine's own. An entry is small; its record is in memory as long as the store does
 * not have it and for some time after (JOB_RECENT_BYTES of them), else it is read again.
 * Thread: the engine's loop.
 */
#ifndef QUARTET_JOB_TABLE_H
#define QUARTET_JOB_TABLE_H

#include "service/job/job.h"
#include "storage/jobs.h"

enum {
	JOB_BUCKETS = 16384,
	JOB_OWNER_BUCKETS = 1024,
	JOB_RECENT_BYTES = 16 * 1024 * 1024,
};

struct job_ask;
struct job_part;
struct job_run;
struct jobs;

struct job_owner {
	struct job_owner *next;
	uint64_t id;
	struct bytes key; /* on the heap; .p NULL: none */
	size_t n;
	struct job_entry *oldest, *newest;
};

struct job_entry {
	struct job_entry *next; /* of its bucket */
	struct job_entry *older, *newer; /* of its owner */
	struct job_entry *next_queued;
	struct job_entry *next_recent; /* of those with a record in memory */
	struct job_owner *owner;
	struct jobs *jobs;
	uint64_t number;
	enum job_list list;
	enum job_phase phase;
	int64_t created_ms, started_ms, destruction_ms;
	int64_t overrun_ms; /* as job_overrun has it */
	struct bytes record; /* on the heap; .p NULL: only in the store */
	struct job_ask *waiting; /* for another phase */
	struct job_ask *creator; /* waits until the record is durable */
	struct job_run *run; /* while it executes something */
	struct job_part *part; /* while a request does */
	struct jobs_put put;
	const char *put_record; /* what is being written; often that of `record` */
	bool putting, dirty; /* being written; changed since */
	uint32_t awaits_hash; /* of who waits for what, see moved.c */
	bool waits_for_bytes;
	bool is_recent;
	bool removed; /* not in the table any more; freed when nothing is owed */
};

struct job_table {
	struct job_entry *bucket[JOB_BUCKETS];
	struct job_owner *owners[JOB_OWNER_BUCKETS];
	size_t n;
	_Atomic size_t in_phase[JOB_PHASES]; /* for readers on other threads */
};

/* The newest of its owner. NULL: no memory. */
struct job_entry *job_table_add(struct job_table *t, const struct job *job);
struct job_entry *job_table_find(const struct job_table *t, uint64_t number);
struct job_owner *job_table_owner(
    const struct job_table *t, uint64_t id, struct bytes key);
/* The entry goes on to another phase. */
void job_table_set_phase(
    struct job_table *t, struct job_entry *entry, enum job_phase phase);
/* Out of all lists; the entry itself stays. */
void job_table_remove(struct job_table *t, struct job_entry *entry);
void job_entry_free(struct job_entry *entry);
void job_table_release(struct job_table *t);

#endif
