/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - removes, after a start, what earlier processes left half done.
 *
 * At each location: all unfinished files, and the finished files that the catalogue does
 * not know, looked for in the leaf directories between the oldest upload that was open
 * and the last id that was ever reserved (architecture D63, D64). A finished file is
 * removed only if its trailer names our store; more unknown files than sweep_limit at one
 * location stop the sweep there and it says so: then somebody should look first.
 *
 * Runs beside the serving of requests, since it only touches ids of earlier processes. A
 * location that is away is swept when it first comes.
 * Thread: the loop given to sweep_new.
 */
#ifndef QUARTET_REPLICATION_SWEEP_H
#define QUARTET_REPLICATION_SWEEP_H

#include "replication/mirror.h"

struct sweep;

enum sweep_state { SWEEP_WAITING, SWEEP_RUNNING, SWEEP_DONE, SWEEP_STOPPED };

struct sweep_facts {
	enum sweep_state state;
	uint64_t removed, strangers;
};

enum err sweep_new(struct mirror *m, struct loop *loop, uint64_t limit,
    struct sweep **out, struct errinfo *why) ERR_CHECKED;
void sweep_start(struct sweep *sweep);
void sweep_stop(struct sweep *sweep);
/* True when nothing it asked for is still out. */
bool sweep_quiet(const struct sweep *sweep);
/* Only when quiet. */
void sweep_free(struct sweep *sweep);

/* Nothing is swept now, nor will be before a location comes that is away. */
bool sweep_rests(const struct sweep *sweep);

/* Any thread. */
void sweep_facts(struct sweep *sweep, unsigned location, struct sweep_facts *out);

#endif
