/* SPDX-License-Identifier: Apache-2.0 */
/* A location: attaching, trying out, losing and finding it again. */
#include "tests/unit/storage/place.h"

#include "storage/location_marker.h"

/* Attaching */

static void
before_the_first_good_probe_nothing_works(void **state)
{
	struct place *p = *state;
	struct location_leaf leaf = {.call = {.verb = LOCATION_LEAF}};
	uint64_t id = ID;
	struct file f;
	char byte;

	make_file(p, &f, ID);
	assert_err(put_whole(p, &f), ERR_LOCATION_DOWN);
	assert_null(f.put.file);
	piece_unref(f.piece);
	assert_err(read_range(p, ID, 0, &byte, 1), ERR_LOCATION_DOWN);
	assert_err(remove_files(p, &id, 1, false, false), ERR_LOCATION_DOWN);
	assert_err(run(p, &leaf.call), ERR_LOCATION_DOWN);
	(void)list(p, true, 0, ERR_LOCATION_DOWN);
	assert_ok(probe(p), &p->why);
	store_file(p, ID);
}

static void
a_probe_says_what_is_free_and_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct location_probe r = some_probe(p);

	assert_ok(run(p, &r.call), &r.call.why);
	assert_true(r.attached);
	assert_true(r.total_bytes > 0 && r.free_bytes <= r.total_bytes);
	assert_true(r.free_inodes > 0);
	assert_int_equal(entries(p, "tmp"), 0);
	assert_true(r.call.finished_us >= r.call.submitted_us);
}

static void
rename_in(const struct place *p, const char *from, const char *to)
{
	char a[160], b[160];

	(void)snprintf(a, sizeof a, "%s/%s", p->dir, from);
	(void)snprintf(b, sizeof b, "%s/%s", p->dir, to);
	assert_int_equal(rename(a, b), 0);
}

static void
write_marker(const struct place *p, const char *folder, uint8_t store, unsigned index)
{
	struct location_marker m = {.index = index};
	struct errinfo why;
	char path[160];
	int fd;

	(void)memset(m.store, store, sizeof m.store);
	(void)snprintf(path, sizeof path, "%s/%s", p->dir, folder);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)unlinkat(fd, "LOCATION", 0);
	assert_ok(location_marker_write(fd, &m, &why), &why);
	(void)close(fd);
}

/* It must be down now, nothing may be written, and `text` be the reason. */
static void
check_down(struct place *p, const char *text)
{
	struct file f;

	assert_err(probe(p), ERR_LOCATION_DOWN);
	if (strstr(p->why.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, p->why.text);
	make_file(p, &f, ID + 1);
	assert_err(put_whole(p, &f), ERR_LOCATION_DOWN);
	piece_unref(f.piece);
}

static void
a_root_without_a_marker_is_never_written(void **state)
{
	struct place *p = *state;

	store_file(p, ID);
	rename_in(p, "root", "away");
	check_down(p, "cannot open");
	assert_int_equal(mkdir(p->root, 0700), 0); /* the empty mount point */
	check_down(p, "LOCATION");
	assert_int_equal(entries_of(p->root), 0);
	assert_int_equal(rmdir(p->root), 0);
	rename_in(p, "away", "root");
	assert_ok(probe(p), &p->why);
	assert_true(is_stored(p, ID));
	store_file(p, ID + 2);
}

static void
a_location_of_another_store_or_number_is_refused(void **state)
{
	struct place *p = *state;

	write_marker(p, "root", 0x77, INDEX);
	check_down(p, "another store");
	write_marker(p, "root", 0x5a, INDEX + 1);
	check_down(p, "swapped");
	write_marker(p, "root", 0x5a, INDEX);
	assert_ok(probe(p), &p->why);
}

static void
a_damaged_marker_is_refused(void **state)
{
	struct place *p = *state;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/LOCATION", p->root);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "Q", 1, 0), 1);
	(void)close(fd);
	check_down(p, "damaged");
}

static void
a_root_that_was_exchanged_is_used_from_then_on(void **state)
{
	struct place *p = *state;
	char other[128], byte;

	store_file(p, ID);
	assert_ok(read_range(p, ID, 0, &byte, 1), &p->why);
	(void)snprintf(other, sizeof other, "%s/other", p->dir);
	assert_ok(location_dir_format(other, INDEX, p->store, &p->why), &p->why);
	rename_in(p, "root", "away");
	rename_in(p, "other", "root");
	for (unsigned i = 0; i < 3 && probe(p) != ERR_OK; i++)
		continue; /* what was under way at the old one may take a moment */
	assert_err(read_range(p, ID, 0, &byte, 1), ERR_NOT_FOUND);
	store_file(p, ID + 1);
	assert_true(is_stored(p, ID + 1));
	check_descriptors(p, "/away", 0);
}

/*
 * A descriptor of the old root must stay while an operation still names it: its number
 * could mean something else by the time the disk gets to it.
 */
static void
nothing_of_an_old_attachment_reaches_a_new_one(void **state)
{
	struct place *p = *state;
	struct file f;

	make_file(p, &f, ID);
	fake_io_rule(0,
	    (struct fake_io_rule){
		.kinds = FAKE_IO_OPEN, .path = "tmp/0", .times = 1, .act = FAKE_IO_HOLD});
	whole(&f);
	start(p, &f.put.call);
	while (fake_io_held(0) == 0)
		(void)usleep(1000);
	for (unsigned i = 0; i < 3; i++) {
		rename_in(p, "root", "away");
		assert_err(probe(p), ERR_LOCATION_DOWN);
		rename_in(p, "away", "root");
		(void)probe(p);
		assert_true(descriptors(p->root) > 0); /* what is held needs it */
	}
	assert_err(probe(p), ERR_LOCATION_DOWN);
	assert_non_null(strstr(p->why.text, "still"));
	fake_io_release(0);
	assert_err(wait_for(p, &f.put.call), ERR_IO); /* it was begun in another life */
	assert_ok(probe(p), &p->why);
	assert_ok(put_abandon(p, &f), &p->why);
	assert_int_equal(entries(p, "tmp"), 0);
	piece_unref(f.piece);
	store_file(p, ID + 1);
}

static void
an_unfinished_file_survives_an_absence(void **state)
{
	struct place *p = *state;
	struct file f;

	make_file(p, &f, ID);
	assert_ok(put_step(p, &f, true, f.piece, false), &p->why);
	rename_in(p, "root", "away");
	assert_err(probe(p), ERR_LOCATION_DOWN);
	assert_err(put_step(p, &f, false, NULL, true), ERR_LOCATION_DOWN);
	assert_non_null(f.put.file);
	rename_in(p, "away", "root");
	assert_ok(probe(p), &p->why);
	assert_ok(put_step(p, &f, false, NULL, true), &p->why);
	assert_true(is_stored(p, ID));
	piece_unref(f.piece);
}

static void
a_file_can_be_given_up_while_the_location_is_away(void **state)
{
	struct place *p = *state;
	struct file f;

	make_file(p, &f, ID);
	assert_ok(put_step(p, &f, true, f.piece, false), &p->why);
	rename_in(p, "root", "away");
	assert_err(probe(p), ERR_LOCATION_DOWN);
	assert_err(put_abandon(p, &f), ERR_LOCATION_DOWN);
	assert_null(f.put.file);
	rename_in(p, "away", "root");
	assert_ok(probe(p), &p->why);
	check_descriptors(p, "tmp/0", 0);
	piece_unref(f.piece);
}

/* Probing a disk that fails */

static void
a_probe_names_what_fails(void **state)
{
	static const struct {
		unsigned kind;
		int sys;
		enum err err;
		const char *what;
	} rows[] = {
	    {FAKE_IO_OPEN, EROFS, ERR_IO, "create"},
	    {FAKE_IO_OPEN, ENOSPC, ERR_NO_SPACE, "create"},
	    {FAKE_IO_WRITE, ENOSPC, ERR_NO_SPACE, "write"},
	    {FAKE_IO_WRITE, EDQUOT, ERR_NO_SPACE, "write"},
	    {FAKE_IO_WRITE, EIO, ERR_IO, "write"},
	    {FAKE_IO_FSYNC, EIO, ERR_IO, "fsync"},
	    {FAKE_IO_READ, EIO, ERR_IO, "read"},
	    {FAKE_IO_UNLINK, EIO, ERR_IO, "unlink"},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fake_io_rule(0, (struct fake_io_rule){.kinds = rows[i].kind,
				    .path = "tmp/probe",
				    .times = 1,
				    .sys = rows[i].sys});
		assert_err(probe(p), rows[i].err);
		assert_int_equal(p->why.sys, rows[i].sys);
		assert_non_null(strstr(p->why.text, rows[i].what));
		fake_io_calm(0);
		assert_ok(probe(p), &p->why);
		assert_int_equal(entries(p, "tmp"), 0);
		check_descriptors(p, "tmp/probe", 0);
	}
}

static void
a_probe_that_is_cut_short_or_reads_something_else_fails(void **state)
{
	struct place *p = *state;

	fake_io_rule(0, (struct fake_io_rule){
			    .kinds = FAKE_IO_WRITE, .times = 1, .act = FAKE_IO_SHORT});
	assert_err(probe(p), ERR_IO);
	assert_int_equal(p->why.sys, EIO);
	fake_io_calm(0);
	fake_io_rule(0, (struct fake_io_rule){
			    .kinds = FAKE_IO_READ, .times = 1, .act = FAKE_IO_SHORT});
	assert_err(probe(p), ERR_IO);
	fake_io_calm(0);
	assert_ok(probe(p), &p->why);
}

/* A file system that is read-only: no write of any kind gets through. */
static void
a_read_only_location_still_reads(void **state)
{
	struct place *p = *state;
	struct file f;
	uint8_t byte = 0;

	store_file(p, ID);
	fake_io_rule(
	    0, (struct fake_io_rule){
		   .kinds = FAKE_IO_OPEN, .only_with_flags = O_CREAT, .sys = EROFS});
	fake_io_rule(0,
	    (struct fake_io_rule){
		.kinds = FAKE_IO_RENAME | FAKE_IO_UNLINK | FAKE_IO_MKDIR, .sys = EROFS});
	assert_err(probe(p), ERR_IO);
	assert_int_equal(p->why.sys, EROFS);
	assert_ok(read_range(p, ID, 0, &byte, 1), &p->why);
	assert_int_equal(byte, ID % 251);
	make_file(p, &f, ID + 1);
	assert_err(put_whole(p, &f), ERR_IO);
	assert_int_equal(p->why.sys, EROFS);
	assert_null(f.put.file);
	piece_unref(f.piece);
}

static void
a_file_system_without_direct_io_is_written_through_the_cache(void **state)
{
	struct place *p = *state;

	fake_io_calm(0);
	fake_io_rule(
	    0, (struct fake_io_rule){
		   .kinds = FAKE_IO_OPEN, .only_with_flags = O_DIRECT, .sys = EINVAL});
	assert_ok(probe(p), &p->why);
	store_file(p, ID);
	assert_true(is_stored(p, ID));
	assert_int_equal(fake_io_acted(0), 2);
	assert_int_equal(fake_io_count(0, FAKE_IO_FSYNC), 2);
}

static uint64_t
times_of(const struct place *p, enum location_op op)
{
	const struct metric_histogram *h = &p->location->counts.took_us[op];
	uint64_t n = 0;

	for (unsigned i = 0; i <= METRIC_BOUNDS; i++)
		n += metric_read(&h->bucket[i]);
	return n;
}

static void
calls_are_counted_by_what_they_do(void **state)
{
	struct place *p = *state;
	struct location_leaf leaf = {.call = {.verb = LOCATION_LEAF}, .leaf = 3};
	struct location_list list = {.call = {.verb = LOCATION_LIST}, .tmp = true};
	uint64_t probes = times_of(p, LOCATION_OP_PROBE);

	assert_ok(probe(p), &p->why);
	assert_int_equal(times_of(p, LOCATION_OP_PROBE), probes + 1);
	store_file(p, ID);
	assert_int_equal(times_of(p, LOCATION_OP_FINISH), 1);
	assert_ok(run(p, &leaf.call), &p->why);
	assert_int_equal(times_of(p, LOCATION_OP_LEAF), 1);
	assert_ok(run(p, &list.call), &p->why);
	free(list.found);
	assert_int_equal(times_of(p, LOCATION_OP_LIST), 1);
	assert_int_equal(times_of(p, LOCATION_OP_REMOVE), 0);
}

static void
errors_are_counted_by_errno(void **state)
{
	struct place *p = *state;
	const struct location_counts *counts = &p->location->counts;
	struct location_leaf leaf = {.call = {.verb = LOCATION_LEAF}, .leaf = 3};
	struct location_read read = {.call = {.verb = LOCATION_READ}, .id = ID};
	struct location_range range = {.n = 1, .to = p->probe_piece->data};

	read.range = &range;
	read.n = 1;
	assert_err(run(p, &read.call), ERR_NOT_FOUND);
	assert_int_equal(metric_read(&counts->errors[LOCATION_OP_READ][ENOENT]), 1);
	rename_in(p, "root", "away");
	assert_err(probe(p), ERR_LOCATION_DOWN);
	assert_int_equal(metric_read(&counts->errors[LOCATION_OP_PROBE][ENOENT]), 1);
	assert_err(run(p, &leaf.call), ERR_LOCATION_DOWN);
	assert_int_equal(metric_read(&counts->errors[LOCATION_OP_LEAF][0]), 1);
	assert_int_equal(times_of(p, LOCATION_OP_LEAF), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE(before_the_first_good_probe_nothing_works),
	    PLACE(a_probe_says_what_is_free_and_leaves_nothing),
	    ATTACHED(a_root_without_a_marker_is_never_written),
	    ATTACHED(a_location_of_another_store_or_number_is_refused),
	    ATTACHED(a_damaged_marker_is_refused),
	    ATTACHED(a_root_that_was_exchanged_is_used_from_then_on),
	    ATTACHED(nothing_of_an_old_attachment_reaches_a_new_one),
	    ATTACHED(an_unfinished_file_survives_an_absence),
	    ATTACHED(a_file_can_be_given_up_while_the_location_is_away),
	    ATTACHED(a_probe_names_what_fails),
	    ATTACHED(a_probe_that_is_cut_short_or_reads_something_else_fails),
	    ATTACHED(a_read_only_location_still_reads),
	    ATTACHED(calls_are_counted_by_what_they_do),
	    ATTACHED(errors_are_counted_by_errno),
	    ATTACHED(a_file_system_without_direct_io_is_written_through_the_cache),
	};

	return run_with_both_engines(tests);
}
