/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory holds beside what the catalogue says: the doubts, and nothing else. */
#include "tests/support/check.h"

#include <string.h>

#include "storage/leaf_merge.h"

enum { LOCATION = 2, LENGTH = 5000, SIZE = 8192 + 2 * 4096, ROOM = 16 };

struct leaf {
	struct blob blob[ROOM];
	struct location_found found[ROOM];
	size_t n, n_found;
	struct leaf_suspect suspect[2 * ROOM];
	size_t n_suspects;
};

static void
add_record(struct leaf *l, uint64_t id, bool have)
{
	l->blob[l->n++] = (struct blob){.id = id,
	    .length = LENGTH,
	    .md5 = {(uint8_t)id},
	    .have = (location_map)(3 | have << LOCATION),
	    .want = 15};
}

static void
add_file(struct leaf *l, uint64_t id, uint64_t size)
{
	l->found[l->n_found++] =
	    (struct location_found){.id = id, .md5 = {(uint8_t)id}, .size = size};
}

static void
compare(struct leaf *l)
{
	l->n_suspects =
	    leaf_merge(l->blob, l->n, l->found, l->n_found, LOCATION, l->suspect);
}

static void
assert_suspect(const struct leaf *l, size_t i, uint64_t id, enum leaf_doubt doubt)
{
	assert_true(i < l->n_suspects);
	assert_int_equal(l->suspect[i].id, id);
	assert_int_equal(l->suspect[i].doubt, doubt);
}

static void
what_fits_is_no_suspect(void **state)
{
	struct leaf l = {.n = 0};

	(void)state;
	compare(&l);
	assert_int_equal(l.n_suspects, 0);
	for (uint64_t id = 1; id <= 8; id++)
		add_record(&l, id, true);
	for (uint64_t id = 8; id >= 1; id--) /* in no order */
		add_file(&l, id, SIZE);
	add_record(&l, 9, false); /* neither counted nor there */
	compare(&l);
	assert_int_equal(l.n_suspects, 0);
}

static void
each_kind_of_doubt_is_told(void **state)
{
	struct leaf l = {.n = 0};

	(void)state;
	add_record(&l, 2, true);
	add_record(&l, 3, true);
	add_record(&l, 4, true);
	add_record(&l, 5, false);
	add_file(&l, 6, SIZE);
	add_file(&l, 5, SIZE);
	add_file(&l, 4, SIZE + 1);
	add_file(&l, 2, SIZE);
	add_file(&l, 1, 0);
	compare(&l);
	assert_int_equal(l.n_suspects, 5);
	assert_suspect(&l, 0, 1, DOUBT_UNKNOWN);
	assert_suspect(&l, 1, 3, DOUBT_MISSING);
	assert_suspect(&l, 2, 4, DOUBT_SIZE);
	assert_suspect(&l, 3, 5, DOUBT_UNCOUNTED);
	assert_suspect(&l, 4, 6, DOUBT_UNKNOWN);
}

static void
a_file_of_the_id_with_another_sum_is_not_the_copy(void **state)
{
	struct leaf l = {.n = 0};

	(void)state;
	add_record(&l, 7, true);
	add_file(&l, 7, SIZE);
	l.found[0].md5[5] = 1;
	compare(&l);
	assert_int_equal(l.n_suspects, 1);
	assert_suspect(&l, 0, 7, DOUBT_MISSING);
	add_file(&l, 7, SIZE); /* and there is the right one beside it */
	compare(&l);
	assert_int_equal(l.n_suspects, 0);
}

static void
what_is_not_wanted_there_is_left_alone(void **state)
{
	struct leaf l = {.n = 0};

	(void)state;
	add_record(&l, 7, false);
	l.blob[0].want = 3;
	add_file(&l, 7, SIZE);
	compare(&l);
	assert_int_equal(l.n_suspects, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_fits_is_no_suspect),
	    cmocka_unit_test(each_kind_of_doubt_is_told),
	    cmocka_unit_test(a_file_of_the_id_with_another_sum_is_not_the_copy),
	    cmocka_unit_test(what_is_not_wanted_there_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
