/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier processes left half done is removed after a start, and nothing else. */
#include "replication/sweep.h"
#include "tests/support/transfer.h"

static struct store_facts
facts_of(struct rig *rig)
{
	struct store_facts facts;

	assert_ok(store_facts(rig->reader, &facts, &rig->why), &rig->why);
	return facts;
}

static bool
sweep_has_ended(struct rig *rig)
{
	struct sweep_facts f;

	for (unsigned i = 0; i < 4; i++) {
		sweep_facts(rig->mirror->sweep, i, &f);
		if (f.state != SWEEP_DONE && f.state != SWEEP_STOPPED)
			return false;
	}
	return true;
}

static bool
puts_are_over(struct rig *rig)
{
	return mirror_idle(rig->mirror);
}

static int
open_rig(void **state)
{
	static struct rig rig;

	rig = (struct rig){0};
	rig_open(&rig, "gc_delay = 0\nsweep_limit = 5");
	rig_wait_until(&rig, sweep_has_ended);
	*state = &rig;
	return 0;
}

static int
close_rig(void **state)
{
	rig_close(*state);
	return 0;
}

/* A file at a location, as a process that died might have left it. */
static void
leave_finished(struct rig *rig, unsigned location, uint64_t id, bool ours)
{
	uint8_t bytes[3 * BLOB_PAGE];
	struct blob_trailer trailer = {.id = id, .length = 10, .path = BYTES("/left")};
	struct blob_table *table = blob_table_new();
	char path[160], leaf[160];
	FILE *f;

	assert_non_null(table);
	(void)memset(bytes, 'x', 10);
	(void)memset(bytes + 10, 0, sizeof bytes - 10);
	if (ours)
		(void)memcpy(
		    trailer.store, rig->mirror->store_uuid, sizeof trailer.store);
	assert_true(blob_table_add(table, bytes, 10));
	blob_table_write(table, &trailer, bytes + BLOB_PAGE);
	blob_table_free(table);
	rig_copy_path(rig, location, id, trailer.md5, path);
	(void)snprintf(leaf, sizeof leaf, "%s", path);
	for (char *at = strstr(leaf, "/blob/") + 6; (at = strchr(at, '/')) != NULL;
	     at++) {
		*at = '\0';
		(void)mkdir(leaf, 0750);
		*at = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, sizeof bytes, f), sizeof bytes);
	(void)fclose(f);
}

static void
leave_unfinished(struct rig *rig, unsigned location, const char *name)
{
	char path[160];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%u/tmp/%s", rig->dir, location + 1, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fclose(f);
}

static struct sweep_facts
restart_and_sweep(struct rig *rig, unsigned location)
{
	struct sweep_facts f;

	rig_restart_mirror(rig);
	rig_wait_until(rig, sweep_has_ended);
	sweep_facts(rig->mirror->sweep, location, &f);
	return f;
}

static void
half_done_files_are_removed_and_whole_ones_stay(void **state)
{
	struct rig *rig = *state;
	struct blob kept = upload_file(rig, "kept", 3, 5000);
	struct sweep_facts f;

	rig_wait_until(rig, puts_are_over);
	leave_unfinished(rig, 0, "0000000000000009");
	leave_unfinished(rig, 0, "00000000000003ff");
	leave_finished(rig, 0, 900, true);
	f = restart_and_sweep(rig, 0);
	assert_int_equal(f.state, SWEEP_DONE);
	assert_int_equal(f.removed, 3);
	assert_int_equal(rig_files(rig, 0, "tmp"), 0);
	assert_int_equal(rig_files(rig, 0, "blob"), 1);
	check_copies(rig, &kept, 3);
	check_reads_back(rig, &kept, 3);
}

static void
a_file_of_another_store_or_of_nobody_stays(void **state)
{
	struct rig *rig = *state;
	struct sweep_facts f;
	char path[160];

	leave_finished(rig, 1, 900, false);
	leave_finished(rig, 1, 901, true);
	rig_copy_path(rig, 1, 901, (const uint8_t[MD5_SIZE]){0}, path);
	assert_int_equal(truncate(path, 100), 0); /* no trailer any more */
	f = restart_and_sweep(rig, 1);
	assert_int_equal(f.state, SWEEP_DONE);
	assert_int_equal(f.removed, 0);
	assert_int_equal(f.strangers, 2);
	assert_int_equal(rig_files(rig, 1, "blob"), 2);
}

/* An id that was never given out is not ours to judge. */
static void
a_file_above_the_reserved_ids_stays(void **state)
{
	struct rig *rig = *state;

	leave_finished(rig, 1, facts_of(rig).blob_ids + 3, true);
	assert_int_equal(restart_and_sweep(rig, 1).removed, 0);
	assert_int_equal(rig_files(rig, 1, "blob"), 1);
}

static void
with_too_many_unknown_files_the_sweep_stops_and_asks(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 6; i++)
		leave_finished(rig, 2, 900 + i, true);
	for (unsigned i = 0; i < 5; i++)
		leave_finished(rig, 3, 900 + i, true);
	assert_int_equal(restart_and_sweep(rig, 2).state, SWEEP_STOPPED);
	assert_int_equal(rig_files(rig, 2, "blob"), 6);
	assert_int_equal(rig_files(rig, 3, "blob"), 0);
	/* The next start looks again, from the same place. */
	assert_int_equal(restart_and_sweep(rig, 2).state, SWEEP_STOPPED);
	assert_int_equal(rig_files(rig, 2, "blob"), 6);
}

static void
a_file_in_the_removal_queue_is_left_to_it(void **state)
{
	struct rig *rig = *state;
	struct blob_discard r = {.change = rig_change(rig), .id = 900, .location = 0};
	struct sweep_facts f;

	rig_stop_mirror(rig); /* nobody works the queue off */
	blob_discard(rig->store, &r);
	assert_ok(rig_wait_change(rig, &r.change), &r.change.why);
	rig_start_mirror(rig);
	leave_finished(rig, 0, 900, true);
	rig_wait_until(rig, sweep_has_ended);
	sweep_facts(rig->mirror->sweep, 0, &f);
	assert_int_equal(f.removed, 0);
}

/*
 * The sweep looks no further back than the oldest upload that was open; a file that is
 * older is for a scrub to find.
 */
static void
the_sweep_begins_where_the_oldest_upload_was(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .length = 100};

	for (unsigned i = 0; i < 3; i++) { /* three blocks of ids go by */
		struct store_reserve r = {.change = rig_change(rig)};

		store_reserve(rig->store, &r);
		assert_ok(rig_wait_change(rig, &r.change), &r.change.why);
	}
	(void)restart_and_sweep(rig, 0); /* takes ids of a later block from now on */
	assert_ok(upload_run(&u), &u.why);
	assert_true(u.blob.id > 3 * STORE_ID_BLOCK);
	upload_commit(&u, "x");
	rig_wait_until(rig, puts_are_over);
	(void)upload_file(rig, "y", 1, 100); /* stores that u is over */
	assert_true(facts_of(rig).oldest_open_blob > 3 * STORE_ID_BLOCK);
	leave_finished(rig, 0, 900, true);
	assert_int_equal(restart_and_sweep(rig, 0).removed, 0);
	assert_int_equal(rig_files(rig, 0, "blob"), 3);
}

#define SWEEP(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SWEEP(half_done_files_are_removed_and_whole_ones_stay),
	    SWEEP(a_file_of_another_store_or_of_nobody_stays),
	    SWEEP(a_file_above_the_reserved_ids_stays),
	    SWEEP(with_too_many_unknown_files_the_sweep_stops_and_asks),
	    SWEEP(a_file_in_the_removal_queue_is_left_to_it),
	    SWEEP(the_sweep_begins_where_the_oldest_upload_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
