/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header - what one FITS header says about its HDU: kind, name, axes, size of the data.
 *
 * Strict where a wrong value would lead a reader astray: the mandatory cards must stand
 * in their order with plain values, NAXIS is at most 32, every product is checked for
 * overflow. All other cards may hold anything, also bytes that are not ASCII.
 * Thread: any; a struct hdu is a value.
 * Fails with: ERR_FITS_DAMAGED, naming HDU and card.
 */
#ifndef QUARTET_FITS_HEADER_H
#define QUARTET_FITS_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/card.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum { AXES_MAX = 32 };

enum hdu_kind {
	HDU_IMAGE, /* pixels and nothing else; NAXIS may be 0 */
	HDU_GROUPS, /* random groups */
	HDU_TABLE, /* ASCII */
	HDU_BINTABLE,
	HDU_COMPRESSED, /* an image in the tiles of a binary table */
	HDU_OTHER, /* also an IMAGE extension with a heap or several groups */
};

struct hdu {
	unsigned index; /* 0 is the primary */
	enum hdu_kind kind;
	uint64_t header_at, data_at; /* offsets in the file */
	uint64_t data_bytes; /* without padding; data_at + data_bytes fits an int64 */
	unsigned element_bytes; /* of one pixel */
	unsigned naxis;
	uint64_t axis[AXES_MAX]; /* NAXIS1 first; each at most INT64_MAX */
	uint64_t version; /* EXTVER, 1 if absent */
	char name[CARD_TEXT_MAX + 1]; /* EXTNAME, "" if absent */
	char hdu_name[CARD_TEXT_MAX + 1]; /* HDUNAME */
};

/*
 * From `cards`, a whole header that ends with its END card and begins at header_at; the
 * data begin at the next block.
 */
enum err header_read(struct bytes cards, unsigned index, uint64_t header_at,
    struct hdu *out, struct errinfo *why) ERR_CHECKED;

/* Where the next HDU begins. */
static inline uint64_t
hdu_end(const struct hdu *hdu)
{
	return hdu->data_at + fits_padded(hdu->data_bytes);
}

static inline bool
hdu_has_data(const struct hdu *hdu)
{
	return hdu->data_bytes > 0;
}

#endif
