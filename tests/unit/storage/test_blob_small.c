/* SPDX-License-Identifier: Apache-2.0 */
/* Small blobs from the upload to a file of their own, a pack, or nothing. */
#include "catalogue.h"
#include "recount.h"

#include "storage/blob_file.h"
#include "storage/blob_pack.h"
#include "storage/blob_small.h"

enum { DATA_N = 300, ROW_ROOM = 1000, PACK = 900 };

static struct bytes
make_row(uint64_t id, uint8_t row[ROW_ROOM])
{
	(void)memset(row, (int)id, DATA_N);
	blob_small_finish(row, DATA_N, id, 7, BYTES("/jo/x"));
	return (struct bytes){(const char *)row, blob_small_size(DATA_N, 5)};
}

/* The node's id. */
static uint64_t
put(struct catalogue *c, const char *name, uint64_t id)
{
	uint8_t row[ROW_ROOM];
	struct nodes_put_file r = {.parent_id = ROOT,
	    .name = bytes_of(name),
	    .blob = {.id = id,
		.length = DATA_N,
		.want = 0xf,
		.small = true,
		.small_row = make_row(id, row)}};

	assert_done(c, run(c, nodes_put_file, &r));
	return r.node_id_out;
}

static bool
is_listed(struct catalogue *c, uint64_t id)
{
	uint64_t ids[8];
	size_t n;
	bool is = false;

	assert_done(c, blob_small_list(c->rig.reader, 0, ids, 8, &n, &c->why));
	for (size_t i = 0; i < n; i++)
		is |= ids[i] == id;
	return is;
}

static struct blob
read_blob(struct catalogue *c, uint64_t id)
{
	struct blob blob;

	assert_done(c, blob_get(c->rig.reader, id, &blob, &c->why));
	return blob;
}

static enum err
settle(struct catalogue *c, uint64_t id, location_map have)
{
	struct blob_settle r = {.id = id, .have = have};

	return run(c, blob_settle, &r);
}

static enum err
pack(struct catalogue *c, const uint64_t *ids, size_t n)
{
	struct blob_pack_entry entry[4];
	struct blob_pack r = {
	    .blob = {.id = PACK, .length = 5000, .have = 0x7, .want = 0xf},
	    .entry = entry,
	    .n = n};

	for (size_t i = 0; i < n; i++)
		entry[i] = (struct blob_pack_entry){.id = ids[i], .at = i * DATA_N};
	return run(c, blob_pack, &r);
}

static void
a_row_is_checked(void **state)
{
	uint8_t row[ROW_ROOM];
	struct bytes whole = make_row(3, row);
	struct blob_small small;
	struct errinfo why;

	(void)state;
	assert_ok(blob_small_decode(3, whole, &small, &why), &why);
	assert_int_equal(small.data.n, DATA_N);
	assert_int_equal(small.node_id, 7);
	assert_true(bytes_is(small.path, "/jo/x"));
	assert_err(blob_small_decode(4, whole, &small, &why), ERR_DAMAGED);
	for (size_t n = 0; n < whole.n; n++)
		assert_err(blob_small_decode(3, (struct bytes){whole.p, n}, &small, &why),
		    ERR_DAMAGED);
	for (size_t i = 0; i < whole.n; i++) {
		row[i] ^= 16;
		assert_err(blob_small_decode(3, whole, &small, &why), ERR_DAMAGED);
		row[i] ^= 16;
	}
}

static void
nothing_is_due_for_it_and_its_bytes_are_there(void **state)
{
	struct catalogue *c = *state;
	uint8_t expected[ROW_ROOM], row[ROW_ROOM];
	struct bytes whole = make_row(5, expected);
	struct blob blob;
	uint64_t node = put(c, "f", 5);
	size_t n;

	blob = read_blob(c, 5);
	assert_true(blob.small);
	assert_int_equal(blob.have, 0);
	assert_int_equal(blob.want, 0xf);
	/* A server from before would take it for lost: the store's format tells it. */
	assert_int_equal(raw_get(c, DB_META, BYTES("format")).p[2], STORE_SMALL);
	assert_int_equal(facts(c).repairs_due, 0);
	assert_int_equal(facts(c).blobs_lost, 0);
	assert_true(is_listed(c, 5));
	assert_done(c, blob_small_get(c->rig.reader, 5, row, sizeof row, &n, &c->why));
	assert_int_equal(n, whole.n);
	assert_memory_equal(row, whole.p, n);
	assert_err(blob_small_get(c->rig.reader, 6, row, sizeof row, &n, &c->why),
	    ERR_NOT_FOUND);
	assert_done(c, try_drop(c, node));
	assert_false(is_listed(c, 5));
	assert_err(settle(c, 5, 0xf), ERR_NOT_FOUND);
	assert_int_equal(facts(c).removals_due, 4); /* it may be there by now */
	recount(c->rig.reader);
}

static void
settled_it_is_like_any_other(void **state)
{
	struct catalogue *c = *state;
	struct blob blob;

	(void)put(c, "f", 5);
	assert_done(c, settle(c, 5, 0x7));
	blob = read_blob(c, 5);
	assert_false(blob.small);
	assert_int_equal(blob.have, 0x7);
	assert_int_equal(facts(c).repairs_due, 1);
	assert_false(is_listed(c, 5));
	assert_err(settle(c, 5, 0x7), ERR_NOT_FOUND);
	recount(c->rig.reader);
}

/* A file that is to be removed there would be gone soon. */
static void
a_copy_that_waits_for_its_removal_does_not_count(void **state)
{
	struct catalogue *c = *state;
	struct blob_discard d = {.id = 5, .location = 1};

	(void)put(c, "f", 5);
	assert_done(c, run(c, blob_discard, &d));
	assert_err(settle(c, 5, 0x2), ERR_QUORUM);
	assert_true(read_blob(c, 5).small);
	assert_done(c, settle(c, 5, 0xf));
	assert_int_equal(read_blob(c, 5).have, 0xd);
}

static void
a_pack_lives_as_long_as_a_member(void **state)
{
	static const uint64_t ids[] = {5, 6, 7, 8};
	struct catalogue *c = *state;
	struct blob blob;
	uint64_t a = put(c, "a", 5), d;

	(void)put(c, "b", 6);
	assert_done(c, try_drop(c, put(c, "c", 7)));
	assert_done(c, settle(c, 6, 0xf)); /* by itself, meanwhile */
	d = put(c, "d", 8);
	assert_done(c, pack(c, ids, 4));
	blob = read_blob(c, PACK);
	assert_int_equal(blob.references, 2);
	assert_int_equal(blob.have, 0x7);
	assert_int_equal(facts(c).repairs_due, 1);
	blob = read_blob(c, 8);
	assert_int_equal(blob.pack, PACK);
	assert_int_equal(blob.pack_at, 3 * DATA_N);
	assert_false(blob.small);
	assert_int_equal(blob.want, 0);
	assert_int_equal(read_blob(c, 6).pack, 0);
	recount(c->rig.reader);
	assert_done(c, try_drop(c, a));
	assert_int_equal(read_blob(c, PACK).references, 1);
	assert_done(c, try_drop(c, d));
	assert_err(blob_get(c->rig.reader, PACK, &blob, &c->why), ERR_NOT_FOUND);
	assert_int_equal(facts(c).repairs_due, 0);
	recount(c->rig.reader);
}

static void
of_members_that_are_all_gone_no_pack_is_made(void **state)
{
	static const uint64_t ids[] = {5, 6};
	struct catalogue *c = *state;
	struct blob blob;

	assert_done(c, try_drop(c, put(c, "a", 5)));
	assert_err(pack(c, ids, 2), ERR_NOT_FOUND);
	assert_err(blob_get(c->rig.reader, PACK, &blob, &c->why), ERR_NOT_FOUND);
}

static enum err
allow(struct nodes_copy *r, const struct node *node, struct errinfo *why)
{
	(void)r;
	(void)node;
	(void)why;
	return ERR_OK;
}

static void
copies_of_a_node_share_a_member(void **state)
{
	static const uint64_t ids[] = {5};
	struct catalogue *c = *state;
	struct nodes_copy copy = {.parent_id = ROOT,
	    .name = BYTES("b"),
	    .owner = 1,
	    .nodes_max = 10,
	    .judge = allow};
	struct blob blob;

	copy.id = put(c, "a", 5);
	assert_done(c, run(c, nodes_copy, &copy));
	assert_done(c, pack(c, ids, 1));
	assert_done(c, try_drop(c, copy.id));
	assert_int_equal(read_blob(c, 5).references, 1);
	assert_int_equal(read_blob(c, PACK).references, 1);
	assert_done(c, try_drop(c, copy.id_out));
	assert_err(blob_get(c->rig.reader, PACK, &blob, &c->why), ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_is_checked),
	    CATALOGUE_TEST(nothing_is_due_for_it_and_its_bytes_are_there),
	    CATALOGUE_TEST(settled_it_is_like_any_other),
	    CATALOGUE_TEST(a_copy_that_waits_for_its_removal_does_not_count),
	    CATALOGUE_TEST(a_pack_lives_as_long_as_a_member),
	    CATALOGUE_TEST(of_members_that_are_all_gone_no_pack_is_made),
	    CATALOGUE_TEST(copies_of_a_node_share_a_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
