/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue_check - the catalogue compared with itself, in one snapshot: every record can
 * be read; every node is below the root and is named by the one entry it should be; what
 * a container says is below it is what is; blobs have as many references as nodes and put
 * transactions name them; every copy that is missing has its repair row, and no copy that
 * is counted waits for removal.
 *
 * Memory is bounded: references are counted for `window` blobs at a time, nothing else is
 * kept. One read transaction lasts for the whole of it, so that the store grows by what is
 * changed meanwhile. A damaged page of the store ends the process that reads it
 * (architecture D72): this is for a process of its own.
 */
#ifndef QUARTET_STORAGE_CATALOGUE_CHECK_H
#define QUARTET_STORAGE_CATALOGUE_CHECK_H

#include "storage/store.h"

struct catalogue_check {
	struct store_reader *reader;
	uint64_t window; /* four bytes of memory each, at most 2^28 */
	void (*found)(void *arg, const char *text); /* something is wrong */
	/* Now and then: rows of a table that were looked at. */
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
	/* Counted. */
	uint64_t nodes, blobs, faults;
	uint64_t missing; /* copies; that alone is no fault */
	uint64_t lost; /* blobs without any; a fault each */
};

/* ERR_OK: it was looked at to the end, whatever was found. */
enum err catalogue_check(struct catalogue_check *c, struct errinfo *why) ERR_CHECKED;

#endif
