/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name - what the result of a cutout is called: "file.fits" cut by [2] and [SCI,3][4:5]
 * becomes "file.2____SCI_3__4_5.fits", by CIRCLE 10.5 20 0.1 "file.circle_10_5_20_0_1.fits".
 * Thread: any. Memory: the arena's; NULL when it is full.
 */
#ifndef QUARTET_FITS_NAME_H
#define QUARTET_FITS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "fits/section.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"

enum { NAME_MAX_BYTES = 200 };

/* At most NAME_MAX_BYTES. `compressed`: keep ".fz" if the file's name ends in it. */
const char *name_of_cutout(struct arena *a, struct bytes file_name,
    const struct section *s, size_t n, bool compressed);

/* `spec`: the spelling of a shape. */
const char *name_of_shape(struct arena *a, struct bytes file_name, struct bytes spec);

/* For the text of all headers. */
const char *name_of_headers(struct arena *a, struct bytes file_name);

#endif
