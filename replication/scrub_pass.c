/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record, little-endian: version 1 (1) | state (1) | report only (1) | confirmed (1) |
 * at (8) | began (8) | ended (8) | covered (8) | files (8) | bytes (8) | bad (8) |
 * missing (8) | found (8) | unknown (8) | CRC32C (4).
 */
#include "replication/scrub_pass.h"

#include "service/core/digest.h"
#include "storage/pack.h"

enum {
	VERSION = 1,
	NUMBERS = 10,
	AT_CRC = SCRUB_RECORD_SIZE - 4,
	BUSY_MS = 1000, /* the clients of a location are given way after so long */
	LOOK_MS = 50,
	AHEAD_US = 5000, /* small files are read in bursts */
};

const char *
scrub_state_name(enum scrub_state state)
{
	static const char *const names[SCRUB_STATES] = {
	    "idle", "running", "off", "stopped"};

	return names[state];
}

static void
numbers_of(const struct scrub_pass *p, uint64_t v[NUMBERS])
{
	const uint64_t numbers[NUMBERS] = {p->at, (uint64_t)p->began_ms,
	    (uint64_t)p->ended_ms, (uint64_t)p->covered_ms, p->files, p->bytes, p->bad,
	    p->missing, p->found, p->unknown};

	(void)memcpy(v, numbers, sizeof numbers);
}

void
scrub_pass_encode(const struct scrub_pass *pass, uint8_t to[SCRUB_RECORD_SIZE])
{
	uint64_t v[NUMBERS];

	numbers_of(pass, v);
	to[0] = VERSION;
	to[1] = (uint8_t)pass->state;
	to[2] = pass->report_only;
	to[3] = pass->confirmed;
	for (size_t i = 0; i < NUMBERS; i++)
		pack_store(to + 4 + 8 * i, v[i], 8);
	pack_store(to + AT_CRC, crc32c(0, to, AT_CRC), 4);
}

enum err
scrub_pass_decode(struct bytes record, struct scrub_pass *out, struct errinfo *why)
{
	const uint8_t *p = (const uint8_t *)record.p;
	uint64_t v[NUMBERS];

	if (record.n != SCRUB_RECORD_SIZE || p[0] != VERSION || p[1] >= SCRUB_STATES ||
	    pack_load(p + AT_CRC, 4) != crc32c(0, p, AT_CRC))
		return errinfo_set(why, ERR_DAMAGED, "the record of a scrub is damaged");
	for (size_t i = 0; i < NUMBERS; i++)
		v[i] = pack_load(p + 4 + 8 * i, 8);
	*out = (struct scrub_pass){
	    .state = (enum scrub_state)p[1],
	    .report_only = p[2] != 0,
	    .confirmed = p[3] != 0,
	    .at = v[0],
	    .began_ms = (int64_t)v[1],
	    .ended_ms = (int64_t)v[2],
	    .covered_ms = (int64_t)v[3],
	    .files = v[4],
	    .bytes = v[5],
	    .bad = v[6],
	    .missing = v[7],
	    .found = v[8],
	    .unknown = v[9],
	};
	return ERR_OK;
}

void
scrub_pass_begin(struct scrub_pass *pass, bool report_only, int64_t now_ms)
{
	*pass = (struct scrub_pass){
	    .state = SCRUB_RUNNING,
	    .report_only = report_only,
	    .began_ms = now_ms,
	    .ended_ms = pass->ended_ms,
	    .covered_ms = pass->covered_ms,
	};
}

void
scrub_pass_end(struct scrub_pass *pass, int64_t now_ms)
{
	pass->state = SCRUB_IDLE;
	pass->at = 0;
	pass->confirmed = false;
	if (pass->report_only)
		return; /* it mended nothing, so it covers nothing */
	pass->ended_ms = now_ms;
	pass->covered_ms = pass->began_ms;
}

static void
start(struct scrub_pass *pass, bool report_only, int64_t now_ms)
{
	bool goes_on = pass->state != SCRUB_IDLE && pass->report_only == report_only;

	if (!goes_on || (pass->state == SCRUB_OFF && pass->at == 0)) {
		scrub_pass_begin(pass, report_only, now_ms);
		return;
	}
	pass->confirmed |= pass->state == SCRUB_STOPPED;
	pass->state = SCRUB_RUNNING;
}

void
scrub_pass_order(
    struct scrub_pass *pass, enum scrub_verb verb, bool report_only, int64_t now_ms)
{
	if (verb == SCRUB_START)
		start(pass, report_only, now_ms);
	else if (pass->state != SCRUB_STOPPED) /* which somebody should look into */
		pass->state = SCRUB_OFF;
}

int64_t
scrub_pass_oldest(const struct scrub_pass *pass, int64_t next_ms)
{
	int64_t ahead = next_ms > pass->covered_ms ? next_ms : pass->covered_ms;
	bool some_are_behind = pass->at > 0 && !pass->report_only;

	return some_are_behind && pass->began_ms < ahead ? pass->began_ms : ahead;
}

uint64_t
scrub_limit(uint64_t files, uint64_t max, uint64_t percent)
{
	uint64_t share = files / 100 * percent + files % 100 * percent / 100;
	uint64_t limit = share < max ? share : max;

	return limit > 0 ? limit : 1;
}

uint64_t
scrub_pace_wait(
    struct scrub_pace *pace, uint64_t now_us, unsigned out, size_t n, uint64_t rate)
{
	uint64_t now_ms = now_us / 1000, wait_ms;

	if (out == 0)
		pace->busy_since_ms = 0;
	else if (pace->busy_since_ms == 0)
		pace->busy_since_ms = now_ms;
	if (out > 0 && now_ms - pace->busy_since_ms >= BUSY_MS)
		return LOOK_MS;
	if (pace->due_us > now_us + AHEAD_US) {
		wait_ms = (pace->due_us - now_us) / 1000;
		return wait_ms < LOOK_MS ? wait_ms : LOOK_MS;
	}
	pace->due_us =
	    (pace->due_us > now_us ? pace->due_us : now_us) + n * 1000000 / rate;
	return 0;
}
