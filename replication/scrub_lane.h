/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub_lane - scrubbing at one location: what its parts share. Internal to scrub.
 *
 *   scrub.c          when what is done; orders, facts, where it is is written down
 *   scrub_deep.c     one copy after the other, read whole
 *   scrub_shallow.c  one leaf directory after the other, listed
 *
 * A step does something about the pass it is called for and ends, now or later, with
 * exactly one of the ends below. An order in between makes what comes back void: then
 * scrub_is_void says so, and the step ends with scrub_rest.
 */
#ifndef QUARTET_REPLICATION_SCRUB_LANE_H
#define QUARTET_REPLICATION_SCRUB_LANE_H

#include <pthread.h>

#include "replication/copy_check.h"
#include "replication/scrub.h"
#include "storage/leaf_merge.h"

enum { SCRUB_BATCH = 64 };

struct scrub_lane {
	struct scrub *scrub;
	unsigned index;
	struct scrub_pass pass[SCRUB_KINDS];
	struct loop_timer *timer; /* until the next step */
	struct scrub_pace pace;
	bool busy; /* a step is under way */
	uint64_t orders, step_orders; /* given so far, and when the step began */
	struct copy_check *check; /* out */

	/* The deep pass. */
	struct blob batch[SCRUB_BATCH];
	size_t n, next;
	uint64_t unreadable; /* the blob whose copy could not be read the last time */

	/* The shallow pass. */
	struct location_list list;
	struct location_found *found; /* in the leaf so far */
	size_t n_found, skip; /* how many; how many of the directory were looked at */
	struct leaf_suspect *suspect; /* of the leaf that is looked at; NULL: none is */
	size_t n_suspects, next_suspect;
	bool some_unknown;
	/* The pass is the one that lets a location back in after it was away. */
	bool merging, was_off;
	unsigned absences; /* when it began */
	struct blob blob; /* the suspect that is verified */
	struct blob_copied copied;
	struct location_remove remove;
	struct location_victim *victim; /* room for those of the leaf */
	size_t n_victims;

	/* Writing it down. */
	struct store_note note;
	char note_name[16];
	uint8_t record[SCRUB_KINDS * SCRUB_RECORD_SIZE];
	bool saving, unsaved;
	uint64_t saved_ms;

	uint64_t read_bytes, errors; /* since the start */
	uint64_t measured_bytes, measured_ms, published_ms;
	struct scrub_facts seen; /* by others; under scrub->lock */
};

struct scrub {
	struct mirror *m;
	struct loop *loop;
	struct store_reader *reader;
	pthread_mutex_t lock;
	uint64_t rate, period_ms[SCRUB_KINDS], save_ms;
	uint64_t bad_max, bad_percent, unknown_max;
	uint64_t ids_end; /* as the last process left it: above are this one's */
	uint64_t keep_below; /* unknown files with smaller ids stay */
	bool stopping;
	struct scrub_lane lane[LOCATIONS_MAX];
};

/* The ends of a step: it goes on at once, or after a pause; the pass is through, or stops. */
void scrub_next(struct scrub_lane *lane);
void scrub_rest(struct scrub_lane *lane, uint64_t ms);
void scrub_through(struct scrub_lane *lane, enum scrub_kind kind);
void scrub_halt(struct scrub_lane *lane, enum scrub_kind kind, const char *what);

/* Stopping, or told otherwise since the step began. */
bool scrub_is_void(const struct scrub_lane *lane);

/* How long to wait before something that costs as much as reading `n` bytes; 0: now. */
uint64_t scrub_pause(struct scrub_lane *lane, size_t n);

/* The same as copy_check's `hold`, before a read; `arg` is the lane. */
uint64_t scrub_hold(void *arg, size_t n);

/*
 * A copy is bad, or missing: count it, and unless the pass only reports let repair make it
 * again. False: that would be too many; nothing was done, the pass is to be halted.
 */
bool scrub_lost(struct scrub_lane *lane, enum scrub_kind kind, const struct blob *blob,
    bool is_there) ERR_CHECKED;

/* The shallow pass has come so far. */
void scrub_leaf_done(struct scrub_lane *lane);

void scrub_deep_step(struct scrub_lane *lane);
void scrub_shallow_step(struct scrub_lane *lane);
/* Forget what was prepared: the pass begins elsewhere. */
void scrub_shallow_reset(struct scrub_lane *lane);

#endif
