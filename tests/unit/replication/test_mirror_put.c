/* SPDX-License-Identifier: Apache-2.0 */
/* One upload with locations that work: sizes, order of steps, claims, giving up. */
#include "tests/unit/replication/puts.h"

static const uint64_t sizes[] = {
    1, 4095, 4096, 4097, 57344, 57345, 65536, 1 << 20, (1 << 20) + 1, (4 << 20) + 4097};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void
check_size(struct rig *rig, struct upload *u, unsigned name)
{
	char text[16];

	if (upload_run(u) != ERR_OK)
		fail_msg("%llu bytes: %s", (unsigned long long)u->length,
		    errinfo_text(&u->why));
	assert_int_equal(u->blob.length, u->length);
	assert_int_equal(u->blob.have, 15);
	assert_int_equal(u->blob.want, 15);
	(void)snprintf(text, sizeof text, "f%u", name);
	upload_commit(u, text);
	rig_wait_until(rig, puts_are_over);
	check_copies(rig, &u->blob, u->seed);
	check_reads_back(rig, &u->blob, u->seed);
}

static void
files_of_all_sizes_lie_whole_in_four_places(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < SIZES; i++) {
		struct upload known = {.rig = rig, .seed = i, .length = sizes[i]};
		struct upload unknown = known;

		unknown.announced = MIRROR_LENGTH_UNKNOWN;
		check_size(rig, &known, 2 * i);
		check_size(rig, &unknown, 2 * i + 1);
	}
	assert_int_equal(facts_of(rig).repairs_due, 0);
	assert_int_equal(rig->mirror->quorum_failures, 0);
}

/* A slice may hold less than its piece, and come late. */
static void
bodies_may_come_in_small_portions(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < SIZES; i++) {
		struct upload u = {.rig = rig,
		    .seed = i,
		    .length = sizes[i],
		    .body = {.slice = 4096, .pauses = true}};

		check_size(rig, &u, i);
	}
}

static bool
both_are_held(struct rig *rig)
{
	(void)rig;
	return fake_io_held(0) > 0 && fake_io_held(1) > 0;
}

/*
 * durable(file) < durable(name) < answer: while a step is held back at two locations of
 * four, none behind it happens there, and no quorum of three is reached.
 */
static void
each_step_waits_for_the_one_before(void **state)
{
	static const unsigned steps[] = {FAKE_IO_OPEN, FAKE_IO_WRITE, FAKE_IO_FSYNC,
	    FAKE_IO_RENAME, FAKE_IO_FSYNC_DIR};
	struct rig *rig = *state;
	struct blob before = upload_file(rig, "leaf", 1, 10); /* makes the leaf */

	assert_int_equal(before.have, 15);
	for (unsigned large = 0; large < 2; large++)
		for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
			struct upload u = {
			    .rig = rig, .seed = s, .length = large ? 2 << 20 : 5000};

			calm_down(rig);
			for (unsigned i = 0; i < 2; i++)
				fake_io_rule(i, (struct fake_io_rule){.kinds = steps[s],
						    .path = OF_FILES,
						    .times = 1,
						    .act = FAKE_IO_HOLD});
			upload_start(&u);
			rig_wait_until(rig, both_are_held);
			rig_run_for(rig, 20);
			assert_false(u.done);
			for (unsigned i = 0; i < 2; i++) {
				assert_int_equal(fake_io_held(i), 1);
				assert_int_equal(rig_files(rig, i, "blob"),
				    steps[s] == FAKE_IO_FSYNC_DIR ? 2 : 1);
				assert_int_equal(
				    rig_files(rig, i, "tmp"), s >= 1 && s <= 3 ? 1 : 0);
				fake_io_release(i);
			}
			rig_wait_flag(rig, &u.done);
			assert_ok(u.err, &u.why);
			assert_int_equal(u.blob.have, 15);
			upload_abandon(&u);
			check_no_trace(rig, 1);
		}
}

static void
a_body_that_is_not_what_was_claimed_leaves_no_trace(void **state)
{
	struct rig *rig = *state;
	const uint64_t lengths[] = {70, 57344, 3 << 20};

	for (unsigned i = 0; i < 3; i++) {
		struct upload shorter = {.rig = rig, .length = lengths[i] - 1};
		struct upload longer = {.rig = rig, .length = lengths[i] + 1};
		struct upload other = {
		    .rig = rig, .length = lengths[i], .md5_given = true, .md5 = {1}};

		shorter.announced = longer.announced = lengths[i];
		assert_err(upload_run(&shorter), ERR_PRECONDITION);
		upload_abandon(&shorter);
		assert_err(upload_run(&longer), ERR_PRECONDITION);
		upload_abandon(&longer);
		assert_err(upload_run(&other), ERR_PRECONDITION);
		assert_non_null(strstr(other.why.text, "MD5"));
		upload_abandon(&other);
	}
	check_no_trace(rig, 0);
}

static void
the_right_md5_is_accepted(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 3, .length = 70, .md5_given = true};
	uint8_t bytes[70];

	body_fill(3, 0, bytes, sizeof bytes);
	assert_true(md5_of(bytes, sizeof bytes, u.md5));
	assert_ok(upload_run(&u), &u.why);
	assert_memory_equal(u.blob.md5, u.md5, MD5_SIZE);
	upload_abandon(&u);
}

static void
more_than_the_limit_is_refused(void **state)
{
	struct rig *rig = *state;
	struct upload told = {.rig = rig, .length = 5 << 20, .limit = (5 << 20) - 1};
	struct upload silent = told;

	assert_err(upload_run(&told), ERR_TOO_LARGE);
	assert_false(told.opened);
	silent.announced = MIRROR_LENGTH_UNKNOWN;
	assert_err(upload_run(&silent), ERR_TOO_LARGE);
	upload_abandon(&silent);
	check_no_trace(rig, 0);
}

static void
a_client_that_goes_away_leaves_no_trace(void **state)
{
	static const uint64_t at[] = {0, 1, 4096, 65536, 1 << 20, 3 << 20};
	struct rig *rig = *state;

	for (unsigned i = 0; i < 2 * sizeof at / sizeof at[0]; i++) {
		struct upload u = {.rig = rig,
		    .length = at[i / 2],
		    .announced = i % 2 == 0 ? MIRROR_LENGTH_UNKNOWN : at[i / 2] + 5000,
		    .body = {.breaks = true}};

		assert_err(upload_run(&u), ERR_CANCELLED);
		upload_abandon(&u);
	}
	check_no_trace(rig, 0);
}

/* Given up from outside, at any moment: after `turns` turns of the loop. */
static void
an_upload_can_be_given_up_at_any_moment(void **state)
{
	enum { TURNS = 60 };
	struct rig *rig = *state;
	struct upload *all = calloc(TURNS, sizeof *all);

	assert_non_null(all);
	for (unsigned turns = 0; turns < TURNS; turns++) {
		struct upload *u = &all[turns];

		*u = (struct upload){.rig = rig,
		    .seed = turns,
		    .length = turns % 3 == 0 ? 5000 : 3 << 20,
		    .body = {.slice = 64 << 10, .pauses = true}};
		upload_start(u);
		rig_run_for(rig, turns / 3);
		upload_abandon(u);
		rig_wait_until(rig, puts_are_over);
	}
	check_no_trace(rig, 0);
	rig_run_for(rig, 10); /* a body that paused still says it is ready */
	free(all);
}

static void
an_empty_file_has_no_blob(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .announced = MIRROR_LENGTH_UNKNOWN};

	assert_ok(upload_run(&u), &u.why);
	assert_int_equal(u.blob.id, 0);
	upload_commit(&u, "empty");
	check_no_trace(rig, 0);
}

static void
small_pool(struct rig *rig)
{
	patient(rig);
	rig->settings.buffer_memory = 16 << 20;
}

static int
open_small_rig(void **state)
{
	return open_rig_tuned(state, small_pool);
}

static void
too_many_uploads_at_once_are_refused_and_others_not_harmed(void **state)
{
	enum { MANY = 200 };
	struct rig *rig = *state;
	struct upload *u = calloc(MANY, sizeof *u);
	unsigned refused = 0;

	assert_non_null(u);
	for (unsigned i = 0; i < MANY; i++) {
		u[i] = (struct upload){.rig = rig,
		    .seed = i,
		    .length = 200000,
		    .announced = MIRROR_LENGTH_UNKNOWN};
		upload_start(&u[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		rig_wait_flag(rig, &u[i].done);
		refused += u[i].err == ERR_BUSY;
		assert_true(u[i].err == ERR_OK || u[i].err == ERR_BUSY);
		upload_abandon(&u[i]);
	}
	assert_in_range(refused, 1, MANY - 1);
	check_no_trace(rig, 0);
	free(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RIG(files_of_all_sizes_lie_whole_in_four_places),
	    RIG(bodies_may_come_in_small_portions),
	    RIG(each_step_waits_for_the_one_before),
	    RIG(a_body_that_is_not_what_was_claimed_leaves_no_trace),
	    RIG(the_right_md5_is_accepted),
	    RIG(more_than_the_limit_is_refused),
	    RIG(a_client_that_goes_away_leaves_no_trace),
	    RIG(an_upload_can_be_given_up_at_any_moment),
	    RIG(an_empty_file_has_no_blob),
	    cmocka_unit_test_setup_teardown(
		too_many_uploads_at_once_are_refused_and_others_not_harmed,
		open_small_rig, close_rig),
	};

	return run_with_both_engines(tests);
}
