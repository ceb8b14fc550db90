/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - the state of each location, from probes, from what users of it report, and from
 * where it stands: what the operator ordered, whether it was away, whether it is new.
 *
 *   state      writes                reads              entered when
 *   ONLINE     yes                   yes                a probe is good
 *   SUSPECT    only if needed for W  last choice        EIO, or a slow probe
 *   FULL       no                    yes                ENOSPC, or too little is free
 *   READONLY   no                    yes                EROFS, or the operator
 *   HUNG       no                    no new ones        an operation is past io_deadline
 *   OFFLINE    no                    no                 marker missing or wrong, root gone, or
 *                                                       the operator
 *   REJOIN     yes                   what was looked    it was HUNG or OFFLINE
 *                                    at; else last
 *   NEW        yes                   what was written   its disk was replaced
 *                                    there since
 *   DRAIN      no                    last choice        the operator
 *
 *          good probe, it was away             looked through (scrub)
 *   HUNG ──────────────────────────► REJOIN ───────────────────────► ONLINE
 *   OFFLINE ─► good probe, it is empty: NEW ── filled (roll) ────────┘
 *
 * A location leaves a state when probes say so: SUSPECT after three good ones, HUNG when
 * nothing is stuck any more, FULL when twice the reserve is free. Before its first probe
 * a location is OFFLINE. Who is away while it is REJOIN or NEW is to be looked through
 * (again) afterwards. What the operator ordered holds until he takes it back; HUNG and
 * OFFLINE are told all the same.
 *
 * Where it stands is remembered over restarts by roll.h, which sets it here.
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
	STATE_REJOIN,
	STATE_NEW,
	STATE_DRAIN,
	STATES
};

const char *location_state_name(enum location_state state);

/* Files are written there without a second thought. */
static inline bool
location_state_takes_files(enum location_state state)
{
	return state == STATE_ONLINE || state == STATE_REJOIN || state == STATE_NEW;
}

/* What the operator ordered. */
enum location_order {
	LOCATION_AS_IT_IS,
	LOCATION_READONLY,
	LOCATION_DRAINED,
	LOCATION_TAKEN_OUT,
	LOCATION_ORDERS
};

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

/* Locations that take new files: those that are good, and suspects while W needs them. */
location_map health_writable(const struct health *h, unsigned needed);

/* An operation failed: `sys` is the errno. A missing or damaged file is no fault of it.
 */
void health_failed(struct health *h, unsigned location, int sys, const char *what);

/* An operation is past io_deadline (+1), and has come back after all (-1). */
void health_stuck(struct health *h, unsigned location, int change);

/*
 * May a copy that is counted there be read? LAST: only if no other is left. Of a location
 * that is NEW or to be looked through it depends on the blob.
 */
enum health_read { READ_FIRST, READ_LAST, READ_NEVER };

enum health_read health_may_read(const struct health *h, unsigned location, uint64_t id);

/* Where it stands. The disk that it is; NULL: the next that has the right store and number. */
void health_expect(
    struct health *h, unsigned location, const uint8_t uuid[STORE_UUID_SIZE]);
/* The disk that was seen there last. False: none was yet, or not since that NULL. */
bool health_disk(struct health *h, unsigned location, uint8_t uuid_out[STORE_UUID_SIZE]);
void health_order(struct health *h, unsigned location, enum location_order order);

/*
 * It was away: what lies there is to be looked through. Health notes so itself; this is
 * for who remembers it from before the start.
 */
void health_was_away(struct health *h, unsigned location);
bool health_is_doubtful(const struct health *h, unsigned location);
/* How often that was so; a merge that began before the last time is void. */
unsigned health_absences(const struct health *h, unsigned location);
/* Leaf directories below `leaves` are looked through. Not if it was away since. */
void health_merged_to(
    struct health *h, unsigned location, unsigned leaves, unsigned absences);
/* All are: it is no longer doubtful. */
void health_merged(struct health *h, unsigned location, unsigned absences);

/*
 * Its disk is empty: of what is counted there only blobs from `from` on, and those up to
 * `forgotten`, are there, until it is filled.
 */
void health_is_new(
    struct health *h, unsigned location, uint64_t from, uint64_t forgotten);
void health_filled(struct health *h, unsigned location);

/* Look at it at once. On the loop's thread. */
void health_probe_now(struct health *h, unsigned location);

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
	enum location_order order;
	bool is_new, is_doubtful;
};

void health_facts(struct health *h, unsigned location, struct health_facts *out);

/* True once every location has answered its first probe, or failed to in time. */
bool health_settled(const struct health *h);

#endif
