/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, their members, and groups in groups. */
#include "tests/unit/storage/catalogue.h"

static uint64_t
account(struct catalogue *c, const char *name)
{
	struct accounts_create r = {.name = bytes_of(name)};

	assert_done(c, run(c, accounts_create, &r));
	return r.id_out;
}

static enum err
try_group(struct catalogue *c, const char *name, uint64_t *id_out)
{
	struct groups_create r = {
	    .name = bytes_of(name), .description = BYTES("about"), .owner = OWNER};
	enum err e = run(c, groups_create, &r);

	*id_out = r.id_out;
	return e;
}

static uint64_t
group(struct catalogue *c, const char *name)
{
	uint64_t id;

	assert_done(c, try_group(c, name, &id));
	return id;
}

static enum err
try_member(
    struct catalogue *c, uint64_t in, enum member_kind kind, uint64_t id, bool remove)
{
	struct groups_member r = {.group = in, .member = {kind, id}, .remove = remove};

	return run(c, groups_member, &r);
}

static void
add(struct catalogue *c, uint64_t in, enum member_kind kind, uint64_t id)
{
	assert_done(c, try_member(c, in, kind, id, false));
}

/* The groups of a principal are these, ascending. */
static void
check_groups(struct catalogue *c, uint64_t principal, const uint64_t *expect, size_t n)
{
	uint64_t *ids;
	size_t found;

	assert_ok(
	    groups_of(c->rig.reader, &c->arena, principal, 100, &ids, &found, &c->why),
	    &c->why);
	assert_int_equal(found, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ids[i], expect[i]);
}

static void
a_group_has_its_facts_and_its_name_for_ever(void **state)
{
	struct catalogue *c = *state;
	uint64_t id = group(c, "Staff-1"), other;
	struct groups_delete r = {.id = id};
	struct group g;

	assert_ok(groups_find(c->rig.reader, &c->arena, BYTES("Staff-1"), &g, &c->why),
	    &c->why);
	assert_int_equal(g.id, id);
	assert_int_equal(g.owner, OWNER);
	assert_bytes(g.description, "about");
	assert_true(g.created_ms > 0);
	assert_err(try_group(c, "Staff-1", &other), ERR_CONFLICT);
	assert_err(try_group(c, "", &other), ERR_INVALID_ARGUMENT);
	assert_err(try_group(c, "a/b", &other), ERR_INVALID_ARGUMENT);
	assert_done(c, run(c, groups_delete, &r));
	assert_err(groups_find(c->rig.reader, &c->arena, BYTES("Staff-1"), &g, &c->why),
	    ERR_NOT_FOUND);
	assert_err(groups_get(c->rig.reader, &c->arena, id, &g, &c->why), ERR_NOT_FOUND);
	assert_err(try_group(c, "Staff-1", &other), ERR_CONFLICT);
	assert_err(run(c, groups_delete, &r), ERR_NOT_FOUND);
}

static void
membership_reaches_through_nested_groups(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), bob = account(c, "bob");
	uint64_t g[4] = {group(c, "a"), group(c, "b"), group(c, "c"), group(c, "d")};

	add(c, g[0], MEMBER_USER, alice);
	add(c, g[1], MEMBER_GROUP, g[0]);
	add(c, g[2], MEMBER_GROUP, g[1]);
	add(c, g[2], MEMBER_GROUP, g[0]); /* two ways to the same group */
	add(c, g[3], MEMBER_USER, bob);
	check_groups(c, alice, g, 3);
	check_groups(c, bob, &g[3], 1);
	rig_reopen_store(&c->rig);
	check_groups(c, alice, g, 3);
	assert_done(c, try_member(c, g[1], MEMBER_GROUP, g[0], true));
	check_groups(c, alice, (const uint64_t[]){g[0], g[2]}, 2);
	assert_done(c, try_member(c, g[2], MEMBER_GROUP, g[0], true));
	check_groups(c, alice, g, 1);
	assert_done(c, try_member(c, g[0], MEMBER_USER, alice, true));
	check_groups(c, alice, NULL, 0);
}

static void
a_group_never_contains_itself(void **state)
{
	struct catalogue *c = *state;
	uint64_t g[3] = {group(c, "a"), group(c, "b"), group(c, "c")};

	assert_err(try_member(c, g[0], MEMBER_GROUP, g[0], false), ERR_CYCLE);
	add(c, g[0], MEMBER_GROUP, g[1]);
	add(c, g[1], MEMBER_GROUP, g[2]);
	assert_err(try_member(c, g[1], MEMBER_GROUP, g[0], false), ERR_CYCLE);
	assert_err(try_member(c, g[2], MEMBER_GROUP, g[0], false), ERR_CYCLE);
	add(c, g[0], MEMBER_GROUP, g[2]); /* a second way down is none */
}

static void
adding_and_removing_twice_is_fine_and_nobody_is_not(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), g = group(c, "a");
	struct member *m;
	size_t n;

	for (unsigned i = 0; i < 2; i++)
		add(c, g, MEMBER_USER, alice);
	assert_ok(groups_members(c->rig.reader, &c->arena, g, &m, &n, &c->why), &c->why);
	assert_int_equal(n, 1);
	assert_int_equal(m[0].kind, MEMBER_USER);
	assert_int_equal(m[0].id, alice);
	for (unsigned i = 0; i < 2; i++)
		assert_done(c, try_member(c, g, MEMBER_USER, alice, true));
	assert_err(try_member(c, g, MEMBER_USER, 999999, false), ERR_NOT_FOUND);
	assert_err(try_member(c, g, MEMBER_GROUP, 999999, false), ERR_NOT_FOUND);
	assert_err(try_member(c, 999999, MEMBER_USER, alice, false), ERR_NOT_FOUND);
}

static void
a_deleted_group_is_in_no_other_any_more(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice");
	uint64_t g[2] = {group(c, "a"), group(c, "b")};
	struct groups_delete r = {.id = g[0]};
	struct member *m;
	size_t n;

	add(c, g[0], MEMBER_USER, alice);
	add(c, g[1], MEMBER_GROUP, g[0]);
	assert_done(c, run(c, groups_delete, &r));
	check_groups(c, alice, NULL, 0);
	assert_ok(
	    groups_members(c->rig.reader, &c->arena, g[1], &m, &n, &c->why), &c->why);
	assert_int_equal(n, 0);
}

static void
more_groups_than_wanted_is_an_error(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), *ids;
	size_t n;

	for (unsigned i = 0; i < 5; i++) {
		char name[8];

		(void)snprintf(name, sizeof name, "g%u", i);
		add(c, group(c, name), MEMBER_USER, alice);
	}
	assert_ok(
	    groups_of(c->rig.reader, &c->arena, alice, 5, &ids, &n, &c->why), &c->why);
	assert_int_equal(n, 5);
	assert_err(groups_of(c->rig.reader, &c->arena, alice, 4, &ids, &n, &c->why),
	    ERR_TOO_LARGE);
}

static void
groups_are_listed_by_name_in_pages(void **state)
{
	struct catalogue *c = *state;
	struct group *g;
	size_t n;

	(void)group(c, "beta");
	(void)group(c, "alpha");
	(void)group(c, "gamma");
	assert_ok(groups_list(c->rig.reader, &c->arena, BYTES(""), 2, &g, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 2);
	assert_bytes(g[0].name, "alpha");
	assert_bytes(g[1].name, "beta");
	assert_ok(groups_list(c->rig.reader, &c->arena, g[1].name, 2, &g, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 1);
	assert_bytes(g[0].name, "gamma");
}

static enum err
replace(struct catalogue *c, uint64_t id, const struct member *links, size_t n)
{
	struct groups_replace r = {.group = id, .links = links, .n_links = n};

	return run(c, groups_replace, &r);
}

typedef enum err groups_fn(struct store_reader *reader, struct arena *a,
    uint64_t principal, size_t max, uint64_t **out, size_t *n_out, struct errinfo *why);

static void
check_by(struct catalogue *c, groups_fn *by, uint64_t principal, uint64_t expect)
{
	uint64_t *ids;
	size_t n;

	assert_ok(
	    by(c->rig.reader, &c->arena, principal, 100, &ids, &n, &c->why), &c->why);
	assert_int_equal(n, expect != 0);
	if (expect != 0)
		assert_int_equal(ids[0], expect);
}

static void
who_administers_a_group_is_no_member_of_it(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), bob = account(c, "bob");
	uint64_t outer = group(c, "outer"), inner = group(c, "inner");
	const struct member links[] = {{ADMIN_USER, alice}, {ADMIN_GROUP, inner}};
	struct groups_delete gone = {.id = inner};
	struct member *members;
	size_t n;

	add(c, inner, MEMBER_USER, bob);
	assert_done(c, replace(c, outer, links, 2));
	check_by(c, groups_administered, alice, outer);
	check_by(c, groups_administered, bob, outer);
	check_groups(c, alice, NULL, 0);
	check_groups(c, bob, &inner, 1);
	assert_ok(groups_members(c->rig.reader, &c->arena, outer, &members, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 0);
	assert_ok(groups_links(c->rig.reader, &c->arena, outer, &members, &n, &c->why),
	    &c->why);
	assert_int_equal(n, 2);
	/* To administer one that one is in is no cycle. */
	add(c, inner, MEMBER_GROUP, outer);
	assert_done(c, run(c, groups_delete, &gone));
	check_by(c, groups_administered, bob, 0);
	check_by(c, groups_administered, alice, outer);
	check_by(c, groups_owned, OWNER, outer);
	check_by(c, groups_owned, alice, 0);
}

static void
links_are_replaced_all_or_not_at_all(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), bob = account(c, "bob");
	uint64_t id = group(c, "g"), above = group(c, "above");
	const struct member first[] = {{MEMBER_USER, alice}, {ADMIN_USER, bob}};
	const struct member nobody[] = {{MEMBER_USER, bob}, {MEMBER_USER, 999999}};
	const struct member cycle[] = {{MEMBER_USER, bob}, {MEMBER_GROUP, above}};
	const struct member second[] = {{MEMBER_USER, bob}};

	add(c, above, MEMBER_GROUP, id);
	assert_done(c, replace(c, id, first, 2));
	assert_err(replace(c, id, nobody, 2), ERR_NOT_FOUND);
	assert_err(replace(c, id, cycle, 2), ERR_CYCLE);
	assert_err(replace(c, 999999, first, 2), ERR_NOT_FOUND);
	check_groups(c, alice, (const uint64_t[]){id, above}, 2);
	check_groups(c, bob, NULL, 0);
	check_by(c, groups_administered, bob, id);
	assert_done(c, replace(c, id, second, 1));
	check_groups(c, alice, NULL, 0);
	check_groups(c, bob, (const uint64_t[]){id, above}, 2);
	check_by(c, groups_administered, bob, 0);
}

static enum err
give(struct catalogue *c, uint64_t id, uint64_t owned_by, uint64_t owner)
{
	struct groups_give r = {.group = id, .owned_by = owned_by, .owner = owner};

	return run(c, groups_give, &r);
}

static void
a_group_is_given_by_its_owner_only(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), bob = account(c, "bob");
	uint64_t id = group(c, "g");
	struct group g;

	add(c, id, MEMBER_USER, alice);
	assert_err(give(c, id, alice, bob), ERR_CHANGED);
	assert_done(c, give(c, id, OWNER, alice));
	assert_done(c, give(c, id, alice, bob));
	assert_err(give(c, id, alice, bob), ERR_CHANGED);
	assert_err(give(c, 999999, alice, bob), ERR_NOT_FOUND);
	assert_ok(groups_get(c->rig.reader, &c->arena, id, &g, &c->why), &c->why);
	assert_int_equal(g.owner, bob);
	assert_bytes(g.name, "g");
	assert_bytes(g.description, "about");
	check_groups(c, alice, &id, 1);
}

/* What belongs to an account by one of its DNs is the account's, too. */
static void
a_group_of_a_dn_is_given_by_its_account(void **state)
{
	struct catalogue *c = *state;
	uint64_t alice = account(c, "alice"), bob = account(c, "bob"), id;
	struct accounts_ensure_dn dn = {.key = BYTES("cn=a"), .text = BYTES("CN=a")};
	struct groups_create r = {.name = BYTES("g"), .description = BYTES("about")};
	struct accounts_dn bind = {
	    .account = alice, .key = BYTES("cn=a"), .text = BYTES("CN=a")};

	assert_done(c, run(c, accounts_ensure_dn, &dn));
	r.owner = dn.id_out;
	assert_done(c, run(c, groups_create, &r));
	id = r.id_out;
	assert_err(give(c, id, alice, bob), ERR_CHANGED);
	assert_done(c, run(c, accounts_dn, &bind));
	assert_done(c, give(c, id, alice, bob));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(a_group_has_its_facts_and_its_name_for_ever),
	    CATALOGUE_TEST(membership_reaches_through_nested_groups),
	    CATALOGUE_TEST(a_group_never_contains_itself),
	    CATALOGUE_TEST(adding_and_removing_twice_is_fine_and_nobody_is_not),
	    CATALOGUE_TEST(a_deleted_group_is_in_no_other_any_more),
	    CATALOGUE_TEST(more_groups_than_wanted_is_an_error),
	    CATALOGUE_TEST(groups_are_listed_by_name_in_pages),
	    CATALOGUE_TEST(who_administers_a_group_is_no_member_of_it),
	    CATALOGUE_TEST(links_are_replaced_all_or_not_at_all),
	    CATALOGUE_TEST(a_group_is_given_by_its_owner_only),
	    CATALOGUE_TEST(a_group_of_a_dn_is_given_by_its_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
