/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "catalogue.h"
#include "tests/support/folder.h"

/* The writer may be on its way to sleep when it is told to end. */
static void
a_store_closed_at_once_does_close(void **state)
{
	char dir[64];
	struct store_config config = {
	    .dir = dir, .map_bytes = 1 << 24, .readers_max = 16, .batch_max = 16};
	struct errinfo why;

	(void)state;
	folder_make(dir);
	assert_ok(store_format(&config, "admin", &why), &why);
	(void)alarm(120); /* a hang is a failure */
	for (int i = 0; i < 3000; i++) {
		struct store *store;

		assert_ok(store_open(&config, &store, &why), &why);
		store_close(store);
	}
	(void)alarm(0);
	folder_remove(dir);
}

static uint64_t
batches(const struct metric_histogram *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= METRIC_BOUNDS; i++)
		n += metric_read(&h->bucket[i]);
	return n;
}

/* Some changes at once are one batch or several, but never more or fewer changes. */
static void
batches_and_their_changes_are_counted(void **state)
{
	enum { CHANGES = 20 };
	struct store_note note[CHANGES];
	struct catalogue *c = *state;
	const struct store_counts *counts = store_counts(c->rig.store);
	uint64_t n = batches(&counts->batch), sum = metric_read(&counts->batch.sum);

	for (unsigned i = 0; i < CHANGES; i++) {
		note[i] = (struct store_note){.name = "counted", .value = BYTES("value")};
		submit(c, store_note, &note[i]);
	}
	for (unsigned i = 0; i < CHANGES; i++)
		assert_done(c, outcome(c, &note[i].change));
	assert_int_equal(metric_read(&counts->batch.sum), sum + CHANGES);
	assert_true(batches(&counts->batch) > n);
	assert_true(batches(&counts->batch) <= n + CHANGES);
	assert_int_equal(batches(&counts->commit_us), batches(&counts->batch));
	assert_int_equal(metric_read(&counts->failures), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_store_closed_at_once_does_close),
	    CATALOGUE_TEST(batches_and_their_changes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
