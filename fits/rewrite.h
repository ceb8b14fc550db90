/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite - the header of an image that was cut, or that changed its place.
 *
 * For each axis, pixel p of the image is pixel (p - first) / step + 1 of the result. What
 * follows from it is done for the primary world coordinates and for all alternates A to
 * Z: CRPIX moves, the columns of CD or PC (or CDELT) scale, SIP coefficients, LTV/LTM and
 * CNPIX follow. Checksums go, for they would be wrong; so do DATAMIN and DATAMAX of a
 * cut. An HDU that becomes the primary, or an extension, gets and loses the cards that
 * this takes. Every other card is copied byte for byte, in its order.
 *
 * Not changed: keywords that name regions of a detector (DATASEC, CCDSEC, ...).
 * Thread: any.
 */
#ifndef QUARTET_FITS_REWRITE_H
#define QUARTET_FITS_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#include "fits/header.h"
#include "fits/section.h"
#include "service/core/bytes.h"
#include "service/core/str.h"

enum hdu_role { ROLE_PRIMARY, ROLE_EXTENSION };

struct renumber {
	const char *record; /* as in struct companion */
	uint64_t version;
};

struct rewrite {
	enum hdu_role role;
	size_t n_extensions; /* that follow the primary */
	const struct axis_cut *cut; /* one for each axis; NULL: all pixels are kept */
	const struct renumber *renumber; /* lookups that get another version */
	size_t n_renumber;
};

/*
 * Append the new header to `to`, whole blocks. `cards` is the old one up to its END, from
 * which `hdu` was read. Fails only as str does.
 */
void rewrite_header(
    struct str *to, struct bytes cards, const struct hdu *hdu, const struct rewrite *how);

/* A primary HDU without data, for a result whose file has none to copy. */
void rewrite_minimal_primary(struct str *to);

#endif
