/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_replay - a metadata store brought up to date from the journal, before anything
 * else opens it (architecture D62).
 *
 * Order: store_replay_open -> look at it -> store_replay_apply* -> store_replay_close.
 * Thread: one; blocks.
 */
#ifndef QUARTET_STORAGE_STORE_REPLAY_H
#define QUARTET_STORAGE_STORE_REPLAY_H

#include "storage/journal.h"

struct store_replay;

struct store_replay_facts {
	uint8_t uuid[STORE_UUID_SIZE];
	struct journal_position at; /* of the last batch it holds */
	uint64_t terms; /* terms below this may have been used */
	uint64_t next_blob; /* blob ids below this may be in use */
};

/* ERR_NOT_FOUND: there is none; ERR_DAMAGED; ERR_CONFIG: of a newer server. */
enum err store_replay_open(const struct store_config *config, struct store_replay **out,
    struct errinfo *why) ERR_CHECKED;

void store_replay_facts(
    const struct store_replay *replay, struct store_replay_facts *out);

/* The entry behind the last one. After a failure only close is legal. */
enum err store_replay_apply(struct store_replay *replay,
    const struct journal_header *header, struct bytes rows,
    struct errinfo *why) ERR_CHECKED;

/*
 * After entries may have been lost: ids and terms go on far behind any that the lost ones
 * may have used. `are_lost`: some are, so that files nobody knows are kept until somebody
 * has looked at them (store_facts.keep_unknown_below).
 */
enum err store_replay_leap(
    struct store_replay *replay, bool are_lost, struct errinfo *why) ERR_CHECKED;

/*
 * A store that was made from nothing but blobs, none with an id above `last_blob`: its
 * changes are counted on from `at`, and it leaps as when changes are lost.
 */
enum err store_replay_rebuilt(struct store_replay *replay,
    const struct journal_position *at, uint64_t last_blob,
    struct errinfo *why) ERR_CHECKED;

/* `keep`: what was applied becomes durable; else since the last time it did is lost. */
enum err store_replay_close(
    struct store_replay *replay, bool keep, struct errinfo *why) ERR_CHECKED;

#endif
