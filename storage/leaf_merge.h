/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaf_merge - the files of a leaf directory laid beside the records of the catalogue:
 * what does not fit. A doubt is no finding: the two were not looked at in one moment.
 *
 * Pure computation. Thread: any.
 */
#ifndef QUARTET_STORAGE_LEAF_MERGE_H
#define QUARTET_STORAGE_LEAF_MERGE_H

#include "storage/blob.h"
#include "storage/location.h"

enum leaf_doubt {
	DOUBT_MISSING, /* it is counted, and no file lies there */
	DOUBT_SIZE, /* it is counted, and its file has another size */
	DOUBT_UNCOUNTED, /* it is wanted and not counted, but its file lies there */
	DOUBT_UNKNOWN, /* a file without a record */
};

struct leaf_suspect {
	uint64_t id;
	enum leaf_doubt doubt;
};

/*
 * Of `blob`, ascending, and `found`, which is sorted here. `out` has room for one of each
 * of both. Returns how many there are, ascending.
 */
size_t leaf_merge(const struct blob *blob, size_t n, struct location_found *found,
    size_t n_found, unsigned location, struct leaf_suspect *out);

#endif
