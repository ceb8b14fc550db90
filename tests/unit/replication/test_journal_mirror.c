/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_mirror and journal_recover: what one has taken the other finds again, whatever
 * happened to some of the locations.
 */
#include "replication/journal_mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "replication/journal_recover.h"
#include "replication/meta_copy.h"
#include "storage/write.h"
#include "tests/support/fake_io.h"
#include "tests/support/folder.h"
#include "tests/support/rig.h"

enum { DEADLINE_MS = 300 };

struct stage {
	struct rig rig;
	struct journal_mirror *j;
	struct journal_sink *sink;
	struct journal_position at;
	bool with_bytes; /* what is appended has some */
	struct journal_recovered recovered;
	struct errinfo why;
};

static unsigned given_up;

static void
give_up(const struct errinfo *why)
{
	(void)why;
	given_up++;
}

static void
copy_file(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof block)) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

/* Another life: of the journal alone, the store is not changed through it. */
static void
begin(struct stage *s)
{
	struct journal_mirror_config config = {
	    .mirror = s->rig.mirror,
	    .loop = s->rig.loop,
	    .at = s->recovered.at,
	    .term = s->recovered.terms == 0 ? 1 : s->recovered.terms,
	    .copies = 2,
	    .bytes_copies = 3,
	    .file_bytes = 1000,
	    .backlog_bytes = 1 << 20,
	    .deadline_ms = DEADLINE_MS,
	    .settle_ms = 1000,
	    .give_up = give_up,
	};

	assert_ok(journal_mirror_new(&config, &s->j, &s->why), &s->why);
	journal_mirror_start(s->j);
	s->sink = journal_mirror_sink(s->j);
	s->at = config.at;
}

static bool
is_quiet(struct rig *rig)
{
	return journal_mirror_quiet(container_of(rig, struct stage, rig)->j);
}

static void
end(struct stage *s)
{
	journal_mirror_stop(s->j);
	rig_wait_until(&s->rig, is_quiet);
	journal_mirror_free(s->j);
	s->j = NULL;
}

/* As each location has one from the first day on; here it only counts that it is there. */
static void
copy_path(struct stage *s, unsigned location, char out[160])
{
	char name[META_COPY_NAME_SIZE];

	meta_copy_name(0, 1, name);
	(void)snprintf(
	    out, 160, "%s/%u/" LOCATION_META_DIR "/%s", s->rig.dir, location + 1, name);
}

static void
put_first_copies(struct stage *s)
{
	for (unsigned i = 0; i < 4; i++) {
		char path[160];
		int fd;

		copy_path(s, i, path);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		(void)close(fd);
	}
}

static int
open_stage(void **state)
{
	struct stage *s = calloc(1, sizeof *s);
	char to[128];
	int fd;

	assert_non_null(s);
	fake_io_reset();
	given_up = 0;
	rig_open(&s->rig, "");
	/* The store as it is before all changes. */
	(void)snprintf(to, sizeof to, "%s/base.mdb", s->rig.dir);
	fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_ok(store_copy(s->rig.store, fd, &s->why), &s->why);
	(void)close(fd);
	put_first_copies(s);
	begin(s);
	*state = s;
	return 0;
}

static int
close_stage(void **state)
{
	struct stage *s = *state;

	if (s->j != NULL)
		end(s);
	rig_close(&s->rig);
	free(s);
	return 0;
}

/* A batch that sets the note `name`. */
static enum err
append(struct stage *s, const char *name)
{
	struct str rows;
	enum err e;

	str_init(&rows, 1 << 16);
	journal_row_add(
	    &rows, &(struct journal_row){DB_META, false, bytes_of(name), BYTES("there")});
	e = s->sink->append(s->sink, str_bytes(&rows), s->with_bytes, &s->at, &s->why);
	str_release(&rows);
	return e;
}

static void
append_ok(struct stage *s, const char *name)
{
	assert_ok(append(s, name), &s->why);
}

/* The store as it was, in a folder of its own, brought up to date. */
static enum err
recover(struct stage *s, bool is_restored, bool accept_loss)
{
	char dir[128], from[128], to[160];
	struct store_config store = s->rig.store_config;
	struct journal_recover_config config = {
	    .store = &store,
	    .root = (const char *const *)s->rig.settings.locations.items,
	    .n = 4,
	    .copies = 2,
	    .deadline_ms = 5000,
	    .is_restored = is_restored,
	    .accept_loss = accept_loss,
	};

	(void)snprintf(dir, sizeof dir, "%s/again", s->rig.dir);
	(void)snprintf(from, sizeof from, "%s/base.mdb", s->rig.dir);
	(void)snprintf(to, sizeof to, "%s/data.mdb", dir);
	if (access(dir, F_OK) == 0)
		folder_remove(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	copy_file(from, to);
	store.dir = dir;
	return journal_recover(&config, &s->recovered, &s->why);
}

static bool
is_there(struct stage *s, const char *name)
{
	char dir[128];
	struct db_reader *reader;
	struct db_txn *txn;
	struct bytes value;
	struct db *db;
	enum err e;

	(void)snprintf(dir, sizeof dir, "%s/again", s->rig.dir);
	assert_ok(db_open(dir, 256 << 20, 16, false, &db, &s->why), &s->why);
	assert_ok(db_reader_new(db, &reader, &s->why), &s->why);
	assert_ok(db_read_begin(reader, &txn, &s->why), &s->why);
	e = db_get(txn, DB_META, bytes_of(name), &value, &s->why);
	db_read_end(reader);
	db_reader_free(reader);
	db_close(db);
	return e == ERR_OK;
}

/* The journal of a location is gone. */
static void
lose(struct stage *s, unsigned location)
{
	char dir[128];

	(void)snprintf(dir, sizeof dir, "%s/%u/meta", s->rig.dir, location + 1);
	folder_remove(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void
fail_at(unsigned location, unsigned kinds, int sys, unsigned times)
{
	fake_io_rule(location, (struct fake_io_rule){.kinds = kinds,
				   .path = "/meta/",
				   .times = times,
				   .act = FAKE_IO_FAIL,
				   .sys = sys});
}

static unsigned
live(struct stage *s)
{
	struct journal_facts facts;

	journal_mirror_facts(s->j, &facts);
	return facts.live;
}

static void
what_was_taken_is_found_again(void **state)
{
	struct stage *s = *state;
	char name[16];

	for (int i = 0; i < 50; i++) { /* some files' worth */
		(void)snprintf(name, sizeof name, "n%d", i);
		append_ok(s, name);
		assert_int_equal(s->at.seq, i + 1);
	}
	end(s);
	assert_ok(recover(s, false, false), &s->why);
	assert_int_equal(s->recovered.applied, 50);
	assert_int_equal(s->recovered.at.seq, 50);
	assert_int_equal(s->recovered.at.crc, s->at.crc);
	assert_true(is_there(s, "n0") && is_there(s, "n49"));
	/* And what a later life adds. */
	begin(s);
	append_ok(s, "later");
	assert_int_equal(s->at.term, 2);
	end(s);
	assert_ok(recover(s, false, false), &s->why);
	assert_true(is_there(s, "n49") && is_there(s, "later"));
}

static void
one_journal_less_is_no_loss(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	append_ok(s, "b");
	end(s);
	lose(s, 1);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "a") && is_there(s, "b"));
	/* Ids and terms of a restored store go on far behind. */
	assert_true(s->recovered.terms > 1 << 20);
}

static void
take_away(struct stage *s, unsigned location)
{
	char from[128], to[128];

	(void)snprintf(from, sizeof from, "%s/%u", s->rig.dir, location + 1);
	(void)snprintf(to, sizeof to, "%s/%u.away", s->rig.dir, location + 1);
	assert_int_equal(rename(from, to), 0);
}

static void
too_few_journals_are_not_enough_unless_accepted(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	end(s);
	take_away(s, 0);
	assert_ok(recover(s, true, false), &s->why);
	take_away(s, 2);
	assert_err(recover(s, true, false), ERR_DAMAGED);
	assert_non_null(strstr(errinfo_text(&s->why), "2 of 4"));
	assert_ok(recover(s, true, true), &s->why);
	assert_true(is_there(s, "a"));
	/* The store that was never lost does not need them. */
	assert_ok(recover(s, false, false), &s->why);
}

/* Its disk was replaced: what the one before had of the journal is not there. */
static void
a_location_without_a_copy_is_no_witness(void **state)
{
	struct stage *s = *state;
	char path[160];

	append_ok(s, "a");
	end(s);
	take_away(s, 0);
	copy_path(s, 1, path);
	assert_int_equal(unlink(path), 0);
	assert_err(recover(s, true, false), ERR_DAMAGED);
	assert_non_null(strstr(errinfo_text(&s->why), "2 of 4"));
	assert_ok(recover(s, false, false), &s->why);
}

static void
a_missing_entry_is_no_silent_gap(void **state)
{
	struct stage *s = *state;
	char name[JOURNAL_NAME_SIZE], path[160];

	for (int i = 0; i < 40; i++)
		append_ok(s, "x");
	end(s);
	journal_name(1, 0, name);
	for (unsigned i = 1; i <= 4; i++) {
		(void)snprintf(path, sizeof path, "%s/%u/meta/%s", s->rig.dir, i, name);
		assert_int_equal(unlink(path), 0);
	}
	assert_err(recover(s, false, false), ERR_DAMAGED);
	assert_non_null(strstr(errinfo_text(&s->why), "change 1"));
}

static void
one_location_that_fails_is_left_out_and_comes_back(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	fail_at(2, FAKE_IO_FDATASYNC, EIO, 1);
	append_ok(s, "b");
	rig_run_for(&s->rig, 300);
	assert_int_equal(live(s), 3);
	append_ok(s, "c");
	for (int i = 0; i < 100 && live(s) < 4; i++)
		rig_run_for(&s->rig, 100);
	assert_int_equal(live(s), 4);
	append_ok(s, "d");
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "b") && is_there(s, "c") && is_there(s, "d"));
}

/* The entry lies at one location, and perhaps at three more: nobody may ever see it. */
/* Its journal fails so often that it has to wait for its turn for more than a second. */
static void
fail_often(struct stage *s, unsigned location)
{
	for (int i = 0; i < 6; i++) {
		fail_at(location, FAKE_IO_WRITE, EIO, 1);
		for (int k = 0; k < 100 && live(s) < 4; k++)
			rig_run_for(&s->rig, 20);
		append_ok(s, "meanwhile");
		for (int k = 0; k < 100 && live(s) == 4; k++)
			rig_run_for(&s->rig, 5);
	}
	rig_wait_until(&s->rig, rig_all_online);
}

static void
nobody_has_to_wait_when_no_other_one_is_to_spare(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	fail_often(s, 0);
	fail_at(1, FAKE_IO_WRITE, EIO, 0);
	append_ok(s, "b");
	for (int k = 0; k < 100 && live(s) > 2; k++)
		rig_run_for(&s->rig, 5);
	append_ok(s, "c");
	assert_int_equal(live(s), 3);
	fake_io_calm(1);
	end(s);
}

static void
what_too_few_took_never_comes_back(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	for (unsigned i = 1; i < 4; i++)
		fail_at(i, FAKE_IO_FDATASYNC, EIO, 1);
	assert_err(append(s, "refused"), ERR_QUORUM);
	assert_int_equal(given_up, 0);
	assert_int_equal(s->at.seq, 1);
	append_ok(s, "b");
	assert_int_equal(s->at.seq, 2);
	assert_int_equal(s->at.term, 2);
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "a") && is_there(s, "b"));
	assert_false(is_there(s, "refused"));
}

/* Two take it: enough for a change, too few for the bytes of a file. */
static void
bytes_of_files_need_as_many_as_an_upload(void **state)
{
	struct stage *s = *state;

	for (unsigned turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 100 && live(s) < 4; i++)
			rig_run_for(&s->rig, 100);
		assert_int_equal(live(s), 4);
		for (unsigned i = 2; i < 4; i++)
			fail_at(i, FAKE_IO_FDATASYNC, EIO, 1);
		s->with_bytes = turn == 1;
		if (s->with_bytes)
			assert_err(append(s, "refused"), ERR_QUORUM);
		else
			append_ok(s, "a");
	}
	for (int i = 0; i < 100 && live(s) < 4; i++)
		rig_run_for(&s->rig, 100);
	append_ok(s, "b");
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "a") && is_there(s, "b"));
	assert_false(is_there(s, "refused"));
}

static void
nor_if_nothing_came_after_it(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	for (unsigned i = 1; i < 4; i++)
		fail_at(i, FAKE_IO_FDATASYNC, EIO, 1);
	assert_err(append(s, "refused"), ERR_QUORUM);
	end(s);
	lose(s, 3);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "a"));
	assert_false(is_there(s, "refused"));
}

static void
a_full_disk_takes_nothing_and_nothing_is_revoked(void **state)
{
	struct stage *s = *state;
	struct journal_facts facts;

	append_ok(s, "a");
	for (unsigned i = 0; i < 4; i++)
		fail_at(i, FAKE_IO_WRITE, ENOSPC, 2); /* it is tried again */
	assert_err(append(s, "refused"), ERR_QUORUM);
	journal_mirror_facts(s->j, &facts);
	assert_int_equal(facts.given_up, 0);
	for (int i = 0; i < 100 && live(s) < 4; i++)
		rig_run_for(&s->rig, 100);
	append_ok(s, "b");
	assert_int_equal(s->at.term, 1);
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_false(is_there(s, "refused"));
	assert_true(is_there(s, "b"));
}

static void
a_commit_that_failed_is_taken_back(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	append_ok(s, "failed");
	s->sink->take_back(s->sink);
	append_ok(s, "b");
	assert_int_equal(s->at.seq, 2);
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "a") && is_there(s, "b"));
	assert_false(is_there(s, "failed"));
}

static void
release_all(void)
{
	for (unsigned i = 0; i < 4; i++) {
		fake_io_calm(i);
		fake_io_release(i);
	}
}

static void
hold_at(unsigned location)
{
	fake_io_rule(
	    location, (struct fake_io_rule){
			  .kinds = FAKE_IO_WRITE, .path = "/meta/", .act = FAKE_IO_HOLD});
}

static void
two_that_hang_hold_up_nobody(void **state)
{
	struct stage *s = *state;
	uint64_t began;

	append_ok(s, "a");
	rig_run_for(&s->rig, 50);
	hold_at(0);
	hold_at(3);
	began = clock_mono_ms();
	for (int i = 0; i < 10; i++)
		append_ok(s, "b");
	assert_true(clock_mono_ms() - began < 10 * DEADLINE_MS);
	for (int i = 0; i < 100 && live(s) > 2; i++)
		rig_run_for(&s->rig, 100);
	assert_int_equal(live(s), 2);
	append_ok(s, "c");
	release_all();
	for (int i = 0; i < 100 && live(s) < 4; i++)
		rig_run_for(&s->rig, 100);
	assert_int_equal(live(s), 4);
	append_ok(s, "d");
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_true(is_there(s, "b") && is_there(s, "c") && is_there(s, "d"));
}

static void
what_cannot_even_be_revoked_ends_the_process(void **state)
{
	struct stage *s = *state;

	append_ok(s, "a");
	rig_run_for(&s->rig, 50);
	for (unsigned i = 0; i < 3; i++)
		hold_at(i);
	assert_err(append(s, "unknown"), ERR_QUORUM);
	assert_int_equal(given_up, 1);
	release_all();
}

static void
too_few_locations_refuse_before_anything_is_written(void **state)
{
	struct stage *s = *state;
	struct journal_facts facts;

	append_ok(s, "a");
	for (unsigned i = 0; i < 3; i++)
		health_failed(s->rig.mirror->health, i, EROFS, "read-only");
	for (unsigned i = 0; i < 3; i++)
		fail_at(i, FAKE_IO_WRITE | FAKE_IO_OPEN, EROFS, 0);
	assert_err(append(s, "refused"), ERR_QUORUM);
	assert_err(append(s, "refused"), ERR_QUORUM);
	journal_mirror_facts(s->j, &facts);
	assert_int_equal(facts.at.seq, 1);
	assert_int_equal(given_up, 0);
	end(s);
	assert_ok(recover(s, true, false), &s->why);
	assert_false(is_there(s, "refused"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
	    TEST(what_was_taken_is_found_again),
	    TEST(one_journal_less_is_no_loss),
	    TEST(too_few_journals_are_not_enough_unless_accepted),
	    TEST(a_location_without_a_copy_is_no_witness),
	    TEST(a_missing_entry_is_no_silent_gap),
	    TEST(one_location_that_fails_is_left_out_and_comes_back),
	    TEST(nobody_has_to_wait_when_no_other_one_is_to_spare),
	    TEST(what_too_few_took_never_comes_back),
	    TEST(bytes_of_files_need_as_many_as_an_upload),
	    TEST(nor_if_nothing_came_after_it),
	    TEST(a_full_disk_takes_nothing_and_nothing_is_revoked),
	    TEST(a_commit_that_failed_is_taken_back),
	    TEST(two_that_hang_hold_up_nobody),
	    TEST(what_cannot_even_be_revoked_ends_the_process),
	    TEST(too_few_locations_refuse_before_anything_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
