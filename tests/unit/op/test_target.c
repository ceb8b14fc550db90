/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/catalogue.h"

#include "service/op/owner.h"
#include "service/op/target.h"

static const struct bytes aliases[] = {{"cadc.nrc.ca~vault", 17}};
static char all[] = "all", writer[] = "writer";
static const struct path allocation_parents[] = {{NULL, 0}};

static struct {
	struct settings settings;
	struct space space;
	struct op_env env;
	struct caller caller;
	struct op_call call;
} t;

static void
begin(struct catalogue *c)
{
	t.settings = (struct settings){.path_depth = 100,
	    .links_max = 3,
	    .stat_unreadable = all,
	    .permissions_by = writer};
	t.space = (struct space){
	    .names = {.authority = BYTES("example.org~vault"),
		.aliases = aliases,
		.n_aliases = 1},
	    .allocation_parents = allocation_parents,
	    .n_allocation_parents = 1,
	};
	t.env = (struct op_env){
	    .settings = &t.settings, .space = &t.space, .reader = c->rig.reader};
	caller_init(
	    &t.caller, &c->arena, c->rig.reader, &t.settings, BYTES("example.org/gms"));
	/* The owner of everything the catalogue makes. */
	t.caller.is_anonymous = false;
	t.caller.principal = OWNER;
	t.caller.ids = &t.caller.principal;
	t.caller.n_ids = 1;
	t.call = (struct op_call){.env = &t.env, .arena = &c->arena, .caller = &t.caller};
}

static struct path
path_of(const char *text)
{
	struct path path;

	assert_ok(op_parse_path(&t.call, bytes_of(text), &path), &t.call.why);
	return path;
}

static enum err
resolved(const char *text, enum op_leaf leaf, struct op_target *out)
{
	return op_resolve(&t.call, path_of(text), leaf, out);
}

static uint64_t
link_to(struct catalogue *c, uint64_t parent, const char *name, const char *target)
{
	struct nodes_create r = {
	    .parent_id = parent,
	    .node = {.name = bytes_of(name),
		.type = NODE_LINK,
		.owner = OWNER,
		.target = bytes_of(target),
		.quota = NODE_NO_QUOTA},
	};

	assert_done(c, run(c, nodes_create, &r));
	return r.id_out;
}

static void
assert_text(struct bytes got, const char *wanted)
{
	if (!bytes_is(got, wanted))
		fail_msg("'%.*s' is not '%s'", BYTES_ARG(got), wanted);
}

static void
a_path_leads_to_its_nodes(void **state)
{
	struct catalogue *c = *state;
	uint64_t home = folder(c, ROOT, "home"), file_id = file(c, home, "f", 1);
	struct op_target target;

	begin(c);
	assert_ok(resolved("/home/f", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_true(target.exists);
	assert_int_equal(op_leaf(&target)->id, file_id);
	assert_int_equal(target.trail.n, 3);
	assert_int_equal(target.facts.allocation, 1);
	assert_ok(resolved("/home/new", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_false(target.exists);
	assert_int_equal(op_leaf(&target)->id, home);
	assert_int_equal(
	    op_resolve_existing(&t.call, path_of("/home/new"), OP_LEAF_AS_IS, &target),
	    ERR_NODE_NOT_FOUND);
	assert_string_equal(
	    errinfo_text(&t.call.why), "vos://example.org~vault/home/new");
	assert_int_equal(
	    resolved("/home/none/x", OP_LEAF_AS_IS, &target), ERR_NODE_NOT_FOUND);
	assert_int_equal(
	    resolved("/home/f/x", OP_LEAF_AS_IS, &target), ERR_NODE_NOT_FOUND);
}

static void
the_parent_of_a_target_is_its_container_either_way(void **state)
{
	struct catalogue *c = *state;
	uint64_t home = folder(c, ROOT, "home");
	struct op_target target, parent;

	(void)file(c, home, "f", 1);
	begin(c);
	for (int i = 0; i < 2; i++) {
		assert_ok(
		    resolved(i == 0 ? "/home/f" : "/home/new", OP_LEAF_AS_IS, &target),
		    &t.call.why);
		parent = op_parent(&target);
		assert_int_equal(op_leaf(&parent)->id, home);
		assert_int_equal(parent.path.n, 1);
		assert_int_equal(parent.facts.n, 2);
		assert_int_equal(parent.facts.allocation, 1);
	}
	assert_ok(resolved("/home", OP_LEAF_AS_IS, &target), &t.call.why);
	parent = op_parent(&target);
	assert_int_equal(op_leaf(&parent)->id, ROOT);
	assert_int_equal(parent.facts.allocation, 0);
}

static void
links_are_followed_inside_and_at_the_end_if_asked(void **state)
{
	struct catalogue *c = *state;
	uint64_t home = folder(c, ROOT, "home"), file_id = file(c, home, "f", 1);
	uint64_t link =
	    link_to(c, ROOT, "link", "vos://cadc.nrc.ca!vault/home"); /* an alias */
	struct op_target target;

	begin(c);
	assert_ok(resolved("/link/f", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_int_equal(op_leaf(&target)->id, file_id);
	assert_text(op_uri(&t.call, target.path), "vos://example.org~vault/home/f");
	assert_int_equal(target.links_followed, 1);
	assert_ok(resolved("/link", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_int_equal(op_leaf(&target)->id, link);
	assert_ok(resolved("/link", OP_LEAF_FOLLOW, &target), &t.call.why);
	assert_int_equal(op_leaf(&target)->id, home);
	assert_ok(resolved("/link/new", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_false(target.exists);
	assert_text(op_uri(&t.call, target.path), "vos://example.org~vault/home/new");
}

static void
links_have_a_limit_and_no_circles(void **state)
{
	struct catalogue *c = *state;
	struct op_target target;

	(void)folder(c, ROOT, "home");
	(void)link_to(c, ROOT, "l1", "vos://example.org~vault/home");
	(void)link_to(c, ROOT, "l2", "vos://example.org~vault/l1");
	(void)link_to(c, ROOT, "l3", "vos://example.org~vault/l2");
	(void)link_to(c, ROOT, "l4", "vos://example.org~vault/l3");
	(void)link_to(c, ROOT, "me", "vos://example.org~vault/me");
	(void)link_to(c, ROOT, "out", "https://example.org/");
	begin(c);
	assert_ok(resolved("/l3/x", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_int_equal(resolved("/l4/x", OP_LEAF_AS_IS, &target), ERR_UNREADABLE_LINK);
	assert_string_equal(errinfo_text(&t.call.why), "Exceeded link limit.");
	assert_int_equal(resolved("/me", OP_LEAF_FOLLOW, &target), ERR_UNREADABLE_LINK);
	assert_int_equal(
	    resolved("/out/x", OP_LEAF_AS_IS, &target), ERR_INVALID_ARGUMENT);
}

static void
a_uri_must_be_ours(void **state)
{
	struct path path;

	begin(*state);
	assert_ok(op_parse_uri(&t.call, BYTES("vos://EXAMPLE.org!vault/a%20b/"), &path),
	    &t.call.why);
	assert_int_equal(path.n, 1);
	assert_text(path.part[0], "a b");
	assert_int_equal(op_parse_uri(&t.call, BYTES("vos://elsewhere~vault/a"), &path),
	    ERR_INVALID_URI);
	assert_int_equal(op_parse_uri(&t.call, BYTES("https://example.org/a"), &path),
	    ERR_INVALID_URI);
	assert_int_equal(op_parse_uri(&t.call, BYTES("/a"), &path), ERR_INVALID_URI);
}

static void
auto_is_a_new_name_each_time_and_null_is_none(void **state)
{
	struct path one, two;

	begin(*state);
	one = two = path_of("/home/.auto");
	assert_ok(op_settle_name(&t.call, &one), &t.call.why);
	assert_ok(op_settle_name(&t.call, &two), &t.call.why);
	assert_int_equal(one.n, 2);
	assert_text(one.part[0], "home");
	assert_true(path_name(one).n > 8);
	assert_false(bytes_eq(path_name(one), path_name(two)));
	one = path_of("/home/.null");
	assert_int_equal(op_settle_name(&t.call, &one), ERR_INVALID_ARGUMENT);
	one = path_of("/preauth:x");
	assert_int_equal(op_settle_name(&t.call, &one), ERR_INVALID_URI);
	one = path_of("/home/preauth:x");
	assert_ok(op_settle_name(&t.call, &one), &t.call.why);
	assert_int_equal(
	    op_check_new_name(&t.call, path_of("/home/.auto")), ERR_INVALID_ARGUMENT);
}

static void
a_refusal_names_what_was_refused(void **state)
{
	struct catalogue *c = *state;
	uint64_t home = folder(c, ROOT, "home");
	struct op_target target;

	(void)folder(c, home, "d");
	begin(c);
	t.caller.n_ids = 0; /* somebody else */
	assert_int_equal(resolved("/home/d/none/x", OP_LEAF_AS_IS, &target), ERR_DENIED);
	assert_string_equal(errinfo_text(&t.call.why), "vos://example.org~vault/home");
	assert_done(
	    c, try_patch(c, home,
		   (struct nodes_patch){.set_public = true, .is_public = NODE_TRUE}));
	assert_ok(resolved("/home/new", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_int_equal(op_authorize_new(&t.call, &target), ERR_DENIED);
	assert_string_equal(
	    errinfo_text(&t.call.why), "vos://example.org~vault/home/new");
	t.caller.is_anonymous = true;
	(void)errinfo_set(&t.caller.refused, ERR_NOT_AUTHENTICATED, "it expired");
	assert_ok(resolved("/home/d", OP_LEAF_AS_IS, &target), &t.call.why);
	assert_int_equal(op_authorize(&t.call, ACL_LIST, &target), ERR_NOT_AUTHENTICATED);
	assert_string_equal(
	    errinfo_text(&t.call.why), "vos://example.org~vault/home/d: it expired");
}

static void
a_link_to_us_is_stored_with_our_name(void **state)
{
	static const struct {
		const char *target, *stored;
	} rows[] = {
	    {"vos://cadc.nrc.ca!vault/a%20b", "vos://example.org~vault/a%20b"},
	    {"vos://example.org!vault/a?x=y", "vos://example.org~vault/a?x=y"},
	    {"vos://example.org!vault/", "vos://example.org~vault"},
	    {"vos://elsewhere!vault/a", "vos://elsewhere!vault/a"},
	    {"https://example.org/a", "https://example.org/a"},
	    {"ivo://example.org/vault", "ivo://example.org/vault"},
	};

	begin(*state);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes target = bytes_of(rows[i].target);

		assert_ok(target_as_stored(&t.call, &target), &t.call.why);
		assert_text(target, rows[i].stored);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_path_leads_to_its_nodes),
	    CATALOGUE_TEST(the_parent_of_a_target_is_its_container_either_way),
	    CATALOGUE_TEST(links_are_followed_inside_and_at_the_end_if_asked),
	    CATALOGUE_TEST(links_have_a_limit_and_no_circles),
	    CATALOGUE_TEST(a_uri_must_be_ours),
	    CATALOGUE_TEST(auto_is_a_new_name_each_time_and_null_is_none),
	    CATALOGUE_TEST(a_refusal_names_what_was_refused),
	    CATALOGUE_TEST(a_link_to_us_is_stored_with_our_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
