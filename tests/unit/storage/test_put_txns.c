/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/put_txns.h"

#include "catalogue.h"

enum { TXNS_MAX = 3, SEGMENT = 10 };

static const int64_t FAR = INT64_MAX / 2;

static struct put_txn
new_txn(uint8_t number)
{
	struct put_txn t = {
	    .owner = OWNER,
	    .path = BYTES("/a/f"),
	    .total = PUT_TXN_LENGTH_UNKNOWN,
	    .expires_ms = FAR,
	    .content_type = BYTES("image/fits"),
	};

	(void)memset(t.id, number, sizeof t.id);
	(void)memset(t.md5_state, 1, sizeof t.md5_state);
	return t;
}

static enum err
try_write(struct catalogue *c, struct put_txn txn, struct blob add, uint64_t drop)
{
	struct put_txns_write r = {.txn = txn,
	    .add = add,
	    .drop = drop,
	    .txns_max = TXNS_MAX,
	    .txns_of_owner_max = TXNS_MAX};

	return run(c, put_txns_write, &r);
}

static struct put_txn
read_txn(struct catalogue *c, uint8_t number)
{
	uint8_t id[PUT_TXN_ID_SIZE];
	struct put_txn t;

	(void)memset(id, number, sizeof id);
	assert_done(c, put_txns_get(c->rig.reader, &c->arena, id, 0, &t, &c->why));
	return t;
}

static bool
is_there(struct catalogue *c, uint8_t number, int64_t now_ms)
{
	uint8_t id[PUT_TXN_ID_SIZE];
	struct put_txn t;
	enum err e;

	(void)memset(id, number, sizeof id);
	e = put_txns_get(c->rig.reader, &c->arena, id, now_ms, &t, &c->why);
	assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
	return e == ERR_OK;
}

/* One segment more; its blob. */
static struct blob
append(struct catalogue *c, uint8_t number)
{
	struct put_txn t = read_txn(c, number);
	struct put_txn_segment *all =
	    arena_array(&c->arena, struct put_txn_segment, t.n_segments + 1);
	struct blob blob = new_blob(c, SEGMENT);

	for (size_t i = 0; i < t.n_segments; i++)
		all[i] = t.segments[i];
	all[t.n_segments++] = (struct put_txn_segment){blob.id, blob.length};
	t.segments = all;
	t.revertable = true;
	assert_done(c, try_write(c, t, blob, 0));
	return blob;
}

static uint32_t
references(struct catalogue *c, uint64_t id)
{
	struct blob blob;
	enum err e = blob_get(c->rig.reader, id, &blob, &c->why);

	return e == ERR_OK ? blob.references : 0;
}

static void
what_is_written_is_read(void **state)
{
	struct catalogue *c = *state;
	struct put_txn t;
	struct blob one, two;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	one = append(c, 1);
	two = append(c, 1);
	t = read_txn(c, 1);
	assert_int_equal(t.turn, 3);
	assert_int_equal(t.n_segments, 2);
	assert_int_equal(t.length, 2 * SEGMENT);
	assert_true(t.segments[0].blob_id == one.id && t.segments[1].blob_id == two.id);
	assert_true(bytes_is(t.path, "/a/f") && bytes_is(t.content_type, "image/fits"));
	assert_null(t.content_encoding.p);
	assert_true(
	    t.revertable && t.owner == OWNER && t.total == PUT_TXN_LENGTH_UNKNOWN);
	assert_int_equal(t.md5_state[5], 1);
	assert_int_equal(references(c, one.id), 1);
}

static void
the_second_of_two_changes_is_refused(void **state)
{
	struct catalogue *c = *state;
	struct put_txn before;
	struct blob late;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	assert_err(try_write(c, new_txn(1), (struct blob){0}, 0), ERR_CHANGED);
	before = read_txn(c, 1);
	(void)append(c, 1);
	late = new_blob(c, SEGMENT);
	assert_err(try_write(c, before, late, 0), ERR_CHANGED);
	assert_int_equal(references(c, late.id), 0);
	assert_int_equal(read_txn(c, 1).n_segments, 1);
}

static void
there_is_a_limit(void **state)
{
	struct catalogue *c = *state;

	for (uint8_t i = 1; i <= TXNS_MAX; i++)
		assert_done(c, try_write(c, new_txn(i), (struct blob){0}, 0));
	assert_err(try_write(c, new_txn(9), (struct blob){0}, 0), ERR_BUSY);
}

static void
one_owner_does_not_take_all(void **state)
{
	struct catalogue *c = *state;
	struct put_txns_write r = {.txns_max = TXNS_MAX, .txns_of_owner_max = 1};

	r.txn = new_txn(1);
	assert_done(c, run(c, put_txns_write, &r));
	r.txn = new_txn(2);
	assert_err(run(c, put_txns_write, &r), ERR_BUSY);
	assert_non_null(strstr(errinfo_text(&r.change.why), "of yours"));
	r.txn.owner = OWNER + 1;
	assert_done(c, run(c, put_txns_write, &r));
	r.txn = read_txn(c, 1); /* going on is no new one */
	assert_done(c, run(c, put_txns_write, &r));
}

static void
a_segment_is_taken_back(void **state)
{
	struct catalogue *c = *state;
	struct put_txn t;
	struct blob one, two;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	one = append(c, 1);
	two = append(c, 1);
	t = read_txn(c, 1);
	t.n_segments = 1;
	assert_done(c, try_write(c, t, (struct blob){0}, two.id));
	assert_int_equal(read_txn(c, 1).length, SEGMENT);
	assert_int_equal(references(c, two.id), 0);
	assert_int_equal(references(c, one.id), 1);
}

static void
what_is_given_up_leaves_no_bytes(void **state)
{
	struct catalogue *c = *state;
	struct put_txns_abort abort = {.change = {.loop = NULL}};
	struct blob one, two;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	one = append(c, 1);
	two = append(c, 1);
	(void)memset(abort.id, 1, sizeof abort.id);
	assert_done(c, run(c, put_txns_abort, &abort));
	assert_false(is_there(c, 1, 0));
	assert_int_equal(references(c, one.id) + references(c, two.id), 0);
	assert_int_equal(facts(c).removals_due, 8);
	assert_err(run(c, put_txns_abort, &abort), ERR_NOT_FOUND);
}

static void
time_gives_up_what_nobody_goes_on_with(void **state)
{
	struct catalogue *c = *state;
	struct put_txns_expire expire = {.max = 1};
	struct put_txn t;

	for (uint8_t i = 1; i <= TXNS_MAX; i++) {
		t = new_txn(i);
		t.expires_ms = i == 2 ? FAR : 1000;
		assert_done(c, try_write(c, t, (struct blob){0}, 0));
		(void)append(c, i);
	}
	assert_true(is_there(c, 1, 999));
	assert_false(is_there(c, 1, 1000));
	assert_done(c, run(c, put_txns_expire, &expire));
	assert_int_equal(expire.n_out, 1);
	expire.max = 10;
	assert_done(c, run(c, put_txns_expire, &expire));
	assert_int_equal(expire.n_out, 1);
	assert_false(is_there(c, 1, 0) || is_there(c, 3, 0));
	assert_true(is_there(c, 2, 0));
	assert_int_equal(facts(c).blobs, 1);
}

static enum err
try_commit(struct catalogue *c, struct put_txn *t, struct blob blob, uint64_t *id_out)
{
	struct nodes_put_file r = {.parent_id = ROOT,
	    .name = BYTES("f"),
	    .owner = OWNER,
	    .blob = blob,
	    .txn = t};
	enum err e = run(c, nodes_put_file, &r);

	if (e == ERR_OK)
		*id_out = r.node_id_out;
	return e;
}

static void
a_single_segment_becomes_the_file(void **state)
{
	struct catalogue *c = *state;
	struct put_txn t, stale;
	struct blob one;
	uint64_t id;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	stale = read_txn(c, 1);
	one = append(c, 1);
	t = read_txn(c, 1);
	assert_err(try_commit(c, &stale, (struct blob){0}, &id), ERR_CONFLICT);
	assert_done(c, try_commit(c, &t, one, &id));
	assert_int_equal(references(c, one.id), 1);
	assert_true(read_node(c, id).blob_id == one.id);
	assert_false(is_there(c, 1, 0));
	assert_err(try_commit(c, &t, one, &id), ERR_CHANGED); /* the name is taken now */
	assert_size(c, ROOT, SEGMENT, 1);
}

static void
several_segments_give_way_to_what_they_became(void **state)
{
	struct catalogue *c = *state;
	struct put_txn t;
	struct blob one, two, all;
	uint64_t id;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	one = append(c, 1);
	two = append(c, 1);
	all = new_blob(c, 2 * SEGMENT);
	t = read_txn(c, 1);
	assert_done(c, try_commit(c, &t, all, &id));
	assert_int_equal(references(c, one.id) + references(c, two.id), 0);
	assert_int_equal(references(c, all.id), 1);
	assert_size(c, ROOT, 2 * SEGMENT, 1);
}

static void
a_damaged_record_is_an_error(void **state)
{
	struct catalogue *c = *state;
	char id[PUT_TXN_ID_SIZE];
	struct bytes key = {id, sizeof id};
	struct put_txn t;

	assert_done(c, try_write(c, new_txn(1), (struct blob){0}, 0));
	(void)memset(id, 1, sizeof id);
	raw_put(c, DB_TXN, key, flipped(c, raw_get(c, DB_TXN, key), 77));
	assert_int_equal(
	    put_txns_get(c->rig.reader, &c->arena, (const uint8_t *)id, 0, &t, &c->why),
	    ERR_DAMAGED);
}

static void
one_that_is_damaged_does_not_keep_those_behind_it(void **state)
{
	struct catalogue *c = *state;
	struct put_txns_expire expire = {.max = 10};
	char id[PUT_TXN_ID_SIZE];
	struct bytes key = {id, sizeof id};

	for (uint8_t i = 1; i <= TXNS_MAX; i++) {
		struct put_txn t = new_txn(i);

		t.expires_ms = 1000;
		assert_done(c, try_write(c, t, (struct blob){0}, 0));
	}
	(void)memset(id, 1, sizeof id);
	raw_put(c, DB_TXN, key, flipped(c, raw_get(c, DB_TXN, key), 77));
	assert_done(c, run(c, put_txns_expire, &expire));
	assert_int_equal(expire.n_out, TXNS_MAX - 1);
	assert_int_equal(expire.n_damaged, 1);
	assert_int_equal(expire.change.why.code, ERR_DAMAGED);
	assert_false(is_there(c, 2, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(what_is_written_is_read),
	    CATALOGUE_TEST(the_second_of_two_changes_is_refused),
	    CATALOGUE_TEST(there_is_a_limit),
	    CATALOGUE_TEST(one_owner_does_not_take_all),
	    CATALOGUE_TEST(a_segment_is_taken_back),
	    CATALOGUE_TEST(what_is_given_up_leaves_no_bytes),
	    CATALOGUE_TEST(time_gives_up_what_nobody_goes_on_with),
	    CATALOGUE_TEST(a_single_segment_becomes_the_file),
	    CATALOGUE_TEST(several_segments_give_way_to_what_they_became),
	    CATALOGUE_TEST(a_damaged_record_is_an_error),
	    CATALOGUE_TEST(one_that_is_damaged_does_not_keep_those_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
