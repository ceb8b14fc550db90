/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey - collects from the headers of a file, as they come by, what a request needs:
 * the HDUs it names, the companions that their coordinates stand on (fits/companion.h),
 * every image with coordinates on the sky, or the text of all headers. It says when nothing
 * more is needed.
 *
 * Companions are looked for behind the image that names them; one that is not found is
 * done without.
 *
 * Order: survey_init -> survey_take for each HDU until survey_is_complete, or the file's
 * end -> survey_check -> use the results -> survey_release.
 * Memory: headers that will be needed are copied into the arena; the text of all headers
 * is on the heap. Both are bounded. Thread: one at a time.
 * Fails with: ERR_TOO_LARGE, ERR_NO_MEMORY; survey_check with ERR_INVALID_ARGUMENT.
 */
#ifndef QUARTET_FITS_SURVEY_H
#define QUARTET_FITS_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fits/header.h"
#include "fits/plan.h"
#include "fits/section.h"
#include "service/core/arena.h"
#include "service/core/err.h"
#include "service/core/str.h"

struct survey_want;

struct survey {
	/* Results. */
	struct pick primary;
	struct pick *pick; /* in the order of the file, then of the request */
	size_t n_picks;
	struct pick *companion;
	size_t n_companions;
	struct str text; /* of all headers */

	/* Private. */
	struct arena *arena;
	bool wants_text, wants_sky;
	const struct section *section;
	size_t picks_room;
	size_t n_sections;
	bool *found; /* for each section */
	struct survey_want *want;
	size_t n_wants;
	size_t kept_bytes;
	uint64_t file_bytes;
	bool cut_off; /* the data of the last HDU reach beyond the file's end */
};

/*
 * `section` is borrowed; NULL for the text of all headers, at most text_max bytes.
 * survey_init_sky: picks are all images that have coordinates on the sky, without section.
 */
enum err survey_init(struct survey *s, struct arena *a, const struct section *section,
    size_t n_sections, uint64_t file_bytes, uint64_t text_max,
    struct errinfo *why) ERR_CHECKED;
enum err survey_init_sky(struct survey *s, struct arena *a, uint64_t file_bytes,
    struct errinfo *why) ERR_CHECKED;
void survey_release(struct survey *s);

/* The next HDU of the file and its header. */
enum err survey_take(struct survey *s, const struct hdu *hdu, struct bytes cards,
    struct errinfo *why) ERR_CHECKED;

/* No further HDU can add anything. */
bool survey_is_complete(const struct survey *s);
/* All that was asked for is here, though companions may be missing. */
bool survey_is_enough(const struct survey *s);

/* An error if a section found no HDU. */
enum err survey_check(const struct survey *s, struct errinfo *why) ERR_CHECKED;

#endif
