/* SPDX-License-Identifier: Apache-2.0 */
/*
 * puts - a rig for tests of uploads: with either I/O engine, faults of single operations
 * (tests/support/fake_io.h), probes so quick that a location is soon good again. Setup and teardown of cmocka: open_rig, close_rig; *state is the rig.
 */
#ifndef QUARTET_TESTS_PUTS_H
#define QUARTET_TESTS_PUTS_H

#include "tests/support/check.h"

#include <errno.h>

#include "tests/support/fake_io.h"
#include "tests/support/transfer.h"

/* The part of a path that an upload's operations have and a probe's have not. */
#define OF_FILES "/0"

static const char *engine_name;

/* Who is merely slow, on a machine that has much to do, is waited for. */
static inline void
patient(struct rig *rig)
{
	rig->settings.probe_period = 20;
	rig->settings.straggler_wait = 20000;
	rig->settings.slow_backlog = 1 << 20;
	rig->settings.slow_time = 20000;
}

static inline int
open_rig_tuned(void **state, void (*tune)(struct rig *rig))
{
	static struct rig rig;

	rig = (struct rig){.io = engine_name, .tune = tune};
	fake_io_reset();
	rig_open(&rig, "gc_delay = 0");
	*state = &rig;
	return 0;
}

static inline int
open_rig(void **state)
{
	return open_rig_tuned(state, patient);
}

static inline int
close_rig(void **state)
{
	struct rig *rig = *state;

	if (rig->mirror != NULL) {
		rig_stop_mirror(rig);
		check_tmp_is_empty(rig);
	}
	assert_int_equal(pool_stats(rig->pool).used_bytes, 0);
	assert_int_equal(pool_stats(rig->pool).transfers, 0);
	rig_close(rig);
	return 0;
}

static inline void
calm_down(struct rig *rig)
{
	for (unsigned i = 0; i < rig->mirror->n; i++)
		fake_io_calm(i);
	rig_wait_until(rig, rig_all_online);
}

/* Operations of a kind at a location do what `act` says. */
static inline void
fault(unsigned location, unsigned kinds, enum fake_io_act act, int sys)
{
	fake_io_rule(
	    location, (struct fake_io_rule){
			  .kinds = kinds, .path = OF_FILES, .act = act, .sys = sys});
}

static inline struct store_facts
facts_of(struct rig *rig)
{
	struct store_facts facts;

	assert_ok(store_facts(rig->reader, &facts, &rig->why), &rig->why);
	return facts;
}

static inline bool
puts_are_over(struct rig *rig)
{
	return mirror_idle(rig->mirror);
}

static inline bool
nothing_to_remove(struct rig *rig)
{
	return facts_of(rig).removals_due == 0;
}

/* After all has settled no file of an upload lies anywhere. */
static inline void
check_no_trace(struct rig *rig, unsigned files)
{
	rig_wait_until(rig, puts_are_over);
	rig_wait_until(rig, nothing_to_remove);
	for (unsigned i = 0; i < rig->mirror->n; i++)
		assert_int_equal(rig_files(rig, i, "blob"), files);
	check_tmp_is_empty(rig);
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

/* Tests of a table with the engine of that name; how many failed. */
#define run_with(engine, tests)                                                          \
	(engine_name = (engine), cmocka_run_group_tests_name((engine), tests, NULL, NULL))

/* io_uring where there is one. */
/*
 * The thread sanitizer keeps a record of each descriptor and does not see those that the
 * kernel opens and closes for an io_uring (architecture D75): a number that comes back is
 * a race to it. There the threads alone run, which share all other code.
 */
#ifdef __SANITIZE_THREAD__
#define run_with_both_engines(tests) (run_with("threads", tests) != 0)
#else
#define run_with_both_engines(tests)                                                     \
	(run_with("threads", tests) != 0 || run_with("auto", tests) != 0)
#endif

#endif
