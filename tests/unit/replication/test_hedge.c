/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "replication/hedge.h"

static unsigned
spend_all(struct hedges *h)
{
	unsigned n = 0;

	while (hedges_spend(h))
		n++;
	return n;
}

static void
one_is_late_after_thrice_its_usual_time(void **state)
{
	struct hedges h;

	(void)state;
	hedges_init(&h, 50, 5);
	assert_int_equal(hedges_patience_ms(&h, 0), 50);
	assert_int_equal(hedges_patience_ms(&h, 16000), 50);
	assert_int_equal(hedges_patience_ms(&h, 100000), 300);
}

static void
of_many_reads_only_their_share_is_hedged(void **state)
{
	struct hedges h;
	unsigned at_first, later = 0;

	(void)state;
	hedges_init(&h, 50, 5);
	at_first = spend_all(&h);
	assert_in_range(at_first, 1, 20);
	for (unsigned i = 0; i < 1000; i++) {
		hedges_earn(&h);
		later += spend_all(&h);
	}
	assert_int_equal(later, 50);
	assert_int_equal(h.begun, at_first + later);
	for (unsigned i = 0; i < 100000; i++)
		hedges_earn(&h);
	assert_in_range(spend_all(&h), at_first, at_first + 1); /* none are hoarded */
}

static void
with_no_share_there_are_none(void **state)
{
	struct hedges h;

	(void)state;
	hedges_init(&h, 50, 0);
	for (unsigned i = 0; i < 1000; i++)
		hedges_earn(&h);
	assert_int_equal(spend_all(&h), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_is_late_after_thrice_its_usual_time),
	    cmocka_unit_test(of_many_reads_only_their_share_is_hedged),
	    cmocka_unit_test(with_no_share_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
