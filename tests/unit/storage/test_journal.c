/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "service/core/digest.h"
#include "storage/journal.h"
#include "tests/support/check.h"
#include "tests/support/folder.h"

static const uint8_t store[STORE_UUID_SIZE] = "this store here";

struct journal {
	char dir[64];
	struct str file;
	struct errinfo why;
};

static int
open_journal(void **state)
{
	struct journal *j = calloc(1, sizeof *j);

	assert_non_null(j);
	folder_make(j->dir);
	str_init(&j->file, 1 << 24);
	*state = j;
	return 0;
}

static int
close_journal(void **state)
{
	struct journal *j = *state;

	str_release(&j->file);
	folder_remove(j->dir);
	free(j);
	return 0;
}

static void
add_entry(struct journal *j, enum journal_kind kind, uint64_t term, uint64_t seq,
    struct bytes rows)
{
	struct journal_header h = {.kind = kind,
	    .term = term,
	    .seq = seq,
	    .n = (uint32_t)rows.n,
	    .rows_crc = crc32c(0, rows.p, rows.n)};
	uint8_t header[JOURNAL_HEADER_SIZE];

	(void)memcpy(h.store, store, sizeof store);
	journal_header_encode(&h, header);
	str_add(&j->file, (struct bytes){(const char *)header, sizeof header});
	str_add(&j->file, rows);
}

/* The first `n` bytes of what was added. */
static void
write_file(struct journal *j, uint64_t term, uint64_t seq, size_t n)
{
	char path[128], name[JOURNAL_NAME_SIZE];
	int fd;

	journal_name(term, seq, name);
	(void)snprintf(path, sizeof path, "%s/%s", j->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, j->file.p, n), n);
	assert_int_equal(close(fd), 0);
	str_clear(&j->file);
}

static void
read_index(struct journal *j, uint64_t after, struct journal_index *out)
{
	assert_ok(journal_index_read(j->dir, store, after, out, &j->why), &j->why);
}

static void
a_header_is_read_as_it_was_written(void **state)
{
	struct journal_header h = {.kind = JOURNAL_ROWS,
	    .term = 0x0123456789abcdef,
	    .seq = 0xfedcba9876543210,
	    .n = 77,
	    .rows_crc = 0xdeadbeef,
	    .crc_before = 0x12345678};
	struct journal_header got;
	uint8_t bytes[JOURNAL_HEADER_SIZE];

	(void)state;
	(void)memcpy(h.store, store, sizeof store);
	journal_header_encode(&h, bytes);
	assert_true(journal_header_decode(bytes, &got));
	assert_memory_equal(got.store, store, sizeof store);
	assert_int_equal(got.kind, JOURNAL_ROWS);
	assert_int_equal(got.term, h.term);
	assert_int_equal(got.seq, h.seq);
	assert_int_equal(got.n, 77);
	assert_int_equal(got.rows_crc, h.rows_crc);
	assert_int_equal(got.crc_before, h.crc_before);
	assert_int_equal(got.crc, h.crc);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 0x10;
		assert_false(journal_header_decode(bytes, &got));
		bytes[i] ^= 0x10;
	}
}

static void
a_name_is_read_as_it_was_written(void **state)
{
	char name[JOURNAL_NAME_SIZE];
	uint64_t term, seq;

	(void)state;
	journal_name(7, 0xabcdef, name);
	assert_string_equal(name, "0000000000000007-0000000000abcdef");
	assert_true(journal_name_parse(bytes_of(name), &term, &seq));
	assert_int_equal(term, 7);
	assert_int_equal(seq, 0xabcdef);
	assert_false(journal_name_parse(BYTES(""), &term, &seq));
	assert_false(
	    journal_name_parse(BYTES("0000000000000007_0000000000abcdef"), &term, &seq));
	assert_false(
	    journal_name_parse(BYTES("000000000000000x-0000000000abcdef"), &term, &seq));
}

static void
rows_are_read_as_they_were_written(void **state)
{
	struct journal_row row;
	struct bytes left;
	struct str rows;
	enum err e;

	(void)state;
	str_init(&rows, 1 << 16);
	journal_row_add(
	    &rows, &(struct journal_row){DB_NODE, false, BYTES("key"), BYTES("value")});
	journal_row_add(
	    &rows, &(struct journal_row){DB_GCQ, true, BYTES("gone"), BYTES("")});
	left = str_bytes(&rows);
	assert_true(journal_row_next(&left, &row, &e));
	assert_int_equal(row.table, DB_NODE);
	assert_false(row.is_delete);
	assert_bytes(row.key, "key");
	assert_bytes(row.value, "value");
	assert_true(journal_row_next(&left, &row, &e));
	assert_int_equal(row.table, DB_GCQ);
	assert_true(row.is_delete);
	assert_bytes(row.key, "gone");
	assert_false(journal_row_next(&left, &row, &e));
	assert_int_equal(e, ERR_OK);
	/* Cut anywhere, it is damaged and nothing outside is touched. */
	for (size_t n = 1; n < 3 + 7 + 5; n++) {
		left = (struct bytes){rows.p, n};
		assert_false(journal_row_next(&left, &row, &e));
		assert_int_equal(e, ERR_DAMAGED);
	}
	rows.p[0] = 0x7f; /* no such table */
	left = str_bytes(&rows);
	assert_false(journal_row_next(&left, &row, &e));
	assert_int_equal(e, ERR_DAMAGED);
	str_release(&rows);
}

static void
a_torn_end_is_left_out(void **state)
{
	struct journal *j = *state;
	struct journal_index index;
	struct str rows;
	size_t whole;

	str_init(&rows, 1 << 16);
	add_entry(j, JOURNAL_BEGIN, 3, 10, BYTES(""));
	add_entry(j, JOURNAL_ROWS, 3, 11, BYTES("eleven"));
	whole = j->file.n;
	for (size_t cut = 1; cut < JOURNAL_HEADER_SIZE + 6; cut += 9) {
		add_entry(j, JOURNAL_ROWS, 3, 12, BYTES("twelve"));
		add_entry(j, JOURNAL_BEGIN, 3, 10, BYTES(""));
		write_file(j, 3, 10, whole + cut);
		read_index(j, 0, &index);
		assert_int_equal(index.n_entries, 2);
		assert_int_equal(index.entry[0].header.kind, JOURNAL_BEGIN);
		assert_int_equal(index.entry[1].header.seq, 11);
		assert_int_equal(index.last_seq, 11);
		assert_ok(
		    journal_index_rows(&index, &index.entry[1], &rows, &j->why), &j->why);
		assert_bytes(str_bytes(&rows), "eleven");
		journal_index_release(&index);
		add_entry(j, JOURNAL_BEGIN, 3, 10, BYTES(""));
		add_entry(j, JOURNAL_ROWS, 3, 11, BYTES("eleven"));
	}
	str_release(&rows);
}

static void
only_what_is_behind_is_read(void **state)
{
	struct journal *j = *state;
	struct journal_index index;

	add_entry(j, JOURNAL_ROWS, 1, 1, BYTES("a"));
	add_entry(j, JOURNAL_ROWS, 1, 2, BYTES("b"));
	write_file(j, 1, 0, j->file.n);
	add_entry(j, JOURNAL_ROWS, 1, 3, BYTES("c"));
	add_entry(j, JOURNAL_ROWS, 1, 4, BYTES("d"));
	write_file(j, 1, 2, j->file.n);
	read_index(j, 3, &index);
	assert_int_equal(index.n_files, 2);
	assert_int_equal(index.n_entries, 1);
	assert_int_equal(index.entry[0].header.seq, 4);
	journal_index_release(&index);
	read_index(j, 1, &index);
	assert_int_equal(index.n_entries, 3);
	journal_index_release(&index);
}

static void
another_stores_entries_are_left_out(void **state)
{
	static const uint8_t other[STORE_UUID_SIZE] = "another one";
	struct journal *j = *state;
	struct journal_index index;

	add_entry(j, JOURNAL_ROWS, 1, 1, BYTES("a"));
	write_file(j, 1, 0, j->file.n);
	assert_ok(journal_index_read(j->dir, other, 0, &index, &j->why), &j->why);
	assert_int_equal(index.n_entries, 0);
	journal_index_release(&index);
}

static void
damaged_rows_are_noticed(void **state)
{
	struct journal *j = *state;
	struct journal_index index;
	struct str rows;

	str_init(&rows, 1 << 16);
	add_entry(j, JOURNAL_ROWS, 1, 1, BYTES("abc"));
	j->file.p[JOURNAL_HEADER_SIZE] ^= 1;
	write_file(j, 1, 0, j->file.n);
	read_index(j, 0, &index);
	assert_int_equal(index.n_entries, 0);
	assert_int_equal(index.damaged, 1);
	journal_index_release(&index);
	/* And what goes bad between the index and the reading. */
	add_entry(j, JOURNAL_ROWS, 1, 1, BYTES("abc"));
	write_file(j, 1, 0, j->file.n);
	read_index(j, 0, &index);
	assert_int_equal(index.n_entries, 1);
	add_entry(j, JOURNAL_ROWS, 1, 1, BYTES("abc"));
	j->file.p[JOURNAL_HEADER_SIZE] ^= 1;
	write_file(j, 1, 0, j->file.n);
	assert_int_equal(
	    journal_index_rows(&index, &index.entry[0], &rows, &j->why), ERR_DAMAGED);
	journal_index_release(&index);
	str_release(&rows);
}

static void
a_folder_that_is_not_there_is_said(void **state)
{
	struct journal *j = *state;
	struct journal_index index;

	assert_int_equal(journal_index_read("/nowhere/at/all", store, 0, &index, &j->why),
	    ERR_NOT_FOUND);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_journal, close_journal)
	const struct CMUnitTest tests[] = {
	    TEST(a_header_is_read_as_it_was_written),
	    TEST(a_name_is_read_as_it_was_written),
	    TEST(rows_are_read_as_they_were_written),
	    TEST(a_torn_end_is_left_out),
	    TEST(only_what_is_behind_is_read),
	    TEST(another_stores_entries_are_left_out),
	    TEST(damaged_rows_are_noticed),
	    TEST(a_folder_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
