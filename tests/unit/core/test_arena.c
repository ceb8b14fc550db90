/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#ifdef QUARTET_ARENA_CHECKED
#include <sanitizer/asan_interface.h>
#endif

#include "service/core/arena.h"

enum { MANY = 400 };

/* Sizes around the ones that get a chunk of their own. */
static size_t
size_of(size_t i)
{
	return 1 + i * i * 7 % 9000;
}

static void
everything_handed_out_is_aligned_and_stays_what_was_written(void **state)
{
	unsigned char *p[MANY];
	struct arena a;

	(void)state;
	arena_init(&a, 64u << 20);
	for (size_t i = 0; i < MANY; i++) {
		p[i] = arena_alloc(&a, size_of(i));
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		(void)memset(p[i], (int)(i & 0xff), size_of(i));
	}
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < size_of(i); k++)
			assert_int_equal(p[i][k], i & 0xff);
	arena_release(&a);
}

static void
the_ceiling_counts_everything_handed_out(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 64);
	assert_non_null(arena_alloc(&a, 33));
	assert_null(arena_alloc(&a, 17));
	assert_non_null(arena_alloc(&a, 16));
	assert_int_equal(a.used_bytes, 64);
	assert_null(arena_alloc(&a, 1));
	arena_release(&a);
}

static void
a_refusal_does_not_spoil_what_fits(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1024);
	assert_null(arena_alloc(&a, 1025));
	assert_null(arena_format(&a, "%2000d", 1).p);
	assert_non_null(arena_alloc(&a, 1024));
	arena_release(&a);
}

static void
after_a_clear_the_whole_ceiling_is_there_again(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100000);
	for (int round = 0; round < 3; round++) {
		assert_non_null(arena_alloc(&a, 96));
		assert_non_null(arena_alloc(&a, 99904));
		assert_null(arena_alloc(&a, 1));
		arena_clear(&a);
		assert_int_equal(a.used_bytes, 0);
	}
	arena_release(&a);
}

static void
a_released_arena_gives_nothing(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_non_null(arena_alloc(&a, 1));
	arena_release(&a);
	assert_null(arena_alloc(&a, 1));
	arena_release(&a);
}

static void
nothing_asked_for_is_not_a_failure(void **state)
{
	volatile size_t none = 0; /* out of the compiler's sight */
	struct arena a;

	(void)state;
	arena_init(&a, 64);
	assert_non_null(arena_alloc(&a, none));
	assert_non_null(arena_array(&a, uint64_t, 0));
	arena_release(&a);
}

static void
sizes_that_overflow_are_refused(void **state)
{
	volatile size_t huge = SIZE_MAX;
	struct arena a;

	(void)state;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, huge));
	assert_null(arena_alloc(&a, huge - 14));
	assert_null(arena_zalloc(&a, huge / 2, 4));
	assert_null(arena_zalloc(&a, 4, huge / 2));
	arena_release(&a);
}

static void
zeroed_memory_is_zero_also_where_others_wrote_before(void **state)
{
	struct arena a;
	unsigned char *p;

	(void)state;
	arena_init(&a, 4096);
	p = arena_alloc(&a, 1000);
	assert_non_null(p);
	(void)memset(p, 0xff, 1000);
	arena_clear(&a);
	p = arena_zalloc(&a, 10, 100);
	assert_non_null(p);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	arena_release(&a);
}

static void
a_copy_of_nothing_differs_from_no_memory(void **state)
{
	struct arena a;
	struct bytes b;

	(void)state;
	arena_init(&a, 16);
	b = arena_copy(&a, (struct bytes){NULL, 0});
	assert_non_null(b.p);
	assert_int_equal(b.n, 0);
	assert_null(arena_copy(&a, BYTES("")).p);
	arena_release(&a);
}

static void
a_text_ends_with_a_nul_and_keeps_inner_ones(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, 100);
	p = arena_text(&a, BYTES("a\0b"));
	assert_non_null(p);
	assert_memory_equal(p, "a\0b", 4);
	arena_release(&a);
}

static void
a_formatted_text_may_be_longer_than_a_chunk(void **state)
{
	struct arena a;
	struct bytes b;

	(void)state;
	arena_init(&a, 100000);
	b = arena_format(&a, "%s-%50000d", "x", 7);
	assert_int_equal(b.n, 50002);
	assert_memory_equal(b.p, "x-", 2);
	assert_memory_equal(b.p + 50000, " 7", 3);
	assert_bytes(arena_format(&a, "%d of %s", 3, "four"), "3 of four");
	arena_release(&a);
}

#ifdef QUARTET_ARENA_CHECKED
static void
the_byte_behind_an_allocation_is_guarded(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, 1000);
	p = arena_alloc(&a, 33);
	assert_non_null(p);
	assert_non_null(arena_alloc(&a, 10));
	assert_false(__asan_address_is_poisoned(p + 32));
	assert_true(__asan_address_is_poisoned(p + 33));
	arena_release(&a);
}

static void
what_was_cleared_is_guarded(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, 1000);
	p = arena_alloc(&a, 10);
	assert_non_null(p);
	arena_clear(&a);
	assert_true(__asan_address_is_poisoned(p));
	arena_release(&a);
}
#else
static void
a_cleared_arena_uses_its_memory_again(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	arena_init(&a, 1u << 20);
	first = arena_alloc(&a, 10);
	for (int i = 0; i < 1000; i++)
		assert_non_null(arena_alloc(&a, 1000));
	arena_clear(&a);
	assert_ptr_equal(arena_alloc(&a, 10), first);
	arena_release(&a);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_handed_out_is_aligned_and_stays_what_was_written),
	    cmocka_unit_test(the_ceiling_counts_everything_handed_out),
	    cmocka_unit_test(a_refusal_does_not_spoil_what_fits),
	    cmocka_unit_test(after_a_clear_the_whole_ceiling_is_there_again),
	    cmocka_unit_test(a_released_arena_gives_nothing),
	    cmocka_unit_test(nothing_asked_for_is_not_a_failure),
	    cmocka_unit_test(sizes_that_overflow_are_refused),
	    cmocka_unit_test(zeroed_memory_is_zero_also_where_others_wrote_before),
	    cmocka_unit_test(a_copy_of_nothing_differs_from_no_memory),
	    cmocka_unit_test(a_text_ends_with_a_nul_and_keeps_inner_ones),
	    cmocka_unit_test(a_formatted_text_may_be_longer_than_a_chunk),
#ifdef QUARTET_ARENA_CHECKED
	    cmocka_unit_test(the_byte_behind_an_allocation_is_guarded),
	    cmocka_unit_test(what_was_cleared_is_guarded),
#else
	    cmocka_unit_test(a_cleared_arena_uses_its_memory_again),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
