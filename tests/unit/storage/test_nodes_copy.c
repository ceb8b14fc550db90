/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"
#include "recount.h"

static enum err
allow(struct nodes_copy *r, const struct node *node, struct errinfo *why)
{
	(void)r;
	(void)node;
	(void)why;
	return ERR_OK;
}

/* What is called "secret" is refused. */
static enum err
keep_secret(struct nodes_copy *r, const struct node *node, struct errinfo *why)
{
	(void)r;
	return bytes_is(node->name, "secret")
		   ? errinfo_set(why, ERR_DENIED, "it is a secret")
		   : ERR_OK;
}

static struct nodes_copy
copy_of(uint64_t id, uint64_t parent, const char *name)
{
	return (struct nodes_copy){
	    .id = id,
	    .parent_id = parent,
	    .name = bytes_of(name),
	    .owner = OWNER,
	    .nodes_max = 1000,
	    .judge = allow,
	};
}

static void
a_file_is_copied_without_its_bytes(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 7);
	struct nodes_copy r = copy_of(f, ROOT, "g");
	struct node one, two;
	struct blob blob;

	assert_done(c, run(c, nodes_copy, &r));
	one = read_node(c, f);
	two = read_node(c, r.id_out);
	assert_true(one.blob_id == two.blob_id && one.id != two.id);
	assert_int_equal(two.length, 7);
	assert_int_equal(r.n_out, 1);
	assert_done(c, blob_get(c->rig.reader, one.blob_id, &blob, &c->why));
	assert_int_equal(blob.references, 2);
	assert_size(c, ROOT, 14, 2);
	recount(c->rig.reader);
	assert_done(c, try_drop(c, f));
	recount(c->rig.reader);
	assert_done(c, try_put(c, ROOT, "g", r.id_out, 1, NULL));
	assert_int_equal(
	    blob_get(c->rig.reader, one.blob_id, &blob, &c->why), ERR_NOT_FOUND);
	recount(c->rig.reader);
}

static void
a_tree_is_copied_with_everything_below_it(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"),
		 to = folder(c, ROOT, "to");
	struct nodes_copy r = copy_of(a, to, "copy");
	struct nodes_page page;

	(void)file(c, b, "deep", 5);
	(void)file(c, a, "f", 3);
	(void)make(c, a, "link", NODE_LINK);
	(void)folder(c, a, "z");
	assert_done(c, run(c, nodes_copy, &r));
	assert_int_equal(r.n_out, 6);
	assert_size(c, to, 8, 2);
	assert_size(c, r.id_out, 8, 2);
	assert_done(c, nodes_page(c->rig.reader, &c->arena, r.id_out, BYTES(""), false,
			   10, &page, &c->why));
	assert_int_equal(page.n, 4);
	assert_size(c, page.node[0].id, 5, 1);
	recount(c->rig.reader);
}

static void
a_copy_lies_beside_its_original_in_an_ancestor(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b");
	struct nodes_copy r = copy_of(b, a, "c");

	(void)file(c, b, "f", 3);
	assert_done(c, run(c, nodes_copy, &r));
	assert_size(c, a, 6, 2);
	recount(c->rig.reader);
}

static void
a_copy_sees_what_its_batch_did_before(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a");
	struct nodes_put_file put = {
	    .parent_id = a, .name = BYTES("f"), .owner = OWNER, .blob = new_blob(c, 9)};
	struct nodes_copy r = copy_of(a, ROOT, "b");
	struct hold hold;

	hold_writer(c, &hold);
	submit(c, nodes_put_file, &put);
	submit(c, nodes_copy, &r);
	release_writer(&hold);
	assert_done(c, outcome(c, &put.change));
	assert_done(c, outcome(c, &r.change));
	assert_size(c, r.id_out, 9, 1);
	recount(c->rig.reader);
}

static void
a_refusal_leaves_nothing_behind(void **state)
{
	struct catalogue *c = *state;
	uint64_t a = folder(c, ROOT, "a"), b = folder(c, a, "b"),
		 lock = folder(c, ROOT, "l");
	struct nodes_copy r = copy_of(a, ROOT, "x");
	uint64_t nodes;

	(void)file(c, a, "f", 3);
	(void)file(c, b, "secret", 3);
	nodes = facts(c).nodes;
	r.judge = keep_secret;
	assert_err(run(c, nodes_copy, &r), ERR_DENIED);
	r = copy_of(a, ROOT, "x");
	r.nodes_max = 3;
	assert_err(run(c, nodes_copy, &r), ERR_TOO_LARGE);
	r = copy_of(a, b, "x");
	assert_err(run(c, nodes_copy, &r), ERR_CYCLE);
	r = copy_of(a, ROOT, "l");
	assert_err(run(c, nodes_copy, &r), ERR_DUPLICATE_NODE);
	set_quota(c, ROOT, 11);
	r = copy_of(a, ROOT, "x");
	assert_err(run(c, nodes_copy, &r), ERR_QUOTA);
	set_lock(c, lock, NODE_TRUE);
	r = copy_of(a, lock, "x");
	assert_err(run(c, nodes_copy, &r), ERR_PARENT_LOCKED);
	r = copy_of(999, ROOT, "x");
	assert_err(run(c, nodes_copy, &r), ERR_NODE_NOT_FOUND);
	r = copy_of(b, 999, "x");
	assert_err(run(c, nodes_copy, &r), ERR_CONTAINER_NOT_FOUND);
	assert_int_equal(facts(c).nodes, nodes);
	recount(c->rig.reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_file_is_copied_without_its_bytes),
	    CATALOGUE_TEST(a_tree_is_copied_with_everything_below_it),
	    CATALOGUE_TEST(a_copy_lies_beside_its_original_in_an_ancestor),
	    CATALOGUE_TEST(a_copy_sees_what_its_batch_did_before),
	    CATALOGUE_TEST(a_refusal_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
