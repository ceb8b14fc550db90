/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/catalogue.h"

#include "auth/caller.h"
#include "auth/dn.h"

static char administrator[] = "root";
static char *administrators[] = {administrator};
static const struct settings settings = {
    .administrators = {administrators, 1}, .path_depth = 10};

static struct caller
nobody(struct catalogue *c)
{
	struct caller caller;

	caller_init(
	    &caller, &c->arena, c->rig.reader, &settings, BYTES("example.org/gms"));
	return caller;
}

static uint64_t
account(struct catalogue *c, const char *name)
{
	struct accounts_create r = {.name = bytes_of(name)};

	assert_done(c, run(c, accounts_create, &r));
	return r.id_out;
}

static struct bytes
key_of(struct catalogue *c, const char *text)
{
	struct dn dn;

	assert_ok(dn_parse(&c->arena, bytes_of(text), &dn, &c->why), &c->why);
	return dn_key(&c->arena, &dn);
}

static void
bind_dn(struct catalogue *c, uint64_t to, const char *text)
{
	struct accounts_dn r = {
	    .account = to, .key = key_of(c, text), .text = bytes_of(text)};

	assert_done(c, run(c, accounts_dn, &r));
}

static uint64_t
identity_of(struct catalogue *c, const char *text)
{
	struct accounts_ensure_dn r = {.key = key_of(c, text), .text = bytes_of(text)};

	assert_done(c, run(c, accounts_ensure_dn, &r));
	return r.id_out;
}

static void
disable(struct catalogue *c, uint64_t id)
{
	struct accounts_update r = {.id = id, .state = ACCOUNT_DISABLED};

	assert_done(c, run(c, accounts_update, &r));
}

static uint64_t
group(struct catalogue *c, const char *name, enum member_kind kind, uint64_t id)
{
	struct groups_create made = {.name = bytes_of(name), .owner = OWNER};
	struct groups_member r = {.member = {kind, id}};

	assert_done(c, run(c, groups_create, &made));
	r.group = made.id_out;
	if (id != 0)
		assert_done(c, run(c, groups_member, &r));
	return made.id_out;
}

static struct caller
by_dn(struct catalogue *c, const char *text)
{
	struct caller caller = nobody(c);

	assert_ok(caller_from_dn(&caller, bytes_of(text), INT64_MAX, &c->why), &c->why);
	return caller;
}

static bool
is_member(struct catalogue *c, struct caller *caller, const char *uri)
{
	struct node_groups groups = {.uri = {bytes_of(uri)}, .n = 1};
	enum membership member = MEMBER_NO;

	assert_ok(caller_in_groups(caller, &groups, &member, &c->why), &c->why);
	assert_int_not_equal(member, MEMBER_UNKNOWN);
	return member == MEMBER_YES;
}

static void
who_brings_nothing_is_anonymous(void **state)
{
	struct caller caller = nobody(*state);

	assert_true(caller.is_anonymous);
	assert_false(caller.is_admin);
	assert_false(caller_owns(&caller, 0));
	assert_false(caller_owns(&caller, OWNER));
	assert_false(is_member(*state, &caller, "ivo://example.org/gms?x"));
}

static void
a_stranger_has_a_name_and_owns_nothing(void **state)
{
	struct caller caller = by_dn(*state, "CN=Jo Doe,O=Grid");

	assert_false(caller.is_anonymous);
	assert_int_equal(caller.principal, 0);
	assert_true(bytes_is(caller.name, "CN=Jo Doe,O=Grid"));
	assert_false(caller_owns(&caller, 0));
}

static void
a_dn_is_its_identity_in_any_spelling(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = identity_of(c, "CN=Jo Doe,O=Grid,C=CA");
	struct caller caller = by_dn(c, "/C=ca/O=grid/CN=jo doe");

	assert_int_equal(caller.principal, id);
	assert_true(caller_owns(&caller, id));
	assert_true(bytes_is(caller.name, "CN=Jo Doe,O=Grid,C=CA"));
}

static void
an_account_owns_what_its_dns_own(void **state)
{
	struct catalogue *c = *state;
	uint64_t before = identity_of(c, "CN=Old Me,O=Grid"), id = account(c, "jo");
	struct caller caller;

	bind_dn(c, id, "CN=Old Me,O=Grid");
	bind_dn(c, id, "CN=New Me,O=Grid");
	caller = by_dn(c, "CN=New Me,O=Grid");
	assert_int_equal(caller.principal, id);
	assert_true(bytes_is(caller.name, "jo"));
	assert_true(caller_owns(&caller, id));
	assert_true(caller_owns(&caller, before));
	assert_false(caller_owns(&caller, before + 1000));
}

static void
a_disabled_account_is_anonymous_with_the_reason(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo");
	struct caller caller;

	bind_dn(c, id, "CN=Jo,O=Grid");
	disable(c, id);
	caller = by_dn(c, "CN=Jo,O=Grid");
	assert_true(caller.is_anonymous);
	assert_int_equal(caller.refused.code, ERR_NOT_AUTHENTICATED);
	assert_non_null(strstr(errinfo_text(&caller.refused), "disabled"));
	assert_false(caller_owns(&caller, id));
}

static void
only_the_accounts_of_the_setting_are_administrators(void **state)
{
	struct catalogue *c = *state;

	bind_dn(c, account(c, "root"), "CN=Root,O=Grid");
	bind_dn(c, account(c, "roo"), "CN=Roo,O=Grid");
	assert_true(by_dn(c, "CN=Root,O=Grid").is_admin);
	assert_false(by_dn(c, "CN=Roo,O=Grid").is_admin);
	assert_false(by_dn(c, "CN=root").is_admin);
}

static void
an_identity_of_a_token_is_looked_up_anew(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo"), dn = identity_of(c, "CN=Other,O=Grid");
	struct caller caller = nobody(c);

	assert_ok(caller_from_identity(&caller, 0, &c->why), &c->why);
	assert_true(caller.is_anonymous);
	assert_ok(caller_from_identity(&caller, dn, &c->why), &c->why);
	assert_true(bytes_is(caller.name, "CN=Other,O=Grid"));
	caller = nobody(c);
	assert_ok(caller_from_identity(&caller, id, &c->why), &c->why);
	assert_true(bytes_is(caller.name, "jo"));
	disable(c, id);
	caller = nobody(c);
	assert_ok(caller_from_identity(&caller, id, &c->why), &c->why);
	assert_true(caller.is_anonymous);
	assert_int_equal(caller_from_identity(&caller, id + 1000, &c->why), ERR_DENIED);
}

static void
the_two_authorities_name_one_group(void **state)
{
	struct caller caller = nobody(*state);
	static const struct {
		const char *uri, *name;
	} rows[] = {
	    {"ivo://example.org/gms?staff", "staff"},
	    {"ivo://cadc.nrc.ca/gms?staff", "staff"},
	    {"IVO://Example.ORG/GMS?staff", "staff"},
	    {"ivo://cadc.nrc.ca/gms?Staff", "Staff"}, /* names keep their case */
	    {"ivo://elsewhere.org/gms?staff", NULL},
	    {"ivo://cadc.nrc.ca/gmsx?staff", NULL},
	    {"ivo://cadc.nrc.ca/gms", NULL},
	    {"https://cadc.nrc.ca/gms?staff", NULL},
	    {"ivo:", NULL},
	    {"", NULL},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes name = {NULL, 0};
		bool ours = caller_group_name(&caller, bytes_of(rows[i].uri), &name);

		assert_int_equal(ours, rows[i].name != NULL);
		if (ours)
			assert_true(bytes_is(name, rows[i].name));
	}
}

static void
a_member_is_one_through_nested_groups_too(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo");
	uint64_t inner = group(c, "inner", MEMBER_USER, id);
	struct caller caller;

	(void)group(c, "outer", MEMBER_GROUP, inner);
	(void)group(c, "empty", MEMBER_USER, 0);
	bind_dn(c, id, "CN=Jo,O=Grid");
	caller = by_dn(c, "CN=Jo,O=Grid");
	assert_true(is_member(c, &caller, "ivo://example.org/gms?inner"));
	assert_true(is_member(c, &caller, "ivo://cadc.nrc.ca/gms?outer"));
	assert_false(is_member(c, &caller, "ivo://example.org/gms?empty"));
	assert_false(is_member(c, &caller, "ivo://example.org/gms?unheard-of"));
	assert_false(is_member(c, &caller, "ivo://elsewhere.org/gms?inner"));
}

static void
one_of_four_groups_is_enough(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo");
	struct caller caller = nobody(c);
	enum membership member;

	(void)group(c, "mine", MEMBER_USER, id);
	assert_ok(caller_from_identity(&caller, id, &c->why), &c->why);
	for (size_t at = 0; at < NODE_GROUPS_MAX; at++) {
		struct node_groups groups = {.n = NODE_GROUPS_MAX};

		for (size_t i = 0; i < groups.n; i++)
			groups.uri[i] = BYTES("ivo://example.org/gms?other");
		groups.uri[at] = BYTES("ivo://example.org/gms?mine");
		assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
		assert_int_equal(member, MEMBER_YES);
	}
}

/* Settings with an outside group service for these authorities. */
static struct settings
with_outside(char *first, char *second)
{
	static char url[] = "https://gms.example/search";
	static char *items[2];

	items[0] = first;
	items[1] = second;
	return (struct settings){
	    .gms_url = url, .gms_authorities = {items, second == NULL ? 1 : 2}};
}

static void
the_alias_is_off_where_another_service_has_it(void **state)
{
	struct caller caller = nobody(*state);
	char theirs[] = "ivo://elsewhere.org/gms", alias[] = "ivo://CADC.nrc.ca/gms";
	struct settings s = with_outside(theirs, NULL);
	struct bytes name;

	caller.settings = &s;
	assert_true(caller_group_name(&caller, BYTES("ivo://cadc.nrc.ca/gms?x"), &name));
	assert_false(
	    caller_outside_name(&caller, BYTES("ivo://cadc.nrc.ca/gms?x"), &name));
	assert_true(
	    caller_outside_name(&caller, BYTES("ivo://Elsewhere.org/GMS?Xy"), &name));
	assert_true(bytes_is(name, "Xy"));
	assert_false(
	    caller_outside_name(&caller, BYTES("ivo://elsewhere.org/gms2?x"), &name));
	s = with_outside(theirs, alias);
	assert_false(caller_group_name(&caller, BYTES("ivo://cadc.nrc.ca/gms?x"), &name));
	assert_true(
	    caller_outside_name(&caller, BYTES("ivo://cadc.nrc.ca/gms?x"), &name));
	assert_true(caller_group_name(&caller, BYTES("ivo://example.org/gms?x"), &name));
	s.gms_url = alias + strlen(alias); /* off */
	assert_true(caller_group_name(&caller, BYTES("ivo://cadc.nrc.ca/gms?x"), &name));
	assert_false(
	    caller_outside_name(&caller, BYTES("ivo://elsewhere.org/gms?x"), &name));
}

static void
outside_groups_and_ours_are_mixed(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo");
	struct caller caller = nobody(c);
	char theirs[] = "ivo://elsewhere.org/gms";
	struct settings s = with_outside(theirs, NULL);
	static const struct bytes names[] = {{"Alpha", 5}, {"alpha", 5}, {"mine", 4}};
	struct node_groups groups = {.uri = {BYTES("ivo://elsewhere.org/gms?beta"),
					 BYTES("ivo://nobody.knows/gms?alpha"),
					 BYTES("ivo://example.org/gms?alpha"),
					 BYTES("ivo://elsewhere.org/gms?alpha")},
	    .n = NODE_GROUPS_MAX};
	struct node node = {.owner = id + 1000, .group_write = groups};
	struct acl_node facts;
	enum membership member;

	(void)group(c, "mine", MEMBER_USER, id);
	assert_ok(caller_from_identity(&caller, id, &c->why), &c->why);
	caller.settings = &s;
	/* Nobody said anything: none. */
	assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
	assert_int_equal(member, MEMBER_NO);
	caller.outside = (struct caller_outside){.names = names, .n = 3};
	assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
	assert_int_equal(member, MEMBER_YES);
	groups.uri[3] =
	    BYTES("ivo://elsewhere.org/gms?ALPHA"); /* names keep their case */
	assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
	assert_int_equal(member, MEMBER_NO);
	/* What is not known there is known where it is ours. */
	caller.outside = (struct caller_outside){.is_unknown = true};
	assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
	assert_int_equal(member, MEMBER_UNKNOWN);
	assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	assert_true(facts.maybe_in_write_group);
	assert_false(
	    facts.in_write_group || facts.in_read_group || facts.maybe_in_read_group);
	groups.uri[2] = BYTES("ivo://example.org/gms?mine");
	assert_ok(caller_in_groups(&caller, &groups, &member, &c->why), &c->why);
	assert_int_equal(member, MEMBER_YES);
	node.owner = id;
	assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	assert_false(facts.maybe_in_write_group);
}

static void
the_facts_of_a_node_are_the_callers(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = account(c, "jo");
	struct node node = {
	    .owner = id + 1000,
	    .is_public = NODE_TRUE,
	    .is_locked = NODE_FALSE,
	    .group_read = {.uri = {BYTES("ivo://example.org/gms?mine")}, .n = 1},
	    .group_write = {.uri = {BYTES("ivo://example.org/gms?theirs")}, .n = 1},
	};
	struct caller anonymous = nobody(c), caller = nobody(c);
	struct acl_node facts;

	(void)group(c, "mine", MEMBER_USER, id);
	(void)group(c, "theirs", MEMBER_USER, 0);
	assert_ok(caller_from_identity(&caller, id, &c->why), &c->why);
	assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	assert_true(facts.is_public && facts.in_read_group);
	assert_false(facts.is_locked || facts.is_owner || facts.in_write_group);
	assert_ok(caller_judge(&anonymous, &node, &facts, &c->why), &c->why);
	assert_true(facts.is_public);
	assert_false(facts.in_read_group || facts.is_owner);
	node.owner = id;
	node.is_public = NODE_UNSET;
	node.is_locked = NODE_TRUE;
	assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	assert_true(facts.is_owner && facts.is_locked);
	assert_false(facts.is_public);
}

static void
judging_takes_no_memory(void **state)
{
	struct catalogue *c = *state;
	uint64_t ann = account(c, "ann");
	struct caller caller = nobody(c);
	struct node node = {
	    .owner = OWNER,
	    .group_read = {.uri = {{"ivo://example.org/gms?ours", 26}}, .n = 1},
	};
	struct acl_node facts;
	size_t used;

	(void)group(c, "ours", MEMBER_USER, ann);
	assert_ok(caller_from_identity(&caller, ann, &c->why), &c->why);
	assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	used = c->arena.used_bytes;
	for (int i = 0; i < 1000; i++)
		assert_ok(caller_judge(&caller, &node, &facts, &c->why), &c->why);
	assert_true(facts.in_read_group);
	assert_int_equal(c->arena.used_bytes, used);
}

/* What was certified before its owner revoked everything does not count any more. */
static void
a_certificate_from_before_a_revocation_is_nothing(void **state)
{
	struct catalogue *c = *state;
	struct caller caller = nobody(c);
	uint64_t ann = account(c, "ann");
	struct accounts_update r = {.id = ann, .revoke_ms = 5000};

	bind_dn(c, ann, "CN=Ann,O=Example");
	assert_done(c, run(c, accounts_update, &r));
	assert_ok(
	    caller_from_dn(&caller, BYTES("CN=Ann,O=Example"), 4999, &c->why), &c->why);
	assert_true(caller.is_anonymous);
	assert_non_null(strstr(errinfo_text(&caller.refused), "revoked"));
	assert_ok(
	    caller_from_dn(&caller, BYTES("CN=Ann,O=Example"), 5000, &c->why), &c->why);
	assert_false(caller.is_anonymous);
}

static void
a_token_says_how_far_it_reaches(void **state)
{
	struct catalogue *c = *state;
	struct caller caller = nobody(c);
	const struct bytes inside[] = {BYTES("ann"), BYTES("a b"), BYTES("c")};
	struct token token = {
	    .account = account(c, "ann"),
	    .id = 9,
	    .kind = TOKEN_PERSONAL,
	    .read_only = true,
	    .path = BYTES("/ann/a%20b"),
	};

	assert_true(caller_has_all_rights(&caller));
	assert_ok(caller_from_token(&caller, &token, &c->why), &c->why);
	assert_bytes(caller.name, "ann");
	assert_true(caller.read_only);
	assert_false(caller_has_full_reach(&caller));
	assert_true(caller_in_scope(&caller, (struct path){inside, 3}));
	assert_true(caller_in_scope(&caller, (struct path){inside, 2}));
	assert_false(caller_in_scope(&caller, (struct path){inside, 1}));
	assert_false(caller_in_scope(&caller, (struct path){inside + 1, 2}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(who_brings_nothing_is_anonymous),
	    CATALOGUE_TEST(a_stranger_has_a_name_and_owns_nothing),
	    CATALOGUE_TEST(a_dn_is_its_identity_in_any_spelling),
	    CATALOGUE_TEST(an_account_owns_what_its_dns_own),
	    CATALOGUE_TEST(a_disabled_account_is_anonymous_with_the_reason),
	    CATALOGUE_TEST(only_the_accounts_of_the_setting_are_administrators),
	    CATALOGUE_TEST(an_identity_of_a_token_is_looked_up_anew),
	    CATALOGUE_TEST(the_two_authorities_name_one_group),
	    CATALOGUE_TEST(a_member_is_one_through_nested_groups_too),
	    CATALOGUE_TEST(one_of_four_groups_is_enough),
	    CATALOGUE_TEST(the_alias_is_off_where_another_service_has_it),
	    CATALOGUE_TEST(outside_groups_and_ours_are_mixed),
	    CATALOGUE_TEST(judging_takes_no_memory),
	    CATALOGUE_TEST(a_certificate_from_before_a_revocation_is_nothing),
	    CATALOGUE_TEST(a_token_says_how_far_it_reaches),
	    CATALOGUE_TEST(the_facts_of_a_node_are_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
