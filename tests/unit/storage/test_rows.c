/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/rows.h"

#include "scratch.h"

static void
put_row(struct scratch *s, struct db_txn *txn, uint64_t id, struct bytes text)
{
	struct key key = key_id(id);
	struct str value;

	str_init(&value, 1 << 20);
	str_add(&value, text);
	assert_ok(row_put(txn, DB_JOB, &key, &value, &s->why), &s->why);
	str_release(&value);
}

static void
a_row_comes_back_without_its_checksum(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct key one = key_id(1), two = key_id(2), three = key_id(3);
	struct bytes row;

	put_row(s, txn, 1, BYTES("text"));
	put_row(s, txn, 2, BYTES(""));
	assert_ok(row_get(txn, DB_JOB, &one, &row, &s->why), &s->why);
	assert_bytes(row, "text");
	assert_ok(row_get(txn, DB_JOB, &two, &row, &s->why), &s->why);
	assert_int_equal(row.n, 0);
	assert_err(row_get(txn, DB_JOB, &three, &row, &s->why), ERR_NOT_FOUND);
	db_abort(txn);
}

static void
every_flipped_bit_is_noticed(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct key key = key_id(7);
	struct bytes value, row;
	char copy[64];
	size_t n;

	put_row(s, txn, 7, BYTES("what a row holds"));
	assert_ok(db_get(txn, DB_JOB, key_bytes(&key), &value, &s->why), &s->why);
	n = value.n;
	(void)memcpy(copy, value.p, n);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		copy[bit / 8] ^= (char)(1 << bit % 8);
		assert_err(row_check(DB_JOB, key_bytes(&key), (struct bytes){copy, n},
			       &row, &s->why),
		    ERR_DAMAGED);
		copy[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_ok(
	    row_check(DB_JOB, key_bytes(&key), (struct bytes){copy, n}, &row, &s->why),
	    &s->why);
	db_abort(txn);
}

static void
a_row_under_another_key_is_noticed(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct key one = key_id(1), two = key_id(2);
	struct bytes value, row;
	char copy[64];
	size_t n;

	put_row(s, txn, 1, BYTES("mine"));
	assert_ok(db_get(txn, DB_JOB, key_bytes(&one), &value, &s->why), &s->why);
	n = value.n;
	(void)memcpy(copy, value.p, n);
	assert_ok(db_put(txn, DB_JOB, key_bytes(&two), (struct bytes){copy, n}, &s->why),
	    &s->why);
	assert_err(row_get(txn, DB_JOB, &two, &row, &s->why), ERR_DAMAGED);
	db_abort(txn);
}

static void
a_row_cut_short_is_noticed(void **state)
{
	struct scratch *s = *state;
	struct key key = key_id(1);
	struct bytes row;

	for (size_t n = 0; n < 4; n++)
		assert_err(row_check(DB_JOB, key_bytes(&key), (struct bytes){"abc", n},
			       &row, &s->why),
		    ERR_DAMAGED);
}

static void
a_text_that_did_not_fit_is_not_stored(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct key key = key_id(1);
	struct str value;
	struct bytes row;

	str_init(&value, 8);
	str_adds(&value, "too long for the limit");
	assert_err(row_put(txn, DB_JOB, &key, &value, &s->why), ERR_NO_MEMORY);
	assert_err(row_get(txn, DB_JOB, &key, &row, &s->why), ERR_NOT_FOUND);
	str_release(&value);
	db_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_comes_back_without_its_checksum),
	    cmocka_unit_test(every_flipped_bit_is_noticed),
	    cmocka_unit_test(a_row_under_another_key_is_noticed),
	    cmocka_unit_test(a_row_cut_short_is_noticed),
	    cmocka_unit_test(a_text_that_did_not_fit_is_not_stored),
	};

	return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
