/* SPDX-License-Identifier: Apache-2.0 */
/* Reading through the mirror: another copy when one fails, and never a wrong byte. */
#include "tests/unit/replication/puts.h"

#include "tests/support/fake_location.h"

enum { LENGTH = (3 << 20) + 12345 };

static void
quick(struct rig *rig)
{
	patient(rig);
	rig->settings.hedge_percent = 0;
	rig->settings.read_deadline = 100;
	rig->settings.io_deadline = 1000;
}

/* Only a hedge can help in time. */
static void
hedging(struct rig *rig)
{
	patient(rig);
	rig->settings.hedge_after = 20;
	rig->settings.read_deadline = 20000;
	rig->settings.io_deadline = 60000;
}

static int
open_rig_for_reading(void **state, void (*tune)(struct rig *rig))
{
	static struct rig rig;

	rig = (struct rig){.io = engine_name, .tune = tune, .interpose = fake_interpose};
	fake_io_reset();
	rig_open(&rig, "gc_delay = 0");
	*state = &rig;
	return 0;
}

static int
open_read_rig(void **state)
{
	return open_rig_for_reading(state, quick);
}

static int
open_hedging_rig(void **state)
{
	return open_rig_for_reading(state, hedging);
}

/* Where a read of this blob goes first. */
static unsigned
home_of(const struct blob *blob)
{
	return (unsigned)(blob->id % 4);
}

static void
make_usual(struct rig *rig, unsigned location, uint64_t us)
{
	for (unsigned samples = 0; samples < 200; samples++) {
		health_read_begun(rig->mirror->health, location);
		health_read_ended(rig->mirror->health, location, us);
	}
}

/* From now on reads go to the home first: the others were slow, it was quick. */
static void
prefer_home(struct rig *rig, const struct blob *blob)
{
	for (unsigned i = 0; i < 4; i++)
		make_usual(rig, i, i == home_of(blob) ? 8 : 1000000);
}

/* Change one byte of a copy on the disk. */
static void
flip_on_disk(
    const struct rig *rig, unsigned location, const struct blob *blob, uint64_t at)
{
	char path[160];
	uint8_t byte;
	int fd;

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	(void)close(fd);
}

static void
ranges_at_the_borders_of_blocks_and_pieces_are_right(void **state)
{
	static const uint64_t borders[] = {0, 4096, 65536, 1 << 20, 2 << 20, LENGTH};
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);

	for (unsigned i = 0; i < 6; i++)
		for (int before = -1; before <= 1; before++)
			for (unsigned n = 1; n <= 4097; n += 4096) {
				struct reading r = {
				    .rig = rig, .blob = blob, .seed = 7, .n = n};
				int64_t first = (int64_t)borders[i] + before;

				if (first < 0 || (uint64_t)first + n > LENGTH)
					continue;
				r.first = (uint64_t)first;
				assert_ok(reading_run(&r), &r.why);
			}
	check_reads_back(rig, &blob, 7);
}

static void
an_error_sends_the_read_to_another_copy(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);

	for (unsigned k = 0; k < 3; k++) /* one to three locations fail */
		fake_rule((home_of(&blob) + k) % 4, (struct fake_rule){.kinds = FAKE_READ,
							.act = FAKE_REFUSE,
							.err = ERR_IO,
							.sys = EIO});
	check_reads_back(rig, &blob, 7);
	assert_true(fake_acted() >= 3);
	assert_int_equal(facts_of(rig).repairs_due, 0); /* the copies may be good */
	fake_calm();
}

static void
a_copy_that_is_gone_is_read_elsewhere_and_gets_a_row(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	unsigned home = home_of(&blob);
	char path[160];

	rig_copy_path(rig, home, blob.id, blob.md5, path);
	assert_int_equal(unlink(path), 0);
	prefer_home(rig, &blob);
	check_reads_back(rig, &blob, 7);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(facts_of(rig).repairs_due, 1);
	assert_int_equal(blob_now(rig, blob.id).have, 15 & ~(1u << home));
}

/* In the bytes, in the table of checksums, or cut short. */
static void
a_damaged_copy_is_read_elsewhere_and_put_aside(void **state)
{
	struct rig *rig = *state;
	struct blob_layout l = blob_layout(LENGTH);
	const uint64_t damage[] = {0, 2 << 20, LENGTH - 1, l.data_size + 1,
	    l.data_size + BLOB_PAGE - 1, UINT64_MAX};

	for (unsigned i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		char name[8], path[160];
		struct blob blob;
		unsigned home;

		(void)snprintf(name, sizeof name, "f%u", i);
		blob = upload_file(rig, name, i, LENGTH);
		home = home_of(&blob);
		rig_copy_path(rig, home, blob.id, blob.md5, path);
		if (damage[i] == UINT64_MAX)
			assert_int_equal(truncate(path, LENGTH / 2), 0);
		else
			flip_on_disk(rig, home, &blob, damage[i]);
		prefer_home(rig, &blob);
		check_reads_back(rig, &blob, i);
		rig_wait_until(rig, puts_are_over);
		assert_int_equal(blob_now(rig, blob.id).have, 15 & ~(1u << home));
		assert_false(rig_has_copy(rig, home, &blob));
		assert_true(rig_files(rig, home, "bad") > 0);
	}
	assert_int_equal(facts_of(rig).repairs_due, 6);
	assert_int_equal(rig->mirror->reads_lost, 0);
}

static void
with_all_copies_damaged_there_is_an_error_and_no_wrong_byte(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	struct reading whole = {.rig = rig, .blob = blob, .seed = 7};
	struct reading begin = {.rig = rig, .blob = blob, .seed = 7, .n = 5000};

	for (unsigned i = 0; i < 4; i++)
		flip_on_disk(rig, i, &blob, (2 << 20) + 17);
	assert_ok(reading_run(&begin), &begin.why); /* its blocks are good */
	assert_err(reading_run(&whole), ERR_DAMAGED);
	assert_true(whole.at <= 2 << 20);
	assert_int_equal(rig->mirror->reads_lost, 1);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, blob.id).have, 0);
	assert_int_equal(facts_of(rig).repairs_due, 4);
}

static void
without_a_location_that_can_read_there_is_an_error(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, 5000);
	struct reading r = {.rig = rig, .blob = blob, .seed = 7};

	for (unsigned i = 0; i < 4; i++)
		fake_rule(i, (struct fake_rule){.kinds = FAKE_READ,
				 .act = FAKE_REFUSE,
				 .err = ERR_IO,
				 .sys = EIO});
	assert_err(reading_run(&r), ERR_IO);
	fake_calm();
	assert_int_equal(rig->mirror->reads_lost, 0);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

static void
a_read_that_hangs_is_answered_by_another_location(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	struct reading r = {.rig = rig, .blob = blob, .seed = 7};

	prefer_home(rig, &blob);
	fake_rule(
	    home_of(&blob), (struct fake_rule){.kinds = FAKE_READ, .act = FAKE_HANG});
	assert_ok(reading_run(&r), &r.why);
	assert_in_range(r.took_ms, 90, 20000);
	assert_false(mirror_idle(rig->mirror));
	fake_calm();
	fake_release_all();
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

static void
let_reads_end(struct rig *rig)
{
	fake_calm();
	fake_release_all();
	rig_wait_until(rig, puts_are_over);
}

static void
a_late_read_is_asked_of_another_location_too(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	struct reading r = {.rig = rig, .blob = blob, .seed = 7};

	prefer_home(rig, &blob);
	fake_rule(
	    home_of(&blob), (struct fake_rule){.kinds = FAKE_READ, .act = FAKE_HANG});
	assert_ok(reading_run(&r), &r.why);
	assert_in_range(r.took_ms, 20, 10000);
	assert_in_range(rig->mirror->hedges.begun, 1, 4);
	assert_int_equal(rig->mirror->hedges.won, rig->mirror->hedges.begun);
	/* It is known to be slow now: nobody waits for it again. */
	r = (struct reading){.rig = rig, .blob = blob, .seed = 7};
	assert_ok(reading_run(&r), &r.why);
	assert_in_range(rig->mirror->hedges.begun, 1, 4);
	let_reads_end(rig);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

/* Both are late, then the first is good after all; and then the second is bad. */
static void
the_first_good_answer_counts(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, 5000);

	blob.have = 3;
	for (unsigned bad = 0; bad < 2; bad++) {
		struct reading r = {.rig = rig, .blob = blob, .seed = 7};
		uint64_t begun = rig->mirror->hedges.begun;

		make_usual(rig, 0, 8);
		make_usual(rig, 1, 1000000);
		fake_rule(0, (struct fake_rule){
				 .kinds = FAKE_READ, .act = FAKE_DELAY, .delay_ms = 150});
		if (bad)
			fake_rule(1, (struct fake_rule){.kinds = FAKE_READ,
					 .act = FAKE_REFUSE,
					 .err = ERR_IO,
					 .sys = EIO});
		else
			fake_rule(1,
			    (struct fake_rule){
				.kinds = FAKE_READ, .act = FAKE_DELAY, .delay_ms = 1500});
		assert_ok(reading_run(&r), &r.why);
		assert_in_range(r.took_ms, 140, 1400);
		assert_int_equal(rig->mirror->hedges.begun, begun + 1);
		assert_int_equal(rig->mirror->hedges.won, 0);
		let_reads_end(rig);
	}
}

/* Past read_deadline, but there is nobody else. */
static void
the_last_copy_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, 5000);
	struct reading r = {.rig = rig, .blob = blob, .seed = 7};

	r.blob.have = 2;
	fake_rule(
	    1, (struct fake_rule){
		   .kinds = FAKE_READ, .act = FAKE_DELAY, .delay_ms = 300, .times = 1});
	assert_ok(reading_run(&r), &r.why);
	assert_in_range(r.took_ms, 290, 20000);
	r = (struct reading){.rig = rig, .blob = r.blob, .seed = 7};
	fake_rule(1, (struct fake_rule){.kinds = FAKE_READ, .act = FAKE_HANG});
	assert_err(reading_run(&r), ERR_IO);
	assert_int_equal(health_state(rig->mirror->health, 1), STATE_HUNG);
	fake_calm();
	fake_release_all();
	rig_wait_until(rig, puts_are_over);
	rig_wait_until(rig, rig_all_online);
}

static void
a_reading_can_be_cancelled_at_any_moment(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);

	for (unsigned turns = 0; turns < 20; turns++) {
		struct reading r = {.rig = rig, .blob = blob, .seed = 7};

		if (turns % 2 == 1)
			fake_rule(home_of(&blob), (struct fake_rule){.kinds = FAKE_READ,
						      .from = 1 + turns / 4,
						      .act = FAKE_HANG});
		assert_ok(reading_open(&r), &r.why);
		reading_ready(&r);
		if (turns > 2)
			rig_run_for(rig, turns);
		if (!r.done)
			source_close(r.source);
		fake_calm();
		fake_release_all();
		rig_wait_until(rig, puts_are_over);
	}
}

/* Readers of ranges */

struct outcome {
	struct rig *rig;
	enum err err;
	bool done;
};

static void
ranges_done(void *arg, enum err err)
{
	struct outcome *o = arg;

	o->err = err;
	o->done = true;
	rig_wake(o->rig);
}

static void
ranges_in_any_order_are_right_though_a_copy_is_bad(void **state)
{
	enum { N = 64, SIZE = 9000 };
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	struct outcome o = {.rig = rig};
	uint8_t *memory = malloc(N * SIZE);
	struct range range[N];
	struct reader *reader;

	assert_non_null(memory);
	for (unsigned i = 0; i < 3; i++)
		flip_on_disk(rig, i, &blob, 1 << 20);
	for (size_t i = 0; i < N; i++)
		range[i] = (struct range){
		    .offset = (i * 1234567 + (i == 5 ? 0 : 4090)) % (LENGTH - SIZE),
		    .size = 1 + i * 140,
		    .to = memory + i * SIZE};
	range[9].offset = (1 << 20) - 1;
	assert_ok(
	    mirror_reader(rig->mirror, rig->loop, &blob, &reader, &rig->why), &rig->why);
	reader_read(reader, range, N, ranges_done, &o);
	rig_wait_flag(rig, &o.done);
	assert_ok(o.err, &reader->why);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(
		    body_differs(7, range[i].offset, range[i].to, range[i].size),
		    range[i].size);
	reader_close(reader);
	rig_wait_until(rig, puts_are_over);
	free(memory);
}

static void
a_reader_closed_while_it_reads_says_nothing_more(void **state)
{
	struct rig *rig = *state;
	struct blob blob = upload_file(rig, "x", 7, LENGTH);
	struct outcome o = {.rig = rig};
	uint8_t memory[100];
	struct range range = {17, sizeof memory, memory};
	struct reader *reader;

	for (unsigned i = 0; i < 2; i++) {
		if (i == 1)
			fake_rule(home_of(&blob),
			    (struct fake_rule){.kinds = FAKE_READ, .act = FAKE_HANG});
		assert_ok(
		    mirror_reader(rig->mirror, rig->loop, &blob, &reader, &rig->why),
		    &rig->why);
		reader_read(reader, &range, 1, ranges_done, &o);
		reader_close(reader);
		fake_calm();
		fake_release_all();
		rig_wait_until(rig, puts_are_over);
		assert_false(o.done);
	}
}

#define READ(test)  cmocka_unit_test_setup_teardown(test, open_read_rig, close_rig)
#define HEDGE(test) cmocka_unit_test_setup_teardown(test, open_hedging_rig, close_rig)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    READ(ranges_at_the_borders_of_blocks_and_pieces_are_right),
	    READ(an_error_sends_the_read_to_another_copy),
	    READ(a_copy_that_is_gone_is_read_elsewhere_and_gets_a_row),
	    READ(a_damaged_copy_is_read_elsewhere_and_put_aside),
	    READ(with_all_copies_damaged_there_is_an_error_and_no_wrong_byte),
	    READ(without_a_location_that_can_read_there_is_an_error),
	    READ(a_read_that_hangs_is_answered_by_another_location),
	    HEDGE(a_late_read_is_asked_of_another_location_too),
	    HEDGE(the_first_good_answer_counts),
	    READ(the_last_copy_is_waited_for),
	    READ(a_reading_can_be_cancelled_at_any_moment),
	    READ(ranges_in_any_order_are_right_though_a_copy_is_bad),
	    READ(a_reader_closed_while_it_reads_says_nothing_more),
	};

	return run_with_both_engines(tests);
}
