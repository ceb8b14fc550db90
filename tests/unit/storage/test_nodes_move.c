/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"
#include "recount.h"

/* "/a/b" of a node, from its chain. */
static struct bytes
path_of(struct catalogue *c, uint64_t id)
{
	struct nodes_trail trail;
	struct str text;
	struct bytes copy;

	assert_done(c, nodes_chain(c->rig.reader, &c->arena, id, &trail, &c->why));
	str_init(&text, 10000);
	for (size_t i = 1; i < trail.n; i++)
		str_addf(&text, "/%.*s", BYTES_ARG(trail.node[i].name));
	copy = arena_copy(&c->arena, str_bytes(&text));
	str_release(&text);
	return copy;
}

static void
a_node_moves_with_everything_below_it(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	uint64_t inner = folder(c, a, "inner"), f = file(c, inner, "f", 1);
	struct node before = read_node(c, f), node;

	assert_done(c, try_move(c, inner, b, "renamed"));
	assert_bytes(path_of(c, f), "/b/renamed/f");
	assert_err(try_put(c, a, "inner", inner, 1, NULL), ERR_CHANGED);
	node = read_node(c, f);
	assert_true(node.changed_ms == before.changed_ms); /* it stayed what it was */
	assert_done(c, try_move(c, a, inner, "a"));
	assert_bytes(path_of(c, a), "/b/renamed/a");
	recount(c->rig.reader);
}

static void
a_rename_keeps_the_place(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 1), g = file(c, ROOT, "g", 1);
	uint64_t link = make(c, ROOT, "link", NODE_LINK);

	assert_err(try_move(c, f, ROOT, "g"), ERR_DUPLICATE_NODE);
	assert_err(try_move(c, f, ROOT, "f"), ERR_DUPLICATE_NODE);
	assert_done(c, try_move(c, f, ROOT, "x"));
	assert_done(c, try_move(c, g, ROOT, "f"));
	assert_done(c, try_move(c, link, ROOT, "g"));
	assert_bytes(path_of(c, f), "/x");
	assert_bytes(path_of(c, g), "/f");
	recount(c->rig.reader);
}

static void
a_node_does_not_move_into_itself(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"), d = folder(c, b, "d");

	assert_err(try_move(c, a, a, "x"), ERR_CYCLE);
	assert_err(try_move(c, a, b, "x"), ERR_CYCLE);
	assert_err(try_move(c, a, d, "x"), ERR_CYCLE);
	assert_string_equal(
	    errinfo_text(&c->why), "Cannot move container node into its descendants");
	assert_done(c, try_move(c, d, ROOT, "d"));
	assert_done(c, try_move(c, a, d, "a")); /* now it is no descendant */
	assert_err(try_move(c, d, b, "d"), ERR_CYCLE);
	recount(c->rig.reader);
}

static void
a_move_needs_its_node_and_its_container(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), f = file(c, a, "f", 1);
	uint64_t link = make(c, ROOT, "link", NODE_LINK);

	assert_err(try_move(c, 4711, ROOT, "x"), ERR_NODE_NOT_FOUND);
	assert_err(try_move(c, f, 4711, "x"), ERR_CONTAINER_NOT_FOUND);
	assert_err(try_move(c, f, link, "x"), ERR_CONTAINER_NOT_FOUND);
	assert_err(try_move(c, f, f, "x"), ERR_CONTAINER_NOT_FOUND);
	assert_bytes(path_of(c, f), "/a/f");
}

static void
two_moves_of_one_batch_do_not_make_a_cycle(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, ROOT, "b");
	struct nodes_move first = {.id = a, .parent_id = b, .name = BYTES("a")};
	struct nodes_move second = {.id = b, .parent_id = a, .name = BYTES("b")};
	struct hold hold;

	hold_writer(c, &hold);
	submit(c, nodes_move, &first);
	submit(c, nodes_move, &second);
	release_writer(&hold);
	assert_done(c, outcome(c, &first.change));
	assert_err(outcome(c, &second.change), ERR_CYCLE);
	assert_bytes(path_of(c, a), "/b/a");
	recount(c->rig.reader);
}

static void
two_moves_of_one_batch_to_one_name_do_not_meet(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 1), g = file(c, ROOT, "g", 2);
	struct nodes_move move[3] = {{.id = f, .parent_id = ROOT, .name = BYTES("x")},
	    {.id = g, .parent_id = ROOT, .name = BYTES("x")},
	    {.id = g, .parent_id = ROOT, .name = BYTES("f")}};
	struct hold hold;

	hold_writer(c, &hold);
	for (size_t i = 0; i < 3; i++)
		submit(c, nodes_move, &move[i]);
	release_writer(&hold);
	assert_done(c, outcome(c, &move[0].change));
	assert_err(outcome(c, &move[1].change), ERR_DUPLICATE_NODE);
	assert_done(c, outcome(c, &move[2].change));
	assert_bytes(path_of(c, f), "/x");
	assert_bytes(path_of(c, g), "/f");
	recount(c->rig.reader);
}

static void
a_deep_tree_moves_in_one_go(void **state)
{
	enum { DEPTH = 300 };
	struct catalogue *c = *state;
	uint64_t top = folder(c, ROOT, "top"), at = top, other = folder(c, ROOT, "o");

	for (unsigned i = 0; i < DEPTH; i++)
		at = folder(c, at, "d");
	(void)file(c, at, "f", 11);
	assert_err(try_move(c, top, at, "x"), ERR_CYCLE);
	assert_done(c, try_move(c, top, other, "t"));
	assert_size(c, other, 11, 1);
	assert_int_equal(path_of(c, at).n, 4 + 2 * DEPTH);
	recount(c->rig.reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_node_moves_with_everything_below_it),
	    CATALOGUE_TEST(a_rename_keeps_the_place),
	    CATALOGUE_TEST(a_node_does_not_move_into_itself),
	    CATALOGUE_TEST(a_move_needs_its_node_and_its_container),
	    CATALOGUE_TEST(two_moves_of_one_batch_do_not_make_a_cycle),
	    CATALOGUE_TEST(two_moves_of_one_batch_to_one_name_do_not_meet),
	    CATALOGUE_TEST(a_deep_tree_moves_in_one_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
