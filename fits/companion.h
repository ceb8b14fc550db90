/* SPDX-License-Identifier: Apache-2.0 */
/*
 * companion - other HDUs that the coordinates of an image stand on, and that go with it
 * when it is cut: images of distortions (CPDISj and D2IMDISj of type LOOKUP, the way of
 * the Hubble Space Telescope's pipelines) and tables of coordinates (-TAB: PSi_0a).
 *
 * A table is a function of world coordinates, so it is copied as it stands. A distortion
 * is a function of pixels, with values in pixels: its own coordinates follow the cut, and
 * when the cut has steps or flips, BSCALE and BZERO bring its values to the new pixels.
 * Thread: any; these are values.
 */
#ifndef QUARTET_FITS_COMPANION_H
#define QUARTET_FITS_COMPANION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/card.h"
#include "fits/header.h"
#include "fits/section.h"
#include "service/core/bytes.h"
#include "service/core/str.h"

enum {
	COMPANIONS_MAX = 16, /* of one image; more are not looked for */
	COMPANION_KEY_SIZE = 9,
};

enum companion_kind { COMPANION_LOOKUP, COMPANION_TABLE };

/* The HDU an image refers to. */
struct companion {
	uint64_t version; /* EXTVER */
	enum companion_kind kind;
	unsigned axis; /* of a lookup: the axis of pixels that it corrects */
	char name[CARD_TEXT_MAX + 1]; /* EXTNAME */
	char record[COMPANION_KEY_SIZE]; /* of a lookup: the key that holds its version */
};

/* Those named in the header of an image; how many. */
size_t companion_read(struct bytes cards, struct companion out[COMPANIONS_MAX]);

bool companion_is(const struct companion *c, const struct hdu *hdu);

/* True if `card` says which version the lookup of `record` has. */
bool companion_is_record(const char *card, const char *record);

/* What an image was cut to, `naxis` axes, and the version its lookup gets. */
struct companion_place {
	const struct axis_cut *cut;
	unsigned naxis;
	uint64_t version;
};

/*
 * Append the header of the lookup `c`, whole blocks, as it is right for the cut image.
 * `cards` is the old one and ends with END; the values are not touched.
 */
void companion_move(struct str *to, struct bytes cards, const struct companion *c,
    const struct companion_place *place);

#endif
