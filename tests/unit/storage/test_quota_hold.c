/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/quota_hold.h"

#include "tests/support/check.h"

enum { OUTER = 10, INNER = 20 };

static struct node nodes[] = {
    {.id = 1, .type = NODE_CONTAINER, .quota = NODE_NO_QUOTA},
    {.id = OUTER, .type = NODE_CONTAINER, .total_bytes = 50, .quota = 100},
    {.id = INNER, .type = NODE_CONTAINER, .total_bytes = 0, .quota = 30},
};
static const struct nodes_trail inner = {nodes, 3}, outer = {nodes, 2}, root = {nodes, 1};

struct fixture {
	struct quota_holds *holds;
	struct arena arena;
	struct errinfo why;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->holds = quota_holds_new();
	assert_non_null(f->holds);
	arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	quota_holds_free(f->holds);
	arena_release(&f->arena);
	free(f);
	return 0;
}

static enum err
begin(
    struct fixture *f, struct nodes_trail trail, uint64_t bytes, struct quota_hold *hold)
{
	return quota_hold_begin(f->holds, &trail, bytes, bytes, &f->arena, hold, &f->why);
}

static void
what_is_promised_is_not_promised_again(void **state)
{
	struct fixture *f = *state;
	struct quota_hold a, b, c;

	assert_int_equal(begin(f, inner, 30, &a), ERR_OK);
	assert_int_equal(quota_held(f->holds, OUTER), 30);
	assert_int_equal(begin(f, inner, 1, &b), ERR_QUOTA);
	assert_string_equal(errinfo_text(&f->why), "used=30 limit=30 requested=1");
	assert_int_equal(begin(f, outer, 21, &b), ERR_QUOTA);
	assert_int_equal(begin(f, outer, 20, &b), ERR_OK);
	quota_hold_end(f->holds, &a);
	quota_hold_end(f->holds, &a); /* harmless */
	assert_int_equal(quota_held(f->holds, INNER), 0);
	assert_int_equal(quota_held(f->holds, OUTER), 20);
	assert_int_equal(begin(f, inner, 30, &c), ERR_OK);
	quota_hold_end(f->holds, &b);
	quota_hold_end(f->holds, &c);
	assert_int_equal(quota_held(f->holds, OUTER), 0);
}

static void
a_refusal_holds_nothing(void **state)
{
	struct fixture *f = *state;
	struct quota_hold hold;

	assert_int_equal(begin(f, inner, 31, &hold), ERR_QUOTA);
	assert_int_equal(begin(f, outer, UINT64_MAX, &hold), ERR_QUOTA);
	assert_int_equal(quota_held(f->holds, OUTER) + quota_held(f->holds, INNER), 0);
	quota_hold_end(f->holds, &hold);
}

static void
without_a_limit_everything_goes(void **state)
{
	struct fixture *f = *state;
	struct quota_hold hold;

	assert_int_equal(begin(f, root, UINT64_MAX, &hold), ERR_OK);
	assert_int_equal(quota_held(f->holds, 1), 0);
	quota_hold_end(f->holds, &hold);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_is_promised_is_not_promised_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_refusal_holds_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		without_a_limit_everything_goes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
