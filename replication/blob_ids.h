/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_ids - hands out blob ids, and remembers which uploads are not finished.
 *
 * Ids come in blocks of STORE_ID_BLOCK that are reserved durably before the first of them
 * is used; the next block is fetched when half of the last one is gone. The leaf
 * directory of a block is asked for at every location then, ahead of its first file; a
 * location that misses that makes it when a file needs it. An id stays open from take to
 * close: until every location has settled. The smallest open id goes into each metadata
 * commit, so that the start-up sweep looks no further back; until the last process's
 * leftovers are swept (blob_ids_swept) that number stays where the last process left it.
 *
 * Thread: any, but for new, start, stop and free.
 */
#ifndef QUARTET_REPLICATION_BLOB_IDS_H
#define QUARTET_REPLICATION_BLOB_IDS_H

#include "replication/health.h"
#include "storage/store.h"

struct blob_ids;

/*
 * Waits for an id. Owned by the caller; its job runs once there may be one, or with `err`
 * when the store could not reserve any.
 */
struct blob_ids_waiter {
	struct loop_job job;
	struct loop *loop;
	enum err err;
	struct errinfo why;
	struct blob_ids_waiter *next;
};

struct blob_ids_config {
	struct store *store;
	struct location *location[LOCATIONS_MAX];
	unsigned n;
	struct loop *loop; /* where blocks are fetched */
};

enum err blob_ids_new(const struct blob_ids_config *config, struct blob_ids **out,
    struct errinfo *why) ERR_CHECKED;
/* Fetch the first block. On the loop's thread, or before it runs. */
void blob_ids_start(struct blob_ids *ids);
/* No more blocks are fetched. On the loop's thread. */
void blob_ids_stop(struct blob_ids *ids);
/* True when nothing it asked for is still out. On the loop's thread. */
bool blob_ids_quiet(struct blob_ids *ids);
/* Only when quiet, and nothing waits. */
void blob_ids_free(struct blob_ids *ids);

/* False: none at the moment; wait with blob_ids_wait, or fail. */
bool blob_ids_take(struct blob_ids *ids, uint64_t *id_out);
void blob_ids_wait(struct blob_ids *ids, struct blob_ids_waiter *w);
void blob_ids_close(struct blob_ids *ids, uint64_t id);
/* An earlier process's id is open still: in ascending order, before the first is taken.
 * False: no memory. */
bool blob_ids_reopen(struct blob_ids *ids, uint64_t id);

/* No id from here on was given out yet; `otherwise` if that is not known. */
uint64_t blob_ids_next(struct blob_ids *ids, uint64_t otherwise);

/* Is an upload of this process still at it? */
bool blob_ids_is_open(struct blob_ids *ids, uint64_t id);

/* The leftovers of earlier processes are gone. */
void blob_ids_swept(struct blob_ids *ids);

#endif
