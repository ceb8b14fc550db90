/* SPDX-License-Identifier: Apache-2.0 */
/* Files that nobody has any more: removed when due, not read, and reachable. */
#include "replication/gc.h"

#include <sys/stat.h>

#include "tests/support/fake_location.h"
#include "tests/support/transfer.h"

static struct store_facts
facts_of(struct rig *rig)
{
	struct store_facts facts;

	assert_ok(store_facts(rig->reader, &facts, &rig->why), &rig->why);
	return facts;
}

static bool
all_is_removed(struct rig *rig)
{
	return facts_of(rig).removals_due == 0;
}

static bool
all_but_one_location_is_clean(struct rig *rig)
{
	return facts_of(rig).removals_due == 1;
}

static bool
puts_are_over(struct rig *rig)
{
	return mirror_idle(rig->mirror);
}

static int
open_with(void **state, const char *more)
{
	static struct rig rig;

	rig = (struct rig){.interpose = fake_interpose};
	rig_open(&rig, more);
	*state = &rig;
	return 0;
}

static int
open_rig(void **state)
{
	return open_with(state, "gc_delay = 0");
}

static int
open_slow_rig(void **state)
{
	return open_with(state, "gc_delay = 1h");
}

static int
close_rig(void **state)
{
	fake_calm();
	fake_release_all();
	rig_close(*state);
	return 0;
}

static void
store_one(struct rig *rig, struct upload *u, const char *name)
{
	*u = (struct upload){.rig = rig, .seed = 1, .length = 5000};
	assert_ok(upload_run(u), &u->why);
	upload_commit(u, name);
	rig_wait_until(rig, puts_are_over);
}

static void
a_deleted_file_is_removed_everywhere(void **state)
{
	struct rig *rig = *state;
	struct upload u, kept;

	store_one(rig, &kept, "kept");
	store_one(rig, &u, "x");
	assert_int_equal(facts_of(rig).removals_due, 0);
	upload_delete(&u);
	assert_int_equal(facts_of(rig).removals_due, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(rig_has_copy(rig, i, &u.blob)); /* the commit comes first */
	rig_wait_until(rig, all_is_removed);
	for (unsigned i = 0; i < 4; i++) {
		assert_false(rig_has_copy(rig, i, &u.blob));
		assert_true(rig_has_copy(rig, i, &kept.blob));
	}
}

static void
a_file_that_is_read_stays_until_it_was(void **state)
{
	struct rig *rig = *state;
	struct reading r = {.rig = rig, .seed = 1};
	struct upload u;

	store_one(rig, &u, "x");
	r.blob = u.blob;
	assert_ok(reading_open(&r), &r.why);
	upload_delete(&u);
	rig_run_for(rig, 2500); /* two rounds */
	assert_int_equal(facts_of(rig).removals_due, 4);
	reading_ready(&r);
	rig_wait_flag(rig, &r.done);
	assert_ok(r.err, &r.why);
	rig_wait_until(rig, all_is_removed);
}

static void
a_file_stays_for_the_time_that_is_set(void **state)
{
	struct rig *rig = *state;
	struct upload u;

	store_one(rig, &u, "x");
	upload_delete(&u);
	rig_run_for(rig, 1500);
	assert_int_equal(facts_of(rig).removals_due, 4);
	check_copies(rig, &u.blob, 1);
}

static void
a_location_that_is_away_keeps_its_rows(void **state)
{
	struct rig *rig = *state;
	struct upload u;

	store_one(rig, &u, "x");
	fake_rule(
	    1, (struct fake_rule){
		   .kinds = FAKE_REMOVE, .act = FAKE_REFUSE, .err = ERR_LOCATION_DOWN});
	upload_delete(&u);
	rig_wait_until(rig, all_but_one_location_is_clean);
	rig_run_for(rig, 1200);
	assert_int_equal(facts_of(rig).removals_due, 1);
	assert_true(rig_has_copy(rig, 1, &u.blob));
	fake_calm();
	rig_wait_until(rig, all_is_removed);
	assert_false(rig_has_copy(rig, 1, &u.blob));
}

static void
more_files_than_a_batch_holds_are_removed(void **state)
{
	enum { FILES = 150 };
	struct rig *rig = *state;
	struct upload *u = calloc(FILES, sizeof *u);

	assert_non_null(u);
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", i);
		store_one(rig, &u[i], name);
	}
	for (unsigned i = 0; i < FILES; i++)
		upload_delete(&u[i]);
	rig_wait_until(rig, all_is_removed);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_files(rig, i, "blob"), 0);
	free(u);
}

/* A folder stands where a file should be removed. */
static void
a_file_that_cannot_be_removed_does_not_keep_the_others(void **state)
{
	enum { FILES = 100, BAD = 3 };
	struct rig *rig = *state;
	struct upload *u = calloc(FILES, sizeof *u);
	char path[160], inside[168];

	assert_non_null(u);
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", i);
		store_one(rig, &u[i], name);
	}
	rig_copy_path(rig, 2, u[BAD].blob.id, u[BAD].blob.md5, path);
	(void)snprintf(inside, sizeof inside, "%s/x", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	for (unsigned i = 0; i < FILES; i++)
		upload_delete(&u[i]);
	rig_wait_until(rig, all_but_one_location_is_clean);
	assert_int_equal(rmdir(inside), 0);
	assert_int_equal(rmdir(path), 0);
	rig_wait_until(rig, all_is_removed);
	free(u);
}

#define GC(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GC(a_deleted_file_is_removed_everywhere),
	    GC(a_file_that_is_read_stays_until_it_was),
	    cmocka_unit_test_setup_teardown(
		a_file_stays_for_the_time_that_is_set, open_slow_rig, close_rig),
	    GC(a_location_that_is_away_keeps_its_rows),
	    GC(more_files_than_a_batch_holds_are_removed),
	    GC(a_file_that_cannot_be_removed_does_not_keep_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
