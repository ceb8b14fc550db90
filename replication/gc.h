/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc - unlinks the files that no node has any more.
 *
 * Works off the removal queue of the catalogue, each location at its own pace: what is
 * due and not being read is unlinked durably, then struck off. A location that is away
 * keeps its rows until it is back.
 *
 * Thread: the loop given to gc_new.
 */
#ifndef QUARTET_REPLICATION_GC_H
#define QUARTET_REPLICATION_GC_H

#include "replication/mirror.h"

struct gc;

enum err gc_new(struct mirror *m, struct loop *loop, struct gc **out,
    struct errinfo *why) ERR_CHECKED;
void gc_start(struct gc *gc);
/* No more work is begun. */
void gc_stop(struct gc *gc);
/* Unlink nothing more until told otherwise, or go on. Any thread. */
void gc_hold(struct gc *gc, bool held);
bool gc_is_held(const struct gc *gc);
/* Files unlinked at a location since the start. Any thread. */
uint64_t gc_removed(const struct gc *gc, unsigned location);
/* True when nothing it asked for is still out. */
bool gc_quiet(const struct gc *gc);
/* Only when quiet. */
void gc_free(struct gc *gc);

#endif
