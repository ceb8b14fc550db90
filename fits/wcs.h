/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wcs - the two axes of an image that are its place on the sky, by wcslib.
 *
 * For the program quartet-fits alone: wcslib reads headers that strangers wrote.
 * The first description with such axes counts, the primary one or A to Z. Other axes do
 * not matter, but must not be mixed into these two.
 * Order: wcs_open -> wcs->map -> wcs_close, always. Memory: the heap.
 */
#ifndef QUARTET_FITS_WCS_H
#define QUARTET_FITS_WCS_H

#include <stddef.h>

#include "fits/frame.h"
#include "fits/sky.h"

struct wcsprm;

struct wcs {
	struct sky_map map;
	unsigned axis[2]; /* from 0: of the image, for each of the map */

	/* Private. */
	struct frame frame;
	double turn[2]; /* once around, in pixels: a map on a cylinder; else 0 */
	struct wcsprm *all, *two;
	int n_all;
};

enum wcs_answer {
	WCS_READY,
	WCS_NONE, /* nothing there, or nothing that can be used */
	WCS_UNSUPPORTED, /* `why` has said it */
	WCS_NO_MEMORY,
};

enum wcs_answer wcs_open(struct wcs *w, char *cards, size_t n_cards, unsigned naxis,
    const uint64_t *axis, char *why, size_t why_size);
void wcs_close(struct wcs *w);

#endif
