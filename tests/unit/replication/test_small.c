/* SPDX-License-Identifier: Apache-2.0 */
/* Small files in memory and in the catalogue, and on their way to the locations. */
#include "tests/unit/replication/puts.h"

#include "replication/small.h"

enum { LENGTH = 5000, MANY = 12 };

static void
moving(struct rig *rig)
{
	patient(rig);
	rig->settings.small_file = 57344;
	rig->settings.small_moves = 4;
	rig->settings.small_pack = 1000;
}

static void
staying(struct rig *rig)
{
	moving(rig);
	rig->settings.small_moves = 0;
}

static void
packing(struct rig *rig)
{
	moving(rig);
	rig->settings.small_moves = 1;
	rig->settings.small_pack = MANY / 2;
	rig->settings.small_delay = 10;
}

/* One each 100 ms is a flood; together they would never be enough for a pack. */
static void
flooding(struct rig *rig)
{
	moving(rig);
	rig->settings.small_flood = 10;
	rig->settings.small_delay = 20;
}

static int
open_flooding_rig(void **state)
{
	return open_rig_tuned(state, flooding);
}

static int
open_moving_rig(void **state)
{
	return open_rig_tuned(state, moving);
}

static int
open_staying_rig(void **state)
{
	return open_rig_tuned(state, staying);
}

static int
open_packing_rig(void **state)
{
	return open_rig_tuned(state, packing);
}

static struct small_facts
small_now(struct rig *rig)
{
	struct small_facts facts;

	small_facts(rig->mirror->small, &facts);
	return facts;
}

static bool
all_are_moved(struct rig *rig)
{
	return small_now(rig).files == 0 && mirror_idle(rig->mirror);
}

static struct blob
put_small(struct rig *rig, const char *name, uint64_t seed)
{
	struct blob blob = upload_file(rig, name, seed, LENGTH);

	assert_true(blob.small);
	assert_int_equal(blob.have, 0);
	return blob;
}

static void
it_is_read_before_it_is_moved_and_after(void **state)
{
	struct rig *rig = *state;
	struct blob blob = put_small(rig, "x", 7), now;

	assert_int_equal(mirror_copies(rig->mirror, &blob), 3);
	check_reads_back(rig, &blob, 7);
	rig_wait_until(rig, all_are_moved);
	now = blob_now(rig, blob.id);
	assert_false(now.small);
	assert_int_equal(now.have, 15);
	check_copies(rig, &now, 7);
	check_reads_back(rig, &now, 7);
	check_reads_back(rig, &blob, 7); /* who still has the record from before */
	assert_int_equal(small_now(rig).moved, 1);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

static void
one_given_up_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 5, .length = LENGTH};

	assert_ok(upload_run(&u), &u.why);
	assert_int_equal(small_now(rig).files, 1);
	upload_abandon(&u);
	assert_int_equal(small_now(rig).files, 0);
	assert_int_equal(small_now(rig).bytes, 0);
	check_no_trace(rig, 0);
}

static void
one_deleted_while_it_waits_is_not_left_anywhere(void **state)
{
	struct rig *rig = *state;
	struct upload u = {.rig = rig, .seed = 5, .length = LENGTH};

	assert_ok(upload_run(&u), &u.why);
	upload_commit(&u, "x");
	upload_delete(&u);
	rig_wait_until(rig, all_are_moved);
	check_no_trace(rig, 0);
}

static void
locations_that_fail_are_tried_again(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	for (unsigned i = 0; i < 2; i++)
		fault(i, FAKE_IO_FSYNC, FAKE_IO_FAIL, EIO);
	blob = put_small(rig, "x", 7);
	while (small_now(rig).failed == 0)
		rig_run_for(rig, 20);
	check_reads_back(rig, &blob, 7);
	assert_true(blob_now(rig, blob.id).small);
	calm_down(rig);
	rig_wait_until(rig, all_are_moved);
	blob = blob_now(rig, blob.id);
	assert_int_equal(blob.have, 15);
	check_copies(rig, &blob, 7);
	check_tmp_is_empty(rig);
}

static void
one_location_that_fails_gets_its_row(void **state)
{
	struct rig *rig = *state;
	struct blob blob;

	fault(2, FAKE_IO_WRITE, FAKE_IO_FAIL, EIO);
	blob = put_small(rig, "x", 7);
	rig_wait_until(rig, all_are_moved);
	blob = blob_now(rig, blob.id);
	assert_int_equal(blob.have, 11);
	assert_int_equal(facts_of(rig).repairs_due, 1);
}

static void
many_share_a_pack(void **state)
{
	struct rig *rig = *state;
	struct blob blob[MANY];
	unsigned packed = 0;

	/* The first one is on its way for long: the others have to wait. */
	for (unsigned i = 0; i < 2; i++)
		fault(i, FAKE_IO_WRITE, FAKE_IO_HOLD, 0);
	for (unsigned i = 0; i < MANY; i++) {
		char name[8];

		(void)snprintf(name, sizeof name, "f%u", i);
		blob[i] = put_small(rig, name, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		fake_io_calm(i);
		fake_io_release(i);
	}
	rig_wait_until(rig, all_are_moved);
	for (unsigned i = 0; i < MANY; i++) {
		struct blob now = blob_now(rig, blob[i].id);

		packed += now.pack != 0;
		assert_int_equal(mirror_copies(rig->mirror, &now), 4);
		check_reads_back(rig, &now, i);
		check_reads_back(rig, &blob[i], i);
	}
	assert_true(packed >= MANY / 2);
	assert_in_range(rig_files(rig, 0, "blob"), 1, MANY - packed + 2);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

static void
in_a_flood_none_is_moved_for_itself(void **state)
{
	struct rig *rig = *state;
	struct blob blob[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		char name[8];

		(void)snprintf(name, sizeof name, "f%u", i);
		blob[i] = put_small(rig, name, i);
	}
	rig_wait_until(rig, all_are_moved);
	for (unsigned i = 0; i < MANY; i++) {
		struct blob now = blob_now(rig, blob[i].id);

		assert_true(now.pack != 0);
		check_reads_back(rig, &now, i);
	}
}

static void
beyond_the_backlog_they_go_straight_to_the_locations(void **state)
{
	struct rig *rig = *state;
	uint64_t most = rig->settings.small_backlog / 50000;
	struct blob blob = {.small = true};
	uint64_t n = 0;

	for (; n < most + 1; n++) {
		char name[24];

		(void)snprintf(name, sizeof name, "f%llu", (unsigned long long)n);
		blob = upload_file(rig, name, n, 50000);
		if (!blob.small)
			break;
	}
	assert_false(blob.small);
	assert_int_equal(n, most);
	assert_int_equal(blob.have, 15);
	check_copies(rig, &blob, n);
	assert_int_equal(small_now(rig).files, most);
}

static void
a_large_file_is_none_of_them(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, 57345);

	assert_false(blob.small);
	assert_int_equal(blob.have, 15);
	blob = upload_file(rig, "y", 8, 57344);
	assert_true(blob.small);
	check_reads_back(rig, &blob, 8);
}

static void
small_backlog_of_a_megabyte(struct rig *rig)
{
	staying(rig);
	rig->settings.small_backlog = 1000000;
}

static int
open_full_rig(void **state)
{
	return open_rig_tuned(state, small_backlog_of_a_megabyte);
}

#define MOVING(test)   cmocka_unit_test_setup_teardown(test, open_moving_rig, close_rig)
#define STAYING(test)  cmocka_unit_test_setup_teardown(test, open_staying_rig, close_rig)
#define PACKING(test)  cmocka_unit_test_setup_teardown(test, open_packing_rig, close_rig)
#define FLOODING(test) cmocka_unit_test_setup_teardown(test, open_flooding_rig, close_rig)
#define FULL(test)     cmocka_unit_test_setup_teardown(test, open_full_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    MOVING(it_is_read_before_it_is_moved_and_after),
	    STAYING(one_given_up_leaves_nothing),
	    MOVING(one_deleted_while_it_waits_is_not_left_anywhere),
	    MOVING(locations_that_fail_are_tried_again),
	    MOVING(one_location_that_fails_gets_its_row),
	    PACKING(many_share_a_pack),
	    FLOODING(in_a_flood_none_is_moved_for_itself),
	    FULL(beyond_the_backlog_they_go_straight_to_the_locations),
	    STAYING(a_large_file_is_none_of_them),
	};

	return run_with_both_engines(tests);
}
