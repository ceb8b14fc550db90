/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - the state of each location, from probes and from what users of it report.
 *
 *   state      writes                reads          entered when
 *   ONLINE     yes                   yes            a probe is good
 *   SUSPECT    only if needed for W  last choice    EIO, or a slow probe
 *   FULL       no                    yes            ENOSPC, or too little is free
 *   READONLY   no                    yes            EROFS
 *   HUNG       no                    no new ones    an operation is past io_deadline
 *   OFFLINE    no                    no             marker missing or wrong, root gone
 *
 * A location leaves a state when probes say so: SUSPECT after three good ones, HUNG when
 * nothing is stuck any more, FULL when twice the reserve is free. Before its first probe
 * a location is OFFLINE.
 *
 * Thread: health_start and the probes run on the loop given to health_new; everything
 * else is for any thread and cheap.
 */
#ifndef QUARTET_REPLICATION_HEALTH_H
#define QUARTET_REPLICATION_HEALTH_H

#include <stdint.h>

#include "storage/blob.h"
#include "storage/location.h"

enum location_state {
	STATE_ONLINE,
	STATE_SUSPECT,
	STATE_FULL,
	STATE_READONLY,
	STATE_HUNG,
	STATE_OFFLINE,
	STATES
};

const char *location_state_name(enum location_state state);

enum { LOCATIONS_MAX = 4 };

struct health_config {
	struct location *location[LOCATIONS_MAX];
	unsigned n;
	uint64_t probe_period_ms, io_deadline_ms;
	uint64_t reserve_bytes, reserve_percent, reserve_inodes;
	/* Called whenever a state changes, on the thread that noticed. */
	void (*changed)(
	    void *arg, unsigned location, enum location_state state, const char *reason);
	void *arg;
};

struct health;

enum err health_new(const struct health_config *config, struct loop *loop,
    struct pool *pool, struct health **out, struct errinfo *why) ERR_CHECKED;
/* Begin to probe. */
void health_start(struct health *h);
/* Stop probing; on the loop's thread or after it ended. */
void health_stop(struct health *h);
/* True when no probe is out. */
bool health_quiet(const struct health *h);
/* Only when quiet. */
void health_free(struct health *h);

enum location_state health_state(const struct health *h, unsigned location);

/* Locations that take new files: the good ones, and suspects while W needs them. */
location_map health_writable(const struct health *h, unsigned needed);

/* An operation failed: `sys` is the errno. A missing or damaged file is no fault of it.
 */
void health_failed(struct health *h, unsigned location, int sys, const char *what);

/* An operation is past io_deadline (+1), and has come back after all (-1). */
void health_stuck(struct health *h, unsigned location, int change);

/*
 * Reads, for choosing among locations: one begins; one ended after `us`. The score of a
 * location is its recent latency times what is under way there; lower is better. What was
 * slow and is therefore left alone is forgiven with every good probe.
 */
void health_read_begun(struct health *h, unsigned location);
void health_read_ended(struct health *h, unsigned location, uint64_t us);
uint64_t health_read_score(const struct health *h, unsigned location);
/* The recent latency. A read took `us` already and was given up: for the score only. */
uint64_t health_read_us(const struct health *h, unsigned location);
void health_read_slow(struct health *h, unsigned location, uint64_t us);

/* For people and machines that watch. */
struct health_facts {
	enum location_state state;
	char reason[ERRINFO_TEXT_SIZE]; /* of the state; "" when ONLINE */
	int64_t since_ms;
	uint64_t free_bytes, total_bytes, free_inodes;
	uint64_t errors, probes;
	unsigned stuck, reads;
	uint64_t read_us;
};

void health_facts(struct health *h, unsigned location, struct health_facts *out);

/* True once every location has answered its first probe, or failed to in time. */
bool health_settled(const struct health *h);

#endif
