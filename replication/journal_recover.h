/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_recover - a metadata store is brought up to date from the journals at the
 * locations, before it is opened for anything else (architecture D62).
 *
 * All journals at hand are read side by side, each by its own thread, so that a location
 * that hangs holds up nobody for longer than the deadline. Of each entry any good copy
 * does. Entries that a later term began behind were never acknowledged and are left out.
 *
 * Thread: the caller's; blocks.
 */
#ifndef QUARTET_REPLICATION_JOURNAL_RECOVER_H
#define QUARTET_REPLICATION_JOURNAL_RECOVER_H

#include "replication/health.h"
#include "storage/journal.h"

struct journal_recover_config {
	const struct store_config *store;
	const char *const *root; /* of the locations, in their order */
	unsigned n;
	unsigned copies; /* every acknowledged entry is in at least so many journals */
	uint64_t deadline_ms;
	/* The store was lost, and this is a copy of it: it must not be trusted to be newer
	 * than what acknowledged entries are missing. */
	bool is_restored;
	bool accept_loss; /* go on although entries may be missing */
};

struct journal_recovered {
	struct journal_position at;
	uint64_t terms; /* the first that may be used */
	uint64_t applied; /* entries */
	unsigned
	    at_hand; /* journals, of locations that have a copy of the catalogue too */
	uint64_t has[LOCATIONS_MAX]; /* the last seq of each location, 0: nothing known */
};

/*
 * ERR_NOT_FOUND: there is no store. ERR_DAMAGED: entries are missing, or may be with so
 * few journals at hand; the store is as far as they reach, and `out` says so.
 */
enum err journal_recover(const struct journal_recover_config *config,
    struct journal_recovered *out, struct errinfo *why) ERR_CHECKED;

#endif
