/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/catalogue.h"

#include "service/op/props.h"

#define CORE   "ivo://ivoa.net/vospace/core#"
#define CADC   "ivo://cadc.nrc.ca/vospace/core#"
#define COPIES "ivo://quartet/vospace/core#copies"
#define GROUP  "ivo://cadc.nrc.ca/gms?"
#define OURS   "ivo://example.org/gms?"

enum { DOC_MAX = 300 };

static const char *const table[] = {
#define PROPERTY(uri, meaning) uri,
#include "service/op/property.def"
#undef PROPERTY
};

enum { TABLE = sizeof table / sizeof table[0] };

/* A call as far as props looks at it. */
static struct {
	struct settings settings;
	struct op_env env;
	struct caller caller;
	struct op_call call;
	struct node_doc_property property[DOC_MAX];
	struct node_doc doc;
	struct nodes_patch patch;
	bool grants;
} t;

static void
begin(struct catalogue *c)
{
	t.settings = (struct settings){.administrators = {NULL, 0}};
	t.env = (struct op_env){.settings = &t.settings, .reader = c->rig.reader};
	caller_init(
	    &t.caller, &c->arena, c->rig.reader, &t.settings, BYTES("example.org/gms"));
	t.call = (struct op_call){.env = &t.env, .arena = &c->arena, .caller = &t.caller};
	t.doc = (struct node_doc){.properties = t.property};
}

static void
say(const char *uri, const char *value)
{
	t.property[t.doc.n_properties++] =
	    (struct node_doc_property){bytes_of(uri), bytes_of(value), value == NULL};
}

static enum err
patched(enum node_type type)
{
	enum err e = props_to_patch(&t.call, &t.doc, type, &t.patch, &t.grants);

	t.doc.n_properties = 0;
	return e;
}

/* A document of one property. */
static enum err
one(enum node_type type, const char *uri, const char *value)
{
	say(uri, value);
	return patched(type);
}

static void
assert_text(struct bytes got, const char *wanted)
{
	if (!bytes_is(got, wanted))
		fail_msg("'%.*s' is not '%s'", BYTES_ARG(got), wanted);
}

static void
the_table_ascends(void **state)
{
	(void)state;
	for (size_t i = 1; i < TABLE; i++)
		if (strcmp(table[i - 1], table[i]) >= 0)
			fail_msg("%s stands before %s", table[i - 1], table[i]);
}

static void
every_name_of_the_table_is_taken_and_can_be_nil(void **state)
{
	begin(*state);
	for (size_t i = 0; i < TABLE; i++) {
		const char *value =
		    strstr(table[i], "group") != NULL ? GROUP "x"
		    : strstr(table[i], "is") != NULL || strstr(table[i], "read") != NULL
			? "true"
			: "7";

		assert_ok(one(NODE_CONTAINER, table[i], value), &t.call.why);
		assert_ok(one(NODE_DATA, table[i], NULL), &t.call.why);
	}
}

static void
other_names_of_the_core_are_refused(void **state)
{
	begin(*state);
	assert_int_equal(one(NODE_DATA, CORE "nonsense", "x"), ERR_INVALID_ARGUMENT);
	assert_int_equal(one(NODE_DATA, CORE "nonsense", NULL), ERR_INVALID_ARGUMENT);
	assert_int_equal(
	    one(NODE_DATA, "ivo://ivoa.net/vospacecore#foo", "x"), ERR_INVALID_ARGUMENT);
	assert_int_equal(one(NODE_DATA, "", "x"), ERR_INVALID_ARGUMENT);
	assert_ok(one(NODE_DATA, "ivo://ivoa.net/vo", "x"), &t.call.why);
}

static void
permissions_are_told_from_the_rest(void **state)
{
	static const struct {
		const char *uri, *value;
		bool grants;
	} rows[] = {
	    {CORE "ispublic", "true", true},
	    {CORE "publicread", "true", true},
	    {CORE "groupread", GROUP "x", true},
	    {CORE "groupwrite", NULL, true},
	    {CADC "islocked", "true", true},
	    {CORE "islocked", "true", true},
	    {CADC "inheritPermissions", "true", true},
	    {CORE "title", "t", false},
	    {CORE "type", "a/b", false},
	    {CORE "quota", "5", false},
	    {"quality", "good", false},
	};

	begin(*state);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_ok(one(NODE_CONTAINER, rows[i].uri, rows[i].value), &t.call.why);
		assert_int_equal(t.grants, rows[i].grants);
	}
}

static void
flags_have_three_states(void **state)
{
	static const struct {
		const char *text;
		enum node_flag flag;
	} rows[] = {{"true", NODE_TRUE}, {"TRUE", NODE_TRUE}, {" true\n", NODE_TRUE},
	    {"1", NODE_TRUE}, {"false", NODE_FALSE}, {"0", NODE_FALSE}, {"", NODE_UNSET},
	    {NULL, NODE_UNSET}};

	begin(*state);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_ok(one(NODE_DATA, CORE "ispublic", rows[i].text), &t.call.why);
		assert_true(t.patch.set_public);
		assert_int_equal(t.patch.is_public, rows[i].flag);
	}
	assert_int_equal(one(NODE_DATA, CORE "ispublic", "yes"), ERR_INVALID_ARGUMENT);
}

static void
ispublic_wins_over_publicread_wherever_it_stands(void **state)
{
	begin(*state);
	say(CORE "publicread", "true");
	say(CORE "ispublic", "false");
	assert_ok(patched(NODE_DATA), &t.call.why);
	assert_int_equal(t.patch.is_public, NODE_FALSE);
	say(CORE "ispublic", "false");
	say(CORE "publicread", "true");
	assert_ok(patched(NODE_DATA), &t.call.why);
	assert_int_equal(t.patch.is_public, NODE_FALSE);
	assert_ok(one(NODE_DATA, CORE "publicread", "true"), &t.call.why);
	assert_int_equal(t.patch.is_public, NODE_TRUE);
}

static void
only_containers_hand_down(void **state)
{
	begin(*state);
	assert_ok(one(NODE_DATA, CADC "inheritPermissions", "true"), &t.call.why);
	assert_false(t.patch.set_inherits || t.grants);
	assert_ok(one(NODE_CONTAINER, CADC "inheritPermissions", "true"), &t.call.why);
	assert_true(t.patch.set_inherits && t.grants);
}

static void
groups_are_unique_and_four(void **state)
{
	begin(*state);
	assert_ok(one(NODE_DATA, CORE "groupread",
		      GROUP "a " OURS "a," GROUP "b\n" GROUP "b ivo://x/gms?c " OURS "d"),
	    &t.call.why);
	assert_int_equal(t.patch.group_read.n, 4);
	assert_text(t.patch.group_read.uri[0], GROUP "a");
	assert_text(t.patch.group_read.uri[1], GROUP "b");
	assert_text(t.patch.group_read.uri[2], "ivo://x/gms?c");
	assert_text(t.patch.group_read.uri[3], OURS "d");
	assert_int_equal(one(NODE_DATA, CORE "groupwrite",
			     GROUP "a " GROUP "b " GROUP "c " GROUP "d " GROUP "e"),
	    ERR_INVALID_ARGUMENT);
	assert_ok(one(NODE_DATA, CORE "groupwrite", ""), &t.call.why);
	assert_true(t.patch.set_write);
	assert_int_equal(t.patch.group_write.n, 0);
}

static void
what_is_no_group_is_refused(void **state)
{
	static const char *const bad[] = {"staff", "ivo://x/gms", "ivo://x/gms?",
	    "http://x/gms?a", GROUP "a\x01", GROUP "%zz"};

	begin(*state);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(
		    one(NODE_DATA, CORE "groupread", bad[i]), ERR_INVALID_ARGUMENT);
}

static void
the_quota_is_the_administrators(void **state)
{
	begin(*state);
	assert_ok(one(NODE_CONTAINER, CORE "quota", "nonsense"), &t.call.why);
	assert_false(t.patch.set_quota);
	t.caller.is_admin = true;
	assert_ok(one(NODE_CONTAINER, CORE "quota", " 5000 "), &t.call.why);
	assert_true(t.patch.set_quota);
	assert_int_equal(t.patch.quota, 5000);
	assert_ok(one(NODE_CONTAINER, CORE "quota", NULL), &t.call.why);
	assert_true(t.patch.set_quota && t.patch.quota == NODE_NO_QUOTA);
	assert_ok(one(NODE_DATA, CORE "quota", "5000"), &t.call.why);
	assert_false(t.patch.set_quota);
	assert_int_equal(
	    one(NODE_CONTAINER, CORE "quota", "nonsense"), ERR_INVALID_ARGUMENT);
	/* That number means "none". */
	assert_int_equal(one(NODE_CONTAINER, CORE "quota", "18446744073709551615"),
	    ERR_INVALID_ARGUMENT);
}

static void
what_the_server_makes_changes_nothing(void **state)
{
	static const char *const derived[] = {CORE "MD5", CORE "availableSpace",
	    CORE "btime", CORE "content-date", CORE "creator", CORE "ctime", CORE "date",
	    CORE "length", CORE "mtime", CORE "quota", CADC "readable", CADC "writable",
	    COPIES};

	begin(*state);
	for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++) {
		say(derived[i], "7");
		say(derived[i], NULL);
	}
	assert_ok(patched(NODE_CONTAINER), &t.call.why);
	assert_false(t.grants || t.patch.set_public || t.patch.set_locked ||
		     t.patch.set_inherits || t.patch.set_read || t.patch.set_write ||
		     t.patch.set_type || t.patch.set_encoding || t.patch.set_quota ||
		     t.patch.set_owner || t.patch.set_target);
	assert_int_equal(t.patch.n_properties, 0);
}

static void
free_properties_ascend_and_the_last_of_a_name_counts(void **state)
{
	begin(*state);
	say("z", "1");
	say("a", "2");
	say(CORE "title", "3");
	say("z", NULL);
	say("a", "4");
	say("a", " 5 ");
	assert_ok(patched(NODE_LINK), &t.call.why);
	assert_int_equal(t.patch.n_properties, 3);
	assert_text(t.patch.properties[0].uri, "a");
	assert_text(t.patch.properties[0].value, " 5 ");
	assert_text(t.patch.properties[1].uri, CORE "title");
	assert_text(t.patch.properties[2].uri, "z");
	assert_null(t.patch.properties[2].value.p);
}

/* Documents of nodes */

static const struct node_property extra[] = {
    {{"a", 1}, {"1", 1}},
    {{CORE "title", sizeof(CORE "title") - 1}, {"t", 1}},
    {{"zz", 2}, {"", 0}},
};

static const struct node sample = {
    .type = NODE_DATA,
    .owner = OWNER,
    .is_public = NODE_FALSE,
    .is_locked = NODE_TRUE,
    .group_read = {.uri = {{GROUP "a", sizeof(GROUP "a") - 1},
		       {GROUP "b", sizeof(GROUP "b") - 1}},
	.n = 2},
    .changed_ms = 1767323045678,
    .content_ms = 1767323045678,
    .length = 5,
    .quota = NODE_NO_QUOTA,
    .content_type = {"a/b", 3},
    .properties = extra,
    .n_properties = 3,
};

static struct node_out
shown(struct catalogue *c, const struct node *node, enum props_detail detail,
    struct props_rights rights)
{
	struct node_out out;

	assert_ok(props_of_node(
		      &t.call, &c->arena, node, BYTES("vos://x/y"), detail, rights, &out),
	    &t.call.why);
	return out;
}

static const struct node_out_property *
find(const struct node_out *out, const char *uri)
{
	for (size_t i = 0; i < out->n_properties; i++)
		if (bytes_is(out->properties[i].uri, uri))
			return &out->properties[i];
	return NULL;
}

static void
properties_of_a_document_ascend(void **state)
{
	struct node_out out;

	begin(*state);
	out = shown(*state, &sample, PROPS_MAX, (struct props_rights){true, true});
	assert_int_equal(out.n_properties, 14);
	for (size_t i = 1; i < out.n_properties; i++)
		assert_true(
		    bytes_cmp(out.properties[i - 1].uri, out.properties[i].uri) < 0);
}

static void
each_field_has_its_form(void **state)
{
	static const struct {
		const char *uri, *value;
		bool read_only;
	} rows[] = {
	    {CADC "islocked", "true", false},
	    {CADC "readable", "true", true},
	    {CORE "MD5", "00000000000000000000000000000000", true},
	    {CORE "content-date", "2026-01-02T03:04:05.678", true},
	    {CORE "date", "2026-01-02T03:04:05.678", true},
	    {CORE "groupread", GROUP "a " GROUP "b", false},
	    {CORE "ispublic", "false", false},
	    {CORE "length", "5", true},
	    {CORE "type", "a/b", false},
	    {CORE "title", "t", false},
	    {"zz", "", false},
	};
	static const char *const absent[] = {
	    CADC "writable", CADC "inheritPermissions", CORE "groupwrite", CORE "quota"};
	struct node_out out;

	begin(*state);
	out = shown(*state, &sample, PROPS_MAX, (struct props_rights){true, false});
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct node_out_property *p = find(&out, rows[i].uri);

		assert_non_null(p);
		assert_text(p->value, rows[i].value);
		assert_int_equal(p->read_only, rows[i].read_only);
	}
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
		assert_null(find(&out, absent[i]));
}

/* The bytes of the sample, durable at so many locations. */
static void
give_bytes(struct catalogue *c, location_map have)
{
	struct nodes_put_file r = {
	    .parent_id = ROOT, .name = BYTES("f"), .blob = new_blob(c, 5)};

	r.blob.have = have;
	assert_done(c, run(c, nodes_put_file, &r));
}

static void
a_file_shows_how_many_good_copies_there_are(void **state)
{
	struct catalogue *c = *state;
	struct props_rights none = {false, false};
	struct node node = sample;
	struct node_out out;

	give_bytes(c, 0xb);
	node.blob_id = c->last_blob;
	begin(c);
	out = shown(c, &node, PROPS_MAX, none);
	assert_non_null(find(&out, COPIES));
	assert_text(find(&out, COPIES)->value, "3");
	assert_true(find(&out, COPIES)->read_only);
	out = shown(c, &node, PROPS_FULL, none);
	assert_null(find(&out, COPIES));
	node.blob_id++; /* it was replaced since the node was read */
	out = shown(c, &node, PROPS_MAX, none);
	assert_null(find(&out, COPIES));
}

static void
less_detail_shows_less(void **state)
{
	struct props_rights all = {true, true};
	struct node_out out;

	begin(*state);
	out = shown(*state, &sample, PROPS_MIN, all);
	assert_true(out.minimal);
	assert_int_equal(out.n_properties, 0);
	out = shown(*state, &sample, PROPS_BASIC, all);
	assert_int_equal(out.n_properties, 2);
	assert_non_null(find(&out, CORE "date"));
	assert_non_null(find(&out, CORE "length"));
	out = shown(*state, &sample, PROPS_FULL, all);
	assert_null(find(&out, CADC "readable"));
	assert_non_null(find(&out, CORE "title"));
}

static void
a_container_shows_what_is_below_it(void **state)
{
	struct node node = {.type = NODE_CONTAINER,
	    .owner = OWNER,
	    .total_bytes = 12345,
	    .quota = 5,
	    .inherits = NODE_FALSE};
	struct node_out out;

	begin(*state);
	out = shown(*state, &node, PROPS_FULL, (struct props_rights){true, true});
	assert_text(find(&out, CORE "length")->value, "12345");
	assert_text(find(&out, CORE "quota")->value, "5");
	assert_true(find(&out, CORE "quota")->read_only);
	assert_text(find(&out, CADC "inheritPermissions")->value, "false");
	assert_null(find(&out, CORE "MD5"));
	assert_null(find(&out, CORE "ispublic"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_ascends),
	    CATALOGUE_TEST(every_name_of_the_table_is_taken_and_can_be_nil),
	    CATALOGUE_TEST(other_names_of_the_core_are_refused),
	    CATALOGUE_TEST(permissions_are_told_from_the_rest),
	    CATALOGUE_TEST(flags_have_three_states),
	    CATALOGUE_TEST(ispublic_wins_over_publicread_wherever_it_stands),
	    CATALOGUE_TEST(only_containers_hand_down),
	    CATALOGUE_TEST(groups_are_unique_and_four),
	    CATALOGUE_TEST(what_is_no_group_is_refused),
	    CATALOGUE_TEST(the_quota_is_the_administrators),
	    CATALOGUE_TEST(what_the_server_makes_changes_nothing),
	    CATALOGUE_TEST(free_properties_ascend_and_the_last_of_a_name_counts),
	    CATALOGUE_TEST(properties_of_a_document_ascend),
	    CATALOGUE_TEST(each_field_has_its_form),
	    CATALOGUE_TEST(a_file_shows_how_many_good_copies_there_are),
	    CATALOGUE_TEST(less_detail_shows_less),
	    CATALOGUE_TEST(a_container_shows_what_is_below_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
