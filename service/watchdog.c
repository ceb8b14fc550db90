/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watchdog.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

enum {
	TICK_MS = 1000,
	LOOP_SILENT_MS = 5000,
	WRITER_SILENT_MS = 10000,
	CLOSE_MS = 1000, /* for who is here at the end */
	POLL_MS = 10,
};

/* One that is asked for signs of life. */
struct watched {
	struct watched *next;
	struct watchdog *w;
	const char *name;
	struct loop *loop; /* NULL: the store's writer */
	struct loop_job job;
	struct change change;
	_Atomic bool asked; /* and has not answered */
	uint64_t asked_ms;
	bool is_silent;
	struct watchdog_door *doors;
	struct listener **listeners; /* one for each door, while it is silent */
	size_t n_doors;
};

struct watchdog {
	struct watchdog_config config;
	struct request_loop requests;
	struct loop *loop;
	struct loop_timer *tick;
	pthread_t thread;
	bool running;
	struct loop_job end_job;
	uint64_t ends_ms; /* 0: it goes on */
	struct watched *first, writer;
	pthread_mutex_t lock; /* of config.tls */
};

/* Signs of life */

static void
loop_answers(struct loop_job *job)
{
	container_of(job, struct watched, job)->asked = false;
}

static void
writer_answers(struct change *change)
{
	container_of(change, struct watched, change)->asked = false;
}

static void
ask(struct watched *a, uint64_t now)
{
	a->asked_ms = now;
	a->asked = true;
	if (a->loop != NULL) {
		a->job.run = loop_answers;
		loop_post(a->loop, &a->job);
	} else {
		a->change = (struct change){.done = writer_answers};
		store_ping(a->w->config.env.store, &a->change);
	}
}

/* Standing in */

static void
take_door(struct watched *a, size_t i)
{
	struct watchdog *w = a->w;
	const struct watchdog_door *door = &a->doors[i];
	struct listener_config config = {
	    .fd = door->fd,
	    .group = door->is_admin ? &w->config.admin_group : &w->config.public_group,
	    .tls = door->has_tls ? w->config.tls : NULL,
	    .local_only = door->is_admin,
	    .connections_max = w->config.connections_max,
	};
	struct errinfo why;

	if (listener_new(&config, &a->listeners[i], &why) != ERR_OK)
		log_error("watchdog: %s", errinfo_text(&why));
}

static void
stand_in(struct watched *a)
{
	struct watchdog *w = a->w;

	w->config.public_group.stopping = w->config.admin_group.stopping = false;
	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < a->n_doors; i++)
		take_door(a, i);
	(void)pthread_mutex_unlock(&w->lock);
}

static void
step_aside(struct watched *a)
{
	for (size_t i = 0; i < a->n_doors; i++) {
		listener_free(a->listeners[i]);
		a->listeners[i] = NULL;
	}
}

/* Watching */

static void
look_at(struct watched *a, uint64_t now)
{
	uint64_t limit = a->loop != NULL ? LOOP_SILENT_MS : WRITER_SILENT_MS;

	if (!a->asked) {
		if (a->is_silent) {
			a->is_silent = false;
			step_aside(a);
			log_warning("%s answers again after %llu s", a->name,
			    (unsigned long long)(now - a->asked_ms) / 1000);
		}
		ask(a, now);
	} else if (!a->is_silent && now - a->asked_ms >= limit) {
		a->is_silent = true;
		stand_in(a);
		log_error("%s has not answered for %llu s: does the disk of the metadata "
			  "hang?",
		    a->name, (unsigned long long)limit / 1000);
	}
}

static void
look_at_all(struct watchdog *w)
{
	struct space *space = w->config.env.space;
	uint64_t now = clock_mono_ms();
	bool is_stalled = false;

	for (struct watched *a = w->first; a != NULL; a = a->next) {
		look_at(a, now);
		is_stalled |= a->is_silent;
	}
	if (space->is_stalled && !is_stalled) {
		/* Whoever is here yet shall come to those who can do more for him. */
		conn_group_stop(&w->config.public_group);
		conn_group_stop(&w->config.admin_group);
	}
	space->is_stalled = is_stalled;
	loop_timer_set(w->tick, TICK_MS);
}

static void
end_when_empty(struct watchdog *w)
{
	unsigned n = w->config.public_group.n + w->config.admin_group.n;

	if (n == 0 || clock_mono_ms() >= w->ends_ms)
		loop_stop(w->loop);
	else
		loop_timer_set(w->tick, POLL_MS);
}

static void
tick(void *arg)
{
	struct watchdog *w = arg;

	if (w->ends_ms != 0)
		end_when_empty(w);
	else
		look_at_all(w);
}

static void
end(struct loop_job *job)
{
	struct watchdog *w = container_of(job, struct watchdog, end_job);

	for (struct watched *a = w->first; a != NULL; a = a->next)
		step_aside(a);
	conn_group_abort(&w->config.public_group);
	conn_group_abort(&w->config.admin_group);
	w->ends_ms = clock_mono_ms() + CLOSE_MS;
	end_when_empty(w);
}

static void *
run(void *arg)
{
	loop_run(((struct watchdog *)arg)->loop);
	return NULL;
}

/* Life */

static void
prepare_group(struct watchdog *w, struct conn_group *group)
{
	group->loop = w->loop;
	group->arg = &w->requests;
}

enum err
watchdog_new(
    const struct watchdog_config *config, struct watchdog **out, struct errinfo *why)
{
	struct watchdog *w = calloc(1, sizeof *w);
	enum err e;

	if (w == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the watchdog");
	w->config = *config;
	CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
	if (w->config.tls != NULL)
		tls_context_ref(w->config.tls);
	w->writer = (struct watched){.w = w, .name = "the metadata's writer"};
	w->first = &w->writer;
	e = loop_new("watchdog", &w->loop, why);
	if (e == ERR_OK) {
		w->tick = loop_timer_new(w->loop, tick, w);
		if (w->tick == NULL)
			e = errinfo_set(why, ERR_NO_MEMORY, "no memory for the watchdog");
	}
	if (e != ERR_OK) {
		watchdog_free(w);
		return e;
	}
	w->requests = (struct request_loop){.env = config->env, .index = config->index};
	w->requests.env.loop = w->loop;
	w->requests.env.reader = NULL; /* it must never wait for the metadata */
	prepare_group(w, &w->config.public_group);
	prepare_group(w, &w->config.admin_group);
	*out = w;
	return ERR_OK;
}

enum err
watchdog_watch(struct watchdog *w, struct loop *loop, const char *name,
    const struct watchdog_door *doors, size_t n, struct errinfo *why)
{
	struct watched *a = calloc(1, sizeof *a);

	if (a == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the watchdog");
	*a = (struct watched){
	    .next = w->first, .w = w, .name = name, .loop = loop, .n_doors = n};
	w->first = a;
	a->doors = calloc(n + 1, sizeof *a->doors);
	a->listeners = calloc(n + 1, sizeof(struct listener *));
	if (a->doors == NULL || a->listeners == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the watchdog");
	for (size_t i = 0; i < n; i++)
		a->doors[i] = doors[i];
	return ERR_OK;
}

enum err
watchdog_start(struct watchdog *w, struct errinfo *why)
{
	int failed;

	loop_timer_set(w->tick, TICK_MS);
	failed = pthread_create(&w->thread, NULL, run, w);
	if (failed != 0)
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start a thread");
	w->running = true;
	return ERR_OK;
}

void
watchdog_set_tls(struct watchdog *w, struct tls_context *tls)
{
	struct tls_context *old;

	(void)pthread_mutex_lock(&w->lock);
	old = w->config.tls;
	w->config.tls = tls;
	if (tls != NULL)
		tls_context_ref(tls);
	(void)pthread_mutex_unlock(&w->lock);
	tls_context_unref(old);
}

void
watchdog_stop(struct watchdog *w)
{
	if (w == NULL || !w->running)
		return;
	w->end_job.run = end;
	loop_post(w->loop, &w->end_job);
	(void)pthread_join(w->thread, NULL);
	w->running = false;
}

void
watchdog_free(struct watchdog *w)
{
	struct watched *next;

	if (w == NULL)
		return;
	for (struct watched *a = w->first; a != NULL; a = next) {
		next = a->next;
		free(a->doors);
		free(a->listeners);
		if (a != &w->writer)
			free(a);
	}
	request_loop_release(&w->requests);
	loop_timer_free(w->tick);
	loop_free(w->loop);
	tls_context_unref(w->config.tls);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
