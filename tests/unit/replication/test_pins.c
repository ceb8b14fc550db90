/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <pthread.h>

#include "replication/pins.h"

static void
a_blob_is_pinned_as_often_as_it_is_read(void **state)
{
	struct pins *pins = pins_new();

	(void)state;
	assert_non_null(pins);
	assert_false(pins_has(pins, 7));
	assert_true(pins_add(pins, 7));
	assert_true(pins_add(pins, 7));
	assert_true(pins_add(pins, 7 + 1024)); /* of the same bucket */
	pins_drop(pins, 7);
	assert_true(pins_has(pins, 7));
	pins_drop(pins, 7);
	assert_false(pins_has(pins, 7));
	assert_true(pins_has(pins, 7 + 1024));
	pins_drop(pins, 7 + 1024);
	pins_free(pins);
	pins_free(NULL);
}

static void *
add_and_drop(void *arg)
{
	struct pins *pins = arg;

	for (uint64_t i = 0; i < 20000; i++) {
		if (!pins_add(pins, i % 50) || !pins_has(pins, i % 50))
			return NULL;
		pins_drop(pins, i % 50);
	}
	return pins;
}

static void
many_threads_pin_at_once(void **state)
{
	struct pins *pins = pins_new();
	pthread_t thread[4];
	void *result;

	(void)state;
	assert_non_null(pins);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, add_and_drop, pins), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, pins);
	}
	for (uint64_t i = 0; i < 50; i++)
		assert_false(pins_has(pins, i));
	pins_free(pins);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_blob_is_pinned_as_often_as_it_is_read),
	    cmocka_unit_test(many_threads_pin_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
