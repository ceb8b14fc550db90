/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "replication/quorum.h"

static void
a_verdict_follows_from_good_and_pending_copies(void **state)
{
	(void)state;
	for (unsigned needed = 1; needed <= 4; needed++)
		for (unsigned good = 0; good <= 4; good++)
			for (unsigned pending = 0; good + pending <= 4; pending++) {
				enum quorum_verdict v =
				    quorum_judge(good, pending, needed);

				assert_int_equal(
				    v == QUORUM_LOST, good + pending < needed);
				assert_int_equal(
				    v == QUORUM_ALL, good >= needed && pending == 0);
				assert_int_equal(
				    v == QUORUM_REACHED, good >= needed && pending > 0);
			}
}

static void
the_last_needed_copies_are_never_dropped(void **state)
{
	(void)state;
	assert_true(quorum_may_drop(4, 3));
	assert_false(quorum_may_drop(3, 3));
	assert_false(quorum_may_drop(2, 3));
}

static void
only_space_alone_is_a_lack_of_space(void **state)
{
	(void)state;
	assert_err(quorum_loss(2, 2), ERR_NO_SPACE);
	assert_err(quorum_loss(2, 1), ERR_QUORUM);
	assert_err(quorum_loss(0, 0), ERR_QUORUM);
}

static void
journals_are_no_more_than_there_are_or_than_bytes_need(void **state)
{
	(void)state;
	assert_int_equal(quorum_journal(2, 3, 4), 2);
	assert_int_equal(quorum_journal(4, 3, 4), 3);
	assert_int_equal(quorum_journal(2, 1, 4), 1);
	assert_int_equal(quorum_journal(2, 3, 1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(journals_are_no_more_than_there_are_or_than_bytes_need),
	    cmocka_unit_test(a_verdict_follows_from_good_and_pending_copies),
	    cmocka_unit_test(the_last_needed_copies_are_never_dropped),
	    cmocka_unit_test(only_space_alone_is_a_lack_of_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
