/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that are missing are made again: the same files, or no trace of the attempt. */
#include "tests/unit/replication/puts.h"

enum { LARGE = 3 * 1024 * 1024 + 4711, LOCATION = 2 };

static const uint64_t lengths[] = {
    1, 4095, 4096, 4097, 60000, 65536, 300000, 1 << 20, LARGE};

enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static int
open_repairing(void **state, void (*tune)(struct rig *rig))
{
	static struct rig rig;

	rig = (struct rig){.io = engine_name, .tune = tune, .repairs = true};
	fake_io_reset();
	rig_open(&rig, "gc_delay = 0");
	*state = &rig;
	return 0;
}

static void
quick(struct rig *rig)
{
	patient(rig);
	rig->settings.repair_pause = 100;
}

static int
open_quick(void **state)
{
	return open_repairing(state, quick);
}

static void
slow(struct rig *rig)
{
	patient(rig);
	rig->settings.repair_rate = 64 * 1024;
}

static int
open_slow(void **state)
{
	return open_repairing(state, slow);
}

#define QUICK(test) cmocka_unit_test_setup_teardown(test, open_quick, close_rig)
#define SLOW(test)  cmocka_unit_test_setup_teardown(test, open_slow, close_rig)

static bool
nothing_to_repair(struct rig *rig)
{
	return facts_of(rig).repairs_due == 0;
}

/* A file whose copy at LOCATION could not be written; the location is good again. */
static void
store_without(struct rig *rig, struct upload *u, uint64_t length, const char *name)
{
	*u = (struct upload){.rig = rig, .seed = length, .length = length};
	if (fake_ios[LOCATION].n_rules == 0)
		fault(LOCATION, FAKE_IO_WRITE, FAKE_IO_FAIL, EIO);
	assert_ok(upload_run(u), &u->why);
	assert_false(u->blob.have >> LOCATION & 1);
	upload_commit(u, name);
	rig_wait_until(rig, puts_are_over);
}

static void
assert_whole(struct rig *rig, const struct upload *u)
{
	struct blob blob = blob_now(rig, u->blob.id);

	assert_int_equal(blob.have, 15);
	check_copies(rig, &blob, u->seed);
}

static size_t
read_copy(struct rig *rig, unsigned location, const struct blob *blob, uint8_t *to)
{
	size_t room = (size_t)blob_layout(blob->length).file_size + 1;
	char path[160];
	ssize_t n;
	int fd;

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, to, room);
	(void)close(fd);
	assert_in_range(n, 1, room);
	return (size_t)n;
}

/* The copy is the file of the other locations to the last byte of its trailer. */
static void
assert_same_file(struct rig *rig, const struct blob *blob)
{
	size_t room = (size_t)blob_layout(blob->length).file_size + 1;
	uint8_t *a = malloc(room), *b = malloc(room);
	size_t n;

	assert_true(a != NULL && b != NULL);
	n = read_copy(rig, LOCATION, blob, a);
	assert_int_equal(read_copy(rig, 0, blob, b), n);
	assert_int_equal(n, room - 1);
	assert_int_equal(memcmp(a, b, n), 0);
	free(a);
	free(b);
}

static void
a_missing_copy_is_made_when_its_location_is_good_again(void **state)
{
	struct rig *rig = *state;
	struct upload u[LENGTHS];

	for (unsigned i = 0; i < LENGTHS; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", i);
		store_without(rig, &u[i], lengths[i], name);
	}
	calm_down(rig);
	rig_wait_until(rig, nothing_to_repair);
	for (unsigned i = 0; i < LENGTHS; i++) {
		assert_whole(rig, &u[i]);
		assert_same_file(rig, &u[i].blob);
	}
	assert_int_equal(rig_files(rig, LOCATION, "blob"), LENGTHS);
}

static const unsigned steps[] = {
    FAKE_IO_OPEN, FAKE_IO_WRITE, FAKE_IO_FSYNC, FAKE_IO_RENAME, FAKE_IO_FSYNC_DIR};

enum { STEPS = sizeof steps / sizeof steps[0] };

static bool
was_tried(struct rig *rig)
{
	(void)rig;
	return fake_io_acted(LOCATION) > 0;
}

static void
a_failed_attempt_leaves_no_trace_and_is_made_later(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < STEPS; i++) {
		struct upload u;

		store_without(rig, &u, LARGE, "f");
		fake_io_calm(LOCATION);
		fake_io_rule(LOCATION, (struct fake_io_rule){.kinds = steps[i],
					   .path = OF_FILES,
					   .times = 1,
					   .act = FAKE_IO_FAIL,
					   .sys = EIO});
		rig_wait_until(rig, rig_all_online);
		rig_wait_until(rig, was_tried);
		rig_wait_until(rig, puts_are_over);
		check_tmp_is_empty(rig);
		assert_int_equal(rig_files(rig, LOCATION, "blob"), 0);
		assert_int_equal(facts_of(rig).repairs_due, 1);
		calm_down(rig);
		rig_wait_until(rig, nothing_to_repair); /* after some seconds */
		assert_whole(rig, &u);
		upload_delete(&u);
		check_no_trace(rig, 0);
	}
}

static void
what_is_deleted_meanwhile_leaves_no_copy(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < STEPS; i++) {
		struct upload u;

		store_without(rig, &u, 5000, "f");
		fake_io_calm(LOCATION);
		fault(LOCATION, steps[i], FAKE_IO_HOLD, 0);
		rig_wait_until(rig, was_tried);
		upload_delete(&u);
		fake_io_calm(LOCATION);
		fake_io_release(LOCATION);
		check_no_trace(rig, 0);
		assert_int_equal(facts_of(rig).repairs_due, 0);
	}
}

static void
a_bad_copy_is_no_source_and_is_made_again_itself(void **state)
{
	struct rig *rig = *state;
	struct upload u;
	char path[160];
	int fd;

	store_without(rig, &u, LARGE, "f");
	rig_copy_path(rig, 0, u.blob.id, u.blob.md5, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "damage", 6, 2000000), 6);
	(void)close(fd);
	rig_copy_path(rig, 1, u.blob.id, u.blob.md5, path);
	assert_int_equal(truncate(path, 2000000), 0);
	calm_down(rig);
	rig_wait_until(rig, nothing_to_repair);
	/* Whichever was met is made again; the other is bad still, and not read. */
	u.blob = blob_now(rig, u.blob.id);
	assert_int_equal(u.blob.have, 15);
	assert_true(rig_has_copy(rig, LOCATION, &u.blob));
	rig_copy_path(rig, LOCATION, u.blob.id, u.blob.md5, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (uint64_t at = 0; at < LARGE; at += 4096) {
		uint8_t page[4096];
		size_t n = LARGE - at < 4096 ? (size_t)(LARGE - at) : 4096;

		assert_int_equal(pread(fd, page, n, (off_t)at), n);
		assert_int_equal(body_differs(u.seed, at, page, n), n);
	}
	(void)close(fd);
}

static bool
something_was_written(struct rig *rig)
{
	return rig_files(rig, LOCATION, "tmp") > 0;
}

static void
it_stops_in_the_middle_without_a_trace(void **state)
{
	struct rig *rig = *state;
	struct upload u;
	uint64_t began;

	store_without(rig, &u, LARGE, "f");
	calm_down(rig);
	rig_wait_until(rig, something_was_written);
	began = clock_mono_ms();
	rig_stop_mirror(rig);
	assert_in_range(clock_mono_ms() - began, 0, 10000); /* 50 s at that rate */
	check_tmp_is_empty(rig);
	assert_int_equal(rig_files(rig, LOCATION, "blob"), 0);
	assert_int_equal(facts_of(rig).repairs_due, 1);
}

static void
what_an_earlier_process_began_is_in_nobodys_way(void **state)
{
	struct rig *rig = *state;
	struct upload u;
	char path[160];
	int fd;

	store_without(rig, &u, 5000, "f");
	(void)snprintf(path, sizeof path, "%s/%d/tmp/%016llx", rig->dir, LOCATION + 1,
	    (unsigned long long)u.blob.id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	calm_down(rig);
	rig_wait_until(rig, nothing_to_repair);
	assert_whole(rig, &u);
	check_tmp_is_empty(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUICK(a_missing_copy_is_made_when_its_location_is_good_again),
	    QUICK(a_failed_attempt_leaves_no_trace_and_is_made_later),
	    QUICK(what_is_deleted_meanwhile_leaves_no_copy),
	    QUICK(a_bad_copy_is_no_source_and_is_made_again_itself),
	    SLOW(it_stops_in_the_middle_without_a_trace),
	    QUICK(what_an_earlier_process_began_is_in_nobodys_way),
	};

	return run_with_both_engines(tests);
}
