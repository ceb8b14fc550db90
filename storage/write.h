/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write - what a change sees while the writer applies it.
 *
 * Internal to storage. Lives on the writer's thread for one batch. All reading and
 * writing of a change goes through `txn`, its child transaction, so that a failed change
 * leaves nothing behind; totals have their own undo (totals.h). Counters only ever go up:
 * an id taken by a change that then failed is lost, not reused.
 */
#ifndef QUARTET_STORAGE_WRITE_H
#define QUARTET_STORAGE_WRITE_H

#include <stdint.h>

#include "service/core/arena.h"
#include "service/core/str.h"
#include "storage/db.h"
#include "storage/store.h"
#include "storage/totals.h"

/* The next free number of each kind, kept in `meta`. */
enum counter {
	COUNTER_NODE,
	COUNTER_BLOB,
	COUNTER_IDENTITY,
	COUNTER_GROUP,
	COUNTER_JOB,
	COUNTERS
};

struct write {
	struct db_txn *txn;
	struct arena arena; /* cleared after each change */
	struct str record; /* scratch for encoding */
	struct totals *totals;
	int64_t now_ms;
	uint64_t gc_delay_ms;
	uint64_t counters[COUNTERS];
	bool counters_changed;
	uint64_t oldest_open, terms; /* as stored */
	bool has_bytes; /* the batch has bytes of files (blob_small.h) */
};

/* Names in `meta`, each a number of 8 bytes. */
#define META_NEXT_NODE   "next.node"
#define META_NEXT_BLOB   "next.blob"
#define META_OLDEST_OPEN "oldest.open"
#define META_TERMS       "journal.terms" /* below it all may have been used */

/* See struct store_facts; a note, so that it can be removed. */
#define NOTE_KEEP_UNKNOWN "keep.unknown"
#define META_KEEP_UNKNOWN "note." NOTE_KEEP_UNKNOWN

/* The position of the last batch in the journal (journal.h). */
#define META_JOURNAL "journal.at"

/* A number of `meta`, or `fallback` where there is none. */
enum err store_get_number(struct db_txn *txn, const char *name, uint64_t fallback,
    uint64_t *out, struct errinfo *why) ERR_CHECKED;

enum err store_put_number(
    struct db_txn *txn, const char *name, uint64_t v, struct errinfo *why) ERR_CHECKED;

/* Take `n` numbers; returns the first. */
static inline uint64_t
write_take(struct write *w, enum counter which, uint64_t n)
{
	uint64_t first = w->counters[which];

	w->counters[which] += n;
	w->counters_changed = true;
	return first;
}

/* What a store may have in it that servers before did not know: bits of its first set. */
enum store_feature {
	STORE_SMALL = 1, /* small blobs, and packs */
	STORE_GROUP_ADMINS = 2, /* rows of `member` that make nobody one */
	STORE_PEOPLE = 4, /* tokens, and more about an account than its password */
	STORE_LINKS = 8, /* tokens that are links to share, their guests, letters */
};

/* It has these from now on: a server that does not know them will not open it. */
enum err store_need(struct write *w, uint64_t features, struct errinfo *why) ERR_CHECKED;

/* Is this a store that this server may open? ERR_CONFIG: one of a newer one. */
enum err store_check_format(struct db_txn *txn, struct errinfo *why) ERR_CHECKED;

/* Hand a request to the writer; storage's own modules set `apply` first. */
void store_submit(struct store *store, struct change *change);

/* The snapshot of a reader, for storage's own modules. */
enum err store_read_begin(
    struct store_reader *reader, struct db_txn **out, struct errinfo *why) ERR_CHECKED;
void store_read_end(struct store_reader *reader);

#endif
