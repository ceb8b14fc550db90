/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one event loop, one thread.
 *
 * A loop waits for descriptors, timers and jobs posted by other threads, and calls their
 * functions one after the other on its thread. Nothing called by a loop may block.
 *
 * Order: loop_new -> (one thread) loop_run -> loop_stop from anywhere -> loop_free.
 * Watches and timers belong to their loop: made, changed and freed on its thread, or
 * before it runs and after it ended. A watch or timer may free itself from its own
 * callback. loop_post is for any thread.
 * Behind this header stands libevent; nothing else sees it.
 */
#ifndef QUARTET_CORE_LOOP_H
#define QUARTET_CORE_LOOP_H

#include <stdint.h>

#include "service/core/err.h"
#include "service/core/queue.h"

struct loop;

enum err loop_new(const char *name, struct loop **out, struct errinfo *why) ERR_CHECKED;
void loop_free(struct loop *loop);

/* Returns after loop_stop. `name` becomes the thread's name. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* True on the loop's own thread (and before loop_run was first called). */
bool loop_is_here(const struct loop *loop);

/* A job runs once on the loop's thread. The loop borrows it from post until `run`. */
struct loop_job {
	struct queue_item item;
	void (*run)(struct loop_job *job);
};

void loop_post(struct loop *loop, struct loop_job *job);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_ready_fn(void *arg, unsigned what);

/* Watches `fd` (borrowed) level-triggered for what loop_fd_want asked, at first nothing.
 */
struct loop_fd;
struct loop_fd *loop_fd_new(struct loop *loop, int fd, loop_ready_fn *ready, void *arg);
void loop_fd_want(struct loop_fd *watch, unsigned what);
void loop_fd_free(struct loop_fd *watch);

typedef void loop_timer_fn(void *arg);

struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *expired, void *arg);
/* Call `expired` once, `delay_ms` from now; an earlier setting is replaced. */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

#endif
