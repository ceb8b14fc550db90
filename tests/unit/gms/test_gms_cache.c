/* SPDX-License-Identifier: Apache-2.0 */
/* So many answers, the oldest of which goes first. */
#include "service/gms/gms_cache.h"

#include <stdio.h>

#include "tests/support/check.h"

enum { MANY = 1000 };

static struct bytes
key(char room[16], unsigned n)
{
	(void)snprintf(room, 16, "key-%u", n);
	return bytes_of(room);
}

static struct gms_entry *
add(struct gms_cache *c, unsigned n)
{
	char room[16];
	struct gms_entry *e = gms_cache_add(c, key(room, n));

	assert_non_null(e);
	return e;
}

static struct gms_entry *
find(struct gms_cache *c, unsigned n)
{
	char room[16];

	return gms_cache_find(c, key(room, n));
}

static void
what_is_kept_is_found(void **state)
{
	static const struct bytes texts[] = {{"a", 1}, {"bc", 2}};
	const struct gms_names names = {texts, 2}, none = {NULL, 0};
	struct gms_cache *c = gms_cache_new(MANY);
	struct gms_entry *e;
	struct gms_names copy;
	struct arena a;

	(void)state;
	assert_null(find(c, 1));
	for (unsigned i = 0; i < MANY; i++) {
		e = add(c, i);
		assert_int_equal(e->until_ms, 0);
		e->until_ms = i + 1;
		assert_err(gms_cache_keep(e, i % 2 == 0 ? &names : &none), ERR_OK);
	}
	assert_int_equal(gms_cache_count(c), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		e = find(c, i);
		assert_int_equal(e->until_ms, i + 1);
		assert_int_equal(e->names.n, i % 2 == 0 ? 2 : 0);
	}
	arena_init(&a, 1024);
	assert_err(gms_names_copy(&a, &find(c, 2)->names, &copy), ERR_OK);
	assert_err(gms_cache_keep(find(c, 2), &none), ERR_OK);
	assert_int_equal(find(c, 2)->names.n, 0);
	assert_bytes(copy.name[0], "a");
	assert_bytes(copy.name[1], "bc");
	arena_release(&a);
	arena_init(&a, 1);
	assert_err(gms_names_copy(&a, &names, &copy), ERR_NO_MEMORY);
	arena_release(&a);
	gms_cache_free(c);
	gms_cache_free(NULL);
}

static void
the_one_used_longest_ago_goes_first(void **state)
{
	struct gms_cache *c = gms_cache_new(3);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		(void)add(c, i);
	assert_non_null(find(c, 0));
	(void)add(c, 3);
	assert_null(find(c, 1));
	assert_non_null(find(c, 2));
	(void)add(c, 4);
	assert_null(find(c, 0));
	assert_non_null(find(c, 3));
	assert_int_equal(gms_cache_count(c), 3);
	gms_cache_free(c);
}

static void
what_is_asked_about_stays(void **state)
{
	struct gms_cache *c = gms_cache_new(2);
	char room[16];

	(void)state;
	add(c, 0)->is_asked = true;
	(void)add(c, 1);
	(void)add(c, 2);
	assert_null(find(c, 1));
	find(c, 2)->is_asked = true;
	assert_null(gms_cache_add(c, key(room, 3)));
	assert_non_null(find(c, 0));
	find(c, 2)->is_asked = false;
	(void)add(c, 3);
	assert_null(find(c, 2));
	gms_cache_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_kept_is_found),
	    cmocka_unit_test(the_one_used_longest_ago_goes_first),
	    cmocka_unit_test(what_is_asked_about_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
