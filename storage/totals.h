/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totals - recursive bytes and files of containers, exact after every commit.
 *
 * A batch collects what its changes add to each container and writes every touched
 * container once, at its end. Internal to storage; the writer's thread.
 * Order: totals_new -> { totals_mark -> totals_add* -> (totals_undo)? }* ->
 * totals_flush -> ... -> totals_free. Between, a container's true totals are its record's
 * plus what totals_pending says.
 */
#ifndef QUARTET_STORAGE_TOTALS_H
#define QUARTET_STORAGE_TOTALS_H

#include <stdint.h>

#include "service/core/err.h"
#include "storage/db.h"

struct totals;

struct total {
	int64_t bytes, files;
};

struct totals *totals_new(void); /* NULL: no memory */
void totals_free(struct totals *t);

/* From here on totals_undo takes back. */
void totals_mark(struct totals *t);
void totals_undo(struct totals *t);

/*
 * Add to the container `id` and all above it. With bytes > 0 the quota of every container
 * on the way that is fuller now than at the mark is checked: ERR_QUOTA with used, limit
 * and requested. `what` is how many bytes the client asked to store, for the text.
 */
enum err totals_add(struct totals *t, struct db_txn *txn, uint64_t id, struct total delta,
    uint64_t what, struct errinfo *why) ERR_CHECKED;

struct total totals_pending(const struct totals *t, uint64_t id);

/* Write all and forget; containers deleted meanwhile are passed over. */
enum err totals_flush(
    struct totals *t, struct db_txn *txn, struct errinfo *why) ERR_CHECKED;
/* Forget without writing: the batch is given up. */
void totals_clear(struct totals *t);

#endif
