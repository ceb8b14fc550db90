/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame - from the sky in ICRS, which shapes are in, to what an image has, and back: ICRS,
 * FK5 of any equinox, FK4 of B1950 (with its E-terms of aberration), Galactic.
 *
 * Nothing moves: no epoch, no proper motion. Thread: any; these are values.
 */
#ifndef QUARTET_FITS_FRAME_H
#define QUARTET_FITS_FRAME_H

#include <stdbool.h>

#include "fits/sphere.h"

enum frame_kind { FRAME_ICRS, FRAME_FK5, FRAME_FK4, FRAME_GALACTIC };

struct frame {
	enum frame_kind kind;
	double m[3][3]; /* from ICRS */
};

/* False: an equinox that is not supported. It counts for FK5 and FK4 only. */
bool frame_init(struct frame *f, enum frame_kind kind, double equinox);

struct vec3 frame_from_icrs(const struct frame *f, struct vec3 v);
struct vec3 frame_to_icrs(const struct frame *f, struct vec3 v);

#endif
