/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll - what is remembered of each location over restarts, and the operator's commands:
 * what he ordered, which disk it is, whether it was away and is to be looked through,
 * whether its disk is new and is being filled. health.h has the states that come of it.
 *
 * The record of a location is a note of the catalogue, so it is journalled like any
 * change, and an order holds when it is durable. Without a record the disk that is seen
 * first is the one; from then on no other is taken, be its marker as right as it may.
 *
 * A disk that was replaced, REPLACE:
 *
 *   would anything be lost? ─► make the empty root this location, with a new UUID ─►
 *   record: that disk, NEW ─► forget all copies there, batch by batch ─► repair makes
 *   them ─► none is missing of what the disk before had: no longer NEW
 *
 * A command that was interrupted can be given again.
 *
 * Thread: the loop given to roll_new; roll_command from any.
 */
#ifndef QUARTET_REPLICATION_ROLL_H
#define QUARTET_REPLICATION_ROLL_H

#include "replication/mirror.h"

struct roll;

/* Sets where locations stand: health must not have started. */
enum err roll_new(struct mirror *m, struct loop *loop, struct roll **out,
    struct errinfo *why) ERR_CHECKED;
void roll_start(struct roll *roll);
/* Commands that are not done are given up. */
void roll_stop(struct roll *roll);
/* True when nothing it asked for is still out. */
bool roll_quiet(const struct roll *roll);
/* Only when quiet. */
void roll_free(struct roll *roll);

enum roll_verb {
	/* Take back what was ordered. With `force` the disk that is there is the one, be it
	 * another than the record says, which may be of an older catalogue. */
	ROLL_ONLINE,
	ROLL_READONLY, /* no writes until then */
	ROLL_DRAIN, /* the same, and reads only of what is nowhere else */
	ROLL_TAKE_OUT, /* nothing, and no file stays open: it can be unmounted */
	ROLL_REPLACE
};

/*
 * Owned by the caller until `done`, on `loop`. ERR_CONFLICT: it would leave too few
 * locations to write to, or lose files, or the disk before is there and works, or the new
 * one is not empty; the first three are done with `force` nevertheless. ERR_BUSY: another command, or
 * operations on the disk before, are under way.
 */
struct roll_command {
	enum roll_verb verb;
	unsigned location;
	const char
	    *root; /* REPLACE: where the new disk is; NULL: where the old one was */
	bool force;
	struct loop *loop;
	void (*done)(struct roll_command *command);
	enum err err;
	struct errinfo why;
	struct roll *roll; /* this and the next: its own */
	struct loop_job job;
};

void roll_command(struct roll *roll, struct roll_command *command);

#endif
