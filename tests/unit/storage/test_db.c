/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/db.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "scratch.h"
#include "service/core/clock.h"
#include "storage/fault.h"
#include "storage/journal.h"
#include "tests/support/fake_sync.h"

static void
put(struct scratch *s, struct db_txn *txn, const char *key, const char *value)
{
	assert_ok(db_put(txn, DB_META, bytes_of(key), bytes_of(value), &s->why), &s->why);
}

static void
assert_value(struct scratch *s, struct db_txn *txn, const char *key, const char *value)
{
	struct bytes found;

	assert_ok(db_get(txn, DB_META, bytes_of(key), &found, &s->why), &s->why);
	assert_bytes(found, value);
}

static void
assert_missing(struct scratch *s, struct db_txn *txn, const char *key)
{
	struct bytes found;

	assert_err(db_get(txn, DB_META, bytes_of(key), &found, &s->why), ERR_NOT_FOUND);
}

static void
write_file(const char *dir, const char *text, size_t n)
{
	char path[96];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/data.mdb", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void
a_missing_store_is_not_made_unasked(void **state)
{
	char dir[64], path[96];
	struct errinfo why;
	struct stat st;
	struct db *db;

	(void)state;
	scratch_make_folder(dir);
	assert_err(db_open(dir, SCRATCH_MAP, 4, false, &db, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(errinfo_text(&why), dir));
	(void)snprintf(path, sizeof path, "%s/data.mdb", dir);
	assert_int_equal(stat(path, &st), -1);
	scratch_remove_folder(dir);
}

static void
a_store_without_tables_is_not_found(void **state)
{
	char dir[64];
	struct errinfo why;
	struct db *db;

	(void)state;
	scratch_make_folder(dir);
	write_file(dir, "", 0);
	assert_err(db_open(dir, SCRATCH_MAP, 4, false, &db, &why), ERR_NOT_FOUND);
	assert_string_equal(errinfo_text(&why), "metadata store: no table meta");
	scratch_remove_folder(dir);
}

static void
a_file_of_something_else_is_damage(void **state)
{
	static char junk[8192];
	char dir[64];
	struct errinfo why;
	struct db *db;

	(void)state;
	(void)memset(junk, 'x', sizeof junk);
	scratch_make_folder(dir);
	write_file(dir, junk, sizeof junk);
	assert_err(db_open(dir, SCRATCH_MAP, 4, true, &db, &why), ERR_DAMAGED);
	scratch_remove_folder(dir);
}

static void
a_folder_that_is_not_there_is_an_error(void **state)
{
	struct errinfo why;
	struct db *db;

	(void)state;
	assert_err(
	    db_open("/nonexistent/store", SCRATCH_MAP, 4, true, &db, &why), ERR_IO);
	assert_non_null(strstr(errinfo_text(&why), "/nonexistent/store"));
	db_close(NULL);
	db_reader_free(NULL);
}

static void
what_was_committed_is_there_after_reopening(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);

	put(s, txn, "key", "value");
	scratch_commit(s, txn);
	db_reader_free(s->reader);
	db_close(s->db);
	assert_ok(db_open(s->dir, SCRATCH_MAP, SCRATCH_READERS, false, &s->db, &s->why),
	    &s->why);
	assert_ok(db_reader_new(s->db, &s->reader, &s->why), &s->why);
	txn = scratch_read(s);
	assert_value(s, txn, "key", "value");
	db_read_end(s->reader);
}

static void
a_key_that_is_not_there_leaves_everything_alone(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes value = BYTES("as before");
	uint64_t n;

	s->why = (struct errinfo){.text = "as before"};
	assert_err(db_get(txn, DB_META, BYTES("none"), &value, &s->why), ERR_NOT_FOUND);
	assert_err(db_delete(txn, DB_META, BYTES("none"), &s->why), ERR_NOT_FOUND);
	assert_bytes(value, "as before");
	assert_string_equal(s->why.text, "as before");
	put(s, txn, "key", "value"); /* the transaction goes on */
	assert_ok(db_count(txn, DB_META, &n, &s->why), &s->why);
	assert_int_equal(n, 1);
	db_abort(txn);
}

static void
a_put_replaces_and_a_delete_removes(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);

	put(s, txn, "key", "one");
	put(s, txn, "key", "two");
	assert_value(s, txn, "key", "two");
	assert_ok(db_delete(txn, DB_META, BYTES("key"), &s->why), &s->why);
	assert_missing(s, txn, "key");
	db_abort(txn);
}

static void
a_child_given_up_leaves_nothing_behind(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *child;

	put(s, txn, "key", "parent");
	child = scratch_child(s, txn);
	put(s, child, "key", "child");
	put(s, child, "other", "child");
	assert_value(s, child, "key", "child");
	db_abort(child);
	assert_value(s, txn, "key", "parent");
	assert_missing(s, txn, "other");
	child = scratch_child(s, txn);
	put(s, child, "third", "child");
	scratch_commit(s, child);
	scratch_commit(s, txn);
	txn = scratch_read(s);
	assert_value(s, txn, "key", "parent");
	assert_value(s, txn, "third", "child");
	db_read_end(s->reader);
}

static void
a_committed_child_goes_with_its_parent(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *child = scratch_child(s, txn);

	put(s, child, "key", "child");
	scratch_commit(s, child);
	assert_value(s, txn, "key", "child");
	db_abort(txn);
	txn = scratch_read(s);
	assert_missing(s, txn, "key");
	db_read_end(s->reader);
}

static void
a_snapshot_does_not_move(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *snapshot;

	put(s, txn, "key", "old");
	scratch_commit(s, txn);
	snapshot = scratch_read(s);
	txn = scratch_write(s);
	put(s, txn, "key", "new");
	scratch_commit(s, txn);
	assert_value(s, snapshot, "key", "old");
	db_read_end(s->reader);
	snapshot = scratch_read(s);
	assert_value(s, snapshot, "key", "new");
	db_read_end(s->reader);
}

static void
appending_behind_and_in_between_both_work(void **state)
{
	static const char *const order[] = {"b", "d", "c", "d", "a"};
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	uint64_t n;

	for (size_t i = 0; i < 5; i++)
		assert_ok(
		    db_append(txn, DB_META, bytes_of(order[i]), BYTES("v"), &s->why),
		    &s->why);
	assert_ok(db_count(txn, DB_META, &n, &s->why), &s->why);
	assert_int_equal(n, 4);
	db_abort(txn);
}

static void
a_cursor_goes_in_the_order_of_keys(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes key, value;
	struct db_cursor *cursor;

	assert_ok(db_cursor_open(txn, DB_META, &cursor, &s->why), &s->why);
	assert_err(db_cursor_last(cursor, &key, &value, &s->why), ERR_NOT_FOUND);
	db_cursor_close(cursor);
	put(s, txn, "b", "2");
	put(s, txn, "\377", "4");
	put(s, txn, "a", "1");
	put(s, txn, "bb", "3");
	assert_ok(db_cursor_open(txn, DB_META, &cursor, &s->why), &s->why);
	assert_ok(db_cursor_seek(cursor, BYTES("aa"), &key, &value, &s->why), &s->why);
	assert_bytes(key, "b");
	assert_bytes(value, "2");
	assert_ok(db_cursor_next(cursor, &key, &value, &s->why), &s->why);
	assert_bytes(key, "bb");
	assert_ok(db_cursor_next(cursor, &key, &value, &s->why), &s->why);
	assert_bytes(key, "\377");
	assert_err(db_cursor_next(cursor, &key, &value, &s->why), ERR_NOT_FOUND);
	assert_err(
	    db_cursor_seek(cursor, BYTES("\377a"), &key, &value, &s->why), ERR_NOT_FOUND);
	assert_ok(db_cursor_seek(cursor, BYTES("a"), &key, &value, &s->why), &s->why);
	assert_bytes(value, "1");
	assert_ok(db_cursor_last(cursor, &key, &value, &s->why), &s->why);
	assert_bytes(value, "4");
	db_cursor_close(cursor);
	db_abort(txn);
}

static void
a_value_larger_than_a_page_comes_back(void **state)
{
	static char large[1 << 20];
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes value = {large, sizeof large}, found;

	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 + i / 4096);
	assert_ok(db_put(txn, DB_JOB, BYTES("big"), value, &s->why), &s->why);
	scratch_commit(s, txn);
	txn = scratch_read(s);
	assert_ok(db_get(txn, DB_JOB, BYTES("big"), &found, &s->why), &s->why);
	assert_true(bytes_eq(found, value));
	db_read_end(s->reader);
}

static void
a_key_of_no_legal_length_is_refused(void **state)
{
	static char name[DB_KEY_MAX + 1];
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes key = {name, sizeof name}, found;
	struct db_cursor *cursor;

	(void)memset(name, 'k', sizeof name);
	assert_err(db_put(txn, DB_META, key, BYTES("v"), &s->why), ERR_IO);
	db_abort(txn);
	txn = scratch_write(s);
	assert_err(db_append(txn, DB_META, BYTES(""), BYTES("v"), &s->why), ERR_IO);
	db_abort(txn);
	txn = scratch_read(s);
	assert_err(db_get(txn, DB_META, BYTES(""), &found, &s->why), ERR_IO);
	assert_ok(db_cursor_open(txn, DB_META, &cursor, &s->why), &s->why);
	assert_err(db_cursor_seek(cursor, BYTES(""), &found, &found, &s->why), ERR_IO);
	db_cursor_close(cursor);
	db_read_end(s->reader);
}

/* Put until it fails; how many went in. */
static unsigned
fill(struct scratch *s, struct db_txn *txn, enum err *e_out)
{
	static char large[100000];
	char key[16];
	unsigned n = 0;

	do {
		(void)snprintf(key, sizeof key, "%010u", n);
		*e_out = db_put(txn, DB_JOB, bytes_of(key),
		    (struct bytes){large, sizeof large}, &s->why);
		n += *e_out == ERR_OK;
	} while (*e_out == ERR_OK && n < 10000);
	return n;
}

static void
a_full_map_spoils_only_the_child_that_filled_it(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *child;
	enum err e;

	put(s, txn, "before", "v");
	child = scratch_child(s, txn);
	assert_true(fill(s, child, &e) > 100);
	assert_int_equal(e, ERR_META_FULL);
	db_abort(child);
	put(s, txn, "after", "v");
	scratch_commit(s, txn);
	txn = scratch_read(s);
	assert_value(s, txn, "before", "v");
	assert_value(s, txn, "after", "v");
	db_read_end(s->reader);
	assert_true(db_stats(s->db).used_bytes <= SCRATCH_MAP);
}

static void
a_failed_transaction_can_only_be_given_up(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *child;
	enum err e;

	(void)fill(s, txn, &e);
	assert_int_equal(e, ERR_META_FULL);
	assert_int_not_equal(db_write_begin(s->db, txn, &child, &s->why), ERR_OK);
	assert_int_not_equal(
	    db_put(txn, DB_META, BYTES("k"), BYTES("v"), &s->why), ERR_OK);
	assert_int_not_equal(db_delete(txn, DB_META, BYTES("k"), &s->why), ERR_OK);
	assert_int_not_equal(db_commit(txn, &s->why), ERR_OK);
	txn = scratch_write(s);
	put(s, txn, "key", "value");
	scratch_commit(s, txn);
}

static void
a_commit_that_does_not_reach_the_disk_is_an_error(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);

	put(s, txn, "key", "value");
	syncs_left = 0;
	assert_err(db_commit(txn, &s->why), ERR_IO);
	syncs_left = INT32_MAX;
	txn = scratch_read(s);
	assert_missing(s, txn, "key");
	db_read_end(s->reader);
	txn = scratch_write(s);
	put(s, txn, "key", "again");
	scratch_commit(s, txn);
	txn = scratch_read(s);
	assert_value(s, txn, "key", "again");
	db_read_end(s->reader);
}

static void
readers_beyond_the_limit_are_told_to_come_back(void **state)
{
	struct scratch *s = *state;
	struct db_reader *more[SCRATCH_READERS];

	for (size_t i = 1; i < SCRATCH_READERS; i++)
		assert_ok(db_reader_new(s->db, &more[i], &s->why), &s->why);
	assert_err(db_reader_new(s->db, &more[0], &s->why), ERR_BUSY);
	assert_int_equal(db_stats(s->db).readers, SCRATCH_READERS);
	db_reader_free(more[1]);
	assert_ok(db_reader_new(s->db, &more[1], &s->why), &s->why);
	for (size_t i = 1; i < SCRATCH_READERS; i++)
		db_reader_free(more[i]);
}

/* In a process of its own: take all readers that are left, say so, and die by a signal
 * once the other end of `in` is closed. */
static void
take_readers_and_die(const char *dir, int in, int out)
{
	struct db_reader *reader;
	struct db *db;
	char c = '!';

	if (db_open(dir, SCRATCH_MAP, SCRATCH_READERS, false, &db, NULL) != ERR_OK)
		_exit(1);
	while (db_reader_new(db, &reader, NULL) == ERR_OK)
		;
	if (write(out, &c, 1) != 1 || read(in, &c, 1) != 0)
		_exit(1);
	(void)kill(getpid(), SIGKILL);
}

static void
readers_of_a_dead_process_are_forgotten(void **state)
{
	struct scratch *s = *state;
	struct db_reader *reader;
	int status, in[2], out[2];
	pid_t pid;
	char c;

	db_reader_free(s->reader);
	db_close(s->db);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(in[1]);
		take_readers_and_die(s->dir, in[0], out[1]);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	/* While the other one lives: the first to open resets the table of readers. */
	assert_ok(db_open(s->dir, SCRATCH_MAP, SCRATCH_READERS, false, &s->db, &s->why),
	    &s->why);
	(void)close(in[1]);
	(void)close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_err(db_reader_new(s->db, &reader, &s->why), ERR_BUSY);
	db_check_readers(s->db);
	assert_ok(db_reader_new(s->db, &s->reader, &s->why), &s->why);
}

#ifdef QUARTET_KILL_POINTS

static void
set_fault(const char *line)
{
	struct fault_rule rule;

	assert_true(fault_parse(line, &rule));
	(void)fault_add(&rule);
}

static void
a_commit_can_be_made_to_fail(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);

	set_fault("op=commit nth=2 times=1 errno=ENOSPC");
	put(s, txn, "a", "1");
	scratch_commit(s, txn);
	txn = scratch_write(s);
	scratch_commit(s, scratch_child(s, txn)); /* only whole ones count */
	put(s, txn, "b", "2");
	assert_err(db_commit(txn, &s->why), ERR_META_FULL);
	txn = scratch_write(s);
	assert_missing(s, txn, "b");
	assert_value(s, txn, "a", "1");
	scratch_commit(s, txn);
	fault_clear();
}

#endif

static void
the_oldest_reader_is_told(void **state)
{
	struct scratch *s = *state;
	struct db_reader *first, *second;
	struct db_txn *txn;
	uint64_t first_us, second_us;

	assert_int_equal(db_stats(s->db).oldest_reader_us, 0);
	assert_ok(db_reader_new(s->db, &first, &s->why), &s->why);
	assert_ok(db_reader_new(s->db, &second, &s->why), &s->why);
	assert_ok(db_read_begin(first, &txn, &s->why), &s->why);
	first_us = clock_mono_us();
	while ((second_us = clock_mono_us()) == first_us)
		continue;
	assert_ok(db_read_begin(second, &txn, &s->why), &s->why);
	assert_true(db_stats(s->db).oldest_reader_us >= second_us - first_us);
	db_read_end(first);
	assert_true(db_stats(s->db).oldest_reader_us <= clock_mono_us() - second_us);
	db_read_end(second);
	assert_int_equal(db_stats(s->db).oldest_reader_us, 0);
	db_reader_free(first);
	db_reader_free(second);
}

static void
what_is_committed_is_recorded_and_no_more(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn, *child;
	struct journal_row row;
	struct bytes left;
	struct str rows;
	enum err e;

	str_init(&rows, 1 << 16);
	db_record(s->db, &rows);
	assert_ok(db_write_begin(s->db, NULL, &txn, &s->why), &s->why);
	assert_ok(db_put(txn, DB_NODE, BYTES("a"), BYTES("1"), &s->why), &s->why);
	assert_ok(db_write_begin(s->db, txn, &child, &s->why), &s->why);
	assert_ok(db_put(child, DB_NODE, BYTES("b"), BYTES("2"), &s->why), &s->why);
	db_abort(child);
	assert_ok(db_write_begin(s->db, txn, &child, &s->why), &s->why);
	assert_ok(db_append(child, DB_BLOB, BYTES("c"), BYTES("3"), &s->why), &s->why);
	assert_ok(db_delete(child, DB_NODE, BYTES("a"), &s->why), &s->why);
	assert_ok(db_commit(child, &s->why), &s->why);
	assert_ok(db_commit(txn, &s->why), &s->why);
	left = str_bytes(&rows);
	assert_true(journal_row_next(&left, &row, &e));
	assert_bytes(row.key, "a");
	assert_true(journal_row_next(&left, &row, &e));
	assert_int_equal(row.table, DB_BLOB);
	assert_bytes(row.value, "3");
	assert_true(journal_row_next(&left, &row, &e));
	assert_true(row.is_delete);
	assert_bytes(row.key, "a");
	assert_false(journal_row_next(&left, &row, &e));
	assert_int_equal(e, ERR_OK);
	/* What there is no room for fails, and spoils nothing else. */
	str_release(&rows);
	str_init(&rows, 64);
	assert_ok(db_write_begin(s->db, NULL, &txn, &s->why), &s->why);
	assert_ok(db_write_begin(s->db, txn, &child, &s->why), &s->why);
	assert_err(db_put(child, DB_NODE, BYTES("d"),
		       BYTES("0123456789012345678901234567890123456789012345678901234567"
			     "890123456789"),
		       &s->why),
	    ERR_NO_MEMORY);
	db_abort(child);
	assert_ok(db_put(txn, DB_NODE, BYTES("e"), BYTES("5"), &s->why), &s->why);
	assert_ok(db_commit(txn, &s->why), &s->why);
	left = str_bytes(&rows);
	assert_true(journal_row_next(&left, &row, &e));
	assert_bytes(row.key, "e");
	assert_false(journal_row_next(&left, &row, &e));
	db_record(s->db, NULL);
	str_release(&rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_missing_store_is_not_made_unasked),
	    cmocka_unit_test(a_store_without_tables_is_not_found),
	    cmocka_unit_test(a_file_of_something_else_is_damage),
	    cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
	    SCRATCH_TEST(what_was_committed_is_there_after_reopening),
	    SCRATCH_TEST(a_key_that_is_not_there_leaves_everything_alone),
	    SCRATCH_TEST(a_put_replaces_and_a_delete_removes),
	    SCRATCH_TEST(a_child_given_up_leaves_nothing_behind),
	    SCRATCH_TEST(a_committed_child_goes_with_its_parent),
	    SCRATCH_TEST(a_snapshot_does_not_move),
	    SCRATCH_TEST(appending_behind_and_in_between_both_work),
	    SCRATCH_TEST(a_cursor_goes_in_the_order_of_keys),
	    SCRATCH_TEST(a_value_larger_than_a_page_comes_back),
	    SCRATCH_TEST(a_key_of_no_legal_length_is_refused),
	    SCRATCH_TEST(a_full_map_spoils_only_the_child_that_filled_it),
	    SCRATCH_TEST(a_failed_transaction_can_only_be_given_up),
	    SCRATCH_TEST(a_commit_that_does_not_reach_the_disk_is_an_error),
#ifdef QUARTET_KILL_POINTS
	    SCRATCH_TEST(a_commit_can_be_made_to_fail),
#endif
	    SCRATCH_TEST(the_oldest_reader_is_told),
	    SCRATCH_TEST(readers_beyond_the_limit_are_told_to_come_back),
	    SCRATCH_TEST(readers_of_a_dead_process_are_forgotten),
	    SCRATCH_TEST(what_is_committed_is_recorded_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
