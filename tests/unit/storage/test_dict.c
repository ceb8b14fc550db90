/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/dict.h"

#include "scratch.h"

enum { LONGEST = 5000 };

/* Texts of one letter repeated share every front; `last` tells those of a length apart.
 */
static struct bytes
text_of(char *room, size_t n, char last)
{
	(void)memset(room, 'u', n);
	room[n - 1] = last;
	return (struct bytes){room, n};
}

static uint32_t
intern(struct scratch *s, struct db_txn *txn, struct bytes text)
{
	uint32_t number;

	assert_ok(dict_intern(txn, text, &number, &s->why), &s->why);
	return number;
}

static void
assert_text(struct scratch *s, struct db_txn *txn, uint32_t number, struct bytes text)
{
	struct bytes found;

	assert_ok(dict_text(txn, number, &s->arena, &found, &s->why), &s->why);
	if (!bytes_eq(found, text))
		fail_msg(
		    "number %u is \"%.20s...\" of %zu bytes", number, found.p, found.n);
}

static void
texts_of_all_lengths_keep_their_numbers(void **state)
{
	static char room[LONGEST];
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);

	for (size_t n = 1; n <= LONGEST; n++) {
		assert_int_equal(intern(s, txn, text_of(room, n, 'a')), 2 * n - 1);
		assert_int_equal(intern(s, txn, text_of(room, n, 'b')), 2 * n);
	}
	scratch_commit(s, txn);
	txn = scratch_write(s);
	for (size_t n = 1; n <= LONGEST; n++) {
		struct bytes text = text_of(room, n, 'a');

		assert_int_equal(intern(s, txn, text), 2 * n - 1);
		assert_text(s, txn, (uint32_t)(2 * n - 1), text);
		text = text_of(room, n, 'b');
		assert_int_equal(intern(s, txn, text), 2 * n);
		assert_text(s, txn, (uint32_t)(2 * n), text);
		arena_clear(&s->arena);
	}
	db_abort(txn);
}

static void
the_empty_text_and_odd_bytes_are_texts_too(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	uint32_t empty = intern(s, txn, BYTES(""));
	uint32_t odd = intern(s, txn, BYTES("a\0b\377"));

	assert_int_not_equal(empty, odd);
	assert_int_equal(intern(s, txn, BYTES("")), empty);
	assert_text(s, txn, empty, BYTES(""));
	assert_text(s, txn, odd, BYTES("a\0b\377"));
	db_abort(txn);
}

static void
names_of_properties_are_remembered_as_such(void **state)
{
	static const char *const names[] = {"custom:b", "custom:a", "custom:c"};
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes found[4];
	uint32_t number, again;
	size_t n;

	(void)intern(s, txn, BYTES("ivo://example.org/gms?group"));
	(void)intern(s, txn, BYTES("custom:a")); /* something else first */
	for (size_t i = 0; i < 3; i++)
		assert_ok(dict_intern_property(txn, bytes_of(names[i]), &number, &s->why),
		    &s->why);
	assert_ok(dict_intern_property(txn, BYTES("custom:b"), &again, &s->why), &s->why);
	assert_int_equal(intern(s, txn, BYTES("custom:b")), again);
	assert_ok(dict_properties(txn, &s->arena, 4, 100, found, &n, &s->why), &s->why);
	assert_int_equal(n, 3);
	assert_true(bytes_is(found[0], "custom:a"));
	assert_true(bytes_is(found[1], "custom:b"));
	assert_true(bytes_is(found[2], "custom:c"));
	assert_ok(dict_properties(txn, &s->arena, 2, 100, found, &n, &s->why), &s->why);
	assert_int_equal(n, 2);
	assert_ok(dict_properties(txn, &s->arena, 4, 15, found, &n, &s->why), &s->why);
	assert_int_equal(n, 1);
	db_abort(txn);
}

static void
there_may_be_no_properties(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct bytes found[1];
	size_t n = 1;

	(void)intern(s, txn, BYTES("text/plain"));
	assert_ok(dict_properties(txn, &s->arena, 1, 100, found, &n, &s->why), &s->why);
	assert_int_equal(n, 0);
	db_abort(txn);
}

static void
a_number_of_a_change_given_up_is_given_again(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s), *child;
	uint32_t number;
	struct bytes text;

	child = scratch_child(s, txn);
	number = intern(s, child, BYTES("first"));
	db_abort(child);
	assert_err(dict_text(txn, number, &s->arena, &text, &s->why), ERR_DAMAGED);
	assert_int_equal(intern(s, txn, BYTES("second")), number);
	assert_text(s, txn, number, BYTES("second"));
	db_abort(txn);
}

static void
a_number_without_text_is_damage(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_read(s);
	struct bytes text;

	assert_err(dict_text(txn, 4711, &s->arena, &text, &s->why), ERR_DAMAGED);
	assert_string_equal(errinfo_text(&s->why), "dictionary: number 4711 has no text");
	db_read_end(s->reader);
}

static void
a_text_larger_than_the_request_may_be_is_refused(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	uint32_t number = intern(s, txn, BYTES("a text of some length, and then some"));
	struct arena small;
	struct bytes text;

	arena_init(&small, 16);
	assert_err(dict_text(txn, number, &small, &text, &s->why), ERR_NO_MEMORY);
	arena_release(&small);
	db_abort(txn);
}

struct row {
	struct bytes key, value;
};

/* Copies of all rows of the dictionary. */
static size_t
copy_rows(struct scratch *s, struct db_txn *txn, struct row *out, size_t room)
{
	struct db_cursor *cursor;
	struct bytes key, value;
	size_t n = 0;
	enum err e;

	assert_ok(db_cursor_open(txn, DB_DICT, &cursor, &s->why), &s->why);
	for (e = db_cursor_seek(cursor, BYTES("\001"), &key, &value, &s->why);
	     e == ERR_OK; e = db_cursor_next(cursor, &key, &value, &s->why)) {
		assert_true(n < room);
		out[n++] = (struct row){
		    arena_copy(&s->arena, key), arena_copy(&s->arena, value)};
	}
	assert_int_equal(e, ERR_NOT_FOUND);
	db_cursor_close(cursor);
	return n;
}

/* With the row as it is now in the place of the one that tells of `text`. */
static void
assert_not_believed(
    struct scratch *s, struct db_txn *txn, const struct row *row, struct bytes text)
{
	struct db_txn *child = scratch_child(s, txn);
	struct bytes found;
	uint32_t number = 0;
	enum err e;

	assert_ok(db_put(child, DB_DICT, row->key, row->value, &s->why), &s->why);
	switch (row->key.p[0]) {
	case 'r':
		e = dict_text(child, 1, &s->arena, &found, &s->why);
		break;
	case 'f':
		e = dict_intern(child, text, &number, &s->why);
		break;
	default:
		e = dict_intern(child, BYTES("a new text"), &number, &s->why);
		break;
	}
	assert_int_equal(e, ERR_DAMAGED);
	db_abort(child);
}

static void
assert_every_bit_counts(struct scratch *s, struct bytes text)
{
	struct db_txn *txn = scratch_write(s);
	struct row rows[4];
	size_t n;

	assert_int_equal(intern(s, txn, text), 1);
	n = copy_rows(s, txn, rows, 4);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++)
		for (size_t bit = 0; bit < 8 * rows[i].value.n; bit++) {
			char *byte = arena_text(&s->arena, rows[i].value);
			struct row flipped = {rows[i].key, {byte, rows[i].value.n}};

			assert_non_null(byte);
			byte[bit / 8] ^= (char)(1 << bit % 8);
			assert_not_believed(s, txn, &flipped, text);
		}
	db_abort(txn);
}

static void
a_flipped_bit_of_any_row_is_noticed(void **state)
{
	static char room[LONGEST];

	assert_every_bit_counts(*state, BYTES("ivo://cadc.nrc.ca/gms?team-a"));
	assert_every_bit_counts(*state, text_of(room, 450, 'x'));
}

static void
rows_of_a_wrong_length_are_damage(void **state)
{
	static const char *const keys[] = {"n", "fsome"};
	struct scratch *s = *state;
	uint32_t number;

	for (size_t i = 0; i < 2; i++) {
		struct db_txn *txn = scratch_write(s);

		assert_ok(db_put(txn, DB_DICT, bytes_of(keys[i]), BYTES("123"), &s->why),
		    &s->why);
		assert_err(
		    dict_intern(txn, BYTES("some"), &number, &s->why), ERR_DAMAGED);
		db_abort(txn);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCRATCH_TEST(texts_of_all_lengths_keep_their_numbers),
	    SCRATCH_TEST(the_empty_text_and_odd_bytes_are_texts_too),
	    SCRATCH_TEST(names_of_properties_are_remembered_as_such),
	    SCRATCH_TEST(there_may_be_no_properties),
	    SCRATCH_TEST(a_number_of_a_change_given_up_is_given_again),
	    SCRATCH_TEST(a_number_without_text_is_damage),
	    SCRATCH_TEST(a_text_larger_than_the_request_may_be_is_refused),
	    SCRATCH_TEST(a_flipped_bit_of_any_row_is_noticed),
	    SCRATCH_TEST(rows_of_a_wrong_length_are_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
