/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <pthread.h>

#include "service/core/worker.h"

enum { JOBS = 1000 };

struct sum {
	struct worker_job job;
	unsigned number;
	uint64_t result; /* written by a worker, read on the loop */
	pthread_t worker;
};

static struct {
	struct loop *loop;
	struct worker_pool *pool;
	struct sum sums[JOBS];
	/* on the loop's thread */
	unsigned done, in_order, wrong;
	/* on the worker, when there is one */
	unsigned started, started_in_order;
} t;

static void
add_up(struct worker_job *job)
{
	struct sum *me = container_of(job, struct sum, job);

	for (unsigned i = 0; i <= me->number; i++)
		me->result += i;
	me->worker = pthread_self();
}

static void
add_up_and_count(struct worker_job *job)
{
	struct sum *me = container_of(job, struct sum, job);

	add_up(job);
	t.started_in_order += me->number == t.started++;
}

static void
sum_done(struct loop_job *job)
{
	struct sum *me = container_of(job, struct sum, job.done);

	t.in_order += me->number == t.done;
	t.wrong += me->result != (uint64_t)me->number * (me->number + 1) / 2;
	t.wrong += pthread_equal(me->worker, pthread_self()) != 0;
	t.wrong += !loop_is_here(t.loop);
	if (++t.done == JOBS)
		loop_stop(t.loop);
}

static void
start(unsigned threads)
{
	struct errinfo why;

	t.done = t.in_order = t.wrong = t.started = t.started_in_order = 0;
	assert_ok(loop_new("test", &t.loop, &why), &why);
	assert_ok(worker_pool_new(threads, &t.pool, &why), &why);
}

static void
submit_all(void (*work)(struct worker_job *job))
{
	for (unsigned i = 0; i < JOBS; i++) {
		t.sums[i] = (struct sum){.number = i};
		t.sums[i].job.work = work;
		t.sums[i].job.loop = t.loop;
		t.sums[i].job.done.run = sum_done;
		worker_submit(t.pool, &t.sums[i].job);
	}
}

static void
one_worker_does_its_jobs_in_the_order_submitted(void **state)
{
	(void)state;
	start(1);
	submit_all(add_up_and_count);
	loop_run(t.loop);
	worker_pool_free(t.pool);
	assert_int_equal(t.started_in_order, JOBS);
	assert_int_equal(t.in_order, JOBS);
	assert_int_equal(t.wrong, 0);
	loop_free(t.loop);
}

static void
many_workers_hand_every_job_back_to_its_loop(void **state)
{
	(void)state;
	start(4);
	submit_all(add_up);
	loop_run(t.loop);
	worker_pool_free(t.pool);
	assert_int_equal(t.done, JOBS);
	assert_int_equal(t.wrong, 0);
	loop_free(t.loop);
}

static void
freeing_the_pool_waits_for_all_jobs(void **state)
{
	(void)state;
	start(2);
	submit_all(add_up);
	worker_pool_free(t.pool);
	for (unsigned i = 0; i < JOBS; i++)
		assert_true(t.sums[i].result == (uint64_t)t.sums[i].number * (i + 1) / 2);
	loop_run(t.loop);
	assert_int_equal(t.done, JOBS);
	loop_free(t.loop);
}

static void
a_pool_without_jobs_ends_too(void **state)
{
	(void)state;
	start(3);
	worker_pool_free(t.pool);
	worker_pool_free(NULL);
	loop_free(t.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_worker_does_its_jobs_in_the_order_submitted),
	    cmocka_unit_test(many_workers_hand_every_job_back_to_its_loop),
	    cmocka_unit_test(freeing_the_pool_waits_for_all_jobs),
	    cmocka_unit_test(a_pool_without_jobs_ends_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
