/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coordinates - which cards of a header say where its pixels are on the sky.
 * Thread: any. Memory: headers are borrowed during the call.
 */
#ifndef QUARTET_FITS_COORDINATES_H
#define QUARTET_FITS_COORDINATES_H

#include <stdbool.h>

#include "fits/header.h"
#include "service/core/bytes.h"
#include "service/core/str.h"

/* True if an axis is a longitude or latitude on some sky. */
bool coordinates_are_sky(struct bytes cards);

/* NULL, or what forbids to find the sky's place by the header alone. */
const char *coordinates_fault(struct bytes cards);

/* Appends those cards that matter, as they stand; how many. */
size_t coordinates_pick(struct str *to, struct bytes cards);

/*
 * The axes of the image, also of one compressed in tiles (ZNAXIS); how many, 0 if there are
 * no pixels.
 */
unsigned coordinates_axes(
    const struct hdu *hdu, struct bytes cards, uint64_t axis[AXES_MAX]);

#endif
