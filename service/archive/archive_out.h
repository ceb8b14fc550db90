/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_out - an archive that is written: members go in, the archive's bytes come out.
 *
 * Order: archive_out_new -> { archive_out_begin -> archive_out_data* }* ->
 * archive_out_finish; archive_out_take at any time, until archive_out_held is 0;
 * archive_out_free at any time.
 *
 * A file must get exactly the bytes its member announced. What was made and not yet taken
 * lies in memory: take it before more goes in. A zip is deflated lightly, since only then
 * can a member whose checksum is not known beforehand be read from a stream.
 * Thread: one at a time.
 */
#ifndef QUARTET_ARCHIVE_ARCHIVE_OUT_H
#define QUARTET_ARCHIVE_ARCHIVE_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

enum archive_format { ARCHIVE_TAR, ARCHIVE_ZIP };

enum archive_kind { ARCHIVE_FILE, ARCHIVE_FOLDER, ARCHIVE_LINK };

struct archive_member {
	enum archive_kind kind;
	struct bytes path; /* "a/b", without a slash at either end */
	uint64_t length; /* of a file */
	int64_t modified_ms;
	struct bytes target; /* of a link: a relative path */
};

struct archive_out;

enum err archive_out_new(enum archive_format format, struct archive_out **out,
    struct errinfo *why) ERR_CHECKED;
void archive_out_free(struct archive_out *a); /* NULL is fine */

enum err archive_out_begin(struct archive_out *a, const struct archive_member *m,
    struct errinfo *why) ERR_CHECKED;
/* Bytes of the file begun last. ERR_INTERNAL: more than were announced. */
enum err archive_out_data(
    struct archive_out *a, const void *p, size_t n, struct errinfo *why) ERR_CHECKED;
/* The end of the archive. ERR_INTERNAL: a file is short of what was announced. */
enum err archive_out_finish(struct archive_out *a, struct errinfo *why) ERR_CHECKED;

/* Bytes that wait to be taken; up to `room` of them go to `to`, *n_out is how many. */
size_t archive_out_held(const struct archive_out *a);
size_t archive_out_take(struct archive_out *a, void *to, size_t room);

#endif
