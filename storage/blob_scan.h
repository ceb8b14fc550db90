/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_scan - what lies at a location, from the files themselves: for who has nothing else
 * to go by, while no server runs.
 *
 * Only name, size and trailer of a file are looked at, not its bytes. Thread: any; blocks.
 */
#ifndef QUARTET_STORAGE_BLOB_SCAN_H
#define QUARTET_STORAGE_BLOB_SCAN_H

#include "storage/blob_file.h"

struct blob_scan {
	const char *root; /* of the location */
	uint8_t store[STORE_UUID_SIZE];
	/* Each file that is whole as far as can be seen, open to be read; what is passed is
	 * valid for the call. Not ERR_OK ends the scan. */
	enum err (*found)(
	    void *arg, int fd, const struct blob_trailer *trailer, struct errinfo *why);
	/* A file that is none of this store's, or not whole: passed over. */
	void (*passed)(void *arg, const char *path, const struct errinfo *reason);
	void *arg;
};

/* ERR_IO: a directory cannot be read. */
enum err blob_scan(const struct blob_scan *scan, struct errinfo *why) ERR_CHECKED;

#endif
