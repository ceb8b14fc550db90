/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "storage/store.h"
#include "tests/support/check.h"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_store_closed_at_once_does_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
