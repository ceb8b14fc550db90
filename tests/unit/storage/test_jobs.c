/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/catalogue.h"

static uint64_t
numbers(struct catalogue *c, uint64_t n)
{
	struct jobs_reserve r = {.n = n};

	assert_done(c, run(c, jobs_reserve, &r));
	return r.first_out;
}

static void
put(struct catalogue *c, uint64_t number, const char *record)
{
	struct jobs_put r = {.number = number};

	if (record != NULL)
		r.record = bytes_of(record);
	assert_done(c, run(c, jobs_put, &r));
}

static void
numbers_ascend_and_come_only_once(void **state)
{
	struct catalogue *c = *state;
	uint64_t first = numbers(c, 10), second = numbers(c, 1);

	assert_true(first > 0);
	assert_int_equal(second, first + 10);
	rig_reopen_store(&c->rig);
	assert_int_equal(numbers(c, 5), second + 1);
}

static void
a_record_is_written_replaced_and_removed(void **state)
{
	struct catalogue *c = *state;
	struct bytes record;

	assert_err(
	    jobs_get(c->rig.reader, &c->arena, 7, &record, &c->why), ERR_NOT_FOUND);
	put(c, 7, "one");
	put(c, 7, "two");
	rig_reopen_store(&c->rig);
	assert_ok(jobs_get(c->rig.reader, &c->arena, 7, &record, &c->why), &c->why);
	assert_bytes(record, "two");
	put(c, 7, NULL);
	put(c, 7, NULL);
	assert_err(
	    jobs_get(c->rig.reader, &c->arena, 7, &record, &c->why), ERR_NOT_FOUND);
	assert_bytes(record, "two"); /* a copy outlives its record */
}

static void
records_are_walked_in_the_order_of_their_numbers(void **state)
{
	static const uint64_t given[] = {300, 5, 256, 7};
	static const uint64_t walked[] = {5, 7, 256, 300};
	struct catalogue *c = *state;
	uint64_t number = 0;
	struct bytes record;

	for (size_t i = 0; i < 4; i++)
		put(c, given[i], "x");
	for (size_t i = 0; i < 4; i++) {
		assert_ok(jobs_next(c->rig.reader, &c->arena, number + 1, &number,
			      &record, &c->why),
		    &c->why);
		assert_int_equal(number, walked[i]);
	}
	assert_err(
	    jobs_next(c->rig.reader, &c->arena, number + 1, &number, &record, &c->why),
	    ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(numbers_ascend_and_come_only_once),
	    CATALOGUE_TEST(a_record_is_written_replaced_and_removed),
	    CATALOGUE_TEST(records_are_walked_in_the_order_of_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
