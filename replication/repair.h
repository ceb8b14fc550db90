/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair - makes the copies that are missing.
 *
 * Works off the repair table of the catalogue, each location at its own pace, one file at
 * a time and no faster than `repair_rate` and `repair_files`: files with the fewest
 * copies first. A location that is away keeps its rows until it is back; a file that
 * cannot be repaired is tried again later, each time after a longer pause.
 *
 * Thread: the loop given to repair_new.
 */
#ifndef QUARTET_REPLICATION_REPAIR_H
#define QUARTET_REPLICATION_REPAIR_H

#include "replication/mirror.h"

struct repair;

enum err repair_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct repair **out, struct errinfo *why) ERR_CHECKED;
void repair_start(struct repair *repair);
/* No more work is begun, what is under way is given up. */
void repair_stop(struct repair *repair);
/* Begin no more until told otherwise, or go on; what is under way is finished. Any thread. */
void repair_hold(struct repair *repair, bool held);
bool repair_is_held(const struct repair *repair);

/* Since the start, at a location. Any thread. */
struct repair_facts {
	uint64_t made, failed;
	uint64_t id; /* the blob that is being copied; 0: none */
};
void repair_facts(
    const struct repair *repair, unsigned location, struct repair_facts *out);

/* Is it making the copy of that blob there at the moment? */
bool repair_is_at(const struct repair *repair, unsigned location, uint64_t id);
/* True when nothing it asked for is still out. */
bool repair_quiet(const struct repair *repair);
/* Only when quiet. */
void repair_free(struct repair *repair);

#endif
