/* SPDX-License-Identifier: Apache-2.0 */
/* A copy is good only if every byte of its file is; whatever cannot be told is not told. */
#include "tests/unit/replication/puts.h"

#include "replication/copy_check.h"

enum { LOCATION = 1, LARGE = 3 * 1024 * 1024 + 4711, WINDOWS = 70 * 1024 * 1024 + 13 };

struct check {
	struct copy_check *running;
	enum err err;
	struct errinfo why;
	bool done;
	uint64_t bytes; /* that `hold` was asked for */
	unsigned pauses; /* still to be asked for */
};

static void
check_done(void *arg, enum err err, const struct errinfo *why)
{
	struct check *k = arg;

	k->err = err;
	k->why = *why;
	k->done = true;
	k->running = NULL;
}

static uint64_t
hold(void *arg, size_t n)
{
	struct check *k = arg;

	if (k->pauses > 0) {
		k->pauses--;
		return 1;
	}
	assert_true(n > 0 && n <= PIECE_LARGE_SIZE);
	k->bytes += n;
	return 0;
}

static void
start_check(struct rig *rig, struct check *k, const struct blob *blob, bool md5)
{
	struct copy_check_spec spec = {
	    .m = rig->mirror,
	    .loop = rig->loop,
	    .blob = *blob,
	    .location = LOCATION,
	    .md5 = md5,
	    .hold = hold,
	    .done = check_done,
	    .arg = k,
	};

	k->done = false;
	k->bytes = 0;
	k->running = copy_check_new(&spec);
	assert_non_null(k->running);
	assert_false(k->done);
}

static enum err
check(struct rig *rig, const struct blob *blob, bool md5)
{
	struct check k = {.pauses = 1};

	start_check(rig, &k, blob, md5);
	rig_wait_flag(rig, &k.done);
	assert_false(pins_has(rig->mirror->pins, blob->id));
	return k.err;
}

static void
flip(struct rig *rig, const struct blob *blob, uint64_t at)
{
	char path[160];
	uint8_t byte;
	int fd;

	rig_copy_path(rig, LOCATION, blob->id, blob->md5, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	(void)close(fd);
}

static struct blob
store(struct rig *rig, uint64_t length)
{
	struct blob blob;
	char name[32];

	(void)snprintf(name, sizeof name, "f%llu", (unsigned long long)length);
	blob = upload_file(rig, name, length, length);

	rig_wait_until(rig, puts_are_over);
	return blob;
}

static void
a_good_copy_is_read_once_and_whole(void **state)
{
	static const uint64_t lengths[] = {1, 4095, 4096, 4097, 60000, 1 << 20, LARGE};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct blob blob = store(rig, lengths[i]);
		struct check k = {.pauses = 2};

		start_check(rig, &k, &blob, true);
		rig_wait_flag(rig, &k.done);
		assert_ok(k.err, &k.why);
		assert_int_equal(k.bytes, blob_layout(blob.length).file_size);
		assert_ok(check(rig, &blob, false), &k.why);
	}
}

/* Every place that differs from others in how it is looked at. */
static void
assert_flips_are_found(struct rig *rig, const struct blob *blob)
{
	struct blob_layout l = blob_layout(blob->length);
	const uint64_t places[] = {0, blob->length / 2, blob->length - 1, l.data_size - 1,
	    l.data_size, l.data_size + BLOB_PAGE - 1,
	    l.data_size + l.pages * BLOB_PAGE - 1, l.file_size - BLOB_PAGE,
	    l.file_size - 2000, l.file_size - 1};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		flip(rig, blob, places[i]);
		assert_err(check(rig, blob, false), ERR_DAMAGED);
		flip(rig, blob, places[i]);
	}
	assert_err(check(rig, blob, true), ERR_OK);
}

static void
a_flip_anywhere_is_found(void **state)
{
	struct rig *rig = *state;
	struct blob small = store(rig, 5000), large = store(rig, LARGE);

	assert_flips_are_found(rig, &small);
	assert_flips_are_found(rig, &large);
	for (uint64_t at = 0; at < blob_layout(small.length).file_size; at += 61) {
		flip(rig, &small, at);
		assert_err(check(rig, &small, false), ERR_DAMAGED);
		flip(rig, &small, at);
	}
}

static void
the_table_of_a_long_file_is_read_in_parts(void **state)
{
	struct rig *rig = *state;
	struct blob blob = store(rig, WINDOWS);
	struct blob_layout l = blob_layout(blob.length);

	assert_in_range(l.pages, 17, 31); /* more than are held at one time */
	assert_flips_are_found(rig, &blob);
	flip(rig, &blob,
	    16ULL * BLOB_PAGE_ENTRIES * l.block_size); /* the first of the second part */
	assert_err(check(rig, &blob, false), ERR_DAMAGED);
}

static void
what_is_cut_off_or_gone_is_told_apart(void **state)
{
	struct rig *rig = *state;
	struct blob blob = store(rig, LARGE);
	char path[160];

	rig_copy_path(rig, LOCATION, blob.id, blob.md5, path);
	assert_int_equal(truncate(path, LARGE), 0);
	assert_err(check(rig, &blob, false), ERR_DAMAGED);
	assert_int_equal(truncate(path, 0), 0);
	assert_err(check(rig, &blob, false), ERR_DAMAGED);
	assert_int_equal(unlink(path), 0);
	assert_err(check(rig, &blob, false), ERR_NOT_FOUND);
}

/* A whole and good file, but not the one the record is about. */
static void
the_record_decides_what_it_should_be(void **state)
{
	struct rig *rig = *state;
	struct blob blob = store(rig, 5000), other = blob;

	other.length = 5001;
	assert_err(check(rig, &other, false), ERR_DAMAGED);
	rig->mirror->store_uuid[3] ^= 1;
	assert_err(check(rig, &blob, false), ERR_DAMAGED);
	rig->mirror->store_uuid[3] ^= 1;
	assert_err(check(rig, &blob, false), ERR_OK);
}

static void
what_cannot_be_read_is_not_called_bad(void **state)
{
	struct rig *rig = *state;
	struct blob blob = store(rig, LARGE);

	fault(LOCATION, FAKE_IO_OPEN, FAKE_IO_FAIL, EIO);
	assert_err(check(rig, &blob, false), ERR_IO);
	fake_io_calm(LOCATION);
	assert_err(check(rig, &blob, false), ERR_OK);
}

static void
it_ends_when_it_is_no_longer_wanted(void **state)
{
	struct rig *rig = *state;
	struct blob blob = store(rig, LARGE);
	struct check k = {.pauses = UINT32_MAX};

	start_check(rig, &k, &blob, false);
	rig_run_for(rig, 20);
	assert_true(pins_has(rig->mirror->pins, blob.id));
	copy_check_cancel(k.running);
	rig_wait_flag(rig, &k.done);
	assert_err(k.err, ERR_CANCELLED);
	assert_true(mirror_idle(rig->mirror));
	/* With a read out, too: it comes back first. */
	fault(LOCATION, FAKE_IO_OPEN, FAKE_IO_HOLD, 0);
	k.pauses = 0;
	start_check(rig, &k, &blob, false);
	while (fake_io_held(LOCATION) == 0)
		rig_run_for(rig, 5);
	copy_check_cancel(k.running);
	rig_run_for(rig, 20);
	assert_false(k.done);
	fake_io_calm(LOCATION);
	fake_io_release(LOCATION);
	rig_wait_flag(rig, &k.done);
	assert_err(k.err, ERR_CANCELLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RIG(a_good_copy_is_read_once_and_whole),
	    RIG(a_flip_anywhere_is_found),
	    RIG(the_table_of_a_long_file_is_read_in_parts),
	    RIG(what_is_cut_off_or_gone_is_told_apart),
	    RIG(the_record_decides_what_it_should_be),
	    RIG(what_cannot_be_read_is_not_called_bad),
	    RIG(it_ends_when_it_is_no_longer_wanted),
	};

	return run_with_both_engines(tests);
}
