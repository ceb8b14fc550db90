/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutout - part of a FITS file as a FITS file of its own: pixel sections, whole HDUs, what
 * holds a shape on the sky, or the text of all headers.
 *
 * Promise: the bytes of pixels are those of the file, untouched; the header describes
 * them (fits/rewrite.h). The length is known before the first byte. Only what is needed
 * is read: headers up to the last HDU asked for, then the pixels. An HDU that is damaged
 * does no harm to those before it. Memory does not grow with the result.
 * A shape becomes sections first (fits/finder.h): of every image that has part of it, in
 * the order of the file, the smallest box of pixels, other axes whole. So the result is what
 * SUB gives with those sections.
 * Not done: pixel sections of tile-compressed images, sections of files compressed as a
 * whole; both are refused.
 *
 * Order: cutout_parse -> cutout_open -> `opened` with ERR_OK -> cutout_facts ->
 * cutout_source -> source_next* -> source_close. At any time instead of the source,
 * also while `opened` is awaited: cutout_close.
 * Memory: the ask lives in its arena and must outlive the cutout. The cutout owns the
 * reader from the call of cutout_open on. It takes one piece of the pool for its output,
 * and waits when there is none (the transfer was admitted by the caller); a second
 * one only while it is filled, only if there is one to spare.
 * Thread: the loop given. Callbacks run there, never before a call returned.
 * Fails with: ERR_INVALID_ARGUMENT (syntax, conflict, no such HDU, not an image, not
 * supported), ERR_NOT_FITS, ERR_NO_OVERLAP, ERR_FITS_DAMAGED, ERR_TOO_LARGE,
 * ERR_NO_MEMORY, and what the reader fails with.
 */
#ifndef QUARTET_FITS_CUTOUT_H
#define QUARTET_FITS_CUTOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/finder.h"
#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/loop.h"
#include "service/core/pool.h"
#include "service/core/stream.h"

struct cutout_limits {
	uint64_t header_max; /* bytes of one header */
	uint64_t hdus_max; /* HDUs looked at */
	uint64_t sections_max; /* in one request */
	uint64_t output_max; /* bytes of the result */
	uint64_t points_max; /* corners of a polygon */
};

/* What was asked. */
struct cutout_ask;

/*
 * From the values of all SUB parameters, percent-decoded (grammar: fits/section.h), or
 * META=true without any.
 */
enum err cutout_parse(struct arena *a, const struct bytes *sub, size_t n_sub, bool meta,
    const struct cutout_limits *limits, struct cutout_ask **out,
    struct errinfo *why) ERR_CHECKED;

/* The parameters that are shapes on the sky (grammar: fits/shape.h). */
enum cutout_shape { CUTOUT_CIRCLE, CUTOUT_POLYGON, CUTOUT_POS };

enum err cutout_parse_shape(struct arena *a, enum cutout_shape parameter,
    struct bytes value, const struct cutout_limits *limits, struct cutout_ask **out,
    struct errinfo *why) ERR_CHECKED;

struct cutout;

typedef void cutout_opened_fn(void *arg, enum err err);

/*
 * Reads headers and makes the plan, then calls `opened` once. file_name is only used for
 * the name of the result, and copied. `finder` is needed for shapes only. NULL without memory: `why` is set, the reader is
 * closed, `opened` is not called.
 */
struct cutout *cutout_open(struct loop *loop, struct pool *pool, struct finder *finder,
    struct reader *reader, const struct cutout_ask *ask, struct bytes file_name,
    const struct cutout_limits *limits, cutout_opened_fn *opened, void *arg,
    struct errinfo *why);

struct cutout_facts {
	uint64_t length_bytes;
	const char *content_type;
	const char *file_name; /* proposed for the result: UTF-8, at most 200 bytes */
	/* One spelling for all ways to write the same request, e.g. for an ETag. */
	const char *canonical;
};

/* After `opened` with ERR_OK, until the cutout is closed. */
const struct cutout_facts *cutout_facts(const struct cutout *c);

/* After `opened` with an error. */
const struct errinfo *cutout_why(const struct cutout *c);

/* After `opened` with ERR_OK: the bytes. source_close closes the cutout too. */
struct source *cutout_source(struct cutout *c);

/* NULL is fine. `opened` is not called any more. */
void cutout_close(struct cutout *c);

#endif
