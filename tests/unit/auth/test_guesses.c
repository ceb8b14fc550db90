/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "auth/guesses.h"

static const struct bytes alice = {"alice", 5}, bob = {"bob", 3};
static const struct bytes home = {"192.0.2.1", 9}, other = {"2001:db8::2", 11};

static int
open_guesses(void **state)
{
	*state = calloc(1, sizeof(struct guesses));
	assert_non_null(*state);
	guesses_init(*state);
	/* One with which nobody here shares a place; a random one does so now and then. */
	(void)memset(((struct guesses *)*state)->secret, 7, SHA256_SIZE);
	return 0;
}

static int
close_guesses(void **state)
{
	free(*state);
	return 0;
}

static void
wrong(struct guesses *g, struct bytes name, struct bytes peer, int n)
{
	while (n-- > 0)
		guesses_wrong(g, name, peer, 0);
}

static void
a_few_are_free_then_the_wait_doubles_up_to_a_bound(void **state)
{
	struct guesses *g = *state;

	wrong(g, alice, home, GUESSES_FREE_NAME - 1);
	assert_int_equal(guesses_wait_ms(g, alice, home, 0), 0);
	wrong(g, alice, home, 1);
	assert_int_equal(guesses_wait_ms(g, alice, home, 0), GUESSES_FIRST_MS);
	wrong(g, alice, home, 1);
	assert_int_equal(guesses_wait_ms(g, alice, home, 0), 2 * GUESSES_FIRST_MS);
	wrong(g, alice, home, 30);
	assert_int_equal(guesses_wait_ms(g, alice, home, 0), GUESSES_MOST_MS);
	assert_int_equal(guesses_wait_ms(g, alice, other, 0), GUESSES_MOST_MS);
	assert_int_equal(guesses_wait_ms(g, bob, other, 0), 0);
}

static void
who_tries_many_accounts_waits_by_address(void **state)
{
	struct guesses *g = *state;
	struct bytes same = {"192.0.2.1", 9};

	for (int i = 0; i < GUESSES_FREE_ADDRESS; i++) {
		char name[16];

		assert_int_equal(guesses_wait_ms(g, bob, same, 0), 0);
		(void)snprintf(name, sizeof name, "user%d", i);
		wrong(g, bytes_of(name), home, 1);
	}
	assert_int_equal(guesses_wait_ms(g, bob, same, 0), GUESSES_FIRST_MS);
	assert_int_equal(guesses_wait_ms(g, bob, other, 0), 0);
}

static void
it_is_forgotten_by_halves(void **state)
{
	struct guesses *g = *state;

	wrong(g, alice, home, 2 * GUESSES_FREE_NAME);
	assert_int_equal(
	    guesses_wait_ms(g, alice, home, GUESSES_HALF_MS - 1), GUESSES_MOST_MS);
	assert_int_equal(
	    guesses_wait_ms(g, alice, home, GUESSES_HALF_MS), GUESSES_FIRST_MS);
	assert_int_equal(guesses_wait_ms(g, alice, home, 2 * GUESSES_HALF_MS), 0);
	assert_int_equal(
	    guesses_wait_ms(g, alice, home, (uint64_t)100 * GUESSES_HALF_MS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_few_are_free_then_the_wait_doubles_up_to_a_bound, open_guesses,
		close_guesses),
	    cmocka_unit_test_setup_teardown(
		who_tries_many_accounts_waits_by_address, open_guesses, close_guesses),
	    cmocka_unit_test_setup_teardown(
		it_is_forgotten_by_halves, open_guesses, close_guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
