/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/grid.h"

#include "service/core/check.h"

/* One more axis: `count` (at least 2) times what there is, `bytes` apart. */
static void
add_stride(struct grid *g, uint64_t count, int64_t bytes)
{
	unsigned last = g->n_strides - 1;

	if (g->n_strides == 0 && bytes > 0 && (uint64_t)bytes == g->run) {
		g->run *= count;
	} else if (g->n_strides > 0 &&
		   bytes == g->stride[last].bytes * (int64_t)g->stride[last].count) {
		g->stride[last].count *= count;
	} else {
		g->stride[g->n_strides].count = count;
		g->stride[g->n_strides].bytes = bytes;
		g->n_strides++;
	}
	g->length *= count;
}

/* Products fit: they are bounded by the size of the data unit, which was checked. */
struct grid
grid_of_pixels(const struct hdu *hdu, const struct axis_cut *cut)
{
	struct grid g = {.base = hdu->data_at,
	    .run = hdu->element_bytes,
	    .length = hdu->element_bytes};
	uint64_t step_bytes = hdu->element_bytes;

	for (unsigned i = 0; i < hdu->naxis; i++) {
		g.base += (cut[i].first - 1) * step_bytes;
		if (cut[i].n > 1)
			add_stride(&g, cut[i].n, cut[i].step * (int64_t)step_bytes);
		step_bytes *= hdu->axis[i];
	}
	return g;
}

struct grid
grid_of_bytes(uint64_t offset, uint64_t length)
{
	return (struct grid){.base = offset, .run = length, .length = length};
}

uint64_t
grid_end(const struct grid *g)
{
	uint64_t end = g->base + g->run;

	for (unsigned i = 0; i < g->n_strides; i++)
		if (g->stride[i].bytes > 0)
			end += (g->stride[i].count - 1) * (uint64_t)g->stride[i].bytes;
	return end;
}

struct grid_runs
grid_at(const struct grid *g, uint64_t at)
{
	uint64_t inside = at % g->run, left = at / g->run;
	struct grid_runs r = {
	    .offset = g->base + inside, .n = g->run - inside, .count = 1};

	CHECK(at < g->length);
	for (unsigned i = 0; i < g->n_strides; i++) {
		uint64_t place = left % g->stride[i].count;

		left /= g->stride[i].count;
		/* Unsigned arithmetic wraps to the right sum for negative strides too. */
		r.offset += place * (uint64_t)g->stride[i].bytes;
		if (i == 0 && inside == 0)
			r.count = g->stride[0].count - place;
	}
	if (r.count > 1)
		r.stride = g->stride[0].bytes;
	return r;
}
