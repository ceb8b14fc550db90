/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_sight - one location as health sees it. Internal to health.
 *
 *   health.c           what is seen of it: probes, and what users report
 *   health_standing.c  where it stands, and what is told of both together
 *
 * What others change is under its lock, or atomic; each write of the atomic ones that
 * belong together is under the lock too.
 */
#ifndef QUARTET_REPLICATION_HEALTH_SIGHT_H
#define QUARTET_REPLICATION_HEALTH_SIGHT_H

#include <pthread.h>
#include <stdatomic.h>

#include "replication/health.h"

/* One location as it is seen. */
struct sight {
	struct health *h;
	struct location *location;
	_Atomic enum location_state state; /* as it is told */
	_Atomic enum location_state seen; /* ... by probes and users alone */
	_Atomic unsigned reads;
	_Atomic uint64_t read_us; /* exponentially weighted; fades while nobody reads */
	_Atomic uint64_t
	    late_us; /* what is out longer than others waited for it; fades, too */
	_Atomic bool was_read; /* since the last probe */
	_Atomic int stuck;
	_Atomic uint64_t errors;
	_Atomic unsigned good_probes; /* in a row */
	pthread_mutex_t lock; /* of the texts and numbers below */
	char reason[ERRINFO_TEXT_SIZE];
	int64_t since_ms;
	char seen_reason[ERRINFO_TEXT_SIZE];
	uint64_t free_bytes, total_bytes, free_inodes, probes;
	uint8_t disk[STORE_UUID_SIZE], expected[STORE_UUID_SIZE];
	bool has_disk, is_expected;

	/* Where it stands. */
	_Atomic enum location_order order;
	_Atomic bool is_doubtful, is_new;
	_Atomic unsigned absences, merged; /* merged: leaves */
	_Atomic uint64_t new_from, forgotten;

	/* The probe; the loop's own. */
	struct location_probe probe;
	bool probing, overdue;
	bool due; /* at once */
	_Atomic bool answered;
	uint64_t probed_ms;
};

struct health {
	struct health_config config;
	struct loop *loop;
	struct loop_timer *tick;
	struct piece *pages[LOCATIONS_MAX];
	struct sight sight[LOCATIONS_MAX];
	bool stopping;
};

/* By what is seen of it. */
static inline bool
health_is_away(enum location_state seen)
{
	return seen == STATE_HUNG || seen == STATE_OFFLINE;
}

/* Something that matters has changed. With the lock, which is given back. */
void health_tell(struct sight *s);

/* It is not there: what lies on it is doubtful from now on. With the lock. */
void health_note_absence(struct sight *s);

#endif
