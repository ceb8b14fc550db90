/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_marker - the file LOCATION in a location's root that says whose it is, so that
 * the empty directory under an unmounted disk, or another store's disk, is never written.
 * Internal to storage. Blocks.
 */
#ifndef QUARTET_STORAGE_LOCATION_MARKER_H
#define QUARTET_STORAGE_LOCATION_MARKER_H

#include <stdint.h>

#include "service/core/err.h"
#include "storage/store.h"

struct location_marker {
	uint8_t store[STORE_UUID_SIZE];
	uint8_t location[STORE_UUID_SIZE];
	unsigned index;
};

/* Written once, durably, into the directory `root_fd`; ERR_CONFLICT if there is one. */
enum err location_marker_write(
    int root_fd, const struct location_marker *marker, struct errinfo *why) ERR_CHECKED;

/* ERR_NOT_FOUND: none; ERR_DAMAGED: not readable as one. */
enum err location_marker_read(
    int root_fd, struct location_marker *out, struct errinfo *why) ERR_CHECKED;

#endif
