/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild_files - what lies at all locations together, file by file. Internal to
 * replication: collected by rebuild_files.c, made into a catalogue by rebuild.c.
 */
#ifndef QUARTET_REPLICATION_REBUILD_FILES_H
#define QUARTET_REPLICATION_REBUILD_FILES_H

#include "replication/rebuild.h"
#include "storage/blob.h"

struct rebuild_file {
	struct blob blob; /* with all locations that have it; or of a pack's member */
	char *path; /* at upload; may be the end of one only */
	bool has_name; /* false: a later file has the same path */
};

struct rebuild_files {
	struct rebuild_file *file; /* by path, of one path the latest first */
	size_t n, room;
	struct blob *pack; /* what members are in; no files of their own */
	size_t n_packs;
	uint64_t last_id;
	uint64_t passed;
	unsigned at_hand;
	uint8_t store[STORE_UUID_SIZE];
};

/* Start from a zeroed one; rebuild_files_release it whatever comes back. */
enum err rebuild_files_collect(const struct rebuild_config *config,
    struct rebuild_files *out, struct errinfo *why) ERR_CHECKED;
void rebuild_files_release(struct rebuild_files *files);

#endif
