/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "service/core/check.h"

struct worker_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue_item *first, **last;
	bool stopping;
	unsigned n_threads;
	pthread_t threads[];
};

static struct worker_job *
next_job(struct worker_pool *pool)
{
	struct queue_item *item;

	(void)pthread_mutex_lock(&pool->lock);
	while (pool->first == NULL && !pool->stopping)
		(void)pthread_cond_wait(&pool->more, &pool->lock);
	item = pool->first;
	if (item != NULL) {
		pool->first = item->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return item == NULL ? NULL : container_of(item, struct worker_job, item);
}

static void *
work(void *arg)
{
	struct worker_pool *pool = arg;
	struct worker_job *job;

	while ((job = next_job(pool)) != NULL) {
		struct loop *loop = job->loop;

		job->work(job);
		if (loop != NULL)
			loop_post(loop, &job->done);
	}
	return NULL;
}

enum err
worker_pool_new(unsigned threads, struct worker_pool **out, struct errinfo *why)
{
	struct worker_pool *pool = calloc(1, sizeof *pool + threads * sizeof(pthread_t));

	if (pool == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the worker pool");
	CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
	CHECK(pthread_cond_init(&pool->more, NULL) == 0);
	pool->last = &pool->first;
	for (; pool->n_threads < threads; pool->n_threads++) {
		pthread_t *t = &pool->threads[pool->n_threads];
		int failed = pthread_create(t, NULL, work, pool);

		if (failed != 0) {
			worker_pool_free(pool);
			return errinfo_sys(
			    why, ERR_INTERNAL, failed, "cannot start a worker");
		}
		(void)pthread_setname_np(*t, "worker");
	}
	*out = pool;
	return ERR_OK;
}

void
worker_pool_free(struct worker_pool *pool)
{
	if (pool == NULL)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->more);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->n_threads; i++)
		(void)pthread_join(pool->threads[i], NULL);
	(void)pthread_cond_destroy(&pool->more);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void
worker_submit(struct worker_pool *pool, struct worker_job *job)
{
	job->item.next = NULL;
	(void)pthread_mutex_lock(&pool->lock);
	CHECK(!pool->stopping);
	*pool->last = &job->item;
	pool->last = &job->item.next;
	(void)pthread_cond_signal(&pool->more);
	(void)pthread_mutex_unlock(&pool->lock);
}
