/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a location, with a location that answers probes as the test says and a
 * clock the test sets (linked with --wrap=clock_mono_ms).
 */
#include "tests/support/check.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "replication/health.h"
#include "service/core/clock.h"

enum { PERIOD_MS = 20, DEADLINE_MS = 30000, GIB = 1 << 30 };

static _Atomic uint64_t clock_skew_ms;

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier) */
uint64_t __real_clock_mono_ms(void);
uint64_t __wrap_clock_mono_ms(void);

uint64_t
__wrap_clock_mono_ms(void)
{
	return __real_clock_mono_ms() + clock_skew_ms;
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* A location whose probes wait until the test answers them. */
struct dummy {
	struct location location;
	struct location_call *probe; /* not answered yet */
};

struct bench {
	struct dummy dummy[LOCATIONS_MAX];
	struct loop *loop;
	struct loop_timer *patience;
	struct pool *pool;
	struct health *health;
	unsigned changes;
	enum location_state last_state;
	char last_reason[ERRINFO_TEXT_SIZE];
	struct errinfo why;
};

static struct bench *bench;

static void
dummy_submit(struct location *location, struct location_call *call)
{
	struct dummy *d = container_of(location, struct dummy, location);

	assert_int_equal(call->verb, LOCATION_PROBE);
	assert_null(d->probe);
	d->probe = call;
	loop_stop(bench->loop);
}

static bool
dummy_close(struct location *location, uint64_t wait_ms)
{
	(void)location;
	(void)wait_ms;
	return true;
}

static void
state_changed(void *arg, unsigned location, enum location_state state, const char *reason)
{
	struct bench *b = arg;

	assert_in_range(location, 0, LOCATIONS_MAX - 1);
	b->changes++;
	b->last_state = state;
	(void)snprintf(b->last_reason, sizeof b->last_reason, "%s", reason);
}

static void
patience_ended(void *arg)
{
	loop_stop(((struct bench *)arg)->loop);
}

static int
open_bench(void **state)
{
	static const struct location_ops ops = {
	    .submit = dummy_submit, .close = dummy_close};
	struct health_config config = {
	    .n = LOCATIONS_MAX,
	    .probe_period_ms = PERIOD_MS,
	    .io_deadline_ms = DEADLINE_MS,
	    .reserve_bytes = GIB,
	    .reserve_percent = 1,
	    .reserve_inodes = 1000,
	    .changed = state_changed,
	};
	struct bench *b = calloc(1, sizeof *b);

	assert_non_null(b);
	bench = b;
	clock_skew_ms = 0;
	assert_ok(loop_new("test", &b->loop, &b->why), &b->why);
	assert_ok(pool_new(96 << 20, &b->pool, &b->why), &b->why);
	b->patience = loop_timer_new(b->loop, patience_ended, b);
	assert_non_null(b->patience);
	config.arg = b;
	for (unsigned i = 0; i < LOCATIONS_MAX; i++) {
		b->dummy[i].location = (struct location){.ops = &ops, .index = i};
		config.location[i] = &b->dummy[i].location;
	}
	assert_ok(health_new(&config, b->loop, b->pool, &b->health, &b->why), &b->why);
	health_start(b->health);
	*state = b;
	return 0;
}

static void
run_for(struct bench *b, uint64_t ms)
{
	uint64_t until = __real_clock_mono_ms() + ms;

	while (__real_clock_mono_ms() < until) {
		loop_timer_set(b->patience, 5);
		loop_run(b->loop);
	}
	loop_timer_clear(b->patience);
}

static void
answered(struct loop_job *job)
{
	struct location_call *call = container_of(job, struct location_call, job);

	call->done(call);
	loop_stop(bench->loop);
}

/* What a probe says; all is well with the zero one. */
struct verdict {
	enum err err;
	int sys;
	uint64_t took_ms;
	uint64_t free_bytes, free_inodes; /* 0: plenty */
};

static void
answer(struct bench *b, unsigned location, struct verdict v)
{
	struct location_call *call = b->dummy[location].probe;
	struct location_probe *probe = container_of(call, struct location_probe, call);

	b->dummy[location].probe = NULL;
	probe->attached = v.err != ERR_LOCATION_DOWN;
	probe->total_bytes = 1000ULL * GIB;
	probe->free_bytes = v.free_bytes == 0 ? 500ULL * GIB : v.free_bytes;
	probe->free_inodes = v.free_inodes == 0 ? 1000000 : v.free_inodes;
	call->err = v.err;
	if (v.err != ERR_OK)
		(void)errinfo_sys(&call->why, v.err, v.sys, "the test's disk");
	call->submitted_us = 0;
	call->finished_us = v.took_ms * 1000;
	call->job.run = answered;
	loop_post(call->loop, &call->job);
	loop_run(b->loop);
}

static void
wait_for_probe(struct bench *b, unsigned location)
{
	uint64_t until = __real_clock_mono_ms() + 10000;

	while (b->dummy[location].probe == NULL) {
		assert_true(__real_clock_mono_ms() < until);
		loop_timer_set(b->patience, 5);
		loop_run(b->loop);
	}
	loop_timer_clear(b->patience);
}

/* The next probe of a location ends so; the state after it. */
static enum location_state
after_probe(struct bench *b, unsigned location, struct verdict v)
{
	wait_for_probe(b, location);
	answer(b, location, v);
	return health_state(b->health, location);
}

static int
close_bench(void **state)
{
	struct bench *b = *state;

	health_stop(b->health);
	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		if (b->dummy[i].probe != NULL)
			answer(b, i, (struct verdict){0});
	assert_true(health_quiet(b->health));
	health_free(b->health);
	assert_int_equal(pool_stats(b->pool).used_bytes, 0);
	pool_free(b->pool);
	loop_timer_free(b->patience);
	loop_free(b->loop);
	free(b);
	return 0;
}

static const struct verdict good = {0}, down = {.err = ERR_LOCATION_DOWN, .sys = ENOENT},
			    eio = {.err = ERR_IO, .sys = EIO},
			    enospc = {.err = ERR_NO_SPACE, .sys = ENOSPC},
			    erofs = {.err = ERR_IO, .sys = EROFS},
			    slow = {.took_ms = 2001};

static void
a_location_is_offline_until_its_first_probe(void **state)
{
	struct bench *b = *state;
	struct health_facts facts;

	assert_int_equal(health_state(b->health, 0), STATE_OFFLINE);
	assert_false(health_settled(b->health));
	health_facts(b->health, 0, &facts);
	assert_string_equal(facts.reason, "not probed yet");
	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		assert_int_equal(after_probe(b, i, i == 3 ? down : good),
		    i == 3 ? STATE_OFFLINE : STATE_ONLINE);
	assert_true(health_settled(b->health));
	assert_int_equal(b->changes, 3);
	health_facts(b->health, 3, &facts);
	assert_non_null(strstr(facts.reason, "the test's disk"));
	assert_int_equal(health_writable(b->health, 3), 7);
}

/* What the scrub says when it has looked through a location that was away. */
static enum location_state
look_through(struct bench *b, unsigned location)
{
	health_merged(b->health, location, health_absences(b->health, location));
	return health_state(b->health, location);
}

static void
every_answer_of_a_probe_has_its_state(void **state)
{
	static const struct {
		const struct verdict *verdict;
		enum location_state state;
	} rows[] = {
	    {&good, STATE_ONLINE},
	    {&enospc, STATE_FULL},
	    {&good, STATE_ONLINE},
	    {&erofs, STATE_READONLY},
	    {&down, STATE_OFFLINE},
	    {&erofs, STATE_READONLY},
	    {&good, STATE_REJOIN},
	    {&enospc, STATE_FULL},
	    {&good, STATE_REJOIN},
	    {&eio, STATE_SUSPECT},
	    {&down, STATE_OFFLINE},
	    {&good, STATE_REJOIN},
	    {&slow, STATE_SUSPECT},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(after_probe(b, 0, *rows[i].verdict), rows[i].state);
}

static void
a_suspect_is_trusted_after_three_good_probes(void **state)
{
	struct bench *b = *state;

	assert_int_equal(after_probe(b, 0, eio), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, slow), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	assert_string_equal(b->last_reason, "");
}

/* However many probes were good before it failed. */
static void
a_failed_operation_makes_a_suspect_for_three_probes(void **state)
{
	struct bench *b = *state;
	struct health_facts facts;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	health_failed(b->health, 0, EIO, "fsync");
	assert_int_equal(health_state(b->health, 0), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	health_failed(b->health, 0, EIO, "fsync");
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	health_facts(b->health, 0, &facts);
	assert_int_equal(facts.errors, 2);
	assert_int_equal(facts.probes, 9);
}

static void
failures_are_judged_by_their_errno(void **state)
{
	static const struct {
		int sys;
		enum location_state state;
	} rows[] = {
	    {0, STATE_ONLINE},
	    {ENOENT, STATE_ONLINE},
	    {ENOMEM, STATE_ONLINE},
	    {EMFILE, STATE_ONLINE},
	    {ENFILE, STATE_ONLINE},
	    {EIO, STATE_SUSPECT},
	    {EEXIST, STATE_SUSPECT},
	    {ENOSPC, STATE_FULL},
	    {EDQUOT, STATE_FULL},
	    {EROFS, STATE_READONLY},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)after_probe(b, 0, down);
		(void)after_probe(b, 0, good);
		assert_int_equal(look_through(b, 0), STATE_ONLINE);
		health_failed(b->health, 0, rows[i].sys, "write");
		assert_int_equal(health_state(b->health, 0), rows[i].state);
	}
}

/* What takes no writes at all must not become what takes some. */
static void
a_failed_read_does_not_make_a_closed_location_writable(void **state)
{
	static const struct verdict *const closed[] = {&enospc, &erofs};
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		(void)after_probe(b, 0, *closed[i]);
		health_failed(b->health, 0, EIO, "read");
		assert_int_equal(health_writable(b->health, 4) & 1, 0);
	}
}

static void
a_full_location_is_used_again_when_twice_the_reserve_is_free(void **state)
{
	struct bench *b = *state;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	assert_int_equal(
	    after_probe(b, 0, (struct verdict){.free_bytes = GIB - 1}), STATE_FULL);
	assert_int_equal(
	    after_probe(b, 0, (struct verdict){.free_bytes = 2ULL * GIB - 1}),
	    STATE_FULL);
	assert_int_equal(
	    after_probe(b, 0, (struct verdict){.free_bytes = 2ULL * GIB}), STATE_ONLINE);
	assert_int_equal(
	    after_probe(b, 0, (struct verdict){.free_bytes = GIB}), STATE_ONLINE);
	assert_int_equal(
	    after_probe(b, 0, (struct verdict){.free_inodes = 999}), STATE_FULL);
	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
}

static void
a_probe_that_is_slow_to_answer_makes_a_suspect_meanwhile(void **state)
{
	struct bench *b = *state;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	wait_for_probe(b, 0);
	run_for(b, 3 * PERIOD_MS);
	assert_int_equal(health_state(b->health, 0), STATE_ONLINE);
	clock_skew_ms += 2001;
	run_for(b, 3 * PERIOD_MS);
	assert_int_equal(health_state(b->health, 0), STATE_SUSPECT);
	answer(b, 0, slow);
	assert_int_equal(health_state(b->health, 0), STATE_SUSPECT);
}

static void
a_probe_that_does_not_answer_makes_a_hung_location(void **state)
{
	struct bench *b = *state;
	struct health_facts facts;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	wait_for_probe(b, 0);
	clock_skew_ms += DEADLINE_MS;
	run_for(b, 3 * PERIOD_MS);
	assert_int_equal(health_state(b->health, 0), STATE_HUNG);
	health_facts(b->health, 0, &facts);
	assert_int_equal(facts.stuck, 1);
	assert_int_equal(health_writable(b->health, 4) & 1, 0);
	health_failed(b->health, 0, ENOSPC, "write"); /* known as worse */
	assert_int_equal(health_state(b->health, 0), STATE_HUNG);
	answer(b, 0, slow);
	health_facts(b->health, 0, &facts);
	assert_int_equal(facts.stuck, 0);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_SUSPECT);
	assert_int_equal(after_probe(b, 0, good), STATE_REJOIN);
	assert_int_equal(look_through(b, 0), STATE_ONLINE);
}

static void
a_location_stays_hung_while_anything_is_stuck(void **state)
{
	struct bench *b = *state;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	health_stuck(b->health, 0, +1);
	health_stuck(b->health, 0, +1);
	assert_int_equal(health_state(b->health, 0), STATE_HUNG);
	assert_int_equal(after_probe(b, 0, good), STATE_HUNG);
	health_stuck(b->health, 0, -1);
	assert_int_equal(after_probe(b, 0, good), STATE_HUNG);
	assert_int_equal(after_probe(b, 0, eio), STATE_HUNG);
	assert_int_equal(after_probe(b, 0, slow), STATE_HUNG);
	assert_int_equal(after_probe(b, 0, down), STATE_OFFLINE);
	health_stuck(b->health, 0, -1);
	assert_int_equal(after_probe(b, 0, good), STATE_REJOIN);
}

/* A blob whose file lies in that leaf directory. */
static uint64_t
in_leaf(unsigned leaf)
{
	return (uint64_t)leaf * STORE_ID_BLOCK + 7;
}

static void
who_was_away_is_believed_as_far_as_it_was_looked_through(void **state)
{
	struct bench *b = *state;
	unsigned absences;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(3)), READ_FIRST);
	(void)after_probe(b, 0, down);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(3)), READ_NEVER);
	assert_int_equal(after_probe(b, 0, good), STATE_REJOIN);
	assert_int_equal(health_writable(b->health, 1), 1);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(3)), READ_LAST);
	absences = health_absences(b->health, 0);
	health_merged_to(b->health, 0, 4, absences);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(3)), READ_FIRST);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(4)), READ_LAST);
	/* Away once more: what was looked at before does not count. */
	(void)after_probe(b, 0, down);
	(void)after_probe(b, 0, good);
	health_merged_to(b->health, 0, 5, absences);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(3)), READ_LAST);
	health_merged(b->health, 0, absences);
	assert_int_equal(health_state(b->health, 0), STATE_REJOIN);
	assert_int_equal(look_through(b, 0), STATE_ONLINE);
	assert_int_equal(health_may_read(b->health, 0, in_leaf(4)), READ_FIRST);
}

/* Also one that is not there when the server starts, or was not when the last one ended. */
static void
a_location_that_comes_later_or_was_away_before_is_looked_through(void **state)
{
	struct bench *b = *state;

	(void)after_probe(b, 0, down);
	assert_int_equal(after_probe(b, 0, good), STATE_REJOIN);
	health_was_away(b->health, 1);
	assert_int_equal(after_probe(b, 1, good), STATE_REJOIN);
	assert_int_equal(after_probe(b, 2, good), STATE_ONLINE);
}

static void
an_empty_disk_is_read_from_where_it_is_filled(void **state)
{
	struct bench *b = *state;

	(void)after_probe(b, 0, down);
	health_is_new(b->health, 0, 1000, 0);
	assert_int_equal(health_state(b->health, 0), STATE_OFFLINE);
	assert_int_equal(after_probe(b, 0, good), STATE_NEW);
	assert_int_equal(health_writable(b->health, 1), 1);
	assert_int_equal(health_may_read(b->health, 0, 999), READ_NEVER);
	assert_int_equal(health_may_read(b->health, 0, 1000), READ_FIRST);
	health_is_new(b->health, 0, 1000, 500);
	assert_int_equal(health_may_read(b->health, 0, 500), READ_FIRST);
	assert_int_equal(health_may_read(b->health, 0, 501), READ_NEVER);
	assert_int_equal(after_probe(b, 0, enospc), STATE_FULL);
	assert_int_equal(health_may_read(b->health, 0, 501), READ_NEVER);
	assert_int_equal(after_probe(b, 0, good), STATE_NEW);
	health_filled(b->health, 0);
	assert_int_equal(health_state(b->health, 0), STATE_ONLINE);
	assert_int_equal(health_may_read(b->health, 0, 501), READ_FIRST);
}

/* If it was away while it was filled, what lies there is looked through afterwards. */
static void
a_new_disk_that_was_away_is_looked_through_when_it_is_filled(void **state)
{
	struct bench *b = *state;

	(void)after_probe(b, 0, down);
	health_is_new(b->health, 0, 1000, 999);
	assert_int_equal(after_probe(b, 0, good), STATE_NEW);
	(void)after_probe(b, 0, down);
	assert_int_equal(after_probe(b, 0, good), STATE_NEW);
	health_filled(b->health, 0);
	assert_int_equal(health_state(b->health, 0), STATE_REJOIN);
	assert_int_equal(look_through(b, 0), STATE_ONLINE);
}

static void
what_the_operator_ordered_holds_until_he_takes_it_back(void **state)
{
	static const struct {
		enum location_order order;
		enum location_state state;
		enum health_read may;
	} rows[] = {
	    {LOCATION_READONLY, STATE_READONLY, READ_FIRST},
	    {LOCATION_DRAINED, STATE_DRAIN, READ_LAST},
	};
	struct bench *b = *state;
	struct health_facts facts;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	for (size_t i = 0; i < 2; i++) {
		health_order(b->health, 0, rows[i].order);
		assert_int_equal(health_state(b->health, 0), rows[i].state);
		health_facts(b->health, 0, &facts);
		assert_non_null(strstr(facts.reason, "operator"));
		assert_int_equal(health_may_read(b->health, 0, 1), rows[i].may);
		assert_int_equal(health_writable(b->health, 4) & 1, 0);
		assert_int_equal(after_probe(b, 0, good), rows[i].state);
		assert_int_equal(after_probe(b, 0, enospc), rows[i].state);
		assert_int_equal(after_probe(b, 0, down), STATE_OFFLINE);
		assert_int_equal(after_probe(b, 0, good), rows[i].state);
		health_order(b->health, 0, LOCATION_AS_IT_IS);
		assert_int_equal(health_state(b->health, 0), STATE_REJOIN);
		assert_int_equal(look_through(b, 0), STATE_ONLINE);
	}
}

/* Nothing is written by a probe, and nothing stays open of a location that was taken out. */
static void
probes_keep_to_what_was_ordered(void **state)
{
	struct bench *b = *state;
	struct location_probe *probe;

	assert_int_equal(after_probe(b, 0, good), STATE_ONLINE);
	health_order(b->health, 0, LOCATION_READONLY);
	(void)after_probe(b, 0, good); /* was under way, perhaps */
	wait_for_probe(b, 0);
	probe = container_of(b->dummy[0].probe, struct location_probe, call);
	assert_true(probe->look_only);
	assert_false(probe->detach);
	answer(b, 0, good);
	health_order(b->health, 0, LOCATION_TAKEN_OUT);
	assert_int_equal(health_state(b->health, 0), STATE_OFFLINE);
	(void)after_probe(b, 0, good);
	wait_for_probe(b, 0);
	probe = container_of(b->dummy[0].probe, struct location_probe, call);
	assert_true(probe->detach);
	answer(b, 0, down);
	/* Until it is probed again nobody knows whether it is there. */
	health_order(b->health, 0, LOCATION_AS_IT_IS);
	assert_int_equal(health_state(b->health, 0), STATE_OFFLINE);
	(void)after_probe(b, 0, down);
	assert_int_equal(after_probe(b, 0, good), STATE_REJOIN);
}

static void
a_disk_is_told_by_its_uuid(void **state)
{
	static const uint8_t uuid[STORE_UUID_SIZE] = "the second disk";
	struct bench *b = *state;
	struct location_probe *probe;
	uint8_t seen[STORE_UUID_SIZE];

	assert_false(health_disk(b->health, 0, seen));
	(void)after_probe(b, 0, good);
	assert_true(health_disk(b->health, 0, seen));
	health_expect(b->health, 0, uuid);
	(void)after_probe(b, 0, good);
	wait_for_probe(b, 0);
	probe = container_of(b->dummy[0].probe, struct location_probe, call);
	assert_true(probe->is_expected);
	assert_memory_equal(probe->expected, uuid, sizeof uuid);
}

static void
suspects_are_written_to_only_while_the_quorum_needs_them(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		(void)after_probe(b, i, i < 2 ? eio : good);
	assert_int_equal(health_writable(b->health, 1), 12);
	assert_int_equal(health_writable(b->health, 2), 12);
	assert_int_equal(health_writable(b->health, 3), 13);
	assert_int_equal(health_writable(b->health, 4), 15);
	(void)after_probe(b, 0, erofs);
	assert_int_equal(health_writable(b->health, 3), 14);
}

static void
a_location_with_less_to_do_and_quicker_answers_scores_better(void **state)
{
	struct bench *b = *state;
	uint64_t idle;

	for (unsigned i = 0; i < 2; i++) {
		health_read_begun(b->health, i);
		health_read_ended(b->health, i, i == 0 ? 1000 : 10000);
	}
	idle = health_read_score(b->health, 0);
	assert_true(idle < health_read_score(b->health, 1));
	health_read_begun(b->health, 0);
	assert_int_equal(health_read_score(b->health, 0), 2 * idle);
	for (unsigned i = 0; i < 40; i++) {
		health_read_begun(b->health, 1);
		health_read_ended(b->health, 1, 100);
	}
	assert_true(health_read_score(b->health, 1) < idle);
	health_read_ended(b->health, 0, 1000);
}

static void
a_slow_answer_is_forgiven_while_nobody_asks_again(void **state)
{
	struct bench *b = *state;

	health_read_begun(b->health, 0);
	health_read_ended(b->health, 0, 8000);
	(void)after_probe(b, 0, good); /* it was read since the last probe */
	assert_int_equal(health_read_score(b->health, 0), 8000);
	(void)after_probe(b, 0, eio);
	assert_int_equal(health_read_score(b->health, 0), 8000);
	(void)after_probe(b, 0, good);
	assert_int_equal(health_read_score(b->health, 0), 4000);
	for (unsigned i = 0; i < 3; i++)
		(void)after_probe(b, 0, good);
	assert_int_equal(health_read_score(b->health, 0), 500);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BENCH(a_location_is_offline_until_its_first_probe),
	    BENCH(every_answer_of_a_probe_has_its_state),
	    BENCH(a_suspect_is_trusted_after_three_good_probes),
	    BENCH(a_failed_operation_makes_a_suspect_for_three_probes),
	    BENCH(failures_are_judged_by_their_errno),
	    BENCH(a_failed_read_does_not_make_a_closed_location_writable),
	    BENCH(a_full_location_is_used_again_when_twice_the_reserve_is_free),
	    BENCH(a_probe_that_is_slow_to_answer_makes_a_suspect_meanwhile),
	    BENCH(a_probe_that_does_not_answer_makes_a_hung_location),
	    BENCH(a_location_stays_hung_while_anything_is_stuck),
	    BENCH(who_was_away_is_believed_as_far_as_it_was_looked_through),
	    BENCH(a_location_that_comes_later_or_was_away_before_is_looked_through),
	    BENCH(an_empty_disk_is_read_from_where_it_is_filled),
	    BENCH(a_new_disk_that_was_away_is_looked_through_when_it_is_filled),
	    BENCH(what_the_operator_ordered_holds_until_he_takes_it_back),
	    BENCH(probes_keep_to_what_was_ordered),
	    BENCH(a_disk_is_told_by_its_uuid),
	    BENCH(suspects_are_written_to_only_while_the_quorum_needs_them),
	    BENCH(a_location_with_less_to_do_and_quicker_answers_scores_better),
	    BENCH(a_slow_answer_is_forgiven_while_nobody_asks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
