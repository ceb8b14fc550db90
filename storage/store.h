/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the metadata store as a whole: nodes, blobs, accounts and jobs in one place.
 *
 * nodes.h, blobs.h, accounts.h and jobs.h say what can be asked and changed. What they
 * share is here:
 *
 * Reading is immediate, from a snapshot that lives inside one call. It needs a
 * `struct store_reader`, one per thread. Loops read directly: pages of the store are
 * memory, or one disk read away on the metadata disk (architecture D72).
 *
 * Changing is asynchronous: a request struct with a `struct change` inside goes to the
 * writer thread and comes back to its loop when it is durable. One request is one atomic
 * change: either all of it or nothing. The writer takes everything that waits as one
 * batch: each change in a child transaction, one commit, then all answers, refusals too,
 * since a refusal may rest on a neighbour not yet committed (architecture D60).
 *
 * Memory: a request and all it points to belong to the caller and must stay until `done`.
 */
#ifndef QUARTET_STORAGE_STORE_H
#define QUARTET_STORAGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/loop.h"
#include "service/core/metric.h"

struct journal_sink;
struct store;
struct store_reader;
struct write; /* a change's view of the running transaction; storage's own */

struct change {
	/* Set by the caller. `loop` NULL: `done` runs on the writer's thread. */
	struct loop *loop;
	void (*done)(struct change *change);
	/* Valid in `done`. */
	enum err err;
	struct errinfo why;
	/* The commit itself failed: the disk may hold the change, which the next start finds
	 * out. What it names must be left alone. */
	bool outcome_open;
	/* Storage's own. */
	enum err (*apply)(struct change *change, struct write *w);
	struct queue_item item;
	struct loop_job job;
};

enum { STORE_UUID_SIZE = 16, STORE_ID_BLOCK = 1024 };

struct store_config {
	const char *dir;
	uint64_t map_bytes;
	unsigned readers_max;
	unsigned batch_max;
	uint64_t gc_delay_ms; /* how long replaced bytes are kept for readers under way */
	const uint8_t *uuid; /* for store_format; NULL: a new one */
};

struct store_facts {
	uint8_t uuid[STORE_UUID_SIZE];
	uint64_t blob_ids; /* blob ids below this may be in use */
	uint64_t oldest_open_blob; /* no unfinished upload has a smaller id */
	/* Files with smaller ids that the catalogue does not know may be of changes that were
	 * lost: they are kept. 0: none were. */
	uint64_t keep_unknown_below;
	uint64_t map_bytes, used_bytes;
	uint64_t
	    oldest_reader_us; /* how long a read transaction has been open; 0: none */
	uint64_t nodes, blobs;
	uint64_t repairs_due; /* rows of urep: copies that are missing */
	uint64_t blobs_lost; /* of them: blobs without any copy */
	uint64_t removals_due; /* rows of gcq: files that are to be unlinked */
};

/*
 * Make an empty store in `config->dir`: the root container, public, owned by the account
 * `administrator`, which is created. ERR_CONFLICT when there is a store already.
 */
enum err store_format(const struct store_config *config, const char *administrator,
    struct errinfo *why) ERR_CHECKED;

/* Open it and start the writer. ERR_NOT_FOUND when there is none. */
enum err store_open(const struct store_config *config, struct store **out,
    struct errinfo *why) ERR_CHECKED;
/*
 * Open it only to look, also while a server has it: no change may be submitted. What it
 * has mapped is damaged, at worst, with the process that reads it (architecture D72).
 */
enum err store_open_to_read(const struct store_config *config, struct store **out,
    struct errinfo *why) ERR_CHECKED;
/* Every change from now on goes through the journal; before the first one. */
void store_set_journal(struct store *store, struct journal_sink *journal);
/* A copy of all that is committed, see db_copy. Any thread; blocks. */
enum err store_copy(struct store *store, int fd, struct errinfo *why) ERR_CHECKED;
/* No more changes: waits for those that were submitted. Reading goes on. */
void store_finish(struct store *store);
/* Likewise, and then all is over. */
void store_close(struct store *store);

enum err store_reader_new(
    struct store *store, struct store_reader **out, struct errinfo *why) ERR_CHECKED;
void store_reader_free(struct store_reader *reader);

enum err store_facts(struct store_reader *reader, struct store_facts *out,
    struct errinfo *why) ERR_CHECKED;

/* What the writer has done since the store was opened, for those who watch. */
struct store_counts {
	struct metric_histogram batch; /* changes in each commit, by metric_sizes */
	struct metric_histogram commit_us; /* of a batch, all told, by metric_times_us */
	_Atomic uint64_t failures; /* batches that were not committed */
};

const struct store_counts *store_counts(const struct store *store);

/* Once a minute: forget readers of processes that died, and put transactions past their
 * time. */
void store_tend(struct store *store);

/*
 * Blob ids are taken in blocks, ahead of need: what *first_out of the finished request
 * names, and the STORE_ID_BLOCK - 1 ids behind it, were never used and will not be given
 * out again, whatever happens to the process.
 */
struct store_reserve {
	struct change change;
	uint64_t first_out;
};
void store_reserve(struct store *store, struct store_reserve *r);

/*
 * Another number after each change, before its `done`: what was read after this was called
 * holds as long as it stays the same. Any thread.
 */
uint64_t store_version(const struct store *store);

/*
 * The smallest blob id of an upload under way, stored with each batch so that the
 * start-up sweep looks no further back. Called by whoever hands out ids; any thread.
 */
void store_set_oldest_open(struct store *store, uint64_t blob_id);

/* Comes back when the writer has got so far; changes nothing, and says ERR_CANCELLED. */
void store_ping(struct store *store, struct change *ping);

/* A small value under a name of the caller's, for keys and cursors. */
struct store_note {
	struct change change;
	const char *name;
	struct bytes value; /* empty: delete */
};
void store_note(struct store *store, struct store_note *note);
/*
 * keep_unknown_below is over, and the next process's sweep looks at every file there is;
 * name and value are set here. Not while this process makes files.
 */
void store_release_unknown(struct store *store, struct store_note *note);
/* ERR_NOT_FOUND; at most `room` bytes are copied, *n_out is the whole length. */
enum err store_get_note(struct store_reader *reader, const char *name, void *to,
    size_t room, size_t *n_out, struct errinfo *why) ERR_CHECKED;

#endif
