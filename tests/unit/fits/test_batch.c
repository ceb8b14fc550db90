/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "fits/batch.h"

enum { FILE_SIZE = 4 << 20, OUT_SIZE = 4 << 20, SCRATCH_SIZE = 1 << 20 };

static uint8_t *file, *out, *expected, *scratch;
static struct batch batch;
static uint64_t ranges, bytes_read;
static uint32_t seed;

static int
set_up(void **state)
{
	(void)state;
	file = malloc(FILE_SIZE);
	out = malloc(OUT_SIZE);
	expected = malloc(OUT_SIZE);
	scratch = malloc(SCRATCH_SIZE);
	assert_non_null(file);
	for (size_t i = 0; i < FILE_SIZE; i++)
		file[i] = (uint8_t)(i * 2654435761u >> 13);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(file);
	free(out);
	free(expected);
	free(scratch);
	return 0;
}

/* The same numbers in every run. */
static uint32_t
any_below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * n) >> 32);
}

/* Runs `plan` with at most `room` bytes at a time; how many bytes came. */
static size_t
run(const struct plan *plan, size_t room, size_t scratch_size)
{
	struct batch_place place = {0};
	size_t filled = 0;

	ranges = bytes_read = 0;
	while (place.part < plan->n_parts) {
		size_t n, total = 0;

		n = batch_fill(
		    &batch, plan, &place, out + filled, room, scratch, scratch_size);
		assert_in_range(n, 1, room);
		for (size_t i = 0; i < batch.n_ranges; i++) {
			const struct range *r = &batch.range[i];

			assert_true(r->offset + r->size <= FILE_SIZE);
			(void)memcpy(r->to, file + r->offset, r->size);
			total += r->size;
		}
		assert_in_range(total, 0, READER_MAX);
		batch_settle(&batch);
		filled += n;
		ranges += batch.n_ranges;
		bytes_read += total;
	}
	return filled;
}

/* The pixels of `cut`, one by one. */
static size_t
expect(const struct hdu *hdu, const struct axis_cut *cut)
{
	uint64_t index[AXES_MAX] = {0};
	size_t n = 0;

	for (;;) {
		uint64_t at = 0, factor = 1;
		unsigned axis = 0;

		for (unsigned i = 0; i < hdu->naxis; i++) {
			int64_t place =
			    (int64_t)cut[i].first - 1 + (int64_t)index[i] * cut[i].step;

			at += (uint64_t)place * factor;
			factor *= hdu->axis[i];
		}
		(void)memcpy(expected + n, file + hdu->data_at + at * hdu->element_bytes,
		    hdu->element_bytes);
		n += hdu->element_bytes;
		while (axis < hdu->naxis && ++index[axis] == cut[axis].n)
			index[axis++] = 0;
		if (axis == hdu->naxis)
			return n;
	}
}

static struct part
part_of(struct grid grid)
{
	return (struct part){.kind = PART_GRID, .length = grid.length, .grid = grid};
}

static void
any_hdu(struct hdu *hdu, uint64_t largest)
{
	uint64_t size;

	*hdu =
	    (struct hdu){.data_at = any_below(3000), .element_bytes = 1u << any_below(4)};
	size = hdu->element_bytes;
	hdu->naxis = 1 + any_below(5);
	for (unsigned i = 0; i < hdu->naxis; i++) {
		uint64_t n = 1 + any_below((uint32_t)(i == 0 ? largest : 12));

		while (n > 1 && size * n > FILE_SIZE - 3000)
			n /= 2;
		hdu->axis[i] = n;
		size *= hdu->axis[i];
	}
	hdu->data_bytes = size;
}

static void
any_cut(const struct hdu *hdu, struct axis_cut *cut)
{
	for (unsigned i = 0; i < hdu->naxis; i++) {
		uint64_t n = hdu->axis[i], lo = any_below((uint32_t)n), hi;
		int64_t step = any_below(2) != 0 ? 1 : 1 + any_below(5);

		if (any_below(3) == 0)
			lo = 0;
		hi = lo + any_below((uint32_t)(n - lo));
		if (any_below(3) == 0)
			hi = n - 1;
		cut[i].n = (hi - lo) / (uint64_t)step + 1;
		cut[i].first = lo + 1;
		cut[i].step = step;
		if (any_below(3) == 0) {
			cut[i].first = hi + 1;
			cut[i].step = -step;
		}
	}
}

static void
any_box_comes_out_as_pixel_by_pixel(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1500; i++) {
		struct axis_cut cut[AXES_MAX];
		struct part part;
		struct plan plan = {.part = &part, .n_parts = 1};
		struct hdu hdu;
		size_t n;

		seed = i;
		any_hdu(&hdu, i % 4 == 0 ? 20000 : 60);
		any_cut(&hdu, cut);
		part = part_of(grid_of_pixels(&hdu, cut));
		n = expect(&hdu, cut);
		assert_int_equal(part.length, n);
		assert_true(grid_end(&part.grid) <= hdu.data_at + hdu.data_bytes);
		assert_int_equal(run(&plan, 1 + any_below(READER_MAX), SCRATCH_SIZE), n);
		assert_memory_equal(out, expected, n);
		assert_int_equal(run(&plan, PIECE_SMALL_SIZE, BATCH_SCRATCH_MIN), n);
		assert_memory_equal(out, expected, n);
		if (n < 20000) {
			assert_int_equal(run(&plan, 3, BATCH_SCRATCH_MIN), n);
			assert_memory_equal(out, expected, n);
		}
	}
}

static void
text_padding_and_pixels_share_a_batch(void **state)
{
	struct part parts[] = {
	    {.kind = PART_TEXT, .length = 5, .text = BYTES("hello")},
	    part_of(grid_of_bytes(100, 10)),
	    {.kind = PART_PADDING, .length = 3, .padding = '.'},
	    part_of(grid_of_bytes(50000, 7)),
	    {.kind = PART_TEXT, .length = 3, .text = BYTES("bye")},
	};
	struct plan plan = {.part = parts, .n_parts = 5};
	struct batch_place place = {0};

	(void)state;
	assert_int_equal(
	    batch_fill(&batch, &plan, &place, out, 1000, scratch, SCRATCH_SIZE), 28);
	assert_int_equal(batch.n_ranges, 2);
	assert_int_equal(run(&plan, 1000, SCRATCH_SIZE), 28);
	assert_memory_equal(out, "hello", 5);
	assert_memory_equal(out + 5, file + 100, 10);
	assert_memory_equal(out + 15, "...", 3);
	assert_memory_equal(out + 18, file + 50000, 7);
	assert_memory_equal(out + 25, "bye", 3);
	assert_int_equal(run(&plan, 1, SCRATCH_SIZE), 28);
	assert_memory_equal(out + 15, "...", 3);
}

/* The batch of an image of `width` floats and 100 rows, cut to `n` floats. */
static void
run_rows(uint64_t width, uint64_t n, int64_t step)
{
	struct hdu hdu = {.element_bytes = 4, .naxis = 2, .axis = {width, 100}};
	struct axis_cut cut[] = {{1, step, n}, {1, 1, 100}};
	struct part part = part_of(grid_of_pixels(&hdu, cut));
	struct plan plan = {.part = &part, .n_parts = 1};
	size_t length = expect(&hdu, cut);

	assert_int_equal(run(&plan, READER_MAX, SCRATCH_SIZE), length);
	assert_memory_equal(out, expected, length);
}

static void
rows_close_together_are_read_as_one(void **state)
{
	(void)state;
	run_rows(1000, 100, 1); /* gap 3.6 kB */
	assert_int_equal(ranges, 1);
	assert_int_equal(bytes_read, (99 * 1000 + 100) * 4);
	run_rows(3000, 100, 1); /* gap 11.6 kB */
	assert_int_equal(ranges, 100);
	assert_int_equal(bytes_read, 100 * 100 * 4);
}

static void
long_rows_are_read_straight_to_their_place(void **state)
{
	(void)state;
	run_rows(3000, 1500, 1); /* gap 6 kB, row 6 kB */
	assert_int_equal(ranges, 100);
	assert_int_equal(bytes_read, 100 * 1500 * 4);
	assert_int_equal(batch.n_copies, 0);
}

static void
whole_rows_are_one_range(void **state)
{
	(void)state;
	run_rows(1000, 1000, 1);
	assert_int_equal(ranges, 1);
	assert_int_equal(batch.n_copies, 0);
}

static void
steps_are_read_over(void **state)
{
	(void)state;
	run_rows(1000, 250, 4);
	assert_int_equal(ranges, 1);
	run_rows(1000, 500, 2);
	assert_int_equal(ranges, 1);
}

static void
a_spectrum_takes_many_ranges_at_once(void **state)
{
	struct hdu hdu = {.element_bytes = 4, .naxis = 3, .axis = {64, 64, 200}};
	struct axis_cut cut[] = {{7, 1, 1}, {8, 1, 1}, {1, 1, 200}};
	struct part part = part_of(grid_of_pixels(&hdu, cut));
	struct plan plan = {.part = &part, .n_parts = 1};
	size_t length = expect(&hdu, cut);

	(void)state;
	assert_int_equal(run(&plan, READER_MAX, SCRATCH_SIZE), length);
	assert_memory_equal(out, expected, length);
	assert_int_equal(ranges, 200);
	assert_int_equal(bytes_read, 800);
}

static void
whole_axes_fold_away(void **state)
{
	struct hdu hdu = {
	    .data_at = 10, .element_bytes = 2, .naxis = 4, .axis = {5, 6, 7, 8}};
	struct axis_cut cut[] = {{1, 1, 5}, {1, 1, 6}, {3, 1, 2}, {1, 1, 8}};
	struct grid g = grid_of_pixels(&hdu, cut);

	(void)state;
	assert_int_equal(g.base, 10 + 2 * 30 * 2);
	assert_int_equal(g.run, 2 * 30 * 2);
	assert_int_equal(g.n_strides, 1);
	assert_int_equal(g.stride[0].count, 8);
	assert_int_equal(g.stride[0].bytes, 2 * 30 * 7);
	assert_int_equal(grid_end(&g), 10 + 2 * (30 * 7 * 7 + 30 * 4));
	cut[2] = (struct axis_cut){1, 1, 7};
	g = grid_of_pixels(&hdu, cut);
	assert_int_equal(g.n_strides, 0);
	assert_int_equal(g.run, hdu.element_bytes * 5 * 6 * 7 * 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_box_comes_out_as_pixel_by_pixel),
	    cmocka_unit_test(text_padding_and_pixels_share_a_batch),
	    cmocka_unit_test(rows_close_together_are_read_as_one),
	    cmocka_unit_test(long_rows_are_read_straight_to_their_place),
	    cmocka_unit_test(whole_rows_are_one_range),
	    cmocka_unit_test(steps_are_read_over),
	    cmocka_unit_test(a_spectrum_takes_many_ranges_at_once),
	    cmocka_unit_test(whole_axes_fold_away),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
