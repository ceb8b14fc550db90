/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_mirror - the journal of the catalogue at all locations (architecture D60, D61).
 *
 * The writer's batches go to all live locations at once; when `journal_copies` have one
 * durably, it counts. Nobody waits for the others: what one of them has not taken yet
 * waits in a backlog of its own. A location whose write fails, that hangs, or whose
 * backlog grows too large is left out, and comes back with a file of its own from the
 * next entry on; what it missed is on the others, and a copy of the catalogue is made for
 * it (meta_copy.h).
 *
 * A batch that too few locations took is given up under a new term, which must itself be
 * durable at `journal_copies` locations before anybody hears that the batch failed. If
 * that cannot be had either, nobody can tell what the next start will find: the process
 * ends.
 *
 * Order: new -> start -> store_set_journal -> changes -> the store is closed ->
 * stop -> quiet -> free.
 * Threads: sink by the writer; the rest on the loop given, facts by any.
 */
#ifndef QUARTET_REPLICATION_JOURNAL_MIRROR_H
#define QUARTET_REPLICATION_JOURNAL_MIRROR_H

#include "replication/mirror.h"
#include "storage/journal.h"

struct journal_mirror;

struct journal_mirror_config {
	struct mirror *mirror;
	struct loop *loop;
	struct journal_position at; /* of the last batch the store holds */
	uint64_t has[LOCATIONS_MAX]; /* the last seq each location is known to have */
	uint64_t term; /* the first that may be used */
	unsigned copies; /* as wanted; never more than there are locations */
	unsigned bytes_copies; /* of entries with bytes of files; likewise */
	uint64_t file_bytes; /* a file is closed behind this size */
	uint64_t backlog_bytes; /* at most, of one location */
	uint64_t deadline_ms; /* for an entry; then it is given up */
	uint64_t settle_ms; /* how long the first entry waits for locations to come */
	/* Does not return. */
	void (*give_up)(const struct errinfo *why);
};

enum err journal_mirror_new(const struct journal_mirror_config *config,
    struct journal_mirror **out, struct errinfo *why) ERR_CHECKED;
struct journal_sink *journal_mirror_sink(struct journal_mirror *j);
/* Watch locations come and go. */
void journal_mirror_start(struct journal_mirror *j);
/* After the last change. */
void journal_mirror_stop(struct journal_mirror *j);
/* True when nothing it asked for is still out. */
bool journal_mirror_quiet(struct journal_mirror *j);
/* Only when quiet. */
void journal_mirror_free(struct journal_mirror *j);

/* Any thread. */
struct journal_facts {
	struct journal_position at; /* of the last entry that counts */
	unsigned live, copies;
	uint64_t entries, bytes; /* since the start */
	uint64_t given_up; /* batches */
	bool is_live[LOCATIONS_MAX];
	bool missed[LOCATIONS_MAX]; /* entries since its last copy of the catalogue */
	uint64_t backlog[LOCATIONS_MAX]; /* bytes */
};

void journal_mirror_facts(struct journal_mirror *j, struct journal_facts *out);

/* A location has a copy of the catalogue as it was after `seq`, or later. */
void journal_mirror_has_copy(struct journal_mirror *j, unsigned location, uint64_t seq);

/* Its disk was replaced: it has no entry, and needs a copy of the catalogue. Any thread. */
void journal_mirror_begin_anew(struct journal_mirror *j, unsigned location);

#endif
