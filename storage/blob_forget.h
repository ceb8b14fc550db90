/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_forget - a location whose disk is empty: no copy there is counted any more.
 *
 * The blob table is gone through once, batch by batch. How far that is, is written down
 * in the same commit as what was changed: a copy that is made at a location again is not
 * forgotten once more after a restart.
 */
#ifndef QUARTET_STORAGE_BLOB_FORGET_H
#define QUARTET_STORAGE_BLOB_FORGET_H

#include "storage/blob.h"

enum { BLOB_FORGET_BATCH = 1000 };

/*
 * Of the next BLOB_FORGET_BATCH blobs with ids above `after` and below `end`, those that
 * are counted at `location` are so no more, and have repair rows. `upto_out` of all was
 * looked at, which the note `cursor` says from then on.
 */
struct blob_forget {
	struct change change;
	unsigned location;
	uint64_t after, end;
	const char *cursor;
	uint64_t upto_out; /* end - 1: that was the last batch */
	uint64_t forgotten_out;
};
void blob_forget(struct store *store, struct blob_forget *r);

/* What the note says; 0: there is none. */
enum err blob_forgotten(struct store_reader *reader, const char *cursor, uint64_t *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Does a blob with an id below `end` lack a copy at `location` that could be made, since
 * there is another?
 */
enum err blob_repairs_below(struct store_reader *reader, unsigned location, uint64_t end,
    bool *any_out, struct errinfo *why) ERR_CHECKED;

/*
 * Among the BLOB_FORGET_BATCH blobs behind *after: how many are counted nowhere but at
 * `location` are added to *n. *after moves on; *more_out: there are others.
 */
enum err blob_only_at(struct store_reader *reader, unsigned location, uint64_t *after,
    uint64_t *n, bool *more_out, struct errinfo *why) ERR_CHECKED;

#endif
