/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/plan.h"
#include "tests/unit/fits/sample.h"

enum { PICKS_MAX = 4, DATA = 30 * 20, FILE_SIZE = 1000 * FITS_BLOCK };

static struct arena arena;
static struct errinfo why;
static struct plan plan;
static struct pick primary, pick[PICKS_MAX], companion[1];
static size_t n_companions;
static struct section section[PICKS_MAX];
static struct str cards[PICKS_MAX + 1];

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i <= PICKS_MAX; i++)
		str_init(&cards[i], SAMPLE_MAX);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	for (size_t i = 0; i <= PICKS_MAX; i++)
		str_release(&cards[i]);
	return 0;
}

/* An HDU of 30 x 20 bytes, or without data. */
static void
make_hdu(struct str *to, unsigned index, size_t naxis, struct pick *out)
{
	str_clear(to);
	sample_image(to, index == 0, 8, naxis, (const int64_t[]){30, 20});
	sample_card(to, "END");
	*out = (struct pick){.cards = str_bytes(to)};
	assert_ok(
	    header_read(str_bytes(to), index, index * BLOCKS(3), &out->hdu, &why), &why);
}

static void
make_primary(size_t naxis)
{
	make_hdu(&cards[PICKS_MAX], 0, naxis, &primary);
}

static void
make_pick(size_t i, unsigned index, enum hdu_kind kind, const char *sub)
{
	make_hdu(&cards[i], index, 2, &pick[i]);
	pick[i].hdu.kind = kind;
	assert_ok(section_parse(&arena, bytes_of(sub), &section[i], &why), &why);
	pick[i].section = &section[i];
}

static enum err
make(size_t n, uint64_t file_bytes, uint64_t output_max)
{
	struct plan_input in = {.primary = &primary,
	    .pick = pick,
	    .n_picks = n,
	    .companion = companion,
	    .n_companions = n_companions,
	    .file_bytes = file_bytes,
	    .output_max = output_max};

	return plan_cutout(&arena, &in, &plan, &why);
}

/* Part i is one block of text beginning with `start`. */
static void
assert_text(size_t i, const char *start)
{
	assert_in_range(i, 0, plan.n_parts - 1);
	assert_int_equal(plan.part[i].kind, PART_TEXT);
	assert_int_equal(plan.part[i].length, FITS_BLOCK);
	assert_memory_equal(plan.part[i].text.p, start, strlen(start));
}

static void
assert_grid(size_t i, uint64_t at, uint64_t n)
{
	assert_in_range(i, 0, plan.n_parts - 1);
	assert_int_equal(plan.part[i].kind, PART_GRID);
	assert_int_equal(plan.part[i].grid.base, at);
	assert_int_equal(plan.part[i].length, n);
}

static void
assert_padding(size_t i, char byte, uint64_t n)
{
	assert_in_range(i, 0, plan.n_parts - 1);
	assert_int_equal(plan.part[i].kind, PART_PADDING);
	assert_int_equal(plan.part[i].padding, byte);
	assert_int_equal(plan.part[i].length, n);
}

static void
one_image_becomes_the_primary(void **state)
{
	(void)state;
	make_primary(0);
	make_pick(0, 2, HDU_IMAGE, "[2][3:4,5:7]");
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_int_equal(plan.n_parts, 3);
	assert_text(0, "SIMPLE");
	assert_grid(1, BLOCKS(7) + UINT64_C(4) * 30 + 2, 6);
	assert_padding(2, '\0', FITS_BLOCK - 6);
	assert_int_equal(plan.length, BLOCKS(2));
	assert_false(plan.has_compressed);
}

static void
several_go_behind_a_primary_without_data(void **state)
{
	(void)state;
	make_primary(0);
	make_pick(0, 1, HDU_IMAGE, "[1][*,1:1]");
	make_pick(1, 2, HDU_IMAGE, "[2]");
	assert_ok(make(2, FILE_SIZE, UINT64_MAX), &why);
	assert_text(0, "SIMPLE");
	assert_text(1, "XTENSION");
	assert_grid(2, BLOCKS(4), 30);
	assert_padding(3, '\0', FITS_BLOCK - 30);
	assert_grid(4, BLOCKS(6), BLOCKS(2));
	assert_int_equal(plan.n_parts, 5);
	assert_int_equal(plan.length, BLOCKS(5));
}

static void
a_primary_with_data_is_not_copied_along(void **state)
{
	(void)state;
	make_primary(2);
	make_pick(0, 1, HDU_IMAGE, "[1]");
	make_pick(1, 2, HDU_IMAGE, "[2]");
	assert_ok(make(2, FILE_SIZE, UINT64_MAX), &why);
	assert_text(0, "SIMPLE");
	assert_grid(1, BLOCKS(4), DATA);
	assert_padding(2, '\0', FITS_BLOCK - DATA);
	assert_grid(3, BLOCKS(6), BLOCKS(2));
}

static void
a_table_stands_behind_a_primary(void **state)
{
	(void)state;
	make_primary(2);
	make_pick(0, 1, HDU_COMPRESSED, "[1]");
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_text(0, "SIMPLE");
	assert_null(sample_find(plan.part[0].text, "NAXIS1"));
	assert_grid(1, BLOCKS(3), BLOCKS(2));
	assert_int_equal(plan.n_parts, 2);
	assert_true(plan.has_compressed);
}

static void
padding_that_the_file_lacks_is_added(void **state)
{
	uint64_t data_end = BLOCKS(4) + DATA;

	(void)state;
	make_primary(0);
	make_pick(0, 1, HDU_TABLE, "[1]");
	assert_ok(make(1, data_end + 7, UINT64_MAX), &why);
	assert_grid(1, BLOCKS(3), FITS_BLOCK + DATA + 7);
	assert_padding(2, ' ', FITS_BLOCK - DATA - 7);
	assert_err(make(1, data_end - 1, UINT64_MAX), ERR_FITS_DAMAGED);
	make_pick(0, 1, HDU_IMAGE, "[1][*,*]");
	assert_err(make(1, data_end - 1, UINT64_MAX), ERR_FITS_DAMAGED);
	make_pick(0, 1, HDU_IMAGE, "[1][1:29,*]");
	assert_ok(make(1, data_end - 1, UINT64_MAX), &why);
}

static void
what_is_no_image_cannot_leave_the_primary(void **state)
{
	(void)state;
	make_primary(2);
	make_pick(0, 0, HDU_GROUPS, "[0]");
	make_pick(1, 0, HDU_GROUPS, "[0]");
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_grid(0, 0, BLOCKS(2));
	assert_err(make(2, FILE_SIZE, UINT64_MAX), ERR_INVALID_ARGUMENT);
}

static void
any_miss_refuses_everything(void **state)
{
	(void)state;
	make_primary(0);
	make_pick(0, 1, HDU_IMAGE, "[1]");
	make_pick(1, 2, HDU_IMAGE, "[2][31:32]");
	assert_err(make(2, FILE_SIZE, UINT64_MAX), ERR_NO_OVERLAP);
	make_pick(1, 2, HDU_BINTABLE, "[2][1:2]");
	assert_err(make(2, FILE_SIZE, UINT64_MAX), ERR_INVALID_ARGUMENT);
}

/* HDU 3 becomes a lookup that the images refer to. */
static void
make_companion(void)
{
	struct str *to = &cards[PICKS_MAX - 1];

	make_hdu(to, 3, 2, &companion[0]);
	(void)snprintf(companion[0].hdu.name, sizeof companion[0].hdu.name, "WCSDVARR");
	n_companions = 1;
}

/* As make_pick, with a reference to the lookup. */
static void
make_referring_pick(size_t i, unsigned index, const char *sub)
{
	make_pick(i, index, HDU_IMAGE, sub);
	cards[i].n -= CARD_SIZE;
	sample_card(&cards[i], "CPDIS1  = 'LOOKUP  '");
	sample_card(&cards[i], "DP1     = 'EXTVER: 1.0'");
	sample_card(&cards[i], "END");
	pick[i].cards = str_bytes(&cards[i]);
}

static bool
has_record(size_t part, const char *value)
{
	return bytes_contains(plan.part[part].text, bytes_of(value));
}

static void
companions_follow_unchanged_if_the_corner_stays(void **state)
{
	(void)state;
	make_primary(0);
	make_companion();
	make_referring_pick(0, 1, "[1][1:5,1:5]");
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_text(0, "SIMPLE");
	assert_non_null(sample_find(plan.part[0].text, "EXTEND"));
	assert_grid(3, BLOCKS(9), BLOCKS(2));
	assert_int_equal(plan.n_parts, 4);
	/* Two images share it; asked for anyway, it comes once. */
	make_referring_pick(1, 2, "[2]");
	make_pick(2, 3, HDU_IMAGE, "[3]");
	assert_ok(make(3, FILE_SIZE, UINT64_MAX), &why);
	assert_int_equal(plan.length, BLOCKS(1 + 2 + 2 + 2));
	n_companions = 0;
}

static void
each_moved_image_has_companions_of_its_own(void **state)
{
	(void)state;
	make_primary(0);
	make_companion();
	make_referring_pick(0, 1, "[1][2:5,1:5]");
	make_referring_pick(1, 2, "[2][3:6,1:5]");
	assert_ok(make(2, FILE_SIZE, UINT64_MAX), &why);
	/* front; header, data, padding of each image and lookup */
	assert_int_equal(plan.n_parts, 1 + 4 * 3);
	assert_true(has_record(1, "'EXTVER: 1.0'"));
	assert_true(has_record(4, "'EXTVER: 2.0'"));
	assert_true(has_record(7, "EXTVER  =                    1"));
	assert_true(has_record(10, "EXTVER  =                    2"));
	assert_grid(8, BLOCKS(10), DATA);
	/* One that stays where it was keeps the number. */
	make_referring_pick(1, 2, "[2][1:6,1:5]");
	assert_ok(make(2, FILE_SIZE, UINT64_MAX), &why);
	assert_true(has_record(1, "'EXTVER: 2.0'"));
	assert_true(has_record(4, "'EXTVER: 1.0'"));
	n_companions = 0;
}

static void
companions_that_are_not_there_are_left_out(void **state)
{
	uint64_t without = BLOCKS(2);

	(void)state;
	make_primary(0);
	make_companion();
	make_referring_pick(0, 1, "[1][1:5:2,1:5]");
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_int_equal(plan.length, without + BLOCKS(2));
	assert_true(has_record(3, "BSCALE  =                  0.5 "));
	make_referring_pick(0, 1, "[1][2:5,1:5]");
	assert_ok(make(1, BLOCKS(10) + DATA - 1, UINT64_MAX), &why);
	assert_int_equal(plan.length, without);
	n_companions = 0;
	assert_ok(make(1, FILE_SIZE, UINT64_MAX), &why);
	assert_int_equal(plan.length, without);
}

static void
the_length_is_limited(void **state)
{
	(void)state;
	make_primary(0);
	make_pick(0, 1, HDU_IMAGE, "[1]");
	assert_ok(make(1, FILE_SIZE, BLOCKS(2)), &why);
	assert_err(make(1, FILE_SIZE, BLOCKS(2) - 1), ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_image_becomes_the_primary),
	    cmocka_unit_test(several_go_behind_a_primary_without_data),
	    cmocka_unit_test(a_primary_with_data_is_not_copied_along),
	    cmocka_unit_test(a_table_stands_behind_a_primary),
	    cmocka_unit_test(padding_that_the_file_lacks_is_added),
	    cmocka_unit_test(what_is_no_image_cannot_leave_the_primary),
	    cmocka_unit_test(any_miss_refuses_everything),
	    cmocka_unit_test(companions_follow_unchanged_if_the_corner_stays),
	    cmocka_unit_test(each_moved_image_has_companions_of_its_own),
	    cmocka_unit_test(companions_that_are_not_there_are_left_out),
	    cmocka_unit_test(the_length_is_limited),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
