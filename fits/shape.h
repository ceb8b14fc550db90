/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - a part of the sky, as the parameters CIRCLE, POLYGON and POS say it (SODA 1.0,
 * DALI 1.1): numbers between blanks, degrees, ICRS.
 *
 *   CIRCLE  = lon lat radius
 *   POLYGON = lon lat lon lat lon lat ...       at least 3 corners, all in one hemisphere
 *   POS     = "CIRCLE" ... | "POLYGON" ... | "RANGE" lon1 lon2 lat1 lat2
 *
 * A range goes east from lon1 to lon2; -Inf and +Inf leave it open. Which way round a
 * polygon goes does not count; the first corner may stand again at the end.
 *
 * Thread: any. Memory: a parsed shape lives in the arena.
 */
#ifndef QUARTET_FITS_SHAPE_H
#define QUARTET_FITS_SHAPE_H

#include <stddef.h>

#include "fits/sphere.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

enum shape_kind { SHAPE_CIRCLE, SHAPE_RANGE, SHAPE_POLYGON };

enum { SHAPE_POINTS_MAX = 100000, SHAPE_CIRCLE_VALUES = 3, SHAPE_RANGE_VALUES = 4 };

struct shape {
	enum shape_kind kind;
	const double *value; /* all finite: a range that was open is from end to end */
	size_t n;
};

/* ERR_INVALID_ARGUMENT says what is wrong with the text. */
enum err shape_parse(struct arena *a, enum shape_kind kind, struct bytes text,
    size_t points_max, struct shape *out, struct errinfo *why) ERR_CHECKED;
/* The text of POS, that begins with a word. */
enum err shape_parse_pos(struct arena *a, struct bytes text, size_t points_max,
    struct shape *out, struct errinfo *why) ERR_CHECKED;

/* The one spelling of a shape; shape_parse_pos makes the same of it. */
void shape_write(struct str *to, const struct shape *s);

/* NULL, or what forbids it. */
const char *shape_fault(const struct shape *s);

/* The middle of a polygon's corners. */
struct vec3 shape_middle(const struct shape *s);

#endif
