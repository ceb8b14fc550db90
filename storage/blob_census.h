/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_census - how much work is due, counted page by page.
 *
 * The two queues of the catalogue can hold millions of rows, more than may be read in one
 * go by who has other things to do: begin with all zero, take pages until `done`. Changes
 * between two pages are seen or not; what is settled is counted exactly.
 */
#ifndef QUARTET_STORAGE_BLOB_CENSUS_H
#define QUARTET_STORAGE_BLOB_CENSUS_H

#include "storage/blob.h"

enum { BLOB_CENSUS_LOCATIONS = 8, BLOB_CENSUS_PAGE = 1000 };

struct blob_census {
	uint64_t repairs[BLOB_CENSUS_LOCATIONS]; /* copies missing there */
	uint64_t removals[BLOB_CENSUS_LOCATIONS]; /* files to be unlinked there */
	/* Blobs that lack a copy, by the number of those they have. */
	uint64_t lacking[BLOB_CENSUS_LOCATIONS];
	bool done;
	/* Where it goes on. */
	bool in_removals;
	uint8_t from[512]; /* longer than any key */
	size_t from_n;
};

/* BLOB_CENSUS_PAGE rows more at most. */
enum err blob_census_page(struct store_reader *reader, struct blob_census *census,
    struct errinfo *why) ERR_CHECKED;

#endif
