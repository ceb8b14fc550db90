/* SPDX-License-Identifier: Apache-2.0 */
/*
 * companion - other HDUs that the coordinates of an image stand on, and that go with it
 * when it is cut: images of distortions (CPDISj and D2IMDISj of type LOOKUP, the way of
 * the Hubble Space Telescope's pipelines) and tables of coordinates (-TAB: PSi_0a).
 *
 * A table is a function of world coordinates, so it is copied as it stands. A distortion
 * is a function of pixels: its own coordinates move with the corner of the cut. A cut
 * with steps or flips would have to change its values too; this is not done.
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
	char name[CARD_TEXT_MAX + 1]; /* EXTNAME */
	char record[COMPANION_KEY_SIZE]; /* of a lookup: the key that holds its version */
};

/* Those named in the header of an image; how many. */
size_t companion_read(struct bytes cards, struct companion out[COMPANIONS_MAX]);

bool companion_is(const struct companion *c, const struct hdu *hdu);

/* True if `card` says which version the lookup of `record` has. */
bool companion_is_record(const char *card, const char *record);

/*
 * Append the header of a lookup, whole blocks: moved to the pixels of `cut` (of the
 * image, `naxis` axes, no steps), and of another version. `cards` ends with END.
 */
void companion_move(struct str *to, struct bytes cards, const struct axis_cut *cut,
    unsigned naxis, uint64_t version);

#endif
