/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <time.h>

#include "service/core/clock.h"

static void
the_monotonic_clock_never_goes_back(void **state)
{
	uint64_t before = clock_mono_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_mono_us();

		assert_true(now >= before);
		before = now;
	}
	assert_true(clock_mono_ms() >= before / 1000);
}

static void
the_wall_clock_is_the_systems_in_milliseconds(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t now_ms = clock_wall_ms();

	(void)state;
	/* time() may lag by a tick of the kernel's coarse clock. */
	assert_true(now_ms >= before * 1000);
	assert_true(now_ms < ((int64_t)time(NULL) + 2) * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_monotonic_clock_never_goes_back),
	    cmocka_unit_test(the_wall_clock_is_the_systems_in_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
