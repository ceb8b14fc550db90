/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/repair.h"

#include <stdlib.h>

#include "replication/repair_copy.h"
#include "replication/sweep.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

enum {
	PERIOD_MS = 500,
	LOOK = 64, /* rows looked at for one that can be done now */
	LONGEST_PAUSE_MS = 3600000,
};

/* The work at one location. */
struct lane {
	struct repair *r;
	unsigned index;
	_Atomic bool busy;
	_Atomic uint64_t id; /* being repaired, while busy */
	uint64_t length; /* of that */
	_Atomic uint64_t all_made, all_failed; /* since the start */
	struct repair_copy *copy; /* NULL: its row is being postponed */
	struct blob_postponed postponed;
	struct loop_timer *timer; /* until the next file */
	uint64_t begun_ms;
	uint64_t made, failed; /* since the last word in the log */
};

struct repair {
	struct mirror *m;
	struct loop *loop;
	struct store_reader *reader;
	uint64_t rate, files; /* a second, at each location */
	uint64_t pause_ms; /* after the first failure of a file */
	bool stopping;
	_Atomic bool held; /* by the operator */
	struct lane lane[LOCATIONS_MAX];
};

/* One line when a location has caught up, or nothing more can be done for now. */
static void
report(struct lane *lane)
{
	if (lane->made > 0)
		log_info("location %u: %llu missing copies were made", lane->index + 1,
		    (unsigned long long)lane->made);
	if (lane->failed > 0)
		log_warning("location %u: %llu copies could not be made, they are tried "
			    "again later",
		    lane->index + 1, (unsigned long long)lane->failed);
	lane->made = lane->failed = 0;
}

static void
rest(struct lane *lane, uint64_t ms)
{
	lane->busy = false;
	if (!lane->r->stopping)
		loop_timer_set(lane->timer, ms);
}

/* The file after this one; not more than so many a second. */
static void
go_on(struct lane *lane)
{
	uint64_t taken = clock_mono_ms() - lane->begun_ms;
	uint64_t each = 1000 / lane->r->files;

	rest(lane, taken < each ? each - taken : 0);
}

static void
postponed(struct change *change)
{
	struct lane *lane = container_of(change, struct lane, postponed.change);

	go_on(lane);
}

static void
copied(void *arg, enum err err, const struct errinfo *why)
{
	struct lane *lane = arg;

	lane->copy = NULL;
	if (err == ERR_OK || err == ERR_NOT_FOUND) {
		lane->made += err == ERR_OK;
		lane->all_made += err == ERR_OK;
		if (err == ERR_OK)
			lane->r->m->bytes_repaired += lane->length;
		go_on(lane);
		return;
	}
	if (err == ERR_BUSY || err == ERR_CANCELLED || err == ERR_LOCATION_DOWN) {
		rest(lane, PERIOD_MS); /* nothing is wrong with the file */
		return;
	}
	lane->all_failed++;
	if (lane->failed++ == 0)
		log_warning("location %u: the copy of blob %llu could not be made: %s",
		    lane->index + 1, (unsigned long long)lane->id, errinfo_text(why));
	lane->postponed = (struct blob_postponed){
	    .change = {.loop = lane->r->loop, .done = postponed},
	    .id = lane->id,
	    .location = lane->index,
	    .first_ms = lane->r->pause_ms,
	    .longest_ms = LONGEST_PAUSE_MS,
	};
	blob_postponed(lane->r->m->store, &lane->postponed);
}

/*
 * Can files be made there? Not before the sweep is through, which may be about to remove
 * a leftover with the name of the new file; nor while it is looked through, which may
 * find the copy there.
 */
static bool
is_ready(const struct lane *lane)
{
	const struct mirror *m = lane->r->m;
	enum location_state state = health_state(m->health, lane->index);
	struct sweep_facts sweep;

	sweep_facts(m->sweep, lane->index, &sweep);
	return (sweep.state == SWEEP_DONE || sweep.state == SWEEP_STOPPED) &&
	       (state == STATE_ONLINE || state == STATE_NEW);
}

/* The first that no upload of ours is still at. */
static bool
choose(struct lane *lane, struct blob *out)
{
	struct repair *r = lane->r;
	uint64_t ids[LOOK];
	size_t n;

	if (blob_repairs(r->reader, lane->index, clock_wall_ms(), ids, LOOK, &n, NULL) !=
	    ERR_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!blob_ids_is_open(r->m->ids, ids[i]) &&
		    blob_get(r->reader, ids[i], out, NULL) == ERR_OK &&
		    !(out->have >> lane->index & 1))
			return true;
	return false;
}

static void
next_file(void *arg)
{
	struct lane *lane = arg;
	struct repair *r = lane->r;
	struct repair_copy_spec spec = {
	    .m = r->m,
	    .loop = r->loop,
	    .location = lane->index,
	    .rate = r->rate,
	    .done = copied,
	    .arg = lane,
	};

	CHECK(!lane->busy);
	if (r->held || !is_ready(lane) || !choose(lane, &spec.blob)) {
		report(lane);
		rest(lane, PERIOD_MS);
		return;
	}
	lane->id = spec.blob.id;
	lane->length = spec.blob.length;
	lane->begun_ms = clock_mono_ms();
	lane->copy = repair_copy_new(&spec);
	lane->busy = lane->copy != NULL;
	if (!lane->busy)
		rest(lane, PERIOD_MS);
}

enum err
repair_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct repair **out, struct errinfo *why)
{
	struct repair *r = calloc(1, sizeof *r);
	enum err e;

	if (r == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for repairs");
	r->m = m;
	r->loop = loop;
	r->rate = settings->repair_rate;
	r->files = settings->repair_files;
	r->pause_ms = settings->repair_pause;
	e = store_reader_new(m->store, &r->reader, why);
	for (unsigned i = 0; i < m->n && e == ERR_OK; i++) {
		r->lane[i].r = r;
		r->lane[i].index = i;
		r->lane[i].timer = loop_timer_new(loop, next_file, &r->lane[i]);
		if (r->lane[i].timer == NULL)
			e = errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer");
	}
	if (e != ERR_OK) {
		repair_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void
repair_start(struct repair *r)
{
	for (unsigned i = 0; i < r->m->n && r->files > 0; i++)
		loop_timer_set(r->lane[i].timer, PERIOD_MS);
}

void
repair_stop(struct repair *r)
{
	r->stopping = true;
	for (unsigned i = 0; i < r->m->n; i++) {
		loop_timer_clear(r->lane[i].timer);
		if (r->lane[i].copy != NULL)
			repair_copy_cancel(r->lane[i].copy);
	}
}

void
repair_hold(struct repair *r, bool held)
{
	r->held = held;
}

bool
repair_is_held(const struct repair *r)
{
	return r->held;
}

void
repair_facts(const struct repair *r, unsigned location, struct repair_facts *out)
{
	const struct lane *lane = &r->lane[location];

	*out = (struct repair_facts){
	    lane->all_made, lane->all_failed, lane->busy ? lane->id : 0};
}

bool
repair_is_at(const struct repair *r, unsigned location, uint64_t id)
{
	return r->lane[location].busy && r->lane[location].id == id;
}

bool
repair_quiet(const struct repair *r)
{
	for (unsigned i = 0; i < r->m->n; i++)
		if (r->lane[i].busy)
			return false;
	return true;
}

void
repair_free(struct repair *r)
{
	if (r == NULL)
		return;
	CHECK(repair_quiet(r));
	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		loop_timer_free(r->lane[i].timer);
	store_reader_free(r->reader);
	free(r);
}
