/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/batch.h"

#include "service/core/check.h"

/* Longer runs fill a read within BATCH_RANGES: they gain nothing by reading over gaps. */
enum { SMALL_RUN = READER_MAX / BATCH_RANGES };

static uint64_t
distance(int64_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Fix the range that grew. A single run needs no detour through the scratch memory. */
static void
finish_range(struct batch *b)
{
	size_t size = (size_t)(b->hi - b->lo);
	struct range *r = &b->range[b->n_ranges];

	if (!b->growing)
		return;
	b->growing = false;
	b->n_ranges++;
	b->read_left -= size;
	*r = (struct range){.offset = b->lo, .size = size, .to = b->scratch};
	if (b->n_copies == b->first + 1 && b->copy[b->first].count == 1) {
		r->to = b->copy[b->first].to;
		b->n_copies--;
		return;
	}
	for (size_t i = b->first; i < b->n_copies; i++)
		b->copy[i].from = b->scratch + (b->copy[i].offset - b->lo);
	b->scratch += size;
	b->scratch_left -= size;
}

/* Let the growing range reach over [lo, hi) too, if that is near and there is room. */
static bool
grow(struct batch *b, uint64_t lo, uint64_t hi)
{
	uint64_t all_lo = smaller(lo, b->lo), all_hi = hi > b->hi ? hi : b->hi;

	if (!b->growing || b->solitary)
		return false;
	if ((lo > b->hi && lo - b->hi > BATCH_GAP) ||
	    (b->lo > hi && b->lo - hi > BATCH_GAP))
		return false;
	if (all_hi - all_lo > smaller(b->scratch_left, b->read_left))
		return false;
	b->lo = all_lo;
	b->hi = all_hi;
	return true;
}

/* No more runs than fit in `room`; runs apart from each other are taken one by one. */
static void
limit_runs(struct grid_runs *r, uint64_t room)
{
	bool dense = r->n < SMALL_RUN && distance(r->stride) <= r->n + BATCH_GAP;

	if (!dense || room < 2 * r->n)
		r->count = 1;
	else
		r->count = smaller(r->count, room / r->n);
	if (r->count == 1)
		r->n = smaller(r->n, room);
}

/* No more than can be read as one range of `left` bytes; small runs are not divided. */
static bool
limit_range(struct grid_runs *r, uint64_t left)
{
	if (r->n > left && r->n < SMALL_RUN)
		return false;
	if (r->count > 1)
		r->count = smaller(r->count, (left - r->n) / distance(r->stride) + 1);
	else
		r->n = smaller(r->n, left);
	return r->n > 0;
}

static void
span(const struct grid_runs *r, uint64_t *lo, uint64_t *hi)
{
	uint64_t reach = (r->count - 1) * distance(r->stride);

	*lo = r->stride < 0 ? r->offset - reach : r->offset;
	*hi = *lo + reach + r->n;
}

/* Take some of the runs; how many bytes of output they are, 0 if the batch is full. */
static size_t
take_runs(struct batch *b, struct grid_runs r, uint8_t *to, size_t room)
{
	bool small = r.n < SMALL_RUN;
	struct batch_copy *c;
	uint64_t lo, hi;

	if (b->n_copies == BATCH_COPIES)
		return 0;
	limit_runs(&r, room);
	span(&r, &lo, &hi);
	if (!small || !grow(b, lo, hi)) {
		finish_range(b);
		if (b->n_ranges == BATCH_RANGES)
			return 0;
		if (!limit_range(&r, r.count > 1 ? smaller(b->scratch_left, b->read_left)
						 : b->read_left))
			return 0;
		span(&r, &b->lo, &b->hi);
		b->growing = true;
		b->solitary = !small;
		b->first = b->n_copies;
	}
	c = &b->copy[b->n_copies++];
	c->offset = r.offset;
	c->to = to;
	c->n = (size_t)r.n;
	c->count = (size_t)r.count;
	c->stride = r.stride;
	return (size_t)(r.n * r.count);
}

static size_t
take_part(struct batch *b, const struct part *part, uint64_t at, uint8_t *to, size_t room)
{
	size_t n = (size_t)smaller(part->length - at, room);

	switch (part->kind) {
	case PART_TEXT:
		(void)memcpy(to, part->text.p + at, n);
		break;
	case PART_PADDING:
		(void)memset(to, part->padding, n);
		break;
	case PART_GRID:
		return take_runs(b, grid_at(&part->grid, at), to, room);
	}
	return n;
}

bool
batch_needs_scratch(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_parts; i++)
		if (plan->part[i].kind == PART_GRID && plan->part[i].grid.n_strides > 0 &&
		    plan->part[i].grid.run < SMALL_RUN)
			return true;
	return false;
}

size_t
batch_fill(struct batch *b, const struct plan *plan, struct batch_place *place,
    uint8_t *to, size_t room, uint8_t *scratch, size_t scratch_size)
{
	size_t filled = 0;

	CHECK(scratch_size >= BATCH_SCRATCH_MIN);
	b->n_ranges = b->n_copies = 0;
	b->scratch = scratch;
	b->scratch_left = scratch_size;
	b->read_left = READER_MAX;
	b->growing = false;
	while (filled < room && place->part < plan->n_parts) {
		const struct part *part = &plan->part[place->part];
		size_t n = take_part(b, part, place->at, to + filled, room - filled);

		if (n == 0)
			break;
		filled += n;
		place->at += n;
		if (place->at == part->length)
			*place = (struct batch_place){.part = place->part + 1};
	}
	finish_range(b);
	return filled;
}

/* Single pixels are the common case: a fixed size makes the copy one instruction. */
static void
copy_runs(const struct batch_copy *c, size_t n)
{
	const uint8_t *from = c->from;
	uint8_t *to = c->to;

	for (size_t i = 0; i < c->count; i++, from += c->stride, to += n)
		(void)memcpy(to, from, n);
}

void
batch_settle(const struct batch *b)
{
	for (size_t i = 0; i < b->n_copies; i++) {
		const struct batch_copy *c = &b->copy[i];

		switch (c->n) {
		case 1:
			copy_runs(c, 1);
			break;
		case 2:
			copy_runs(c, 2);
			break;
		case 4:
			copy_runs(c, 4);
			break;
		case 8:
			copy_runs(c, 8);
			break;
		default:
			copy_runs(c, c->n);
		}
	}
}
