/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - walks from header to header of a FITS file.
 *
 * The scan does no input of its own: it asks for a range of the file, the caller fills
 * it in, and the scan goes on. It asks for windows of about 64 KiB, never for a byte
 * twice, and skips data units, so its cost is that of the headers.
 *
 * Order: scan_init -> (scan_next; on SCAN_READ fill scan_room with scan->want_n bytes
 * from scan->want_at, then scan_fed) ... -> scan_release.
 * scan_next answers SCAN_HDU once for each HDU; scan->cards is its header, END included,
 * until the next call. SCAN_END: no HDU follows; what may stand there is not FITS.
 * Memory: one window and one header, both on the heap. Thread: one at a time.
 * Fails with: ERR_NOT_FITS, ERR_FITS_DAMAGED, ERR_TOO_LARGE (number of HDUs),
 * ERR_NO_MEMORY.
 */
#ifndef QUARTET_FITS_SCAN_H
#define QUARTET_FITS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/header.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

/* Whole blocks, so that no block lies in two windows. */
enum { SCAN_WINDOW = 22 * FITS_BLOCK };

enum scan_result { SCAN_READ, SCAN_HDU, SCAN_END, SCAN_FAILED };

struct scan {
	struct str cards; /* the present header as far as it was seen */
	uint64_t want_at; /* of SCAN_READ */
	size_t want_n;

	/* Private. */
	uint64_t file_bytes, hdus_max;
	struct hdu hdu; /* the last one found */
	unsigned n_hdus; /* found so far */
	uint64_t header_at; /* of the next HDU, or of the one begun */
	bool begun; /* `cards` belongs to an HDU not yet reported */
	uint8_t *window;
	uint64_t window_at;
	size_t window_n;
};

enum err scan_init(struct scan *s, uint64_t file_bytes, uint64_t header_max,
    uint64_t hdus_max, struct errinfo *why) ERR_CHECKED;
void scan_release(struct scan *s);

/* *out is written with SCAN_HDU, *why with SCAN_FAILED. */
enum scan_result scan_next(struct scan *s, struct hdu *out, struct errinfo *why);

/* Where the bytes of SCAN_READ go: SCAN_WINDOW bytes, free for other use between. */
uint8_t *scan_room(struct scan *s);
void scan_fed(struct scan *s);

#endif
