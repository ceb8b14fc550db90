/* SPDX-License-Identifier: Apache-2.0 */
/* Create, upload, update, delete: what a change does and what it refuses. */
#include "catalogue.h"
#include "recount.h"

#include "service/core/clock.h"

static const struct node_groups no_groups = {.n = 0};
static const struct node_groups one_group = {{BYTES("ivo://x/gms?own")}, 1};
static const struct node_groups parents_readers = {
    {BYTES("ivo://x/gms?r1"), BYTES("ivo://x/gms?r2")}, 2};
static const struct node_groups parents_writers = {{BYTES("ivo://x/gms?w1")}, 1};

static void
assert_groups(const struct node_groups *found, const struct node_groups *expected)
{
	assert_int_equal(found->n, expected->n);
	for (size_t i = 0; i < expected->n; i++)
		assert_true(bytes_eq(found->uri[i], expected->uri[i]));
}

static void
a_new_node_has_what_it_was_given(void **state)
{
	static const struct node_property properties[] = {
	    {BYTES("ivo://x#a"), BYTES("1")}, {BYTES("ivo://x#b"), BYTES("")}};
	struct catalogue *c = *state;
	int64_t before = clock_wall_ms();
	struct nodes_create r = {
	    .parent_id = ROOT,
	    .node = {.name = BYTES("d\303\251j\303\240 vu"),
		.type = NODE_DATA,
		.owner = 4711,
		.is_public = NODE_TRUE,
		.is_locked = NODE_TRUE,
		.group_read = parents_readers,
		.group_write = one_group,
		.content_type = BYTES("text/plain"),
		.content_encoding = BYTES("gzip"),
		.quota = NODE_NO_QUOTA,
		.properties = properties,
		.n_properties = 2,
		/* what a client cannot give */
		.id = 99,
		.parent_id = 98,
		.blob_id = 97,
		.length = 96,
		.created_ms = 95,
		.changed_ms = 94,
		.content_ms = 93},
	};
	struct node node;

	assert_done(c, run(c, nodes_create, &r));
	node = read_node(c, r.id_out);
	assert_int_not_equal(node.id, 99);
	assert_int_equal(node.parent_id, ROOT);
	assert_bytes(node.name, "d\303\251j\303\240 vu");
	assert_int_equal(node.type, NODE_DATA);
	assert_int_equal(node.owner, 4711);
	assert_int_equal(node.is_public, NODE_TRUE);
	assert_int_equal(node.is_locked, NODE_TRUE);
	assert_groups(&node.group_read, &parents_readers);
	assert_groups(&node.group_write, &one_group);
	assert_bytes(node.content_type, "text/plain");
	assert_bytes(node.content_encoding, "gzip");
	assert_int_equal(node.n_properties, 2);
	assert_bytes(node.properties[1].uri, "ivo://x#b");
	assert_int_equal(node.blob_id, 0);
	assert_int_equal(node.length, 0);
	assert_int_equal(node.content_ms, 0);
	assert_true(node.created_ms >= before && node.created_ms <= clock_wall_ms());
	assert_true(node.changed_ms == node.created_ms);
	assert_size(c, ROOT, 0, 1);
	recount(c->rig.reader);
}

static void
links_and_containers_are_created_too(void **state)
{
	struct catalogue *c = *state;
	struct nodes_create r = {
	    .parent_id = ROOT,
	    .node = {.name = BYTES("link"),
		.type = NODE_LINK,
		.quota = NODE_NO_QUOTA,
		.target = BYTES("https://example.org/x y")},
	};
	struct node node;

	assert_done(c, run(c, nodes_create, &r));
	node = read_node(c, r.id_out);
	assert_int_equal(node.type, NODE_LINK);
	assert_bytes(node.target, "https://example.org/x y");
	r.node = (struct node){.name = BYTES("box"),
	    .type = NODE_CONTAINER,
	    .quota = 1000,
	    .total_bytes = 5,
	    .total_files = 5};
	assert_done(c, run(c, nodes_create, &r));
	node = read_node(c, r.id_out);
	assert_int_equal(node.quota, 1000);
	assert_int_equal(node.total_bytes, 0);
	assert_int_equal(node.total_files, 0);
	assert_size(c, ROOT, 0, 0);
	recount(c->rig.reader);
}

static void
a_node_needs_a_container_and_a_free_name(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), plain = file(c, ROOT, "plain", 1);
	uint64_t link = make(c, ROOT, "link", NODE_LINK);
	struct nodes_create r = {
	    .parent_id = ROOT,
	    .node = {.name = BYTES("box"), .type = NODE_DATA, .quota = NODE_NO_QUOTA},
	    .id_out = 77,
	};

	assert_err(try_make(c, 4711, "x", NODE_DATA, NULL), ERR_CONTAINER_NOT_FOUND);
	assert_err(try_make(c, plain, "x", NODE_DATA, NULL), ERR_CONTAINER_NOT_FOUND);
	assert_err(try_make(c, link, "x", NODE_DATA, NULL), ERR_CONTAINER_NOT_FOUND);
	assert_err(run(c, nodes_create, &r), ERR_DUPLICATE_NODE);
	assert_string_equal(errinfo_text(&c->why), "'box' already exists");
	assert_int_equal(r.id_out, 77);
	assert_err(try_make(c, ROOT, "plain", NODE_LINK, NULL), ERR_DUPLICATE_NODE);
	(void)folder(c, box, "box"); /* elsewhere the name is free */
	(void)folder(c, ROOT, "Box"); /* and another case is another name */
	recount(c->rig.reader);
}

/* server-contract 5.2, as a function. */
static void
assert_inherited(
    const struct node *child, const struct node *given, const struct node *parent)
{
	bool from_parent = parent->inherits == NODE_TRUE;
	enum node_flag is_public = given->is_public;
	enum node_flag inherits = given->inherits;

	if (is_public == NODE_UNSET && from_parent)
		is_public = parent->is_public;
	if (is_public == NODE_UNSET)
		is_public = NODE_FALSE;
	if (given->type == NODE_CONTAINER && inherits == NODE_UNSET)
		inherits = from_parent ? NODE_TRUE : NODE_FALSE;
	assert_int_equal(child->is_public, is_public);
	assert_int_equal(child->inherits, inherits);
	assert_groups(&child->group_read, given->group_read.n > 0 ? &given->group_read
					  : from_parent           ? &parent->group_read
								  : &no_groups);
	assert_groups(&child->group_write, given->group_write.n > 0 ? &given->group_write
					   : from_parent            ? &parent->group_write
								    : &no_groups);
}

/* Every combination of what a new node says itself; one digit of `how` per field. */
static void
inherit_one_way(struct catalogue *c, const struct node *parent, unsigned how)
{
	char name[16];
	struct nodes_create r = {
	    .parent_id = parent->id,
	    .node = {.type = how / 36 % 2 == 0 ? NODE_CONTAINER : NODE_DATA,
		.is_public = (enum node_flag)(how % 3),
		.inherits = (enum node_flag)(how / 3 % 3),
		.group_read = how / 9 % 2 == 0 ? no_groups : one_group,
		.group_write = how / 18 % 2 == 0 ? no_groups : one_group,
		.quota = NODE_NO_QUOTA},
	};
	struct node child;

	(void)snprintf(name, sizeof name, "child-%u", how);
	r.node.name = bytes_of(name);
	assert_done(c, run(c, nodes_create, &r));
	child = read_node(c, r.id_out);
	assert_inherited(&child, &r.node, parent);
}

static void
a_new_node_inherits_as_the_table_says(void **state)
{
	struct catalogue *c = *state;
	char name[16];

	for (unsigned how = 0; how < 9; how++) {
		struct nodes_patch patch = {
		    .set_public = true,
		    .is_public = (enum node_flag)(how % 3),
		    .set_inherits = true,
		    .inherits = (enum node_flag)(how / 3),
		    .set_read = true,
		    .group_read = parents_readers,
		    .set_write = true,
		    .group_write = parents_writers,
		};
		struct nodes_put_file put = {.name = BYTES("put"), .owner = OWNER};
		struct node parent, node;

		(void)snprintf(name, sizeof name, "parent-%u", how);
		put.parent_id = folder(c, ROOT, name);
		assert_done(c, try_patch(c, put.parent_id, patch));
		parent = read_node(c, put.parent_id);
		for (unsigned child = 0; child < 72; child += how == 8 ? 1 : 7)
			inherit_one_way(c, &parent, child);
		assert_done(c, run(c, nodes_put_file, &put));
		node = read_node(c, put.node_id_out);
		assert_inherited(&node, &(struct node){.type = NODE_DATA}, &parent);
	}
	recount(c->rig.reader);
}

static void
a_later_change_of_the_parent_does_not_reach_its_children(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), child;
	struct nodes_patch patch = {.set_inherits = true,
	    .inherits = NODE_TRUE,
	    .set_public = true,
	    .is_public = NODE_TRUE};
	struct node node;

	assert_done(c, try_patch(c, box, patch));
	child = file(c, box, "child", 1);
	assert_done(
	    c, try_patch(c, box,
		   (struct nodes_patch){.set_public = true, .is_public = NODE_FALSE}));
	node = read_node(c, child);
	assert_int_equal(node.is_public, NODE_TRUE);
}

static void
an_upload_makes_the_node_it_names(void **state)
{
	struct catalogue *c = *state;
	int64_t before = clock_wall_ms();
	struct nodes_put_file r = {
	    .parent_id = ROOT,
	    .name = BYTES("new"),
	    .owner = 42,
	    .blob = new_blob(c, 1000),
	    .set_type = true,
	    .content_type = BYTES("application/fits"),
	};
	struct node node;

	assert_done(c, run(c, nodes_put_file, &r));
	node = read_node(c, r.node_id_out);
	assert_int_equal(node.type, NODE_DATA);
	assert_int_equal(node.owner, 42);
	assert_int_equal(node.blob_id, r.blob.id);
	assert_int_equal(node.length, 1000);
	assert_memory_equal(node.md5, r.blob.md5, MD5_SIZE);
	assert_bytes(node.content_type, "application/fits");
	assert_null(node.content_encoding.p);
	assert_true(node.quota == NODE_NO_QUOTA);
	assert_true(node.content_ms >= before && node.content_ms <= clock_wall_ms());
	assert_size(c, ROOT, 1000, 1);
	recount(c->rig.reader);
}

static void
an_upload_replaces_the_bytes_and_nothing_else(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = file(c, ROOT, "f", 1000);
	struct nodes_put_file r = {
	    .parent_id = ROOT,
	    .name = BYTES("f"),
	    .expect_id = id,
	    .owner = 4711,
	    .blob = new_blob(c, 10),
	};
	struct node old, node;
	struct blob blob;

	assert_done(c, try_patch(c, id,
			   (struct nodes_patch){.set_type = true,
			       .content_type = BYTES("text/plain"),
			       .set_encoding = true,
			       .content_encoding = BYTES("gzip")}));
	old = read_node(c, id);
	assert_done(c, run(c, nodes_put_file, &r));
	assert_int_equal(r.node_id_out, id);
	node = read_node(c, id);
	assert_int_equal(node.owner, OWNER);
	assert_int_equal(node.length, 10);
	assert_int_equal(node.blob_id, r.blob.id);
	assert_bytes(node.content_type, "text/plain");
	assert_bytes(node.content_encoding, "gzip");
	assert_true(node.created_ms == old.created_ms);
	assert_true(node.changed_ms > old.changed_ms);
	assert_true(node.content_ms >= old.content_ms);
	assert_size(c, ROOT, 10, 1);
	assert_err(blob_get(c->rig.reader, old.blob_id, &blob, &c->why), ERR_NOT_FOUND);
	r.blob = new_blob(c, 20);
	r.set_type = r.set_encoding = true; /* and both are forgotten */
	assert_done(c, run(c, nodes_put_file, &r));
	node = read_node(c, id);
	assert_null(node.content_type.p);
	assert_null(node.content_encoding.p);
	recount(c->rig.reader);
}

static void
an_empty_file_has_no_blob(void **state)
{
	struct catalogue *c = *state;
	struct nodes_put_file r = {
	    .parent_id = ROOT, .name = BYTES("empty"), .blob = {.md5 = "md5 of nothing"}};
	struct node node;

	assert_done(c, run(c, nodes_put_file, &r));
	node = read_node(c, r.node_id_out);
	assert_int_equal(node.blob_id, 0);
	assert_int_equal(node.length, 0);
	assert_true(node.content_ms > 0);
	assert_memory_equal(node.md5, "md5 of nothing", 14);
	assert_size(c, ROOT, 0, 1);
	assert_done(c, try_put(c, ROOT, "empty", r.node_id_out, 500, NULL));
	assert_size(c, ROOT, 500, 1);
	r.expect_id = r.node_id_out;
	assert_done(c, run(c, nodes_put_file, &r)); /* and empty again */
	assert_size(c, ROOT, 0, 1);
	assert_int_equal(facts(c).blobs, 0);
	assert_done(c, try_drop(c, r.node_id_out));
	assert_size(c, ROOT, 0, 0);
	recount(c->rig.reader);
}

static void
an_upload_notices_that_the_name_means_another_node(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), f = file(c, box, "f", 5);
	struct nodes_put_file r = {.parent_id = box,
	    .name = BYTES("f"),
	    .blob = new_blob(c, 7),
	    .node_id_out = 77};

	assert_err(run(c, nodes_put_file, &r), ERR_CHANGED);
	assert_string_equal(errinfo_text(&c->why), "'f' was replaced meanwhile");
	assert_int_equal(r.node_id_out, 77);
	assert_err(try_put(c, box, "f", f + 1, 7, NULL), ERR_CHANGED);
	assert_err(try_put(c, box, "g", f, 7, NULL), ERR_CHANGED);
	assert_done(c, try_move(c, f, box, "g"));
	assert_err(try_put(c, box, "f", f, 7, NULL), ERR_CHANGED);
	assert_done(c, try_put(c, box, "g", f, 7, NULL));
	assert_done(c, try_drop(c, f));
	assert_err(try_put(c, box, "g", f, 7, NULL), ERR_CHANGED);
	assert_done(c, try_drop(c, box));
	assert_err(try_put(c, box, "f", 0, 7, NULL), ERR_CONTAINER_NOT_FOUND);
	recount(c->rig.reader);
}

static void
an_upload_goes_to_data_nodes_only(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), link = make(c, ROOT, "link", NODE_LINK);
	uint64_t f = file(c, ROOT, "f", 1);
	uint64_t s = make(c, ROOT, "s", NODE_STRUCTURED_DATA);
	uint64_t u = make(c, ROOT, "u", NODE_UNSTRUCTURED_DATA);

	assert_err(try_put(c, ROOT, "box", box, 5, NULL), ERR_INVALID_ARGUMENT);
	assert_err(try_put(c, ROOT, "link", link, 5, NULL), ERR_INVALID_ARGUMENT);
	assert_err(try_put(c, f, "x", 0, 5, NULL), ERR_CONTAINER_NOT_FOUND);
	assert_done(c, try_put(c, ROOT, "s", s, 5, NULL));
	assert_done(c, try_put(c, ROOT, "u", u, 6, NULL));
	assert_size(c, ROOT, 12, 3);
	recount(c->rig.reader);
}

static void
a_refused_upload_leaves_no_trace(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), f = file(c, box, "f", 5);
	struct store_facts before, after;

	set_quota(c, box, 100);
	set_lock(c, f, NODE_TRUE);
	before = facts(c);
	assert_err(try_put(c, box, "f", f, 7, NULL), ERR_NODE_LOCKED);
	assert_err(try_put(c, box, "new", 0, 96, NULL), ERR_QUOTA);
	assert_err(try_put(c, box, "f", 0, 96, NULL), ERR_CHANGED);
	after = facts(c);
	assert_int_equal(after.nodes, before.nodes);
	assert_int_equal(after.blobs, before.blobs);
	assert_int_equal(after.repairs_due, before.repairs_due);
	assert_int_equal(after.removals_due, before.removals_due);
	assert_size(c, box, 5, 1);
	recount(c->rig.reader);
}

static void
a_patch_sets_each_field_by_itself(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = file(c, ROOT, "f", 5), link = make(c, ROOT, "link", NODE_LINK);
	struct node node;

	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_public = true, .is_public = NODE_TRUE}));
	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_locked = true, .is_locked = NODE_TRUE}));
	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_inherits = true, .inherits = NODE_FALSE}));
	assert_done(c,
	    try_patch(c, id,
		(struct nodes_patch){.set_read = true, .group_read = parents_readers}));
	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_write = true, .group_write = one_group}));
	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_type = true, .content_type = BYTES("a/b")}));
	assert_done(c, try_patch(c, id,
			   (struct nodes_patch){
			       .set_encoding = true, .content_encoding = BYTES("br")}));
	assert_done(
	    c, try_patch(c, id, (struct nodes_patch){.set_owner = true, .owner = 9}));
	set_quota(c, id, 5);
	node = read_node(c, id);
	assert_int_equal(node.is_public, NODE_TRUE);
	assert_int_equal(node.is_locked, NODE_TRUE);
	assert_int_equal(node.inherits, NODE_FALSE);
	assert_groups(&node.group_read, &parents_readers);
	assert_groups(&node.group_write, &one_group);
	assert_bytes(node.content_type, "a/b");
	assert_bytes(node.content_encoding, "br");
	assert_int_equal(node.owner, 9);
	assert_int_equal(node.quota, 5);
	assert_int_equal(node.length, 5);
	assert_done(c, try_patch(c, id,
			   (struct nodes_patch){.set_public = true,
			       .set_read = true,
			       .set_type = true,
			       .set_encoding = true,
			       .set_quota = true,
			       .quota = NODE_NO_QUOTA}));
	node = read_node(c, id);
	assert_int_equal(node.is_public, NODE_UNSET);
	assert_int_equal(node.group_read.n, 0);
	assert_int_equal(node.group_write.n, 1);
	assert_null(node.content_type.p);
	assert_null(node.content_encoding.p);
	assert_true(node.quota == NODE_NO_QUOTA);
	assert_done(c, try_patch(c, link,
			   (struct nodes_patch){
			       .set_target = true, .target = BYTES("vos://x!y/z")}));
	assert_done(c, try_patch(c, id,
			   (struct nodes_patch){
			       .set_target = true, .target = BYTES("vos://x!y/z")}));
	node = read_node(c, link);
	assert_bytes(node.target, "vos://x!y/z");
	node = read_node(c, id);
	assert_null(node.target.p);
	recount(c->rig.reader);
}

static void
the_date_moves_with_every_change(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = file(c, ROOT, "f", 5);
	struct nodes_update update[50];
	struct nodes_move move = {.id = id, .parent_id = ROOT, .name = BYTES("g")};
	struct node before = read_node(c, id), node;
	struct hold hold;

	hold_writer(c, &hold); /* all of them in the same millisecond */
	for (size_t i = 0; i < 50; i++) {
		update[i] = (struct nodes_update){.id = id};
		submit(c, nodes_update, &update[i]);
	}
	submit(c, nodes_move, &move);
	release_writer(&hold);
	for (size_t i = 0; i < 50; i++)
		assert_done(c, outcome(c, &update[i].change));
	assert_done(c, outcome(c, &move.change));
	node = read_node(c, id);
	assert_bytes(node.name, "g");
	assert_true(node.changed_ms > before.changed_ms + 50);
	assert_true(node.created_ms == before.created_ms);
	assert_true(node.content_ms == before.content_ms);
}

static void
an_update_needs_its_node(void **state)
{
	struct catalogue *c = *state;

	assert_err(try_patch(c, 4711, (struct nodes_patch){.set_public = true}),
	    ERR_NODE_NOT_FOUND);
	assert_string_equal(errinfo_text(&c->why), "the node is gone");
}

/* Properties written as "a=1 b=2"; "a" alone is to be removed. */
static size_t
parse_properties(const char *text, struct node_property *out)
{
	struct bytes rest = bytes_of(text), token;
	size_t n = 0;

	while (bytes_token(&rest, " ", &token)) {
		size_t cut = bytes_find(token, '=');

		out[n].uri = (struct bytes){token.p, cut};
		out[n].value =
		    cut < token.n ? bytes_skip(token, cut + 1) : (struct bytes){NULL, 0};
		n++;
	}
	return n;
}

static void
assert_properties(struct catalogue *c, uint64_t id, const char *expected)
{
	struct node node = read_node(c, id);
	struct str text;

	str_init(&text, 1000);
	for (size_t i = 0; i < node.n_properties; i++)
		str_addf(&text, "%s%.*s=%.*s", i == 0 ? "" : " ",
		    BYTES_ARG(node.properties[i].uri),
		    BYTES_ARG(node.properties[i].value));
	assert_string_equal(text.n == 0 ? "" : text.p, expected);
	str_release(&text);
}

static enum err
give(struct catalogue *c, uint64_t id, uint64_t owned_by, uint64_t owner)
{
	struct nodes_update r = {.id = id,
	    .owned_by = owned_by,
	    .patch = {.set_owner = true, .owner = owner},
	    .properties_max = 100};

	return run(c, nodes_update, &r);
}

/* OWNER is the account that the store was made with. */
static void
an_update_of_what_somebody_owns_leaves_others_alone(void **state)
{
	struct catalogue *c = *state;
	struct accounts_create bob = {.name = BYTES("bob")};
	struct accounts_dn dn = {
	    .account = OWNER, .key = BYTES("cn=o"), .text = BYTES("CN=o")};
	struct accounts_ensure_dn ensure = {.key = BYTES("cn=o"), .text = BYTES("CN=o")};
	uint64_t id = file(c, ROOT, "f", 1);
	int64_t before = read_node(c, id).changed_ms;

	assert_done(c, run(c, accounts_create, &bob));
	assert_err(give(c, id, bob.id_out, 4711), ERR_CHANGED);
	assert_int_equal(read_node(c, id).owner, OWNER);
	assert_true(read_node(c, id).changed_ms == before);
	/* By an identity that is the account's, and not before it is. */
	assert_done(c, run(c, accounts_ensure_dn, &ensure));
	assert_done(c, give(c, id, OWNER, ensure.id_out));
	assert_err(give(c, id, OWNER, bob.id_out), ERR_CHANGED);
	assert_done(c, run(c, accounts_dn, &dn));
	assert_done(c, give(c, id, OWNER, bob.id_out));
	assert_int_equal(read_node(c, id).owner, bob.id_out);
	assert_err(give(c, id, OWNER, bob.id_out), ERR_CHANGED);
	/* An owner nobody knows is nobody's. */
	assert_done(
	    c, try_patch(c, id, (struct nodes_patch){.set_owner = true, .owner = 4711}));
	assert_err(give(c, id, OWNER, bob.id_out), ERR_CHANGED);
	assert_err(give(c, 99999, OWNER, bob.id_out), ERR_NODE_NOT_FOUND);
}

static void
properties_are_merged(void **state)
{
	static const struct {
		const char *present, *patch, *merged;
	} rows[] = {
	    {"", "", ""},
	    {"", "a=1", "a=1"},
	    {"a=1 c=3", "", "a=1 c=3"},
	    {"a=1 c=3", "b=2", "a=1 b=2 c=3"},
	    {"b=2", "a=1 c=3", "a=1 b=2 c=3"},
	    {"a=1 b=2 c=3", "a=x b=y c=z", "a=x b=y c=z"},
	    {"a=1 b=2 c=3", "b", "a=1 c=3"},
	    {"a=1 b=2 c=3", "a b c", ""},
	    {"a=1", "0 a b", ""},
	    {"a=1 b=2", "a= c=", "a= b=2 c="},
	    {"a=1 b=2 d=4", "aa=5 b c=3 e", "a=1 aa=5 c=3 d=4"},
	};
	struct catalogue *c = *state;
	char name[16];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct node_property present[8], patch[8];
		struct nodes_create r = {
		    .parent_id = ROOT,
		    .node = {.type = NODE_DATA,
			.quota = NODE_NO_QUOTA,
			.properties = present,
			.n_properties = parse_properties(rows[i].present, present)},
		};

		(void)snprintf(name, sizeof name, "n-%zu", i);
		r.node.name = bytes_of(name);
		assert_done(c, run(c, nodes_create, &r));
		assert_done(
		    c, try_patch(c, r.id_out,
			   (struct nodes_patch){.properties = patch,
			       .n_properties = parse_properties(rows[i].patch, patch)}));
		assert_properties(c, r.id_out, rows[i].merged);
	}
}

static void
a_node_has_no_more_properties_than_the_limit(void **state)
{
	struct catalogue *c = *state;
	struct node_property p[4];
	struct nodes_update r = {
	    .id = make(c, ROOT, "n", NODE_DATA),
	    .patch = {.properties = p, .set_public = true, .is_public = NODE_TRUE},
	    .properties_max = 3,
	};
	struct node node;

	r.patch.n_properties = parse_properties("a=1 b=2 c=3 d=4", p);
	assert_err(run(c, nodes_update, &r), ERR_INVALID_ARGUMENT);
	assert_string_equal(
	    errinfo_text(&c->why), "the node would have 4 properties, the limit is 3");
	node = read_node(c, r.id);
	assert_int_equal(node.is_public, NODE_FALSE); /* nothing of it happened */
	r.patch.n_properties = parse_properties("a=1 b=2 c=3", p);
	assert_done(c, run(c, nodes_update, &r));
	r.patch.n_properties = parse_properties("a d=4", p);
	assert_done(c, run(c, nodes_update, &r)); /* one goes, one comes */
	assert_properties(c, r.id, "b=2 c=3 d=4");
}

/* After the limit was lowered there must be a way down. */
static void
a_node_over_the_limit_can_lose_properties(void **state)
{
	struct catalogue *c = *state;
	struct node_property p[8];
	struct nodes_update r = {
	    .id = make(c, ROOT, "n", NODE_DATA), .properties_max = 4};

	r.patch.properties = p;
	r.patch.n_properties = parse_properties("a=1 b=2 c=3 d=4", p);
	assert_done(c, run(c, nodes_update, &r));
	r.properties_max = 2;
	r.patch.n_properties = parse_properties("a", p);
	assert_done(c, run(c, nodes_update, &r));
	r.patch.n_properties = parse_properties("b=x", p);
	assert_done(c, run(c, nodes_update, &r));
	assert_properties(c, r.id, "b=x c=3 d=4");
	r.patch.n_properties = parse_properties("b c e=5 f=6 g=7", p);
	assert_err(run(c, nodes_update, &r), ERR_INVALID_ARGUMENT);
}

static void
a_deleted_node_is_gone(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), inner = folder(c, box, "inner");
	uint64_t f = file(c, inner, "f", 9), link = make(c, inner, "l", NODE_LINK);
	struct node node = read_node(c, f);
	struct blob blob;

	assert_err(try_drop(c, box), ERR_NOT_EMPTY);
	assert_string_equal(errinfo_text(&c->why), "container node 'box' is not empty");
	assert_err(try_drop(c, inner), ERR_NOT_EMPTY);
	assert_done(c, try_drop(c, f));
	assert_err(try_read(c, f, &node), ERR_NODE_NOT_FOUND);
	assert_err(try_drop(c, f), ERR_NODE_NOT_FOUND);
	assert_err(blob_get(c->rig.reader, node.blob_id, &blob, &c->why), ERR_NOT_FOUND);
	assert_int_equal(facts(c).removals_due, 4);
	assert_size(c, box, 0, 0);
	assert_done(c, try_drop(c, link));
	assert_done(c, try_drop(c, inner));
	assert_done(c, try_drop(c, box));
	assert_int_equal(facts(c).nodes, 1);
	assert_true(folder(c, ROOT, "box") > box); /* the name is free, the id is not */
	recount(c->rig.reader);
}

static void
the_root_cannot_be_deleted_or_moved(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box");

	assert_err(try_drop(c, ROOT), ERR_DENIED);
	assert_err(try_move(c, ROOT, box, "root"), ERR_DENIED);
}

static void
a_lock_reaches_its_node_and_the_children_of_a_container(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), inner = folder(c, box, "inner");
	uint64_t f = file(c, box, "f", 1), deep = file(c, inner, "deep", 1);
	uint64_t other = file(c, ROOT, "other", 1);

	set_lock(c, box, NODE_TRUE);
	assert_err(try_make(c, box, "x", NODE_DATA, NULL), ERR_PARENT_LOCKED);
	assert_string_equal(errinfo_text(&c->why), "'box' is locked");
	assert_err(try_put(c, box, "x", 0, 1, NULL), ERR_PARENT_LOCKED);
	assert_err(try_drop(c, f), ERR_NODE_LOCKED);
	assert_err(try_move(c, f, ROOT, "f"), ERR_NODE_LOCKED);
	assert_err(try_move(c, f, box, "g"), ERR_NODE_LOCKED);
	assert_err(try_move(c, other, box, "g"), ERR_NODE_LOCKED);
	assert_err(try_move(c, box, ROOT, "g"), ERR_NODE_LOCKED);
	/* the bytes of its children, and what lies deeper, are free */
	assert_done(c, try_put(c, box, "f", f, 2, NULL));
	assert_done(c, try_put(c, inner, "x", 0, 3, NULL));
	assert_done(c, try_drop(c, deep));
	assert_done(c, try_patch(c, f, (struct nodes_patch){.set_public = true}));
	/* and who may write may unlock */
	assert_done(c, try_patch(c, box, (struct nodes_patch){.set_public = true}));
	set_lock(c, box, NODE_FALSE);
	assert_done(c, try_move(c, f, ROOT, "f"));
	recount(c->rig.reader);
}

static void
a_locked_file_keeps_its_bytes_and_its_place(void **state)
{
	struct catalogue *c = *state;
	uint64_t box = folder(c, ROOT, "box"), f = file(c, ROOT, "f", 1);
	uint64_t empty = folder(c, ROOT, "empty");

	set_lock(c, f, NODE_TRUE);
	set_lock(c, empty, NODE_TRUE);
	assert_err(try_put(c, ROOT, "f", f, 2, NULL), ERR_NODE_LOCKED);
	assert_err(try_drop(c, f), ERR_NODE_LOCKED);
	assert_err(try_drop(c, empty), ERR_NODE_LOCKED);
	assert_err(try_move(c, f, box, "f"), ERR_NODE_LOCKED);
	set_lock(c, f, NODE_UNSET);
	assert_done(c, try_put(c, ROOT, "f", f, 2, NULL));
	assert_done(c, try_move(c, f, box, "f"));
	assert_done(c, try_drop(c, f));
	recount(c->rig.reader);
}

static void
changes_of_one_batch_see_each_other(void **state)
{
	struct catalogue *c = *state;
	uint64_t f = file(c, ROOT, "f", 1), box = folder(c, ROOT, "box");
	struct nodes_create same[2], below[2];
	struct nodes_delete drop[2] = {{.id = f}, {.id = box}};
	struct nodes_put_file put = {
	    .parent_id = ROOT, .name = BYTES("f"), .blob = new_blob(c, 8)};
	struct hold hold;

	for (size_t i = 0; i < 2; i++) {
		same[i] = (struct nodes_create){.parent_id = ROOT,
		    .node = {.name = BYTES("same"), .type = NODE_CONTAINER}};
		below[i] = (struct nodes_create){
		    .node = {.name = BYTES("b"), .type = NODE_DATA}};
	}
	below[0].parent_id = box; /* deleted before it */
	below[1].parent_id = box + 1; /* made before it */
	hold_writer(c, &hold);
	submit(c, nodes_create, &same[0]);
	submit(c, nodes_create, &same[1]);
	submit(c, nodes_delete, &drop[0]);
	submit(c, nodes_put_file, &put);
	submit(c, nodes_delete, &drop[1]);
	submit(c, nodes_create, &below[0]);
	submit(c, nodes_create, &below[1]);
	release_writer(&hold);
	assert_done(c, outcome(c, &same[0].change));
	assert_int_equal(same[0].id_out, box + 1);
	assert_err(outcome(c, &same[1].change), ERR_DUPLICATE_NODE);
	assert_done(c, outcome(c, &drop[0].change));
	assert_done(c, outcome(c, &put.change));
	assert_done(c, outcome(c, &drop[1].change));
	assert_err(outcome(c, &below[0].change), ERR_CONTAINER_NOT_FOUND);
	assert_done(c, outcome(c, &below[1].change));
	assert_size(c, ROOT, 8, 2);
	recount(c->rig.reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_new_node_has_what_it_was_given),
	    CATALOGUE_TEST(links_and_containers_are_created_too),
	    CATALOGUE_TEST(a_node_needs_a_container_and_a_free_name),
	    CATALOGUE_TEST(a_new_node_inherits_as_the_table_says),
	    CATALOGUE_TEST(a_later_change_of_the_parent_does_not_reach_its_children),
	    CATALOGUE_TEST(an_upload_makes_the_node_it_names),
	    CATALOGUE_TEST(an_upload_replaces_the_bytes_and_nothing_else),
	    CATALOGUE_TEST(an_empty_file_has_no_blob),
	    CATALOGUE_TEST(an_upload_notices_that_the_name_means_another_node),
	    CATALOGUE_TEST(an_upload_goes_to_data_nodes_only),
	    CATALOGUE_TEST(a_refused_upload_leaves_no_trace),
	    CATALOGUE_TEST(a_patch_sets_each_field_by_itself),
	    CATALOGUE_TEST(the_date_moves_with_every_change),
	    CATALOGUE_TEST(an_update_needs_its_node),
	    CATALOGUE_TEST(an_update_of_what_somebody_owns_leaves_others_alone),
	    CATALOGUE_TEST(properties_are_merged),
	    CATALOGUE_TEST(a_node_has_no_more_properties_than_the_limit),
	    CATALOGUE_TEST(a_node_over_the_limit_can_lose_properties),
	    CATALOGUE_TEST(a_deleted_node_is_gone),
	    CATALOGUE_TEST(the_root_cannot_be_deleted_or_moved),
	    CATALOGUE_TEST(a_lock_reaches_its_node_and_the_children_of_a_container),
	    CATALOGUE_TEST(a_locked_file_keeps_its_bytes_and_its_place),
	    CATALOGUE_TEST(changes_of_one_batch_see_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
