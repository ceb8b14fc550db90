/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll_record - what the catalogue remembers of a location, as it is written down.
 * Internal to roll. Pure functions.
 */
#ifndef QUARTET_REPLICATION_ROLL_RECORD_H
#define QUARTET_REPLICATION_ROLL_RECORD_H

#include "replication/health.h"
#include "service/core/bytes.h"

struct roll_record {
	enum location_order order;
	bool has_disk, is_doubtful, is_new;
	uint8_t disk[STORE_UUID_SIZE]; /* which is this location */
	uint64_t new_from; /* blobs with smaller ids were on the disk before */
};

enum { ROLL_RECORD_SIZE = 32 };

void roll_record_encode(const struct roll_record *r, uint8_t to[ROLL_RECORD_SIZE]);
/* ERR_DAMAGED. */
enum err roll_record_decode(
    struct bytes record, struct roll_record *out, struct errinfo *why) ERR_CHECKED;

#endif
