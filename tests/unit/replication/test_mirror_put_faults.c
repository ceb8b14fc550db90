/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads while disks fail: whichever operation of one location or of two does, the
 * outcome is that of the table by usable locations and W (storage 2.4), no unfinished
 * file stays, and for every copy that is missing there is a row.
 */
#include "tests/unit/replication/puts.h"

enum { LARGE = (2 << 20) + 5000 };

static void
fail_nth(unsigned location, unsigned n, int sys)
{
	fake_io_rule(
	    location, (struct fake_io_rule){.kinds = FAKE_IO_ALL & ~FAKE_IO_CLOSE,
			  .path = OF_FILES,
			  .from = n,
			  .times = 1,
			  .sys = sys});
}

static void
wait_until_over(struct rig *rig)
{
	for (unsigned i = 0; i < rig->mirror->n; i++)
		fake_io_calm(i);
	rig_wait_until(rig, puts_are_over);
	rig_wait_until(rig, nothing_to_remove);
	rig_wait_until(rig, rig_all_online);
	check_tmp_is_empty(rig);
}

/* What fails of an upload's operations: the n-th at `many` locations, with this errno. */
struct trouble {
	unsigned many;
	uint64_t length;
	int sys;
	unsigned files; /* that were stored */
};

/* One round; false when nothing failed any more. */
static bool
survive_nth(struct rig *rig, struct trouble *t, unsigned n)
{
	struct upload u = {.rig = rig, .seed = n, .length = t->length};
	uint64_t due = facts_of(rig).repairs_due;
	unsigned failed = 0;
	char name[24];

	for (unsigned i = 0; i < t->many; i++)
		fail_nth(i, n, t->sys);
	(void)upload_run(&u);
	for (unsigned i = 0; i < t->many; i++)
		failed += fake_io_acted(i) > 0;
	if (rig->mirror->n - failed >= rig->mirror->write_quorum) {
		assert_ok(u.err, &u.why);
		assert_int_equal(u.blob.have >> t->many, 15 >> t->many);
		assert_int_equal(__builtin_popcount(u.blob.have), 4 - failed);
		(void)snprintf(name, sizeof name, "f%llu", (unsigned long long)u.blob.id);
		upload_commit(&u, name);
		assert_int_equal(facts_of(rig).repairs_due, due + failed);
		wait_until_over(rig);
		check_copies(rig, &u.blob, n);
		check_reads_back(rig, &u.blob, n);
		due += failed;
		t->files++;
	} else {
		assert_err(u.err, t->sys == ENOSPC ? ERR_NO_SPACE : ERR_QUORUM);
		upload_abandon(&u);
	}
	wait_until_over(rig);
	assert_int_equal(facts_of(rig).repairs_due, due);
	assert_int_equal(rig_files(rig, 3, "blob"), t->files);
	return failed > 0;
}

/* Else one of their operations may be the n-th. */
static bool
leaves_are_made(struct rig *rig)
{
	return blob_ids_quiet(rig->mirror->ids);
}

static void
survive_all(struct rig *rig, struct trouble t, unsigned quorum)
{
	unsigned n = 1;

	rig_wait_until(rig, leaves_are_made);
	rig->mirror->write_quorum = quorum;
	t.files = rig_files(rig, 3, "blob");
	while (survive_nth(rig, &t, n))
		assert_true(++n < 40);
	assert_true(n >= 6); /* open, write, fsync, rename, open, fsync */
}

static void
whatever_fails_at_one_location_of_four_an_upload_succeeds(void **state)
{
	survive_all(*state, (struct trouble){.many = 1, .length = 5000, .sys = EIO}, 3);
	survive_all(*state, (struct trouble){.many = 1, .length = LARGE, .sys = EIO}, 3);
	survive_all(
	    *state, (struct trouble){.many = 1, .length = LARGE, .sys = ENOSPC}, 3);
	survive_all(*state, (struct trouble){.many = 1, .length = 5000, .sys = EROFS}, 3);
}

static void
whatever_fails_at_two_locations_an_upload_fails_without_a_trace(void **state)
{
	survive_all(*state, (struct trouble){.many = 2, .length = 5000, .sys = EIO}, 3);
	survive_all(*state, (struct trouble){.many = 2, .length = LARGE, .sys = EIO}, 3);
	survive_all(
	    *state, (struct trouble){.many = 2, .length = 5000, .sys = ENOSPC}, 3);
}

static void
with_a_smaller_quorum_two_failures_are_survived(void **state)
{
	survive_all(*state, (struct trouble){.many = 2, .length = 5000, .sys = EIO}, 2);
	survive_all(*state, (struct trouble){.many = 2, .length = LARGE, .sys = EIO}, 2);
}

static void
with_a_quorum_of_all_one_failure_is_too_many(void **state)
{
	survive_all(*state, (struct trouble){.many = 1, .length = 5000, .sys = EIO}, 4);
	survive_all(*state, (struct trouble){.many = 1, .length = LARGE, .sys = EIO}, 4);
}

/* By the number of locations that take files and W: refused before the body, or good. */
static void
the_table_of_usable_locations_and_quorum_holds(void **state)
{
	struct rig *rig = *state;

	for (unsigned usable = 4; usable < 5; usable--) {
		for (unsigned i = usable; i < 4; i++)
			health_failed(rig->mirror->health, i, EROFS, "write");
		for (unsigned quorum = 1; quorum <= 4; quorum++) {
			struct upload u = {.rig = rig, .seed = quorum, .length = 5000};

			rig->mirror->write_quorum = quorum;
			(void)upload_run(&u);
			if (usable < quorum) {
				assert_err(u.err, ERR_QUORUM);
				assert_false(u.opened);
			} else {
				assert_ok(u.err, &u.why);
				assert_int_equal(u.blob.have, (1 << usable) - 1);
				assert_int_equal(u.blob.want, 15);
			}
			upload_abandon(&u);
			rig_wait_until(rig, puts_are_over);
		}
	}
	assert_int_equal(rig->mirror->quorum_failures, 4 + 3 + 2 + 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_files(rig, i, "blob"), 0);
}

static void
without_space_alone_the_storage_is_full(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .length = 5000};

	health_failed(rig->mirror->health, 0, ENOSPC, "write");
	health_failed(rig->mirror->health, 1, ENOSPC, "write");
	assert_err(upload_run(&u), ERR_NO_SPACE);
	health_failed(rig->mirror->health, 1, EROFS, "write");
	assert_err(upload_run(&u), ERR_QUORUM);
	assert_int_equal(rig->mirror->quorum_failures, 2);
}

static void
a_file_that_cannot_be_removed_at_once_is_removed_later(void **state)
{
	struct rig *rig = *state;

	for (unsigned stage = 0; stage < 2; stage++) {
		struct upload u = {.rig = rig, .length = 5000};

		/* Two whole copies are to go; and two that failed behind their rename. */
		for (unsigned i = 0; i < 4; i++)
			fake_io_rule(i, (struct fake_io_rule){.kinds = FAKE_IO_UNLINK,
					    .path = OF_FILES,
					    .times = 1,
					    .sys = EIO});
		for (unsigned i = 0; i < 2 * stage; i++)
			fault(i, FAKE_IO_FSYNC_DIR, FAKE_IO_FAIL, EIO);
		assert_err(upload_run(&u), stage == 0 ? ERR_OK : ERR_QUORUM);
		upload_abandon(&u);
		rig_wait_until(rig, puts_are_over);
		assert_int_equal(facts_of(rig).removals_due, 4);
		calm_down(rig);
		check_no_trace(rig, 0);
	}
}

static void
slow_probes(struct rig *rig)
{
	patient(rig);
	rig->settings.probe_period = 3600000;
}

/* States stay what the test makes them. */
static int
open_still_rig(void **state)
{
	return open_rig_tuned(state, slow_probes);
}

#define STILL(test) cmocka_unit_test_setup_teardown(test, open_still_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RIG(whatever_fails_at_one_location_of_four_an_upload_succeeds),
	    RIG(whatever_fails_at_two_locations_an_upload_fails_without_a_trace),
	    RIG(with_a_smaller_quorum_two_failures_are_survived),
	    RIG(with_a_quorum_of_all_one_failure_is_too_many),
	    STILL(the_table_of_usable_locations_and_quorum_holds),
	    STILL(without_space_alone_the_storage_is_full),
	    RIG(a_file_that_cannot_be_removed_at_once_is_removed_later),
	};

	return run_with_both_engines(tests);
}
