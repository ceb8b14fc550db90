/* SPDX-License-Identifier: Apache-2.0 */
/* answer - from the engine back to who asked, now or when something has changed. */
#include "service/job/engine_private.h"

static void
on_asker(struct loop_job *post)
{
	struct job_ask *ask = container_of(post, struct job_ask, post);

	ask->done(ask);
}

void
engine_answer(struct job_ask *ask, enum err err)
{
	ask->err = err;
	ask->post.run = on_asker;
	loop_post(ask->loop, &ask->post);
}

void
engine_answer_job(struct jobs *jobs, struct job_ask *ask, struct job_entry *entry)
{
	engine_answer(ask, keep_load(jobs, entry, ask->arena, &ask->job, &ask->why));
}

void
engine_refuse(struct job_ask *ask, enum err err, const char *text)
{
	engine_answer(ask, errinfo_set(&ask->why, err, "%s", text));
}

/* Waiting for another phase */

static void
unlink_waiting(struct job_ask *ask)
{
	struct job_ask **at = &ask->entry->waiting;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	loop_timer_free(ask->timer);
	ask->timer = NULL;
}

static void
wait_is_over(void *arg)
{
	struct job_ask *ask = arg;

	unlink_waiting(ask);
	engine_answer_job(ask->jobs, ask, ask->entry);
}

void
engine_wait(struct job_ask *ask, struct job_entry *entry, uint64_t ms)
{
	struct jobs *jobs = ask->jobs;

	ask->entry = entry;
	ask->timer = ms == 0 || jobs->stopping
			 ? NULL
			 : loop_timer_new(jobs->config.loop, wait_is_over, ask);
	if (ask->timer == NULL) {
		engine_answer_job(jobs, ask, entry);
		return;
	}
	loop_timer_set(ask->timer, ms);
	ask->next = entry->waiting;
	entry->waiting = ask;
}

/* The phase has changed. `all`: even those who wait for the end. */
void
engine_wake(struct jobs *jobs, struct job_entry *entry, bool all)
{
	struct job_ask *next;
	bool is_over = !job_phase_is_active(entry->phase);

	for (struct job_ask *ask = entry->waiting; ask != NULL; ask = next) {
		next = ask->next;
		if (ask->until_over && !is_over && !all)
			continue;
		unlink_waiting(ask);
		engine_answer_job(jobs, ask, entry);
	}
}
