/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the result of a cutout, from its first byte to its last, before any pixel is
 * read: new headers and padding as they will stand, pixels and copied HDUs as places in
 * the file. So the length is known in advance.
 *
 * The shape: one image becomes the primary HDU. Of several, in the order of the file, the
 * first becomes the primary unless the file's own primary has no data: then that one's
 * header goes first. A table or compressed image is copied as it stands, behind a primary
 * without data. A whole extension that stays an extension is copied as it stands too.
 * Last come the companions of the images (fits/companion.h): each once as it stands, or,
 * for distortions of an image whose corner was cut off, one of its own for each image,
 * under a version number not in use.
 *
 * Memory: everything lives in the arena given; headers are borrowed only during the call.
 * Thread: one at a time.
 * Fails with: ERR_NO_OVERLAP, ERR_INVALID_ARGUMENT (not an image), ERR_FITS_DAMAGED (what
 * is asked for lies beyond the file's end), ERR_TOO_LARGE, ERR_NO_MEMORY.
 */
#ifndef QUARTET_FITS_PLAN_H
#define QUARTET_FITS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/grid.h"
#include "fits/header.h"
#include "fits/section.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum part_kind { PART_TEXT, PART_PADDING, PART_GRID };

struct part {
	enum part_kind kind;
	char padding; /* the byte repeated */
	uint64_t length; /* at least 1 */
	struct bytes text;
	struct grid grid;
};

struct plan {
	struct part *part;
	size_t n_parts;
	uint64_t length;
	bool has_compressed; /* a tile-compressed image is copied */
};

/* An HDU and what is wanted of it. */
struct pick {
	struct hdu hdu;
	struct bytes cards; /* its header; needed of images only */
	const struct section *section; /* NULL for a companion */
};

/* What was found in a file. */
struct plan_input {
	const struct pick *primary; /* HDU 0, picked or not */
	const struct pick *pick; /* what was asked for, in the order of the file */
	size_t n_picks; /* at least one */
	const struct pick *companion; /* that images among them refer to */
	size_t n_companions;
	uint64_t file_bytes;
	uint64_t output_max;
};

enum err plan_cutout(struct arena *a, const struct plan_input *in, struct plan *out,
    struct errinfo *why) ERR_CHECKED;

/* The plan that gives `text`, which is borrowed. */
enum err plan_text(struct arena *a, struct bytes text, struct plan *out,
    struct errinfo *why) ERR_CHECKED;

#endif
