/* SPDX-License-Identifier: Apache-2.0 */
/* Locations that are late, slow or hang during an upload, and what becomes of them. */
#include "tests/unit/replication/puts.h"

static void
impatient(struct rig *rig)
{
	patient(rig);
	rig->settings.straggler_wait = 400;
	rig->settings.slow_time = 400;
}

static int
open_impatient_rig(void **state)
{
	return open_rig_tuned(state, impatient);
}

#define IMPATIENT(test)                                                                  \
	cmocka_unit_test_setup_teardown(test, open_impatient_rig, close_rig)

/* Held at location 0 in an upload that is done without it; committed unless `abandon`. */
static void
leave_behind(struct rig *rig, struct upload *u, unsigned kinds, bool abandon)
{
	*u = (struct upload){.rig = rig, .seed = 5, .length = 5000};
	fault(0, kinds, FAKE_IO_HOLD, 0);
	assert_ok(upload_run(u), &u->why);
	assert_in_range(u->took_ms, rig->mirror->straggler_wait_ms, 30000);
	assert_int_equal(u->blob.have, 14);
	if (abandon)
		upload_abandon(u);
	else
		upload_commit(u, "late");
	assert_int_equal(facts_of(rig).repairs_due, abandon ? 0 : 1);
	fake_io_calm(0); /* what is held stays so */
}

static const unsigned late_steps[] = {
    FAKE_IO_OPEN, FAKE_IO_WRITE, FAKE_IO_FSYNC, FAKE_IO_RENAME, FAKE_IO_FSYNC_DIR};

enum { LATE_STEPS = sizeof late_steps / sizeof late_steps[0] };

static void
a_late_copy_is_counted_when_it_is_durable(void **state)
{
	struct rig *rig = *state;

	for (unsigned s = 0; s < LATE_STEPS; s++) {
		struct upload u;

		leave_behind(rig, &u, late_steps[s], false);
		assert_false(mirror_idle(rig->mirror));
		fake_io_release(0);
		rig_wait_until(rig, puts_are_over);
		u.blob = blob_now(rig, u.blob.id);
		assert_int_equal(u.blob.have, 15);
		assert_int_equal(facts_of(rig).repairs_due, 0);
		check_copies(rig, &u.blob, 5);
		upload_delete(&u);
		check_no_trace(rig, 0);
	}
}

static void
a_late_copy_of_a_file_that_was_deleted_is_removed(void **state)
{
	struct rig *rig = *state;

	for (unsigned s = 0; s < LATE_STEPS; s++) {
		struct upload u;

		leave_behind(rig, &u, late_steps[s], false);
		upload_delete(&u);
		fake_io_release(0);
		check_no_trace(rig, 0);
		assert_int_equal(facts_of(rig).repairs_due, 0);
	}
}

static void
a_late_copy_of_an_upload_given_up_is_removed(void **state)
{
	struct rig *rig = *state;

	for (unsigned s = 0; s < LATE_STEPS; s++) {
		struct upload u;

		leave_behind(rig, &u, late_steps[s], true);
		fake_io_release(0);
		check_no_trace(rig, 0);
	}
}

static void
a_late_copy_that_fails_leaves_its_row(void **state)
{
	struct rig *rig = *state;
	struct upload u;

	leave_behind(rig, &u, FAKE_IO_WRITE, false);
	fault(0, FAKE_IO_FSYNC, FAKE_IO_FAIL, EIO);
	fake_io_release(0);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, u.blob.id).have, 14);
	assert_int_equal(facts_of(rig).repairs_due, 1);
	check_tmp_is_empty(rig);
	assert_int_equal(rig_files(rig, 0, "blob"), 0);
	check_reads_back(rig, &u.blob, 5);
}

/* It answers between the outcome and the commit: the record was made already. */
static void
a_copy_that_comes_before_the_commit_is_counted_too(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 5, .length = 5000};

	fault(0, FAKE_IO_FSYNC, FAKE_IO_HOLD, 0);
	assert_ok(upload_run(&u), &u.why);
	fake_io_calm(0);
	fake_io_release(0);
	rig_run_for(rig, 50);
	assert_int_equal(u.blob.have, 14);
	upload_commit(&u, "x");
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, u.blob.id).have, 15);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

/* Slow */

/* Short of slow_backlog: it is the end of the body that shows who is behind. */
static void
at_the_end_of_the_body_stragglers_are_left_behind(void **state)
{
	static const unsigned steps[] = {FAKE_IO_OPEN, FAKE_IO_WRITE};
	struct rig *rig = *state;

	for (unsigned s = 0; s < 2; s++) {
		struct upload u = {.rig = rig, .seed = 9, .length = 300000};

		fault(2, steps[s], FAKE_IO_HOLD, 0);
		assert_ok(upload_run(&u), &u.why);
		assert_in_range(u.took_ms, rig->mirror->straggler_wait_ms, 10000);
		assert_int_equal(u.blob.have, 11);
		upload_commit(&u, s == 0 ? "x" : "y");
		assert_int_equal(facts_of(rig).repairs_due, s + 1);
		check_reads_back(rig, &u.blob, 9);
		fake_io_calm(2);
		fake_io_release(2);
		rig_wait_until(rig, puts_are_over);
		check_tmp_is_empty(rig);
	}
}

static void
a_slow_location_is_dropped_and_the_rest_goes_on(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 9, .length = 20 << 20};

	fault(2, FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	assert_ok(upload_run(&u), &u.why);
	assert_int_equal(u.blob.have, 11);
	upload_commit(&u, "big");
	assert_int_equal(facts_of(rig).repairs_due, 1);
	fake_io_calm(2);
	fake_io_release(2);
	rig_wait_until(rig, puts_are_over);
	check_tmp_is_empty(rig);
	check_copies(rig, &u.blob, 9);
	check_reads_back(rig, &u.blob, 9);
}

static void
one_of_the_last_needed_is_not_dropped_for_being_slow(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 9, .length = 20 << 20};

	rig->mirror->write_quorum = 4;
	fault(2, FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	upload_start(&u);
	rig_run_for(rig, 1200);
	assert_false(u.done);
	fake_io_calm(2);
	fake_io_release(2);
	rig_wait_flag(rig, &u.done);
	assert_ok(u.err, &u.why);
	assert_int_equal(u.blob.have, 15);
	upload_abandon(&u);
}

/* Hanging */

static void
very_impatient(struct rig *rig)
{
	impatient(rig);
	rig->settings.io_deadline = 500;
	rig->settings.slow_time = 5000;
}

static int
open_hasty_rig(void **state)
{
	return open_rig_tuned(state, very_impatient);
}

static bool
first_is_hung(struct rig *rig)
{
	return health_state(rig->mirror->health, 0) == STATE_HUNG;
}

static bool
pool_is_free(struct rig *rig)
{
	/* but for the pages of the probes */
	return pool_stats(rig->pool).used_bytes <= 4 * PIECE_SMALL_SIZE;
}

static void
a_location_that_hangs_is_left_out_and_gives_its_memory_back(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 1, .length = 6 << 20};
	struct upload next = {.rig = rig, .seed = 2, .length = 5000};

	fault(0, FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	assert_ok(upload_run(&u), &u.why);
	assert_int_equal(u.blob.have, 14);
	assert_int_equal(health_state(rig->mirror->health, 0), STATE_HUNG);
	upload_commit(&u, "one");
	rig_wait_until(rig, pool_is_free);
	assert_true(pool_stats(rig->pool).disowned_bytes >= 1 << 20);
	assert_int_equal(pool_stats(rig->pool).transfers, 0);
	assert_ok(upload_run(&next), &next.why);
	assert_int_equal(next.blob.have, 14);
	assert_in_range(next.took_ms, 0, 5000);
	upload_commit(&next, "two");
	fake_io_calm(0);
	fake_io_release(0);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(pool_stats(rig->pool).disowned_bytes, 0);
	rig_wait_until(rig, rig_all_online);
	check_tmp_is_empty(rig);
	check_copies(rig, &u.blob, 1);
}

static void
two_locations_that_hang_end_an_upload(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 1, .length = 6 << 20};

	fault(0, FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	fault(1, FAKE_IO_FSYNC | FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	assert_err(upload_run(&u), ERR_QUORUM);
	assert_in_range(u.took_ms, 450, 30000);
	upload_abandon(&u);
	for (unsigned i = 0; i < 2; i++) {
		fake_io_calm(i);
		fake_io_release(i);
	}
	check_no_trace(rig, 0);
}

/* Many small files that wait for one location: nobody else may starve of it. */
static void
uploads_that_wait_for_one_location_do_not_use_up_the_pool(void **state)
{
	enum { MANY = 600 };
	struct rig *rig = *state;
	struct upload *u = calloc(MANY, sizeof *u);

	assert_non_null(u);
	rig->mirror->straggler_wait_ms = 0;
	rig->mirror->io_deadline_ms = 600000;
	rig->mirror->slow_time_ms = 200;
	fault(0, FAKE_IO_FSYNC, FAKE_IO_HOLD, 0);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];

		u[i] = (struct upload){.rig = rig, .seed = i, .length = 100};
		(void)snprintf(name, sizeof name, "f%u", i);
		assert_ok(upload_run(&u[i]), &u[i].why);
		assert_int_equal(u[i].blob.have, 14);
		upload_commit(&u[i], name);
	}
	rig_wait_until(rig, pool_is_free);
	assert_int_equal(pool_stats(rig->pool).transfers, 0);
	fake_io_calm(0);
	fake_io_release(0);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(facts_of(rig).repairs_due, 0);
	free(u);
}

static void
a_mirror_is_not_quiet_while_an_upload_hangs(void **state)
{
	struct rig *rig = *state;
	struct upload u;

	leave_behind(rig, &u, FAKE_IO_FSYNC, false);
	rig_wait_until(rig, first_is_hung);
	assert_false(mirror_quiet(rig->mirror));
	fake_io_release(0);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, u.blob.id).have, 15);
}

#define HASTY(test) cmocka_unit_test_setup_teardown(test, open_hasty_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    IMPATIENT(a_late_copy_is_counted_when_it_is_durable),
	    IMPATIENT(a_late_copy_of_a_file_that_was_deleted_is_removed),
	    IMPATIENT(a_late_copy_of_an_upload_given_up_is_removed),
	    IMPATIENT(a_late_copy_that_fails_leaves_its_row),
	    IMPATIENT(a_copy_that_comes_before_the_commit_is_counted_too),
	    IMPATIENT(at_the_end_of_the_body_stragglers_are_left_behind),
	    IMPATIENT(a_slow_location_is_dropped_and_the_rest_goes_on),
	    IMPATIENT(one_of_the_last_needed_is_not_dropped_for_being_slow),
	    HASTY(a_location_that_hangs_is_left_out_and_gives_its_memory_back),
	    HASTY(two_locations_that_hang_end_an_upload),
	    IMPATIENT(uploads_that_wait_for_one_location_do_not_use_up_the_pool),
	    HASTY(a_mirror_is_not_quiet_while_an_upload_hangs),
	};

	return run_with_both_engines(tests);
}
