/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section - the text of one SUB: which HDU, and which of its pixels.
 *
 *   sub     = ext section | ext | section           (no ext: the primary HDU)
 *   ext     = "[" ( INT | NAME [ "," INT [ "," XT ] ] ) "]"
 *   section = "[" range *( "," range ) "]"
 *   range   = [ "-" ] "*" [ ":" STEP ] | [SINT] ":" [SINT] [ ":" STEP ] | SINT
 *
 * A lone bracket with ':' or '*' is a section, any other an extension. XT is one of I,
 * IMAGE, B, BINTABLE, T, TABLE. Blanks may stand around tokens. Pixels count from 1; a
 * range from high to low flips its axis; what lies outside the image is clipped.
 * Nothing else of the syntax of other FITS tools is understood.
 *
 * Thread: any. Memory: a parsed section lives in the arena and copies its text.
 */
#ifndef QUARTET_FITS_SECTION_H
#define QUARTET_FITS_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/header.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

/* One range as it was written. Both ends open: the whole axis. */
struct pixel_range {
	int64_t first, last; /* unless open */
	bool first_open, last_open;
	bool backwards; /* the whole axis, flipped */
	int64_t step; /* at least 1 */
};

enum section_type { SECTION_ANY, SECTION_IMAGE, SECTION_BINTABLE, SECTION_TABLE };

struct section {
	struct bytes name; /* in capitals; .p NULL: the HDU is given by its index */
	uint64_t index;
	uint64_t version; /* EXTVER, 0: whichever comes first */
	enum section_type type;
	struct pixel_range *range; /* axis 1 first */
	size_t n_ranges; /* 0: the whole HDU */
};

/* What a range makes of an axis: pixel i (from 0) is first + i * step of the image. */
struct axis_cut {
	uint64_t first;
	int64_t step; /* negative: flipped */
	uint64_t n; /* at least 1 */
};

/* ERR_INVALID_ARGUMENT says what is wrong with `text`. */
enum err section_parse(struct arena *a, struct bytes text, struct section *out,
    struct errinfo *why) ERR_CHECKED;

/* The one spelling of a section; parsing it gives the same section. */
void section_write(struct str *to, const struct section *s);

/* True if `hdu` is the one meant: the caller takes the first that is. */
bool section_selects(const struct section *s, const struct hdu *hdu);

/*
 * The pixels of `s` (n_ranges > 0) in `hdu`; axes without a range are kept whole.
 * ERR_NO_OVERLAP when a range misses its axis; ERR_INVALID_ARGUMENT when the HDU has no
 * pixels that can be cut, or fewer axes.
 */
enum err section_clip(const struct section *s, const struct hdu *hdu,
    struct axis_cut out[AXES_MAX], struct errinfo *why) ERR_CHECKED;

#endif
