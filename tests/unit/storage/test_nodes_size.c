/* SPDX-License-Identifier: Apache-2.0 */
/* Totals and quotas: exact after every commit, whatever one batch does. */
#include "catalogue.h"
#include "recount.h"

static void
every_change_of_bytes_reaches_every_container_above(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"), d = folder(c, b, "d");
	uint64_t f, g;

	f = file(c, d, "f", 100);
	g = file(c, b, "g", 7);
	assert_size(c, d, 100, 1);
	assert_size(c, b, 107, 2);
	assert_size(c, a, 107, 2);
	assert_size(c, ROOT, 107, 2);
	assert_done(c, try_put(c, d, "f", f, 30, NULL));
	assert_size(c, d, 30, 1);
	assert_size(c, ROOT, 37, 2);
	assert_done(c, try_put(c, d, "f", f, 300, NULL));
	assert_size(c, a, 307, 2);
	assert_done(c, try_drop(c, g));
	assert_size(c, b, 300, 1);
	assert_done(c, try_make(c, d, "empty", NODE_DATA, NULL));
	assert_done(c, try_make(c, d, "link", NODE_LINK, NULL));
	assert_size(c, a, 300, 2);
	recount(c->rig.reader);
}

static void
a_move_takes_its_size_along(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	uint64_t inner = folder(c, a, "inner");

	(void)file(c, inner, "f", 10);
	(void)file(c, inner, "g", 20);
	(void)file(c, a, "h", 5);
	assert_done(c, try_move(c, inner, b, "moved"));
	assert_size(c, a, 5, 1);
	assert_size(c, b, 30, 2);
	assert_size(c, inner, 30, 2);
	assert_size(c, ROOT, 35, 3);
	assert_done(c, try_move(c, inner, b, "renamed"));
	assert_size(c, b, 30, 2);
	assert_done(c, try_move(c, b, a, "b"));
	assert_size(c, a, 35, 3);
	assert_done(c, try_move(c, inner, ROOT, "up"));
	assert_size(c, a, 5, 1);
	assert_size(c, b, 0, 0);
	assert_size(c, ROOT, 35, 3);
	recount(c->rig.reader);
}

/*
 * In one batch: files come, grow, move with their folder, and go. Every change must see
 * what the ones before it did, though no total was written yet.
 */
static void
one_batch_of_everything_is_counted_exactly(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	uint64_t inner = folder(c, a, "inner"), old = file(c, inner, "old", 1000);
	uint64_t next = old + 1;
	struct nodes_put_file put = {
	    .parent_id = inner, .name = BYTES("new"), .blob = new_blob(c, 50)};
	struct nodes_move move = {.id = inner, .parent_id = b, .name = BYTES("inner")};
	struct nodes_put_file grow = {.parent_id = inner,
	    .name = BYTES("new"),
	    .expect_id = next,
	    .blob = new_blob(c, 70)};
	struct nodes_delete drop = {.id = old};
	struct nodes_move back = {.id = inner, .parent_id = a, .name = BYTES("inner")};
	struct nodes_move single = {.id = next, .parent_id = b, .name = BYTES("new")};
	struct nodes_delete empty = {.id = inner};
	struct hold hold;

	hold_writer(c, &hold);
	submit(c, nodes_put_file, &put);
	submit(c, nodes_move, &move);
	submit(c, nodes_put_file, &grow);
	submit(c, nodes_delete, &drop);
	submit(c, nodes_move, &back);
	submit(c, nodes_move, &single);
	submit(c, nodes_delete, &empty);
	release_writer(&hold);
	assert_done(c, outcome(c, &put.change));
	assert_int_equal(put.node_id_out, next);
	assert_done(c, outcome(c, &move.change));
	assert_done(c, outcome(c, &grow.change));
	assert_done(c, outcome(c, &drop.change));
	assert_done(c, outcome(c, &back.change));
	assert_done(c, outcome(c, &single.change));
	assert_done(c, outcome(c, &empty.change));
	assert_size(c, a, 0, 0);
	assert_size(c, b, 70, 1);
	assert_size(c, ROOT, 70, 1);
	recount(c->rig.reader);
}

static void
a_refused_change_counts_for_nothing_in_its_batch(void **state)
{
	enum { TRIES = 40 };
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b");
	struct nodes_put_file put[TRIES];
	char name[TRIES][8];
	struct hold hold;

	set_quota(c, a, 100);
	for (size_t i = 0; i < TRIES; i++) {
		(void)snprintf(name[i], sizeof name[i], "f%zu", i);
		put[i] = (struct nodes_put_file){.parent_id = b,
		    .name = bytes_of(name[i]),
		    .blob = new_blob(c, i % 2 == 0 ? 9 : 95)};
	}
	hold_writer(c, &hold);
	for (size_t i = 0; i < TRIES; i++)
		submit(c, nodes_put_file, &put[i]);
	release_writer(&hold);
	for (size_t i = 0; i < TRIES; i++)
		assert_err(outcome(c, &put[i].change),
		    i % 2 == 0 && i < 22 ? ERR_OK : ERR_QUOTA);
	assert_size(c, b, 99, 11);
	assert_size(c, ROOT, 99, 11);
	assert_int_equal(facts(c).blobs, 11);
	recount(c->rig.reader);
}

static void
every_quota_above_is_asked(void **state)
{
	struct catalogue *c = *state;
	uint64_t chain[5] = {ROOT};
	char name[8];

	for (size_t i = 1; i < 5; i++)
		chain[i] = folder(c, chain[i - 1], "c");
	for (size_t i = 0; i < 5; i++) {
		set_quota(c, chain[i], 1000);
		(void)snprintf(name, sizeof name, "f%zu", i);
		assert_err(try_put(c, chain[4], name, 0, 1001, NULL), ERR_QUOTA);
		assert_string_equal(
		    errinfo_text(&c->why), "used=0 limit=1000 requested=1001");
		assert_size(c, chain[4], 0, 0);
		set_quota(c, chain[i], NODE_NO_QUOTA);
	}
	set_quota(c, chain[2], 1000);
	set_quota(c, chain[4], 2000); /* the tighter one wins */
	assert_err(try_put(c, chain[4], "f", 0, 1001, NULL), ERR_QUOTA);
	assert_done(c, try_put(c, chain[4], "f", 0, 1000, NULL));
	assert_done(c, try_put(c, chain[4], "empty", 0, 0, NULL));
	assert_done(c, try_put(c, chain[1], "beside", 0, 5000, NULL));
	recount(c->rig.reader);
}

static void
replacing_counts_the_difference_only(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), f;

	set_quota(c, box, 100);
	f = file(c, box, "f", 90);
	assert_done(c, try_put(c, box, "f", f, 100, NULL));
	assert_err(try_put(c, box, "f", f, 101, NULL), ERR_QUOTA);
	assert_string_equal(errinfo_text(&c->why), "used=100 limit=100 requested=101");
	assert_done(c, try_put(c, box, "f", f, 100, NULL));
	assert_done(c, try_put(c, box, "f", f, 5, NULL));
	assert_size(c, box, 5, 1);
	recount(c->rig.reader);
}

static void
a_quota_below_what_is_used_stops_growth_only(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), inner = folder(c, box, "inner");
	uint64_t f = file(c, box, "f", 500), g = file(c, box, "g", 500);

	set_quota(c, box, 10);
	assert_err(try_put(c, box, "h", 0, 1, NULL), ERR_QUOTA);
	assert_done(c, try_put(c, box, "h", 0, 0, NULL));
	assert_done(c, try_put(c, box, "f", f, 400, NULL));
	assert_done(c, try_move(c, f, box, "renamed"));
	assert_done(c, try_move(c, g, inner, "inside"));
	assert_done(c, try_move(c, g, box, "outside"));
	assert_done(c, try_move(c, inner, ROOT, "inner"));
	assert_err(try_move(c, g, inner, "x"), ERR_OK);
	assert_err(try_move(c, g, box, "back"), ERR_QUOTA);
	assert_size(c, box, 400, 2);
	recount(c->rig.reader);
}

static void
a_move_is_held_to_the_quotas_it_enters(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	uint64_t inner = folder(c, a, "inner"), in_b = folder(c, b, "in");

	(void)file(c, inner, "f", 60);
	(void)file(c, in_b, "g", 60);
	set_quota(c, a, 60);
	set_quota(c, b, 100);
	assert_err(try_move(c, inner, in_b, "x"), ERR_QUOTA);
	assert_string_equal(errinfo_text(&c->why), "used=60 limit=100 requested=60");
	assert_size(c, a, 60, 1);
	assert_size(c, b, 60, 1);
	assert_size(c, ROOT, 120, 2);
	set_quota(c, ROOT, 120); /* the whole does not grow */
	set_quota(c, b, 120);
	assert_done(c, try_move(c, inner, in_b, "x"));
	assert_size(c, a, 0, 0);
	assert_size(c, b, 120, 2);
	assert_done(c, try_move(c, inner, b, "y"));
	recount(c->rig.reader);
}

static void
a_refused_move_is_undone_where_it_left_and_where_it_came(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	uint64_t f = file(c, a, "f", 60);
	struct nodes_move move = {.id = f, .parent_id = b, .name = BYTES("f")};
	struct nodes_put_file put = {
	    .parent_id = a, .name = BYTES("g"), .blob = new_blob(c, 40)};
	struct nodes_put_file more = {
	    .parent_id = a, .name = BYTES("h"), .blob = new_blob(c, 1)};
	struct node node;
	struct hold hold;

	set_quota(c, a, 100);
	set_quota(c, b, 59);
	hold_writer(c, &hold);
	submit(c, nodes_move, &move);
	submit(c, nodes_put_file, &put);
	submit(c, nodes_put_file, &more);
	release_writer(&hold);
	assert_err(outcome(c, &move.change), ERR_QUOTA);
	assert_done(c, outcome(c, &put.change)); /* f still counts here */
	assert_err(outcome(c, &more.change), ERR_QUOTA);
	node = read_node(c, f);
	assert_int_equal(node.parent_id, a);
	assert_size(c, a, 100, 2);
	assert_size(c, b, 0, 0);
	recount(c->rig.reader);
}

static void
room_freed_in_a_batch_can_be_used_in_it(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), f = file(c, box, "f", 100);
	struct nodes_put_file early = {
	    .parent_id = box, .name = BYTES("early"), .blob = new_blob(c, 100)};
	struct nodes_delete drop = {.id = f};
	struct nodes_put_file late = {
	    .parent_id = box, .name = BYTES("late"), .blob = new_blob(c, 100)};
	struct hold hold;

	set_quota(c, box, 100);
	hold_writer(c, &hold);
	submit(c, nodes_put_file, &early);
	submit(c, nodes_delete, &drop);
	submit(c, nodes_put_file, &late);
	release_writer(&hold);
	assert_err(outcome(c, &early.change), ERR_QUOTA);
	assert_done(c, outcome(c, &drop.change));
	assert_done(c, outcome(c, &late.change));
	assert_size(c, box, 100, 1);
	recount(c->rig.reader);
}

/* A container patched in the batch that also changes its size: neither may win alone. */
static void
a_patch_and_a_new_size_meet_in_one_batch(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box");
	struct nodes_put_file put[2] = {
	    {.parent_id = box, .name = BYTES("f"), .blob = new_blob(c, 10)},
	    {.parent_id = box, .name = BYTES("g"), .blob = new_blob(c, 20)}};
	struct nodes_update update = {
	    .id = box, .patch = {.set_quota = true, .quota = 30}};
	struct nodes_move move = {.id = box, .parent_id = ROOT, .name = BYTES("b")};
	struct node node;
	struct hold hold;

	hold_writer(c, &hold);
	submit(c, nodes_put_file, &put[0]);
	submit(c, nodes_update, &update);
	submit(c, nodes_put_file, &put[1]);
	submit(c, nodes_move, &move);
	release_writer(&hold);
	assert_done(c, outcome(c, &put[0].change));
	assert_done(c, outcome(c, &update.change));
	assert_done(c, outcome(c, &put[1].change));
	assert_done(c, outcome(c, &move.change));
	node = read_node(c, box);
	assert_int_equal(node.quota, 30);
	assert_bytes(node.name, "b");
	assert_size(c, box, 30, 2);
	assert_err(try_put(c, box, "h", 0, 1, NULL), ERR_QUOTA);
	recount(c->rig.reader);
}

static void
sizes_do_not_wrap(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), huge = (uint64_t)1 << 60;
	uint64_t f = file(c, box, "f", huge);

	set_quota(c, box, huge + 1);
	assert_err(try_put(c, box, "g", 0, 2, NULL), ERR_QUOTA);
	assert_done(c, try_put(c, box, "g", 0, 1, NULL));
	assert_size(c, ROOT, huge + 1, 2);
	assert_done(c, try_put(c, box, "f", f, 0, NULL));
	assert_size(c, ROOT, 1, 2);
	recount(c->rig.reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(every_change_of_bytes_reaches_every_container_above),
	    CATALOGUE_TEST(a_move_takes_its_size_along),
	    CATALOGUE_TEST(one_batch_of_everything_is_counted_exactly),
	    CATALOGUE_TEST(a_refused_change_counts_for_nothing_in_its_batch),
	    CATALOGUE_TEST(every_quota_above_is_asked),
	    CATALOGUE_TEST(replacing_counts_the_difference_only),
	    CATALOGUE_TEST(a_quota_below_what_is_used_stops_growth_only),
	    CATALOGUE_TEST(a_move_is_held_to_the_quotas_it_enters),
	    CATALOGUE_TEST(a_refused_move_is_undone_where_it_left_and_where_it_came),
	    CATALOGUE_TEST(room_freed_in_a_batch_can_be_used_in_it),
	    CATALOGUE_TEST(a_patch_and_a_new_size_meet_in_one_batch),
	    CATALOGUE_TEST(sizes_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
