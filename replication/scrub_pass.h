/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub_pass - one pass of scrubbing over one location: how far it is, what it found, how
 * it is written down, and the rules it keeps, as pure functions.
 *
 *            due, or told to                    end
 *     IDLE ──────────────────► RUNNING ───────────────────► IDLE
 *      ▲ │ told to stop          │   ▲ told to go on
 *      │ └────────► OFF ◄────────┤   │
 *      └─ told to ───┘           └──► STOPPED  more is bad than scrub_bad_max
 *
 * Thread: any, one at a time.
 */
#ifndef QUARTET_REPLICATION_SCRUB_PASS_H
#define QUARTET_REPLICATION_SCRUB_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

enum scrub_kind { SCRUB_SHALLOW, SCRUB_DEEP, SCRUB_KINDS };

enum scrub_state { SCRUB_IDLE, SCRUB_RUNNING, SCRUB_OFF, SCRUB_STOPPED, SCRUB_STATES };

struct scrub_pass {
	enum scrub_state state;
	bool report_only;
	bool confirmed; /* by the operator: it does not stop, however much is bad */
	uint64_t at; /* deep: the last blob that was looked at; shallow: the next leaf */
	int64_t began_ms; /* the pass under way, or the last one; 0: there was none */
	int64_t ended_ms; /* the last pass that came to its end */
	int64_t covered_ms; /* when that one began: everything was looked at since */
	/* Of the pass under way, or the last one. */
	uint64_t files, bytes;
	uint64_t bad, missing; /* copies */
	uint64_t found; /* copies that were not counted and are now */
	uint64_t unknown; /* files that no record names */
};

const char *scrub_state_name(enum scrub_state state);

enum { SCRUB_RECORD_SIZE = 88 };

void scrub_pass_encode(const struct scrub_pass *pass, uint8_t to[SCRUB_RECORD_SIZE]);
/* ERR_DAMAGED. */
enum err scrub_pass_decode(
    struct bytes record, struct scrub_pass *out, struct errinfo *why) ERR_CHECKED;

/* What the operator says. */
enum scrub_verb { SCRUB_START, SCRUB_STOP };

/*
 * START begins a pass, or lets one that is off or stopped go on from where it is, the
 * latter to its end whatever it finds. STOP: nothing is done until START.
 */
void scrub_pass_order(
    struct scrub_pass *pass, enum scrub_verb verb, bool report_only, int64_t now_ms);

void scrub_pass_begin(struct scrub_pass *pass, bool report_only, int64_t now_ms);
void scrub_pass_end(struct scrub_pass *pass, int64_t now_ms);

/*
 * Since when some copy has not been looked at. `next_ms` is when the next blob the pass
 * will come to was made; a location without any has none, INT64_MAX.
 */
int64_t scrub_pass_oldest(const struct scrub_pass *pass, int64_t next_ms);

/*
 * How many copies of `files` may be bad before a pass stops: `max`, or `percent` of them,
 * whichever is less; one always.
 */
uint64_t scrub_limit(uint64_t files, uint64_t max, uint64_t percent);

/* When the next read may begin. All zero at first. */
struct scrub_pace {
	uint64_t due_us;
	uint64_t busy_since_ms; /* 0: it was not */
};

/*
 * `n` bytes are to be read, at `rate` a second at most, from a location where `out` calls
 * of others are under way. 0: now, and they are counted; else in how many ms to ask again.
 */
uint64_t scrub_pace_wait(
    struct scrub_pace *pace, uint64_t now_us, unsigned out, size_t n, uint64_t rate);

#endif
