/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_hold - room that uploads under way have been promised, so that of two uploads
 * into the last free bytes the second is refused before it is sent, not after.
 *
 * A hold counts against every container with a limit on the way to the file. It is only a
 * promise: the limit itself is kept by the commit (totals.h), which knows of no holds, so
 * a hold ends right before it.
 *
 * Order: quota_holds_new -> { quota_hold_begin -> quota_hold_end }* -> quota_holds_free.
 * Thread: any. Memory: a hold is the caller's, zeroed, and stays until it is ended.
 */
#ifndef QUARTET_STORAGE_QUOTA_HOLD_H
#define QUARTET_STORAGE_QUOTA_HOLD_H

#include "service/core/arena.h"
#include "storage/nodes.h"

struct quota_holds;

struct quota_hold {
	const uint64_t *id; /* containers, in the arena given */
	size_t n;
	uint64_t bytes;
};

struct quota_holds *quota_holds_new(void); /* NULL: no memory */
void quota_holds_free(struct quota_holds *holds);

/*
 * Promise `bytes` more below the containers of a trail. ERR_QUOTA with used (what is
 * promised included), limit and `asked`, which is what the client wants to store;
 * ERR_NO_MEMORY.
 */
enum err quota_hold_begin(struct quota_holds *holds, const struct nodes_trail *trail,
    uint64_t bytes, uint64_t asked, struct arena *a, struct quota_hold *hold,
    struct errinfo *why) ERR_CHECKED;

/* Nothing is promised any more; once more is harmless. */
void quota_hold_end(struct quota_holds *holds, struct quota_hold *hold);

/* Bytes promised below a container now. */
uint64_t quota_held(struct quota_holds *holds, uint64_t id);

#endif
