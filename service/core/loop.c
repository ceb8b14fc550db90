/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/loop.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>

#include "service/core/check.h"

enum { LOOP_MAGIC = 0x4c4f4f50 };

struct loop {
	uint32_t magic;
	struct event_base *base;
	struct queue jobs;
	struct event *jobs_ready;
	pthread_t thread;
	_Atomic bool running;
	_Atomic bool stopping;
	char name[16]; /* what the kernel keeps */
};

struct loop_fd {
	struct loop *loop;
	struct event *read, *write;
	unsigned wanted;
	loop_ready_fn *ready;
	void *arg;
};

struct loop_timer {
	struct event *event;
	loop_timer_fn *expired;
	void *arg;
};

static void
run_jobs(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	struct queue_item *next;

	(void)fd;
	(void)what;
	for (struct queue_item *i = queue_take(&loop->jobs); i != NULL; i = next) {
		struct loop_job *job = container_of(i, struct loop_job, item);

		next = i->next; /* the job may free itself */
		job->run(job);
	}
	if (loop->stopping)
		(void)event_base_loopbreak(loop->base);
}

enum err
loop_new(const char *name, struct loop **out, struct errinfo *why)
{
	struct event_config *config = event_config_new();
	struct loop *loop = calloc(1, sizeof *loop);
	enum err e = ERR_NO_MEMORY;

	if (loop == NULL || config == NULL)
		goto fail;
	loop->magic = LOOP_MAGIC;
	(void)snprintf(loop->name, sizeof loop->name, "%s", name);
	/* Other threads only use the eventfd, so libevent needs no locks of its own. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	loop->base = event_base_new_with_config(config);
	if (loop->base == NULL)
		goto fail;
	e = queue_init(&loop->jobs, why);
	if (e != ERR_OK)
		goto fail_base;
	loop->jobs_ready = event_new(
	    loop->base, queue_fd(&loop->jobs), EV_READ | EV_PERSIST, run_jobs, loop);
	if (loop->jobs_ready == NULL || event_add(loop->jobs_ready, NULL) != 0)
		goto fail_queue;
	event_config_free(config);
	*out = loop;
	return ERR_OK;
fail_queue:
	if (loop->jobs_ready != NULL)
		event_free(loop->jobs_ready);
	queue_release(&loop->jobs);
	e = ERR_NO_MEMORY;
fail_base:
	event_base_free(loop->base);
fail:
	if (config != NULL)
		event_config_free(config);
	free(loop);
	return errinfo_set(why, e, "cannot make an event loop");
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	MAGIC_CHECK(loop, LOOP_MAGIC);
	loop->magic = 0;
	event_free(loop->jobs_ready);
	event_base_free(loop->base);
	queue_release(&loop->jobs);
	free(loop);
}

void
loop_run(struct loop *loop)
{
	MAGIC_CHECK(loop, LOOP_MAGIC);
	loop->thread = pthread_self();
	loop->running = true;
	(void)pthread_setname_np(loop->thread, loop->name);
	while (!loop->stopping)
		(void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	loop->running = false;
	loop->stopping = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
	queue_wake(&loop->jobs);
}

bool
loop_is_here(const struct loop *loop)
{
	return !loop->running || pthread_equal(loop->thread, pthread_self());
}

void
loop_post(struct loop *loop, struct loop_job *job)
{
	MAGIC_CHECK(loop, LOOP_MAGIC);
	queue_push(&loop->jobs, &job->item);
}

static void
fd_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *watch = arg;

	(void)fd;
	(void)what;
	watch->ready(watch->arg, LOOP_READ);
}

static void
fd_writable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *watch = arg;

	(void)fd;
	(void)what;
	watch->ready(watch->arg, LOOP_WRITE);
}

struct loop_fd *
loop_fd_new(struct loop *loop, int fd, loop_ready_fn *ready, void *arg)
{
	struct loop_fd *watch = calloc(1, sizeof *watch);

	if (watch == NULL)
		return NULL;
	CHECK(loop_is_here(loop));
	*watch = (struct loop_fd){.loop = loop, .ready = ready, .arg = arg};
	watch->read = event_new(loop->base, fd, EV_READ | EV_PERSIST, fd_readable, watch);
	watch->write =
	    event_new(loop->base, fd, EV_WRITE | EV_PERSIST, fd_writable, watch);
	if (watch->read == NULL || watch->write == NULL) {
		loop_fd_free(watch);
		return NULL;
	}
	return watch;
}

static void
set_event(struct event *event, bool on)
{
	CHECK((on ? event_add(event, NULL) : event_del(event)) == 0);
}

void
loop_fd_want(struct loop_fd *watch, unsigned what)
{
	unsigned changed = watch->wanted ^ what;

	if (changed & LOOP_READ)
		set_event(watch->read, what & LOOP_READ);
	if (changed & LOOP_WRITE)
		set_event(watch->write, what & LOOP_WRITE);
	watch->wanted = what;
}

void
loop_fd_free(struct loop_fd *watch)
{
	if (watch == NULL)
		return;
	if (watch->read != NULL)
		event_free(watch->read);
	if (watch->write != NULL)
		event_free(watch->write);
	free(watch);
}

static void
timer_expired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	(void)fd;
	(void)what;
	timer->expired(timer->arg);
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_timer_fn *expired, void *arg)
{
	struct loop_timer *timer = calloc(1, sizeof *timer);

	if (timer == NULL)
		return NULL;
	CHECK(loop_is_here(loop));
	*timer = (struct loop_timer){.expired = expired, .arg = arg};
	timer->event = event_new(loop->base, -1, 0, timer_expired, timer);
	if (timer->event == NULL) {
		free(timer);
		return NULL;
	}
	return timer;
}

void
loop_timer_set(struct loop_timer *timer, uint64_t delay_ms)
{
	struct timeval delay = {
	    .tv_sec = (time_t)(delay_ms / 1000),
	    .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000),
	};

	CHECK(event_add(timer->event, &delay) == 0);
}

void
loop_timer_clear(struct loop_timer *timer)
{
	(void)event_del(timer->event);
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	event_free(timer->event);
	free(timer);
}
