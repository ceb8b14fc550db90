/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_place - a metadata store is made beside the one in meta_dir, and takes its place
 * when it is whole. Internal to replication.
 *
 * Order: meta_place_begin, as often as it takes -> the store is made in `dir` and closed
 * -> meta_place_commit, or not -> meta_place_end. Thread: any; blocks.
 */
#ifndef QUARTET_REPLICATION_META_PLACE_H
#define QUARTET_REPLICATION_META_PLACE_H

#include "service/core/err.h"

enum { META_PLACE_PATH_SIZE = 4096 };

struct meta_place {
	const char *meta_dir; /* set by the user, borrowed */
	char dir[META_PLACE_PATH_SIZE]; /* empty after meta_place_begin */
};

/* Makes meta_dir, too, if it is not there. */
enum err meta_place_begin(struct meta_place *place, struct errinfo *why) ERR_CHECKED;

/* What was in meta_dir stays as data.mdb.TIME. Durable. */
enum err meta_place_commit(struct meta_place *place, struct errinfo *why) ERR_CHECKED;

void meta_place_end(struct meta_place *place);

#endif
