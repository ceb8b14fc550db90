/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grid - where the bytes of a box of pixels lie in a file, in the order they are wanted.
 *
 * A box cut from an array of any number of axes is a run of adjacent bytes repeated with
 * one stride for each axis. Axes that are whole, or one pixel wide, fold away, so a plain
 * piece of a file is a grid without strides. Any position in the output maps to its place
 * in the file by arithmetic alone; nothing is listed.
 * Thread: any; a grid is a value.
 */
#ifndef QUARTET_FITS_GRID_H
#define QUARTET_FITS_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "fits/header.h"
#include "fits/section.h"

struct grid {
	uint64_t base; /* file offset of the first run */
	uint64_t run; /* bytes of a run */
	unsigned n_strides;
	struct {
		uint64_t count; /* at least 2 */
		int64_t bytes; /* from one run to the next; negative: flipped */
	} stride[AXES_MAX]; /* innermost first */
	uint64_t length; /* bytes of the output */
};

/* The pixels `cut` (one for each axis) of an image. */
struct grid grid_of_pixels(const struct hdu *hdu, const struct axis_cut *cut);
/* `length` adjacent bytes from `offset` on. */
struct grid grid_of_bytes(uint64_t offset, uint64_t length);

/* The end of the last byte of the file that the grid touches. */
uint64_t grid_end(const struct grid *g);

/* `count` runs of `n` bytes, each `stride` bytes behind the one before. */
struct grid_runs {
	uint64_t offset;
	uint64_t n;
	uint64_t count;
	int64_t stride; /* 0 when count is 1 */
};

/* What comes at position `at` of the output, up to the end of the innermost stride. */
struct grid_runs grid_at(const struct grid *g, uint64_t at);

#endif
