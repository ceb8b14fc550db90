/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/metric.h"

#include <pthread.h>

#include "tests/support/check.h"

enum { THREADS = 4, TIMES = 20000 };

static void
bounds_ascend(void **state)
{
	(void)state;
	for (unsigned i = 1; i < METRIC_BOUNDS; i++) {
		assert_true(metric_times_us[i - 1] < metric_times_us[i]);
		assert_true(metric_sizes[i - 1] < metric_sizes[i]);
	}
}

static void
a_bound_belongs_to_its_bucket(void **state)
{
	struct metric_histogram h = {.sum = 0};

	(void)state;
	metric_observe(&h, metric_sizes, 0);
	metric_observe(&h, metric_sizes, 1);
	metric_observe(&h, metric_sizes, 2);
	metric_observe(&h, metric_sizes, 3);
	metric_observe(&h, metric_sizes, 4);
	assert_int_equal(h.bucket[0], 2);
	assert_int_equal(h.bucket[1], 1);
	assert_int_equal(h.bucket[2], 2);
	assert_int_equal(h.sum, 10);
}

static void
what_is_above_all_bounds_is_counted(void **state)
{
	struct metric_histogram h = {.sum = 0};

	(void)state;
	metric_observe(&h, metric_times_us, metric_times_us[METRIC_BOUNDS - 1]);
	metric_observe(&h, metric_times_us, metric_times_us[METRIC_BOUNDS - 1] + 1);
	assert_int_equal(h.bucket[METRIC_BOUNDS - 1], 1);
	assert_int_equal(h.bucket[METRIC_BOUNDS], 1);
}

static void *
observe_many(void *arg)
{
	for (unsigned i = 0; i < TIMES; i++)
		metric_observe(arg, metric_sizes, 3);
	return NULL;
}

static void
threads_lose_nothing(void **state)
{
	struct metric_histogram h = {.sum = 0};
	pthread_t thread[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, observe_many, &h), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(metric_read(&h.bucket[2]), THREADS * TIMES);
	assert_int_equal(metric_read(&h.sum), 3 * THREADS * TIMES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bounds_ascend),
	    cmocka_unit_test(a_bound_belongs_to_its_bucket),
	    cmocka_unit_test(what_is_above_all_bounds_is_counted),
	    cmocka_unit_test(threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
