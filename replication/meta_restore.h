/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_restore - a lost or damaged metadata store is made anew: the newest good copy of it
 * at the locations, or a backup, and all that the journals have since (architecture D62).
 *
 * The new store is made beside the old one and takes its place when it is whole; what is
 * left of the old one stays, as data.mdb.TIME. Thread: any; blocks, as long as it takes to
 * read the copy and the journals. No server may have the store open.
 */
#ifndef QUARTET_REPLICATION_META_RESTORE_H
#define QUARTET_REPLICATION_META_RESTORE_H

#include "conf/settings.h"
#include "replication/journal_recover.h"

struct meta_restore_config {
	const struct settings *settings;
	const char *const *checker; /* as of meta_copy_check */
	const char *from; /* a folder with a backup; NULL: what the locations have */
	bool accept_loss; /* although changes may be missing */
	void (*tell)(void *arg, const char *text); /* what is being done */
	void *arg;
};

/*
 * ERR_NOT_FOUND: there is no good copy. ERR_DAMAGED: changes are missing, or may be with
 * so few journals at hand; nothing was changed.
 */
enum err meta_restore(const struct meta_restore_config *config,
    struct journal_recovered *out, struct errinfo *why) ERR_CHECKED;

#endif
