/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_census.h"

#include "catalogue.h"

enum { MANY = BLOB_CENSUS_PAGE + 10 };

/* How many pages it took. */
static unsigned
count_all(struct catalogue *c, struct blob_census *out)
{
	unsigned pages = 0;

	*out = (struct blob_census){.done = false};
	while (!out->done) {
		assert_done(c, blob_census_page(c->rig.reader, out, &c->why));
		pages++;
	}
	return pages;
}

static void
put_with(struct catalogue *c, const char *name, location_map have)
{
	struct nodes_put_file r = {
	    .parent_id = ROOT,
	    .name = bytes_of(name),
	    .blob = new_blob(c, 1),
	};

	r.blob.have = have;
	assert_done(c, run(c, nodes_put_file, &r));
}

static void
with_nothing_due_all_is_zero(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;

	put_with(c, "whole", 0xf);
	(void)count_all(c, &census);
	for (unsigned i = 0; i < BLOB_CENSUS_LOCATIONS; i++) {
		assert_int_equal(census.repairs[i], 0);
		assert_int_equal(census.removals[i], 0);
		assert_int_equal(census.lacking[i], 0);
	}
}

static void
a_blob_counts_once_whatever_it_lacks(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;

	put_with(c, "one", 0x4);
	put_with(c, "two", 0x9);
	put_with(c, "three", 0xe);
	put_with(c, "three too", 0x7);
	put_with(c, "whole", 0xf);
	(void)count_all(c, &census);
	assert_int_equal(census.lacking[0], 0);
	assert_int_equal(census.lacking[1], 1);
	assert_int_equal(census.lacking[2], 1);
	assert_int_equal(census.lacking[3], 2);
	assert_int_equal(census.lacking[4], 0);
	assert_int_equal(census.repairs[0], 2);
	assert_int_equal(census.repairs[1], 2);
	assert_int_equal(census.repairs[2], 1);
	assert_int_equal(census.repairs[3], 2);
}

static void
a_blob_without_a_copy_is_counted(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;

	put_with(c, "lost", 0x1);
	for (unsigned i = 0; i < 2; i++) { /* and once more is no harm */
		struct blob_lost r = {.id = c->last_blob};

		assert_done(c, run(c, blob_lost, &r));
		(void)count_all(c, &census);
		assert_int_equal(census.lacking[0], 1);
		assert_int_equal(census.lacking[1], 0);
	}
}

static void
more_than_a_page_is_counted_in_pages(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;

	/* Two rows each; what no record belongs to is a row, and no blob. */
	for (uint64_t id = 1; id <= MANY; id++) {
		struct key repair = key_urep(2, 1, id), removal = key_gcq(3, id);

		raw_put(c, DB_UREP, key_bytes(&repair), BYTES("123456789012"));
		raw_put(c, DB_GCQ, key_bytes(&removal), BYTES("due"));
	}
	assert_int_equal(count_all(c, &census), 4);
	assert_int_equal(census.repairs[1], MANY);
	assert_int_equal(census.removals[3], MANY);
	assert_int_equal(census.repairs[3] + census.removals[1], 0);
	assert_int_equal(census.lacking[2], 0);
}

static void
removals_are_counted_where_they_are_due(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;
	struct blob_discard r = {.id = 7, .location = 0};

	assert_done(c, run(c, blob_discard, &r));
	(void)count_all(c, &census);
	assert_int_equal(census.removals[0], 1);
	assert_int_equal(census.removals[1], 0);
}

static void
rows_of_another_form_are_passed_over(void **state)
{
	struct catalogue *c = *state;
	struct blob_census census;

	raw_put(c, DB_UREP, BYTES("x"), BYTES("y"));
	raw_put(c, DB_UREP, BYTES("123456789"), BYTES("y"));
	raw_put(c, DB_GCQ, BYTES("z"), BYTES("y"));
	put_with(c, "f", 0x7);
	(void)count_all(c, &census);
	assert_int_equal(census.repairs[3], 1);
	assert_int_equal(census.lacking[3], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(with_nothing_due_all_is_zero),
	    CATALOGUE_TEST(a_blob_counts_once_whatever_it_lacks),
	    CATALOGUE_TEST(a_blob_without_a_copy_is_counted),
	    CATALOGUE_TEST(more_than_a_page_is_counted_in_pages),
	    CATALOGUE_TEST(removals_are_counted_where_they_are_due),
	    CATALOGUE_TEST(rows_of_another_form_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
