/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdlib.h>

#include "replication/small_table.h"

static struct small_table table;

static int
empty_table(void **state)
{
	(void)state;
	small_table_release(&table);
	return 0;
}

static struct small_file *
add(uint64_t id)
{
	struct small_file *file = calloc(1, sizeof *file);

	assert_non_null(file);
	file->id = id;
	small_table_add(&table, file);
	return file;
}

static void
each_is_found_by_its_id(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= 3 * SMALL_SLOTS; id += 7)
		(void)add(id);
	for (uint64_t id = 1; id <= 3 * SMALL_SLOTS; id++) {
		struct small_file *file = small_table_find(&table, id);

		assert_true((file != NULL) == (id % 7 == 1));
		assert_true(file == NULL || file->id == id);
	}
	small_table_remove(&table, small_table_find(&table, 8));
	assert_null(small_table_find(&table, 8));
	assert_non_null(small_table_find(&table, 15));
}

static void
the_queue_keeps_their_order(void **state)
{
	struct small_file *a = add(1), *b = add(1 + SMALL_SLOTS), *c = add(3);

	(void)state;
	small_table_queue(&table, a);
	small_table_queue(&table, b);
	small_table_queue(&table, c);
	assert_int_equal(table.n_queued, 3);
	small_table_unqueue(&table, b);
	assert_ptr_equal(small_table_first(&table), a);
	small_table_remove(&table, a); /* off the queue, too */
	assert_ptr_equal(small_table_first(&table), c);
	small_table_queue(&table, b);
	small_table_unqueue(&table, c);
	assert_ptr_equal(small_table_first(&table), b);
	assert_int_equal(table.n_queued, 1);
	assert_int_equal(table.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(each_is_found_by_its_id, empty_table),
	    cmocka_unit_test_teardown(the_queue_keeps_their_order, empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
