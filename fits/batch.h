/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - turns the next stretch of a plan into one vectored read.
 *
 * Runs of bytes that lie alone are read straight to their place in the output. Small
 * runs close together are read as one range into scratch memory, gaps included, and put
 * in place afterwards: so a narrow column, a stride or a flip costs few reads.
 *
 * Order: batch_fill -> if n_ranges > 0 read all of them -> batch_settle -> batch_fill...
 * Between fill and settle the output and scratch memory belong to the batch. A fill makes
 * progress always, unless the plan is at its end or there is no room.
 * Thread: one at a time.
 */
#ifndef QUARTET_FITS_BATCH_H
#define QUARTET_FITS_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/plan.h"
#include "service/core/stream.h"

enum {
	BATCH_RANGES = 256,
	BATCH_COPIES = 512,
	BATCH_GAP = 8 * 1024, /* read over, to save a range */
	BATCH_SCRATCH_MIN = 8 * 1024,
};

/* Where a plan stands: `at` bytes of its part number `part` are done. */
struct batch_place {
	size_t part;
	uint64_t at;
};

/* Runs of the present or of one range, on their way to the output. */
struct batch_copy {
	uint64_t offset; /* in the file */
	const uint8_t *from; /* in the scratch memory, once the range is known */
	uint8_t *to;
	size_t n, count;
	int64_t stride;
};

struct batch {
	struct range range[BATCH_RANGES]; /* for reader_read */
	size_t n_ranges;

	/* Private. */
	struct batch_copy copy[BATCH_COPIES];
	size_t n_copies;
	uint8_t *scratch;
	size_t scratch_left, read_left;
	/* The range still growing: [lo, hi) of the file for the copies from `first` on.
	 */
	uint64_t lo, hi;
	size_t first;
	bool growing, solitary;
};

/* Whether a fill may use the scratch memory, so that more of it makes sense. */
bool batch_needs_scratch(const struct plan *plan);

/*
 * Describe how up to `room` bytes at `to` are had, beginning at *place, which moves on.
 * Text and padding are written at once. Returns how many bytes will be there.
 * `scratch` has at least BATCH_SCRATCH_MIN bytes.
 */
size_t batch_fill(struct batch *b, const struct plan *plan, struct batch_place *place,
    uint8_t *to, size_t room, uint8_t *scratch, size_t scratch_size);

/* After the ranges were read. */
void batch_settle(const struct batch *b);

#endif
