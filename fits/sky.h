/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sky - the box of an image's pixels that holds a shape on the sky.
 *
 * Pixel i is centred on i and reaches from i - 0.5 to i + 0.5. The box holds every pixel
 * that the shape's bounding box in the image's plane overlaps, cut off at the image's
 * edges; what touches a border by less than a millionth of a pixel does not overlap. Where
 * a shape crosses the seam of a map of the whole sky its bounding box reaches from edge to
 * edge. The true shape is used: great circles from corner to corner of a polygon, parallels
 * and meridians around a range.
 *
 * Thread: any; only what it is called with is used.
 */
#ifndef QUARTET_FITS_SKY_H
#define QUARTET_FITS_SKY_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/shape.h"
#include "fits/sphere.h"

/* What an image's two axes of the sky say; directions are in ICRS. */
struct sky_map {
	/* False: the point has no place on the other side. */
	bool (*to_pixel)(void *arg, struct vec3 v, double xy[2]);
	bool (*to_sky)(void *arg, const double xy[2], struct vec3 *v);
	void *arg;
	struct vec3 pole[2]; /* of the projection: a pole may be a line of pixels */
	uint64_t size[2];
};

/* Pixels from 1 on. */
struct sky_box {
	uint64_t first[2], last[2];
};

enum sky_answer { SKY_FOUND, SKY_NO_OVERLAP, SKY_NO_MEMORY };

enum sky_answer sky_box(
    const struct shape *shape, const struct sky_map *map, struct sky_box *out);

bool sky_inside(const struct shape *shape, struct vec3 v);

#endif
