/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved - requests that move the bytes a negotiation was about complete its job.
 *
 * A URL made for a job carries its number. One that needs a credential is the file's own,
 * the same for everybody: there the engine knows who waits for what. `awaited` counts
 * such jobs by a hash, for the loops of requests: where it says nobody, which is nearly
 * always, nothing is sent and nothing looked for. It is written on the engine's loop.
 */
#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/job/engine_private.h"

/* A message to the engine. */
struct moved {
	struct jobs *jobs;
	struct loop_job post;
	uint64_t number; /* the job; or, without one: */
	uint64_t owner;
	size_t n_key, n_awaits;
	char text[]; /* the owner's key, what was moved */
};

static uint32_t
hash_of(uint64_t owner, struct bytes key, struct bytes awaits)
{
	uint32_t hash = crc32c(0, &owner, sizeof owner);

	if (key.n > 0)
		hash = crc32c(hash, key.p, key.n);
	return crc32c(hash, awaits.p, awaits.n);
}

/* Who waits */

static void
count(struct jobs *jobs, struct job_entry *entry, bool waits, uint32_t hash)
{
	if (entry->waits_for_bytes)
		jobs->awaited[entry->awaits_hash % JOBS_AWAITED]--;
	entry->waits_for_bytes = waits;
	entry->awaits_hash = hash;
	if (waits)
		jobs->awaited[hash % JOBS_AWAITED]++;
}

void
moved_note(struct jobs *jobs, struct job_entry *entry, const struct job *job)
{
	bool waits = job->phase == JOB_EXECUTING && job->awaits.n > 0;

	count(jobs, entry, waits,
	    waits ? hash_of(job->owner, job->owner_key, job->awaits) : 0);
}

void
moved_forget(struct jobs *jobs, struct job_entry *entry)
{
	count(jobs, entry, false, 0);
}

/* On the engine's loop */

static bool
waits(const struct job_entry *entry)
{
	return entry->phase == JOB_EXECUTING && entry->run == NULL && entry->part == NULL;
}

static bool
waits_for(struct jobs *jobs, struct job_entry *entry, uint32_t hash, struct bytes awaits)
{
	struct errinfo why;
	struct job job;

	if (!waits(entry) || !entry->waits_for_bytes || entry->awaits_hash != hash)
		return false;
	arena_clear(&jobs->scratch);
	return keep_load(jobs, entry, &jobs->scratch, &job, &why) == ERR_OK &&
	       bytes_eq(job.awaits, awaits);
}

/* One request is one transfer: the newest, if several were negotiated. */
static struct job_entry *
find_waiting(struct jobs *jobs, const struct moved *m)
{
	struct bytes key = {m->n_key > 0 ? m->text : NULL, m->n_key};
	struct bytes awaits = {m->text + m->n_key, m->n_awaits};
	struct job_owner *owner = job_table_owner(&jobs->table, m->owner, key);
	struct job_entry *entry = owner == NULL ? NULL : owner->newest;
	uint32_t hash = hash_of(m->owner, key, awaits);

	while (entry != NULL && !waits_for(jobs, entry, hash, awaits))
		entry = entry->older;
	return entry;
}

static void
on_moved(struct loop_job *post)
{
	struct moved *m = container_of(post, struct moved, post);
	struct jobs *jobs = m->jobs;
	struct job_entry *entry = m->n_awaits > 0
				      ? find_waiting(jobs, m)
				      : job_table_find(&jobs->table, m->number);

	MAGIC_CHECK(jobs, JOBS_MAGIC);
	jobs->n_moved--;
	if (entry != NULL && waits(entry)) {
		arena_clear(&jobs->scratch);
		(void)engine_change_phase(jobs, entry, JOB_COMPLETED);
	}
	free(m);
}

/* On any thread */

static void
send(struct jobs *jobs, struct moved *m)
{
	m->jobs = jobs;
	m->post.run = on_moved;
	jobs->n_moved++;
	loop_post(jobs->config.loop, &m->post);
}

void
jobs_moved(struct jobs *jobs, uint64_t number)
{
	struct moved *m = calloc(1, sizeof *m);

	if (m == NULL)
		return; /* the job stays as it is; the bytes are where they belong */
	m->number = number;
	send(jobs, m);
}

void
jobs_moved_by(struct jobs *jobs, const struct caller *caller, struct bytes awaits)
{
	struct bytes key =
	    caller->principal == 0 ? caller->dn_key : (struct bytes){NULL, 0};
	struct moved *m;

	if (jobs->awaited[hash_of(caller_job_owner(caller), key, awaits) %
			  JOBS_AWAITED] == 0)
		return;
	m = calloc(1, sizeof *m + key.n + awaits.n);
	if (m == NULL)
		return;
	m->owner = caller_job_owner(caller);
	m->n_key = key.n;
	m->n_awaits = awaits.n;
	if (key.n > 0)
		(void)memcpy(m->text, key.p, key.n);
	(void)memcpy(m->text + key.n, awaits.p, awaits.n);
	send(jobs, m);
}
