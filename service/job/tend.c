/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tend - what time does to jobs: what executes too long is aborted, what is past its
 * destruction goes, or is archived first if it has ended.
 *
 *   ended ─destruction─► ARCHIVED ─job_archive─► gone
 *   not ended ───────────destruction───────────► gone, and what it did is aborted
 */
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/job/engine_private.h"

/*
 * When what executes has to be over: it would take too long, or it waits for bytes by
 * URLs that are no longer good.
 */
static int64_t
over_of(const struct jobs *jobs, const struct job_entry *e)
{
	int64_t urls_end =
	    e->started_ms + (int64_t)jobs->config.settings->preauth_lifetime;
	bool waits_for_client = e->phase == JOB_EXECUTING && e->run == NULL &&
				e->part == NULL && !engine_runner(jobs, e)->is_long;

	return waits_for_client && urls_end < e->overrun_ms ? urls_end : e->overrun_ms;
}

/* When its destruction, or the end of its time in the archive, is due. */
static int64_t
end_of(const struct jobs *jobs, const struct job_entry *e)
{
	const struct settings *s = jobs->config.settings;

	if (e->phase == JOB_ARCHIVED)
		return e->destruction_ms + (int64_t)s->job_archive;
	return job_destruction(
	    e->phase, e->created_ms, e->destruction_ms, s->job_pending_lifetime);
}

static bool
is_archived_first(const struct jobs *jobs, const struct job_entry *e)
{
	return jobs->config.settings->job_archive > 0 && e->list != JOB_LIST_SYNC &&
	       e->phase != JOB_ARCHIVED && !job_phase_is_active(e->phase);
}

static void
archive(struct jobs *jobs, struct job_entry *entry)
{
	struct errinfo why;
	struct job job;
	enum err e = keep_load(jobs, entry, &jobs->scratch, &job, &why);

	if (e == ERR_OK) {
		job.phase = JOB_ARCHIVED;
		job.n_results = 0;
		e = keep_store(jobs, entry, &job, &why);
	}
	if (e != ERR_OK)
		log_warning("job %llu cannot be archived: %s",
		    (unsigned long long)entry->number, errinfo_text(&why));
}

static int64_t
due_of(const struct jobs *jobs, const struct job_entry *e)
{
	int64_t end = end_of(jobs, e), over = over_of(jobs, e);

	return end < over ? end : over;
}

/* The entry may be gone after this. Returns when it needs attention again. */
static int64_t
attend(struct jobs *jobs, struct job_entry *e, int64_t now)
{
	arena_clear(&jobs->scratch);
	if (over_of(jobs, e) <= now)
		engine_abort(jobs, e);
	if (end_of(jobs, e) > now || e->creator != NULL)
		return due_of(jobs, e);
	if (!is_archived_first(jobs, e)) {
		engine_remove(jobs, e);
		return INT64_MAX;
	}
	archive(jobs, e);
	return end_of(jobs, e);
}

static void
tend(void *arg)
{
	struct jobs *jobs = arg;
	int64_t now = clock_wall_ms(), next = now + TEND_MS;

	jobs->tend_at_ms = 0;
	for (size_t i = 0; i < JOB_BUCKETS && !jobs->stopping; i++) {
		struct job_entry *after;

		for (struct job_entry *e = jobs->table.bucket[i]; e != NULL; e = after) {
			int64_t due;

			after = e->next;
			due = attend(jobs, e, now);
			if (due > now && due < next)
				next = due;
		}
	}
	if (jobs->stopping)
		return;
	engine_start_next(jobs);
	tend_at(jobs, next);
}

void
tend_at(struct jobs *jobs, int64_t at_ms)
{
	int64_t now = clock_wall_ms();

	if (jobs->stopping || (jobs->tend_at_ms != 0 && jobs->tend_at_ms <= at_ms))
		return;
	jobs->tend_at_ms = at_ms;
	loop_timer_set(jobs->tend_timer, at_ms <= now ? 1 : (uint64_t)(at_ms - now));
}

void
tend_entry(struct jobs *jobs, const struct job_entry *entry)
{
	tend_at(jobs, due_of(jobs, entry));
}

bool
tend_init(struct jobs *jobs)
{
	jobs->tend_timer = loop_timer_new(jobs->config.loop, tend, jobs);
	return jobs->tend_timer != NULL;
}
