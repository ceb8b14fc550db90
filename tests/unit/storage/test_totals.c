/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/totals.h"

#include "scratch.h"
#include "storage/keys.h"
#include "storage/node.h"
#include "storage/node_codec.h"

static void
put_node(struct scratch *s, struct db_txn *txn, const struct node *node)
{
	struct key key = key_id(node->id);
	struct str record;

	str_init(&record, 4096);
	assert_ok(node_encode(txn, node, &record, &s->why), &s->why);
	assert_ok(
	    db_put(txn, DB_NODE, key_bytes(&key), str_bytes(&record), &s->why), &s->why);
	str_release(&record);
}

static void
put_container(
    struct scratch *s, struct db_txn *txn, uint64_t id, uint64_t parent, uint64_t quota)
{
	struct node node = {
	    .id = id,
	    .parent_id = parent,
	    .type = NODE_CONTAINER,
	    .name = BYTES("c"),
	    .quota = quota,
	};

	put_node(s, txn, &node);
}

static void
set_quota(struct scratch *s, struct db_txn *txn, uint64_t id, uint64_t quota)
{
	struct key key = key_id(id);
	struct bytes record;
	struct node node;

	assert_ok(db_get(txn, DB_NODE, key_bytes(&key), &record, &s->why), &s->why);
	assert_ok(node_decode(txn, id, record, &s->arena, &node, &s->why), &s->why);
	node.quota = quota;
	put_node(s, txn, &node);
}

/* Containers 1 to n, each inside the one before. */
static struct db_txn *
chain_of(struct scratch *s, uint64_t n)
{
	struct db_txn *txn = scratch_write(s);

	for (uint64_t id = 1; id <= n; id++)
		put_container(s, txn, id, id - 1, NODE_NO_QUOTA);
	return txn;
}

static struct totals *
new_totals(void)
{
	struct totals *t = totals_new();

	assert_non_null(t);
	totals_mark(t);
	return t;
}

static enum err
add(struct scratch *s, struct totals *t, struct db_txn *txn, uint64_t id, int64_t bytes,
    int64_t files)
{
	return totals_add(
	    t, txn, id, (struct total){bytes, files}, (uint64_t)bytes, &s->why);
}

static void
assert_pending(struct totals *t, uint64_t id, int64_t bytes, int64_t files)
{
	struct total pending = totals_pending(t, id);

	assert_int_equal(pending.bytes, bytes);
	assert_int_equal(pending.files, files);
}

static void
assert_stored(
    struct scratch *s, struct db_txn *txn, uint64_t id, uint64_t bytes, uint64_t files)
{
	struct key key = key_id(id);
	struct bytes record;
	uint64_t b, f;

	assert_ok(db_get(txn, DB_NODE, key_bytes(&key), &record, &s->why), &s->why);
	assert_ok(node_record_totals(id, record, &b, &f, &s->why), &s->why);
	assert_int_equal(b, bytes);
	assert_int_equal(f, files);
}

static void
an_addition_reaches_every_container_above(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 3);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 3, 100, 1), ERR_OK);
	assert_err(add(s, t, txn, 2, 10, 1), ERR_OK);
	assert_err(add(s, t, txn, 3, -30, 0), ERR_OK);
	assert_pending(t, 3, 70, 1);
	assert_pending(t, 2, 80, 2);
	assert_pending(t, 1, 80, 2);
	assert_pending(t, 4, 0, 0);
	assert_stored(s, txn, 3, 0, 0);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	assert_stored(s, txn, 3, 70, 1);
	assert_stored(s, txn, 2, 80, 2);
	assert_stored(s, txn, 1, 80, 2);
	assert_pending(t, 3, 0, 0);
	assert_err(add(s, t, txn, 1, -80, -2), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	assert_stored(s, txn, 1, 0, 0);
	assert_stored(s, txn, 2, 80, 2);
	totals_free(t);
	db_abort(txn);
}

static void
undo_takes_back_what_came_after_the_mark(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 3);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 3, 5, 1), ERR_OK);
	totals_mark(t);
	assert_err(add(s, t, txn, 2, 7, 1), ERR_OK);
	assert_err(add(s, t, txn, 3, -5, -1), ERR_OK);
	totals_undo(t);
	assert_pending(t, 3, 5, 1);
	assert_pending(t, 2, 5, 1);
	assert_pending(t, 1, 5, 1);
	totals_undo(t); /* nothing is left to take back */
	assert_pending(t, 1, 5, 1);
	totals_free(t);
	db_abort(txn);
}

static void
nothing_to_add_asks_nobody(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 4711, 0, 0), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	totals_free(t);
	totals_free(NULL);
	db_abort(txn);
}

static void
a_quota_anywhere_above_refuses(void **state)
{
	struct scratch *s = *state;

	for (uint64_t limited = 1; limited <= 4; limited++) {
		struct db_txn *txn = chain_of(s, 4);
		struct totals *t = new_totals();

		set_quota(s, txn, limited, 100);
		assert_err(add(s, t, txn, 4, 60, 1), ERR_OK);
		totals_mark(t);
		assert_err(add(s, t, txn, 4, 41, 1), ERR_QUOTA);
		assert_string_equal(
		    errinfo_text(&s->why), "used=60 limit=100 requested=41");
		totals_undo(t);
		for (uint64_t id = 1; id <= 4; id++)
			assert_pending(t, id, 60, 1);
		assert_err(add(s, t, txn, 4, 40, 1), ERR_OK);
		totals_free(t);
		db_abort(txn);
	}
}

static void
the_quota_knows_what_is_stored_and_what_is_pending(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct totals *t = new_totals();

	put_container(s, txn, 1, 0, 100);
	assert_err(add(s, t, txn, 1, 90, 1), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	totals_mark(t);
	assert_err(add(s, t, txn, 1, 11, 1), ERR_QUOTA);
	assert_err(add(s, t, txn, 1, -50, -1), ERR_OK);
	totals_mark(t);
	assert_err(add(s, t, txn, 1, 60, 1), ERR_OK);
	assert_err(add(s, t, txn, 1, 1, 1), ERR_QUOTA);
	totals_free(t);
	db_abort(txn);
}

static void
what_only_shrinks_is_never_refused(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct totals *t = new_totals();

	put_container(s, txn, 1, 0, NODE_NO_QUOTA);
	assert_err(add(s, t, txn, 1, 500, 5), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	set_quota(s, txn, 1, 0);
	totals_mark(t);
	assert_err(add(s, t, txn, 1, -1, -1), ERR_OK);
	assert_err(add(s, t, txn, 1, 0, 1), ERR_OK);
	totals_free(t);
	db_abort(txn);
}

static void
bytes_that_stay_below_a_container_do_not_count_against_its_quota(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 3);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 3, 500, 1), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	set_quota(s, txn, 2, 100); /* lowered below what is used */
	totals_mark(t);
	assert_err(add(s, t, txn, 3, -200, -1), ERR_OK);
	assert_err(add(s, t, txn, 2, 200, 1), ERR_OK);
	assert_err(add(s, t, txn, 2, 1, 0), ERR_QUOTA);
	totals_free(t);
	db_abort(txn);
}

static void
many_containers_are_remembered(void **state)
{
	enum { MANY = 3000 };
	struct scratch *s = *state;
	struct db_txn *txn = scratch_write(s);
	struct totals *t = new_totals();

	put_container(s, txn, 1, 0, NODE_NO_QUOTA);
	for (uint64_t id = 2; id <= MANY; id++)
		put_container(s, txn, id, 1, NODE_NO_QUOTA);
	for (uint64_t id = 2; id <= MANY; id++)
		assert_err(add(s, t, txn, id, (int64_t)id, 1), ERR_OK);
	for (uint64_t id = 2; id <= MANY; id++)
		assert_pending(t, id, (int64_t)id, 1);
	totals_undo(t);
	for (uint64_t id = 1; id <= MANY; id++)
		assert_pending(t, id, 0, 0);
	for (uint64_t id = 2; id <= MANY; id++)
		assert_err(add(s, t, txn, id, (int64_t)id, 1), ERR_OK);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	for (uint64_t id = 2; id <= MANY; id++)
		assert_stored(s, txn, id, id, 1);
	assert_stored(s, txn, 1, (uint64_t)MANY * (MANY + 1) / 2 - 1, MANY - 1);
	totals_free(t);
	db_abort(txn);
}

static void
a_container_deleted_meanwhile_is_passed_over(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 2);
	struct totals *t = new_totals();
	struct key key = key_id(2);

	assert_err(add(s, t, txn, 2, 5, 1), ERR_OK);
	assert_ok(db_delete(txn, DB_NODE, key_bytes(&key), &s->why), &s->why);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	assert_stored(s, txn, 1, 5, 1);
	totals_free(t);
	db_abort(txn);
}

static void
a_batch_given_up_is_forgotten(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 2);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 2, 5, 1), ERR_OK);
	totals_clear(t);
	assert_pending(t, 2, 0, 0);
	totals_undo(t);
	assert_pending(t, 2, 0, 0);
	assert_ok(totals_flush(t, txn, &s->why), &s->why);
	assert_stored(s, txn, 1, 0, 0);
	totals_free(t);
	db_abort(txn);
}

static void
a_container_without_a_way_to_the_root_is_damage(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 3);
	struct totals *t = new_totals();
	struct key key = key_id(1);

	assert_ok(db_delete(txn, DB_NODE, key_bytes(&key), &s->why), &s->why);
	assert_err(add(s, t, txn, 3, 5, 1), ERR_DAMAGED);
	totals_undo(t);
	assert_pending(t, 3, 0, 0);
	put_container(s, txn, 1, 3, NODE_NO_QUOTA); /* a cycle */
	assert_err(add(s, t, txn, 3, 5, 1), ERR_DAMAGED);
	totals_undo(t);
	assert_pending(t, 3, 0, 0);
	totals_free(t);
	db_abort(txn);
}

static void
flip_a_bit(struct scratch *s, struct db_txn *txn, uint64_t id)
{
	struct key key = key_id(id);
	struct bytes record;
	char *copy;

	assert_ok(db_get(txn, DB_NODE, key_bytes(&key), &record, &s->why), &s->why);
	copy = arena_text(&s->arena, record);
	assert_non_null(copy);
	copy[record.n - 1] ^= 1;
	assert_ok(db_put(txn, DB_NODE, key_bytes(&key), (struct bytes){copy, record.n},
		      &s->why),
	    &s->why);
}

static void
a_damaged_container_is_noticed_when_added_to_and_when_written(void **state)
{
	struct scratch *s = *state;
	struct db_txn *txn = chain_of(s, 3);
	struct totals *t = new_totals();

	assert_err(add(s, t, txn, 3, 5, 1), ERR_OK);
	flip_a_bit(s, txn, 2);
	totals_mark(t);
	assert_err(add(s, t, txn, 3, 5, 1), ERR_DAMAGED);
	totals_undo(t);
	assert_err(totals_flush(t, txn, &s->why), ERR_DAMAGED);
	assert_pending(t, 3, 0, 0); /* the batch is lost, and so is this */
	totals_free(t);
	db_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCRATCH_TEST(an_addition_reaches_every_container_above),
	    SCRATCH_TEST(undo_takes_back_what_came_after_the_mark),
	    SCRATCH_TEST(nothing_to_add_asks_nobody),
	    SCRATCH_TEST(a_quota_anywhere_above_refuses),
	    SCRATCH_TEST(the_quota_knows_what_is_stored_and_what_is_pending),
	    SCRATCH_TEST(what_only_shrinks_is_never_refused),
	    SCRATCH_TEST(
		bytes_that_stay_below_a_container_do_not_count_against_its_quota),
	    SCRATCH_TEST(many_containers_are_remembered),
	    SCRATCH_TEST(a_container_deleted_meanwhile_is_passed_over),
	    SCRATCH_TEST(a_batch_given_up_is_forgotten),
	    SCRATCH_TEST(a_container_without_a_way_to_the_root_is_damage),
	    SCRATCH_TEST(a_damaged_container_is_noticed_when_added_to_and_when_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
