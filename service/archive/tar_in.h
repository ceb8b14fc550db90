/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_in - a tar archive that is read as its bytes arrive (POSIX ustar and pax, long
 * names of GNU tar).
 *
 * Order: tar_in_new -> tar_in_next*, until TAR_IN_END or TAR_IN_BROKEN -> tar_in_free at
 * any time. Each call takes bytes from the front of `in` and says what they were:
 *
 *   TAR_IN_MORE     `in` is used up; ask again with the bytes that follow
 *   TAR_IN_MEMBER   tar_in_member is another one; its texts stay until the call after its data
 *   TAR_IN_DATA     *data are the next bytes of that member: length of them in all
 *   TAR_IN_END      the mark of the archive's end; what follows is padding
 *   TAR_IN_BROKEN   it is no sound tar; `why` says how, and every further call the same
 *
 * It does not ask libarchive, whose reader pulls: it would need a thread for each archive,
 * and it makes names over (composed letters), which are to stay as they are.
 * Memory is bounded by `text_max`: the names and pax records of one member.
 * Not taken: sparse files (BROKEN, since their length is not that of their bytes) and an
 * archive that ends without its mark. Names are bytes: whoever uses them checks them.
 * Thread: one at a time.
 */
#ifndef QUARTET_ARCHIVE_TAR_IN_H
#define QUARTET_ARCHIVE_TAR_IN_H

#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

enum tar_in_kind {
	TAR_IN_FILE,
	TAR_IN_FOLDER,
	TAR_IN_LINK, /* symbolic */
	TAR_IN_OTHER, /* hard link, device, fifo, what nobody knows */
};

struct tar_in_member {
	enum tar_in_kind kind;
	struct bytes path; /* as it stands there, a slash at its end included */
	uint64_t length; /* bytes that come as TAR_IN_DATA; 0 but for FILE and OTHER */
	struct bytes target; /* of a link */
};

enum tar_in_step { TAR_IN_MORE, TAR_IN_MEMBER, TAR_IN_DATA, TAR_IN_END, TAR_IN_BROKEN };

struct tar_in;

struct tar_in *tar_in_new(size_t text_max); /* NULL: no memory */
void tar_in_free(struct tar_in *t); /* NULL is fine */

enum tar_in_step tar_in_next(
    struct tar_in *t, struct bytes *in, struct bytes *data, struct errinfo *why);

const struct tar_in_member *tar_in_member(const struct tar_in *t);

#endif
