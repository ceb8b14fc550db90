/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/engine.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/job/engine_private.h"
#include "service/job/job_record.h"

/* Removing */

void
engine_remove(struct jobs *jobs, struct job_entry *entry)
{
	bool runs = entry->run != NULL;

	engine_wake(jobs, entry, true);
	(void)engine_unqueue(jobs, entry);
	if (runs)
		engine_tell_to_end(entry); /* may be the end of the run */
	engine_abort_part(entry);
	keep_remove(jobs, entry);
}

/* Room for one more of this owner: the oldest that nobody works on makes it. */
static bool
make_room(struct jobs *jobs, const struct job *job)
{
	struct job_owner *owner =
	    job_table_owner(&jobs->table, job->owner, job->owner_key);
	struct job_entry *e, *newer;

	if (owner == NULL || owner->n < jobs->config.settings->jobs_per_user)
		return true;
	for (e = owner->oldest; e != NULL; e = newer) {
		newer = e->newer;
		if (e->run == NULL && e->part == NULL && e->waiting == NULL &&
		    e->creator == NULL &&
		    (e->list == JOB_LIST_SYNC || !job_phase_is_active(e->phase))) {
			engine_remove(jobs, e);
			return true;
		}
	}
	return false;
}

/* Questions */

void
engine_created(struct job_entry *entry, enum err err, const struct errinfo *why)
{
	struct job_ask *ask = entry->creator;

	entry->creator = NULL;
	if (err != ERR_OK) {
		ask->why = *why;
		if (!entry->removed)
			keep_remove(entry->jobs, entry);
	}
	engine_answer(ask, err);
}

static void
create(struct jobs *jobs, struct job_ask *ask)
{
	const struct settings *s = jobs->config.settings;
	struct job *job = &ask->job;
	struct job_entry *entry;
	enum err e;

	if (!make_room(jobs, job)) {
		engine_refuse(
		    ask, ERR_BUSY, "you have too many jobs that are not over yet");
		return;
	}
	if (!keep_number(jobs, &job->number)) {
		engine_refuse(ask, ERR_BUSY, "too many jobs are made at once");
		return;
	}
	job_id_make(job->number, job->id);
	job->created_ms = clock_wall_ms();
	job->destruction_ms =
	    job->created_ms + (int64_t)(job->list == JOB_LIST_SYNC ? s->sync_job_lifetime
								   : s->job_lifetime);
	job->execution_s = job_clamp_execution(0, s->job_execution_max / 1000);
	if (job->phase != JOB_PENDING && job->phase != JOB_SUSPENDED)
		job->started_ms = job->created_ms;
	if (!job_phase_is_active(job->phase))
		job->ended_ms = job->created_ms;
	entry = job_table_add(&jobs->table, job);
	if (entry == NULL) {
		engine_refuse(ask, ERR_NO_MEMORY, "no memory for a job");
		return;
	}
	entry->jobs = jobs;
	if (job->list != JOB_LIST_SYNC)
		entry->creator = ask;
	e = keep_store(jobs, entry, job, &ask->why);
	if (e != ERR_OK) {
		entry->creator = NULL;
		job_table_remove(&jobs->table, entry);
		job_entry_free(entry);
		engine_answer(ask, e);
		return;
	}
	if (entry->creator == NULL)
		engine_answer(ask, ERR_OK);
}

static bool
may_use(const struct caller *caller, const struct job_entry *entry)
{
	const struct job_owner *owner = entry->owner;

	if (caller->is_admin || (owner->id == 0 && owner->key.n == 0))
		return true;
	if (owner->id != 0)
		return caller_owns_job(caller, owner->id);
	return !caller->is_anonymous && caller->dn_key.p != NULL &&
	       bytes_eq(caller->dn_key, owner->key);
}

/* The job a question is about; NULL: answered already. */
static struct job_entry *
entry_of(struct jobs *jobs, struct job_ask *ask)
{
	struct job_entry *entry = NULL;
	struct job job;
	uint64_t number = ask->number;
	enum err e;

	if (ask->id.p == NULL || job_id_number(ask->id, &number))
		entry = job_table_find(&jobs->table, number);
	if (entry != NULL && entry->list != ask->list &&
	    !(ask->list == JOB_LIST_TRANSFERS && entry->list == JOB_LIST_SYNC))
		entry = NULL;
	if (entry != NULL) {
		e = keep_load(jobs, entry, &jobs->scratch, &job, &ask->why);
		if (e != ERR_OK) {
			engine_answer(ask, e);
			return NULL;
		}
		if (ask->id.p != NULL && !bytes_is(ask->id, job.id))
			entry = NULL;
	}
	if (entry == NULL) {
		engine_answer(ask, errinfo_set(&ask->why, ERR_NOT_FOUND,
				       "not found: %.*s", BYTES_ARG(ask->id)));
		return NULL;
	}
	if (!may_use(ask->caller, entry)) {
		engine_refuse(ask,
		    ask->caller->is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED,
		    "the job is not yours");
		return NULL;
	}
	return entry;
}

static void
get(struct job_ask *ask, struct job_entry *entry)
{
	bool waits = job_phase_is_waited_for(entry->phase) &&
		     (ask->wait_phase == 0 || ask->wait_phase == entry->phase);

	engine_wait(ask, entry, waits ? ask->wait_ms : 0);
}

static void
run_job(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	const struct job_runner *runner = engine_runner(jobs, entry);

	if (entry->phase != JOB_PENDING) {
		engine_refuse(ask, ERR_DENIED, "only a job in phase PENDING can be run");
		return;
	}
	if (jobs->stopping) {
		engine_refuse(ask, ERR_BUSY, "the service is stopping");
		return;
	}
	ask->until_over = true;
	if (runner->is_long && jobs->n_long >= jobs->config.settings->jobs_running) {
		if (engine_change_phase(jobs, entry, JOB_QUEUED) == ERR_OK)
			engine_enqueue(jobs, entry);
		engine_answer_job(jobs, ask, entry);
		return;
	}
	engine_wait(ask, entry, RUN_WAIT_MS);
	engine_start(jobs, entry, false);
}

static void
abort_job(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	ask->until_over = true;
	if (!job_phase_is_active(entry->phase)) {
		engine_answer_job(jobs, ask, entry);
	} else if (entry->run != NULL) {
		engine_wait(ask, entry, RUN_WAIT_MS);
		engine_abort(jobs, entry);
	} else {
		engine_abort(jobs, entry);
		engine_answer_job(jobs, ask, entry);
	}
}

static size_t
size_of(const struct job_pair *pairs, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += pairs[i].name.n + pairs[i].value.n;
	return size;
}

static enum err
add_parameters(struct jobs *jobs, struct job_ask *ask, struct job *job)
{
	uint64_t most = jobs->config.settings->form_max;
	struct job_pair *all;

	if (ask->n_parameters == 0)
		return ERR_OK;
	if (job->phase != JOB_PENDING)
		return errinfo_set(&ask->why, ERR_DENIED,
		    "only a job in phase PENDING takes parameters");
	if (size_of(job->parameters, job->n_parameters) +
		size_of(ask->parameters, ask->n_parameters) >
	    most)
		return errinfo_set(
		    &ask->why, ERR_TOO_LARGE, "limit: %llu", (unsigned long long)most);
	all = arena_array(
	    &jobs->scratch, struct job_pair, job->n_parameters + ask->n_parameters);
	if (all == NULL)
		return errinfo_set(&ask->why, ERR_NO_MEMORY, "too many parameters");
	for (size_t i = 0; i < job->n_parameters; i++)
		all[i] = job->parameters[i];
	for (size_t i = 0; i < ask->n_parameters; i++)
		all[job->n_parameters + i] = ask->parameters[i];
	job->parameters = all;
	job->n_parameters += ask->n_parameters;
	return ERR_OK;
}

static void
edit(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	struct job job;
	enum err e = keep_load(jobs, entry, &jobs->scratch, &job, &ask->why);

	if (e == ERR_OK)
		e = add_parameters(jobs, ask, &job);
	if (e == ERR_OK && ask->destruction_ms != 0 &&
	    ask->destruction_ms < job.destruction_ms)
		job.destruction_ms = ask->destruction_ms;
	if (e == ERR_OK && ask->set_execution)
		job.execution_s = job_clamp_execution(
		    ask->execution_s, jobs->config.settings->job_execution_max / 1000);
	if (e == ERR_OK)
		e = keep_store(jobs, entry, &job, &ask->why);
	if (e != ERR_OK) {
		engine_answer(ask, e);
		return;
	}
	engine_answer_job(jobs, ask, entry);
}

static bool
is_listed(const struct job_ask *ask, const struct job_entry *e)
{
	return e->list == ask->list &&
	       (ask->phases == 0 ? e->phase != JOB_ARCHIVED
				 : (ask->phases & 1U << e->phase) != 0) &&
	       e->created_ms > ask->after_ms;
}

/* What a list shows of a job, in the asker's arena. */
static enum err
list_one(struct jobs *jobs, struct job_ask *ask, struct job_entry *e, struct job *out)
{
	struct job job;
	enum err err;

	arena_clear(&jobs->scratch);
	err = keep_load(jobs, e, &jobs->scratch, &job, &ask->why);
	if (err != ERR_OK)
		return err;
	*out = (struct job){.number = job.number,
	    .list = job.list,
	    .phase = job.phase,
	    .created_ms = job.created_ms};
	(void)memcpy(out->id, job.id, sizeof out->id);
	if (job.owner_name.p != NULL)
		out->owner_name = arena_copy(ask->arena, job.owner_name);
	if (job.run_id.p != NULL)
		out->run_id = arena_copy(ask->arena, job.run_id);
	return ERR_OK;
}

static void
list(struct jobs *jobs, struct job_ask *ask)
{
	const struct caller *c = ask->caller;
	struct bytes key = c->principal == 0 ? c->dn_key : (struct bytes){NULL, 0};
	struct job_owner *owner = job_table_owner(&jobs->table, caller_job_owner(c), key);
	struct job *out;
	enum err e = ERR_OK;

	if (c->is_anonymous) {
		engine_refuse(
		    ask, ERR_NOT_AUTHENTICATED, "anonymous job listing not permitted");
		return;
	}
	out = arena_array(ask->arena, struct job, owner == NULL ? 1 : owner->n);
	if (out == NULL) {
		engine_refuse(ask, ERR_NO_MEMORY, "the list is too long");
		return;
	}
	for (struct job_entry *entry = owner == NULL ? NULL : owner->newest;
	     entry != NULL && e == ERR_OK && (ask->last == 0 || ask->n_list < ask->last);
	     entry = entry->older)
		if (is_listed(ask, entry))
			e = list_one(jobs, ask, entry, &out[ask->n_list++]);
	ask->list_out = out;
	engine_answer(ask, e);
}

static void
handle(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	switch (ask->verb) {
	case JOB_ASK_GET:
		get(ask, entry);
		break;
	case JOB_ASK_RUN:
		run_job(jobs, ask, entry);
		break;
	case JOB_ASK_ABORT:
		abort_job(jobs, ask, entry);
		break;
	case JOB_ASK_EDIT:
		edit(jobs, ask, entry);
		break;
	case JOB_ASK_REMOVE:
		engine_remove(jobs, entry);
		engine_answer(ask, ERR_OK);
		break;
	case JOB_ASK_BEGIN:
		engine_begin_part(jobs, ask, entry);
		break;
	case JOB_ASK_CREATE:
	case JOB_ASK_LIST:
		break;
	}
}

static void
asked(struct loop_job *post)
{
	struct job_ask *ask = container_of(post, struct job_ask, post);
	struct jobs *jobs = ask->jobs;
	struct job_entry *entry;

	MAGIC_CHECK(jobs, JOBS_MAGIC);
	arena_clear(&jobs->scratch);
	if (ask->verb == JOB_ASK_CREATE) {
		create(jobs, ask);
	} else if (ask->verb == JOB_ASK_LIST) {
		list(jobs, ask);
	} else {
		entry = entry_of(jobs, ask);
		if (entry != NULL)
			handle(jobs, ask, entry);
	}
}

void
jobs_ask(struct jobs *jobs, struct job_ask *ask)
{
	ask->jobs = jobs;
	ask->post.run = asked;
	loop_post(jobs->config.loop, &ask->post);
}

/* Beginning and end */

/* A job of the last process that nobody goes on with. */
static enum err
fail_interrupted(
    struct jobs *jobs, struct job_entry *entry, struct job *job, struct errinfo *why)
{
	job->phase = JOB_ERROR;
	job->ended_ms = clock_wall_ms();
	job->fault = BYTES("InternalFault");
	job->message = BYTES("the service was restarted while the job ran");
	return keep_store(jobs, entry, job, why);
}

static enum err
take_over(struct jobs *jobs, uint64_t number, struct bytes record, struct errinfo *why)
{
	struct job_entry *entry;
	struct job job;

	if (job_record_decode(&jobs->scratch, number, record, &job, why) != ERR_OK) {
		log_warning("%s", errinfo_text(why));
		return ERR_OK; /* one damaged job stops no service */
	}
	entry = job_table_add(&jobs->table, &job);
	if (entry == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a job");
	entry->jobs = jobs;
	moved_note(jobs, entry, &job);
	if (job.phase != JOB_EXECUTING && job.phase != JOB_QUEUED)
		return ERR_OK;
	if (engine_runner(jobs, entry)->is_long)
		engine_enqueue(jobs, entry);
	else if (job.n_results == 0) /* with results only the client's part is left */
		return fail_interrupted(jobs, entry, &job, why);
	return ERR_OK;
}

static enum err
take_over_all(struct jobs *jobs, struct errinfo *why)
{
	struct bytes record;
	uint64_t number, from = 0;
	enum err e;

	for (;;) {
		arena_clear(&jobs->scratch);
		e = jobs_next(jobs->reader, &jobs->scratch, from, &number, &record, why);
		if (e != ERR_OK)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		e = take_over(jobs, number, record, why);
		if (e != ERR_OK)
			return e;
		from = number + 1;
	}
}

enum err
jobs_open(const struct jobs_config *config, struct jobs **out, struct errinfo *why)
{
	struct jobs *jobs = calloc(1, sizeof *jobs);
	enum err e;

	if (jobs == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for jobs");
	jobs->magic = JOBS_MAGIC;
	jobs->config = *config;
	jobs->recent_last = &jobs->recent;
	jobs->queue_last = &jobs->queue;
	arena_init(&jobs->scratch, SCRATCH_MAX);
	str_init(&jobs->record, RECORD_MAX);
	e = tend_init(jobs) ? store_reader_new(config->store, &jobs->reader, why)
			    : errinfo_set(why, ERR_NO_MEMORY, "no memory for jobs");
	if (e == ERR_OK)
		e = take_over_all(jobs, why);
	if (e != ERR_OK) {
		jobs_free(jobs);
		return e;
	}
	keep_numbers_ahead(jobs);
	tend_at(jobs, clock_wall_ms());
	*out = jobs;
	return ERR_OK;
}

bool
jobs_ready(const struct jobs *jobs)
{
	MAGIC_CHECK(jobs, JOBS_MAGIC);
	return jobs->ready;
}

void
jobs_stop(struct jobs *jobs)
{
	MAGIC_CHECK(jobs, JOBS_MAGIC);
	if (jobs->stopping)
		return;
	jobs->stopping = true;
	loop_timer_clear(jobs->tend_timer);
	arena_clear(&jobs->scratch);
	for (size_t i = 0; i < JOB_BUCKETS; i++)
		for (struct job_entry *e = jobs->table.bucket[i]; e != NULL;
		     e = e->next) {
			engine_wake(jobs, e, true);
			if (e->run != NULL)
				engine_tell_to_end(e);
		}
}

bool
jobs_quiet(const struct jobs *jobs)
{
	return jobs->n_running == 0 && jobs->n_writing == 0 && jobs->n_parts == 0 &&
	       jobs->n_moved == 0;
}

void
jobs_free(struct jobs *jobs)
{
	if (jobs == NULL)
		return;
	MAGIC_CHECK(jobs, JOBS_MAGIC);
	jobs->magic = 0;
	job_table_release(&jobs->table);
	loop_timer_free(jobs->tend_timer);
	store_reader_free(jobs->reader);
	arena_release(&jobs->scratch);
	str_release(&jobs->record);
	free(jobs);
}

size_t
jobs_in_phase(const struct jobs *jobs, enum job_phase phase)
{
	return jobs->table.in_phase[phase];
}
