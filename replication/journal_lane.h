/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_lane - one location's journal as it is written: its file and its backlog.
 *
 * What is added waits in a backlog while a write is out, and goes with the next write as
 * a whole: a location that is slower than others takes larger bites. Frames are numbered
 * by the caller, each with a higher number than the one before.
 *
 * Internal to replication/journal_mirror.c. Everything is called with the owner's lock
 * held; the lane takes it itself when a write comes back, on the location's thread, and
 * tells the owner by its condition.
 */
#ifndef QUARTET_REPLICATION_JOURNAL_LANE_H
#define QUARTET_REPLICATION_JOURNAL_LANE_H

#include <pthread.h>

#include "replication/health.h"
#include "service/core/str.h"
#include "storage/journal.h"

/* What all lanes of a journal share. */
struct journal_lanes {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a write came back */
	struct health *health;
	uint8_t store[STORE_UUID_SIZE];
	uint64_t file_bytes, backlog_bytes, deadline_ms;
	uint64_t term, term_after; /* the one in force, and the seq it began behind */
};

struct journal_lane {
	struct journal_lanes *all;
	struct location *location;
	unsigned index;
	bool live;
	unsigned failures; /* since the last write that was good */
	uint64_t left_ms; /* when it was last live */
	/* Numbers of frames: durable up to here; on the disk, perhaps, up to there. */
	uint64_t durable, perhaps;
	struct str backlog, flight;
	uint64_t backlog_first, backlog_last, flight_first, flight_last;
	uint64_t seq_before; /* of the backlog's first frame */
	struct location_meta_write write;
	bool out; /* the call */
	bool is_full; /* the file: what comes next begins another */
	bool is_new; /* the backlog begins a file */
	bool stuck; /* told to health */
	uint64_t begun_ms;
	uint64_t offset;
	char name[JOURNAL_NAME_SIZE], next_name[JOURNAL_NAME_SIZE];
};

void journal_lane_init(
    struct journal_lane *lane, struct journal_lanes *all, struct location *location);
/* Only when nothing is out. */
void journal_lane_release(struct journal_lane *lane);

/* Take frames from now on, in a new file. */
void journal_lane_join(struct journal_lane *lane);
/* A frame, whose rows come after `seq_before`. Too large a backlog ends the lane. */
void journal_lane_add(
    struct journal_lane *lane, struct bytes frame, uint64_t number, uint64_t seq_before);
/* Take no more: what has not begun is not written. */
void journal_lane_leave(struct journal_lane *lane);
/* A write that is out for too long ends the lane, and its location counts as hung. */
void journal_lane_watch(struct journal_lane *lane);

#endif
