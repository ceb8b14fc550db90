/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild - the last resort: a catalogue made from nothing but the files at the locations.
 *
 * For when the metadata, every copy and every backup of them are lost (else meta_restore).
 * Each file says at its end what it is and under which path it was uploaded (blob_file.h).
 * That brings back the bytes and the tree; accounts, groups, permissions, properties and
 * links are lost, everything belongs to the first administrator, and what was moved lies
 * where it was first. Nothing is dropped:
 *
 *   of several files with one path    the latest gets the name; each other one NAME~ID
 *   a path that is known in part      /lost+found/ID
 *
 * so replaced and deleted versions whose bytes are still there come back, too; those of
 * small files that share a file (storage/blob_pack.h) stay there for long.
 *
 * Thread: any; blocks. No server may run, and there must be no store in meta_dir.
 */
#ifndef QUARTET_REPLICATION_REBUILD_H
#define QUARTET_REPLICATION_REBUILD_H

#include "conf/settings.h"
#include "service/core/err.h"

struct rebuild_config {
	const struct settings *settings;
	void (*tell)(
	    void *arg, const char *text); /* what is done, and what is passed over */
	void *arg;
};

struct rebuilt {
	uint64_t files, containers;
	uint64_t renamed; /* of the files: NAME~ID or lost+found */
	uint64_t passed; /* files at locations that were of no use */
	unsigned at_hand; /* locations */
};

/*
 * ERR_CONFLICT: there is a store, or the locations are of several. ERR_NOT_FOUND: no
 * location is at hand. After a failure meta_dir is as it was.
 */
enum err rebuild(const struct rebuild_config *config, struct rebuilt *out,
    struct errinfo *why) ERR_CHECKED;

#endif
