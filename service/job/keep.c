/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep - the engine's records: numbers for new ones, writing, reading, removing.
 *
 * One record is written at a time; what changes meanwhile is written once more after
 * that. The store applies changes in order, so a removal comes after what went before.
 */
#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/log.h"
#include "service/job/engine_private.h"
#include "service/job/job_record.h"

/* Numbers */

static void
reserved(struct change *change)
{
	struct jobs_reserve *r = container_of(change, struct jobs_reserve, change);
	struct jobs *jobs = container_of(r, struct jobs, reserve);

	jobs->reserving = false;
	jobs->n_writing--;
	if (change->err != ERR_OK) {
		log_warning("no numbers for new jobs: %s", errinfo_text(&change->why));
		return;
	}
	jobs->spare_number = r->first_out;
	jobs->spare_end = r->first_out + r->n;
	jobs->ready = true;
}

void
keep_numbers_ahead(struct jobs *jobs)
{
	if (jobs->end_number - jobs->next_number > NUMBERS_BLOCK / 2 ||
	    jobs->spare_number != jobs->spare_end || jobs->reserving)
		return;
	jobs->reserving = true;
	jobs->n_writing++;
	jobs->reserve = (struct jobs_reserve){
	    .change = {.loop = jobs->config.loop, .done = reserved}, .n = NUMBERS_BLOCK};
	jobs_reserve(jobs->config.store, &jobs->reserve);
}

bool
keep_number(struct jobs *jobs, uint64_t *out)
{
	if (jobs->next_number == jobs->end_number) {
		jobs->next_number = jobs->spare_number;
		jobs->end_number = jobs->spare_end;
		jobs->spare_number = jobs->spare_end;
	}
	keep_numbers_ahead(jobs);
	if (jobs->next_number == jobs->end_number)
		return false;
	*out = jobs->next_number++;
	return true;
}

/* Which records are in memory */

/* A record that is being written is freed after that. */
static void
forget_record(struct jobs *jobs, struct job_entry *entry)
{
	jobs->recent_bytes -= entry->record.n;
	if (entry->record.p != entry->put_record)
		free((void *)(uintptr_t)entry->record.p);
	entry->record = (struct bytes){NULL, 0};
}

static void
note_recent(struct jobs *jobs, struct job_entry *entry)
{
	if (entry->is_recent)
		return;
	entry->is_recent = true;
	entry->next_recent = NULL;
	*jobs->recent_last = entry;
	jobs->recent_last = &entry->next_recent;
}

static void
unlink_recent(struct jobs *jobs, struct job_entry *entry)
{
	struct job_entry **at = &jobs->recent;

	if (!entry->is_recent)
		return;
	while (*at != entry)
		at = &(*at)->next_recent;
	*at = entry->next_recent;
	if (jobs->recent_last == &entry->next_recent)
		jobs->recent_last = at;
	entry->is_recent = false;
}

/* The oldest records go, those that are being written excepted. */
static void
limit_recent(struct jobs *jobs)
{
	while (jobs->recent_bytes > JOB_RECENT_BYTES && !jobs->recent->putting) {
		struct job_entry *oldest = jobs->recent;

		unlink_recent(jobs, oldest);
		forget_record(jobs, oldest);
	}
}

enum err
keep_load(struct jobs *jobs, struct job_entry *entry, struct arena *a, struct job *out,
    struct errinfo *why)
{
	struct bytes record;
	enum err e = ERR_OK;

	if (entry->record.p != NULL) {
		record = arena_copy(a, entry->record);
		if (record.p == NULL)
			return errinfo_set(why, ERR_NO_MEMORY, "no memory for a job");
	} else {
		e = jobs_get(jobs->reader, a, entry->number, &record, why);
	}
	return e == ERR_OK ? job_record_decode(a, entry->number, record, out, why) : e;
}

/* Writing */

static void begin_put(struct jobs *jobs, struct job_entry *entry);

static void
put_done(struct change *change)
{
	struct jobs_put *put = container_of(change, struct jobs_put, change);
	struct job_entry *entry = container_of(put, struct job_entry, put);
	struct jobs *jobs = entry->jobs;

	jobs->n_writing--;
	entry->putting = false;
	if (entry->put_record != entry->record.p)
		free((void *)(uintptr_t)entry->put_record);
	entry->put_record = NULL;
	if (change->err != ERR_OK)
		log_warning("job %llu could not be written: %s",
		    (unsigned long long)entry->number, errinfo_text(&change->why));
	if (entry->creator != NULL)
		engine_created(entry, change->err, &change->why);
	if (entry->dirty)
		begin_put(jobs, entry);
	else if (entry->removed && entry->run == NULL)
		job_entry_free(entry);
	limit_recent(jobs);
}

static void
begin_put(struct jobs *jobs, struct job_entry *entry)
{
	struct bytes record = entry->removed ? (struct bytes){NULL, 0} : entry->record;

	entry->put_record = record.p;
	entry->dirty = false;
	entry->putting = true;
	jobs->n_writing++;
	entry->put = (struct jobs_put){
	    .change = {.loop = jobs->config.loop, .done = put_done},
	    .number = entry->number,
	    .record = record,
	};
	jobs_put(jobs->config.store, &entry->put);
}

enum err
keep_store(struct jobs *jobs, struct job_entry *entry, const struct job *job,
    struct errinfo *why)
{
	char *copy = NULL;

	str_clear(&jobs->record);
	job_record_encode(job, &jobs->record);
	if (!str_failed(&jobs->record))
		copy = malloc(jobs->record.n);
	if (copy == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a job");
	(void)memcpy(copy, jobs->record.p, jobs->record.n);
	forget_record(jobs, entry);
	entry->record = (struct bytes){copy, jobs->record.n};
	jobs->recent_bytes += entry->record.n;
	job_table_set_phase(&jobs->table, entry, job->phase);
	entry->started_ms = job->started_ms;
	entry->destruction_ms = job->destruction_ms;
	entry->overrun_ms = job_overrun(job);
	moved_note(jobs, entry, job);
	tend_entry(jobs, entry);
	note_recent(jobs, entry);
	if (entry->putting)
		entry->dirty = true;
	else
		begin_put(jobs, entry);
	limit_recent(jobs);
	return ERR_OK;
}

void
keep_remove(struct jobs *jobs, struct job_entry *entry)
{
	moved_forget(jobs, entry);
	job_table_remove(&jobs->table, entry);
	unlink_recent(jobs, entry);
	forget_record(jobs, entry);
	entry->removed = true;
	if (entry->putting)
		entry->dirty = true;
	else
		begin_put(jobs, entry);
}
