/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - a few threads for work that is long in CPU: digests, sorting.
 *
 * Order: worker_pool_new -> worker_submit* -> worker_pool_free (waits for all jobs).
 * A job is borrowed from submit until `done` has run on `loop`. Jobs start in the order
 * submitted, on whichever thread is free; `work` must not touch anything the loop uses
 * meanwhile. Thread: submit from any.
 */
#ifndef QUARTET_CORE_WORKER_H
#define QUARTET_CORE_WORKER_H

#include "service/core/err.h"
#include "service/core/loop.h"

struct worker_pool;

struct worker_job {
	struct queue_item item;
	void (*work)(struct worker_job *job); /* on a worker thread */
	struct loop *loop; /* where `done` runs; NULL: nowhere, `work` may free the job */
	struct loop_job done;
};

enum err worker_pool_new(
    unsigned threads, struct worker_pool **out, struct errinfo *why) ERR_CHECKED;
void worker_pool_free(struct worker_pool *pool);
void worker_submit(struct worker_pool *pool, struct worker_job *job);

#endif
