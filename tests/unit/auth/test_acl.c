/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole table: every action, for every combination of what can be true of a path of
 * four nodes and of the caller, against the rules as the contracts put them. Then the
 * rules one by one, with the place that refuses.
 */
#include "tests/support/check.h"

#include "auth/acl.h"

enum { ROOT, HOME, DIR, LEAF, N };

/* Bits of a combination: five for each of HOME, DIR and LEAF, then the caller's. */
enum { NODE_BITS = 5, CALLER = 3 * NODE_BITS, COMBINATIONS = 1 << (CALLER + 4) };

struct world {
	struct acl_node node[N];
	struct acl_facts facts;
};

static void
make_world(unsigned bits, struct world *w)
{
	*w = (struct world){.node[ROOT] = {.is_public = false}};
	for (unsigned i = HOME; i < N; i++, bits >>= NODE_BITS)
		w->node[i] = (struct acl_node){
		    .is_public = bits & 1,
		    .is_locked = bits & 2,
		    .is_owner = bits & 4,
		    .in_read_group = bits & 8,
		    .in_write_group = bits & 16,
		};
	w->facts = (struct acl_facts){
	    .node = w->node,
	    .n = N,
	    .allocation = bits & 1 ? HOME : 0,
	    .is_anonymous = bits & 2,
	    .is_admin = bits & 4,
	    .grant_by_owner = bits & 8,
	};
}

/* server-contract 5.1: who owns the node, or the allocation it is in. */
static bool
owns(const struct world *w, size_t at)
{
	return w->node[at].is_owner || (w->facts.allocation && w->node[HOME].is_owner);
}

static bool
writes(const struct world *w, size_t at)
{
	return owns(w, at) || w->node[at].in_write_group;
}

static bool
reads(const struct world *w, size_t at)
{
	return writes(w, at) || w->node[at].in_read_group || w->node[at].is_public;
}

static bool
has_right(const struct world *w, enum acl_action action)
{
	bool comes_there = reads(w, HOME) && reads(w, DIR);

	switch (action) {
	case ACL_STAT:
		return w->facts.is_admin || comes_there;
	case ACL_LIST:
		return w->facts.is_admin || (comes_there && reads(w, LEAF));
	case ACL_READ:
		return comes_there && reads(w, LEAF);
	case ACL_CREATE:
	case ACL_ENTER:
	case ACL_WRITE:
		return comes_there && writes(w, LEAF);
	case ACL_SET:
		return w->facts.is_admin || (comes_there && writes(w, LEAF));
	case ACL_GRANT:
		return w->facts.is_admin ||
		       (comes_there && writes(w, LEAF) &&
			   (!w->facts.grant_by_owner || owns(w, LEAF)));
	case ACL_DELETE:
		return w->facts.is_admin || (comes_there && writes(w, DIR));
	case ACL_LEAVE:
		return comes_there && writes(w, DIR);
	}
	return false;
}

/* Architecture D35, D47. */
static enum err
lock_of(const struct world *w, enum acl_action action)
{
	bool leaf = w->node[LEAF].is_locked, dir = w->node[DIR].is_locked;

	switch (action) {
	case ACL_STAT:
	case ACL_LIST:
	case ACL_READ:
	case ACL_SET:
	case ACL_GRANT:
		return ERR_OK;
	case ACL_CREATE:
		return leaf ? ERR_PARENT_LOCKED : ERR_OK;
	case ACL_WRITE:
	case ACL_ENTER:
		return leaf ? ERR_NODE_LOCKED : ERR_OK;
	case ACL_DELETE:
	case ACL_LEAVE:
		return leaf || dir ? ERR_NODE_LOCKED : ERR_OK;
	}
	return ERR_INTERNAL;
}

static void
every_combination_is_decided_by_the_rules(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned bits = 0; bits < COMBINATIONS; bits++) {
		struct world w;

		make_world(bits, &w);
		for (unsigned action = ACL_STAT; action <= ACL_ENTER; action++) {
			enum err wanted = lock_of(&w, action), got;
			size_t at = 99;

			if (!has_right(&w, action))
				wanted = w.facts.is_anonymous ? ERR_NOT_AUTHENTICATED
							      : ERR_DENIED;
			got = acl_decide(action, &w.facts, &at);
			wrong += got != wanted || (got == ERR_OK) != (at == 99);
		}
	}
	assert_int_equal(wrong, 0);
}

static void
the_two_rights_are_those_of_the_rules(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned bits = 0; bits < COMBINATIONS; bits++) {
		struct world w;

		make_world(bits, &w);
		for (size_t at = HOME; at < N; at++) {
			wrong += acl_can_read(&w.facts, at) != reads(&w, at);
			wrong += acl_can_write(&w.facts, at) != writes(&w, at);
		}
		wrong += acl_may_change_allocation(&w.facts) != owns(&w, LEAF);
	}
	assert_int_equal(wrong, 0);
}

/* The same world where nobody knows about any group: neither yes nor no. */
static void
forget_groups(struct world *w)
{
	for (unsigned i = HOME; i < N; i++) {
		w->node[i].maybe_in_read_group = w->node[i].in_read_group;
		w->node[i].maybe_in_write_group = w->node[i].in_write_group;
		w->node[i].in_read_group = w->node[i].in_write_group = false;
	}
}

static void
what_is_not_known_counts_where_it_makes_a_difference(void **state)
{
	unsigned wrong = 0, open = 0;

	(void)state;
	for (unsigned bits = 0; bits < COMBINATIONS; bits++) {
		struct world in, out, unknown;

		make_world(bits, &in);
		make_world(bits, &unknown);
		forget_groups(&unknown);
		out = unknown;
		out.facts.node = out.node;
		for (unsigned i = HOME; i < N; i++)
			out.node[i].maybe_in_read_group =
			    out.node[i].maybe_in_write_group = false;
		for (unsigned action = ACL_STAT; action <= ACL_ENTER; action++) {
			enum err yes = acl_decide(action, &in.facts, NULL);
			enum err no = acl_decide(action, &out.facts, NULL);
			enum err got = acl_decide(action, &unknown.facts, NULL);

			wrong += got != (yes == no ? yes : ERR_GROUPS);
			open += got == ERR_GROUPS;
		}
		for (size_t at = HOME; at < N; at++)
			wrong += acl_may_read(&unknown.facts, at) !=
				 (acl_can_read(&in.facts, at) &&
				     !acl_can_read(&out.facts, at));
	}
	assert_int_equal(wrong, 0);
	assert_true(open > 0);
}

static struct world
public_world(void)
{
	struct world w;

	make_world(0, &w);
	for (size_t i = HOME; i < N; i++)
		w.node[i].is_public = true;
	return w;
}

/* `facts` points into the world it was copied from. */
static enum err
decide(struct world *w, enum acl_action action, size_t *at)
{
	w->facts.node = w->node;
	return acl_decide(action, &w->facts, at);
}

static void
the_root_needs_not_be_readable_on_the_way(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	assert_int_equal(decide(&w, ACL_READ, &at), ERR_OK);
	w.facts.n = 1;
	assert_int_equal(decide(&w, ACL_LIST, &at), ERR_DENIED);
	assert_int_equal(at, ROOT);
	w.node[ROOT].is_public = true;
	assert_int_equal(decide(&w, ACL_LIST, &at), ERR_OK);
}

static void
the_root_can_neither_go_nor_move(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	w.facts.n = 1;
	w.node[ROOT].is_owner = true;
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_LEAVE, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_SET, &at), ERR_OK);
}

static void
what_refuses_is_named(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	w.node[DIR].is_public = false;
	assert_int_equal(decide(&w, ACL_STAT, &at), ERR_DENIED);
	assert_int_equal(at, DIR);
	w.node[HOME].is_public = false;
	assert_int_equal(decide(&w, ACL_STAT, &at), ERR_DENIED);
	assert_int_equal(at, HOME);
	w = public_world();
	assert_int_equal(decide(&w, ACL_WRITE, &at), ERR_DENIED);
	assert_int_equal(at, LEAF);
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_DENIED);
	assert_int_equal(at, DIR);
	w.node[DIR].in_write_group = w.node[DIR].is_locked = true;
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_NODE_LOCKED);
	assert_int_equal(at, DIR);
	w.node[LEAF].is_locked = true;
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_NODE_LOCKED);
	assert_int_equal(at, LEAF);
	assert_int_equal(acl_decide(ACL_DELETE, &w.facts, NULL), ERR_NODE_LOCKED);
}

static void
owning_an_allocation_reaches_no_higher(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	w.facts.allocation = DIR;
	w.node[DIR].is_owner = true;
	assert_int_equal(decide(&w, ACL_WRITE, &at), ERR_OK);
	w.facts.n = HOME + 1;
	w.facts.allocation = 0;
	assert_int_equal(decide(&w, ACL_CREATE, &at), ERR_DENIED);
	w.facts.n = N;
	w.facts.allocation = DIR;
	w.node[HOME].is_public = false; /* and the way to it has to be open */
	assert_int_equal(decide(&w, ACL_READ, &at), ERR_DENIED);
	assert_int_equal(at, HOME);
}

static void
an_administrator_has_no_bytes(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	w.facts.is_admin = true;
	w.node[LEAF].is_public = false;
	assert_int_equal(decide(&w, ACL_READ, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_WRITE, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_CREATE, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_LEAVE, &at), ERR_DENIED);
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_OK);
	w.node[LEAF].is_locked = true;
	assert_int_equal(decide(&w, ACL_DELETE, &at), ERR_NODE_LOCKED);
	assert_int_equal(decide(&w, ACL_SET, &at), ERR_OK);
}

/* By a token, even the owner of everything touches only what it is good for. */
static void
a_token_reaches_no_further_than_its_scope(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	for (size_t i = HOME; i < N; i++)
		w.node[i].is_owner = true;
	w.facts.is_admin = true;
	for (enum acl_action action = ACL_STAT; action <= ACL_ENTER; action++) {
		w.facts.read_only = false;
		w.facts.scope = LEAF;
		assert_int_equal(decide(&w, action, &at), ERR_OK);
		w.facts.scope = N; /* the path lies elsewhere */
		assert_int_equal(decide(&w, action, &at), ERR_DENIED);
		w.facts.scope = 0;
		w.facts.read_only = true;
		assert_int_equal(
		    decide(&w, action, &at), action < ACL_CREATE ? ERR_OK : ERR_DENIED);
	}
}

/* Who may drop files in makes new ones right there, and does nothing else. */
static void
what_drops_makes_new_nodes_only(void **state)
{
	struct world w = public_world();
	size_t at;

	(void)state;
	for (size_t i = HOME; i < N; i++)
		w.node[i].is_owner = true;
	w.facts.drop_only = true;
	for (enum acl_action action = ACL_STAT; action <= ACL_ENTER; action++)
		for (size_t scope = 0; scope <= N; scope++) {
			bool fits = action == ACL_CREATE && scope == w.facts.n - 1;

			w.facts.scope = scope;
			assert_int_equal(
			    decide(&w, action, &at), fits ? ERR_OK : ERR_DENIED);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_combination_is_decided_by_the_rules),
	    cmocka_unit_test(the_two_rights_are_those_of_the_rules),
	    cmocka_unit_test(what_is_not_known_counts_where_it_makes_a_difference),
	    cmocka_unit_test(the_root_needs_not_be_readable_on_the_way),
	    cmocka_unit_test(the_root_can_neither_go_nor_move),
	    cmocka_unit_test(what_refuses_is_named),
	    cmocka_unit_test(owning_an_allocation_reaches_no_higher),
	    cmocka_unit_test(an_administrator_has_no_bytes),
	    cmocka_unit_test(a_token_reaches_no_further_than_its_scope),
	    cmocka_unit_test(what_drops_makes_new_nodes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
