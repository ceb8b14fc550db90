/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub - looks whether every copy is still there and still good.
 *
 * The shallow pass lists the leaf directories and lays them beside the catalogue both
 * ways: a copy that is gone, or has another size, is counted no longer; one that lies
 * there uncounted is verified, then counted or put aside; a file nobody knows is removed
 * as the sweep would (architecture D64). The deep pass reads every block of every copy
 * from the disk itself and compares it with its CRC. What is bad moves to bad/ and is
 * made again by repair.
 *
 * Each location is scrubbed by itself, one read out at a time, no faster than scrub_rate;
 * clients go first, and nothing is done while the location is not online. How far it is
 * is written down every scrub_save, and after a restart it goes on from there. When more
 * than scrub_bad_max copies, or scrub_bad_percent, are bad in one pass it stops there and
 * touches nothing more until the operator says go on: then it is not the file that is bad.
 *
 * A location that was away is let back in by a shallow pass of its own (STATE_REJOIN),
 * whatever was ordered about scrubbing and however busy clients are; scrub_bad_percent is
 * not looked at then. If that pass stops, the location stays where it is.
 *
 * Thread: the loop given to scrub_new; scrub_order and scrub_facts are for any.
 */
#ifndef QUARTET_REPLICATION_SCRUB_H
#define QUARTET_REPLICATION_SCRUB_H

#include "replication/mirror.h"
#include "replication/scrub_pass.h"

struct scrub;

enum err scrub_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct scrub **out, struct errinfo *why) ERR_CHECKED;
void scrub_start(struct scrub *scrub);
/* What is under way is given up; where it was is written down. */
void scrub_stop(struct scrub *scrub);
/* True when nothing it asked for is still out. */
bool scrub_quiet(const struct scrub *scrub);
/* Only when quiet. */
void scrub_free(struct scrub *scrub);

/* What an operator wants done. Owned by the caller until `done`, on `loop`. */
struct scrub_order {
	enum scrub_verb verb;
	location_map locations;
	bool kinds[SCRUB_KINDS];
	bool report_only; /* change nothing, only count */
	struct loop *loop;
	void (*done)(struct scrub_order *order);
	struct scrub *scrub; /* this and the next: its own */
	struct loop_job job;
};

void scrub_order(struct scrub *scrub, struct scrub_order *order);

struct scrub_facts {
	struct scrub_pass pass[SCRUB_KINDS];
	/* When what was not looked at for longest was, or was made; INT64_MAX: nothing is. */
	int64_t oldest_ms[SCRUB_KINDS];
	uint64_t total
	    [SCRUB_KINDS]; /* what pass.at counts up to (leaves), pass.files (deep) */
	uint64_t bytes_per_second; /* read lately */
	uint64_t read_bytes, errors; /* since the start; bad and missing copies */
};

void scrub_facts(struct scrub *scrub, unsigned location, struct scrub_facts *out);

#endif
