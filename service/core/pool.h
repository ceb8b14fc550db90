/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool - the memory that file bytes pass through: pieces of two sizes under one limit.
 *
 * Every byte on its way between a socket and a disk lies in a piece. Pieces are aligned
 * for O_DIRECT and counted by reference, since one piece is written to four locations
 * at once.
 *
 * Nobody can be starved: transfers are admitted (pool_admit) only while the last quarter
 * of the limit has a small piece for each; large pieces use the other three quarters at
 * most; a transfer holds one piece that waits for its client and no more. So whatever
 * else is out is on its way through a disk, comes back, and wakes the oldest waiter it
 * has room for. A transfer that was woken and wants nothing any more loses nobody's turn:
 * pool_dismiss wakes who fits.
 *
 * A piece that a hung disk holds is disowned: it leaves the account at once, and is given
 * back to the system, not the pool, when the last reference goes.
 *
 * Thread: any. Order: pool_new -> pool_take -> piece_ref/piece_unref -> pool_free after
 * the last piece is back (disowned ones excepted: they hold the pool).
 */
#ifndef QUARTET_CORE_POOL_H
#define QUARTET_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "service/core/err.h"
#include "service/core/loop.h"

enum piece_class { PIECE_SMALL, PIECE_LARGE };

enum { PIECE_ALIGN = 4096, PIECE_SMALL_SIZE = 64 * 1024, PIECE_LARGE_SIZE = 1024 * 1024 };

struct pool;

struct piece {
	uint8_t *data; /* PIECE_ALIGN aligned */
	size_t size;
	struct pool *pool;
	struct piece *next;
	_Atomic unsigned refs;
	_Atomic bool disowned;
};

struct pool_stats {
	size_t limit_bytes, used_bytes, disowned_bytes;
	unsigned transfers;
};

/*
 * Waits for a piece to come back. Owned by the caller, who sets the first three fields;
 * `job.run` is its callback. `wants` is the smallest class that helps.
 */
struct pool_waiter {
	struct loop_job job;
	struct loop *loop;
	enum piece_class wants;
	struct pool_waiter *next;
	bool queued;
};

enum err pool_new(size_t limit_bytes, struct pool **out, struct errinfo *why) ERR_CHECKED;
void pool_free(struct pool *pool);

/* Before a transfer takes its first piece: false when there are too many already. */
bool pool_admit(struct pool *pool);
void pool_dismiss(struct pool *pool);

/* One reference, contents undefined; NULL when the account is full. */
struct piece *pool_take(struct pool *pool, enum piece_class which);

/*
 * After pool_take answered NULL: post w->job to w->loop once, when a piece has come back
 * (someone else may have got it: take again, wait again). At once, if one came back
 * between the two calls.
 */
void pool_wait(struct pool *pool, struct pool_waiter *w);
/* Forget `w`. False: its job is posted already and will run. */
bool pool_unwait(struct pool *pool, struct pool_waiter *w);

/*
 * One piece of any size (a multiple of PIECE_ALIGN) outside the account, as if disowned
 * from birth: for the checksum tables of large files. NULL: no memory.
 */
struct piece *pool_take_loose(struct pool *pool, size_t size);

void piece_ref(struct piece *piece);
void piece_unref(struct piece *piece); /* NULL is fine */

/* Take the piece off the account; more than one call counts once. */
void piece_disown(struct piece *piece);

struct pool_stats pool_stats(struct pool *pool);

#endif
