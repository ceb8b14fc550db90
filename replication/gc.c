/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/gc.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/kill_point.h"

enum { BATCH = 64, PERIOD_MS = 1000, STUCK_MAX = 8 };

/* The work at one location. */
struct lane {
	struct gc *gc;
	unsigned index;
	bool busy;
	uint64_t after; /* ids up to here were looked at in this round */
	uint64_t from; /* where the batch under way began */
	size_t most; /* BATCH, or 1 to find the file that a batch failed with */
	unsigned stuck; /* files met in this round that cannot be removed */
	struct blob_removal due[BATCH];
	struct location_victim victim[BATCH];
	uint64_t ids[BATCH];
	size_t n;
	struct location_remove remove;
	struct blob_removed removed;
	_Atomic uint64_t all_removed; /* since the start */
};

struct gc {
	struct mirror *m;
	struct loop *loop;
	struct store_reader *reader;
	struct loop_timer *timer;
	bool stopping;
	_Atomic bool held; /* by the operator */
	struct lane lane[LOCATIONS_MAX];
};

static void next_batch(struct lane *lane);

static void
struck_off(struct change *change)
{
	struct lane *lane = container_of(change, struct lane, removed.change);

	lane->busy = false;
	if (change->err != ERR_OK)
		return;
	lane->all_removed += lane->n;
	next_batch(lane);
}

/*
 * The rows stay; the next round tries again. A file that cannot be removed must not keep
 * those behind it: its batch is done one by one until it is found and passed over.
 */
static void
stays(struct lane *lane, const struct location_call *call)
{
	lane->busy = false;
	if (lane->n > 1 && call->err != ERR_LOCATION_DOWN) {
		lane->after = lane->from;
		lane->most = 1;
		next_batch(lane);
		return;
	}
	health_failed(
	    lane->gc->m->health, lane->index, call->why.sys, errinfo_text(&call->why));
	lane->most = BATCH;
	if (call->err != ERR_LOCATION_DOWN && ++lane->stuck < STUCK_MAX)
		next_batch(lane);
}

static void
unlinked(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct lane *lane = container_of(remove, struct lane, remove);
	struct gc *gc = lane->gc;

	if (call->err != ERR_OK) {
		stays(lane, call);
		return;
	}
	kill_point("gc");
	lane->removed = (struct blob_removed){
	    .change = {.loop = gc->loop, .done = struck_off},
	    .location = lane->index,
	    .ids = lane->ids,
	    .n = lane->n,
	};
	blob_removed(gc->m->store, &lane->removed);
}

static bool
is_reachable(enum location_state state)
{
	return location_state_takes_files(state) || state == STATE_SUSPECT ||
	       state == STATE_FULL;
}

/* Leave out what is being read: the next round finds it again. */
static void
pick(struct lane *lane, size_t n)
{
	lane->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct blob_removal *due = &lane->due[i];

		lane->after = due->id;
		if (pins_has(lane->gc->m->pins, due->id))
			continue;
		lane->ids[lane->n] = due->id;
		lane->victim[lane->n].id = due->id;
		(void)memcpy(lane->victim[lane->n].md5, due->md5, MD5_SIZE);
		lane->n++;
	}
}

static void
next_batch(struct lane *lane)
{
	struct gc *gc = lane->gc;
	size_t n;

	if (gc->stopping || gc->held || lane->busy ||
	    !is_reachable(health_state(gc->m->health, lane->index)))
		return;
	do {
		lane->from = lane->after;
		if (blob_removals(gc->reader, lane->index, lane->after, clock_wall_ms(),
			lane->due, lane->most, &n, NULL) != ERR_OK ||
		    n == 0)
			return;
		pick(lane, n);
	} while (lane->n == 0);
	lane->busy = true;
	lane->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = gc->loop, .done = unlinked},
	    .victim = lane->victim,
	    .n = lane->n,
	};
	location_submit(gc->m->location[lane->index], &lane->remove.call);
}

static void
round_begins(void *arg)
{
	struct gc *gc = arg;

	for (unsigned i = 0; i < gc->m->n; i++)
		if (!gc->lane[i].busy) {
			gc->lane[i].after = 0;
			gc->lane[i].most = BATCH;
			gc->lane[i].stuck = 0;
			next_batch(&gc->lane[i]);
		}
	loop_timer_set(gc->timer, PERIOD_MS);
}

enum err
gc_new(struct mirror *m, struct loop *loop, struct gc **out, struct errinfo *why)
{
	struct gc *gc = calloc(1, sizeof *gc);
	enum err e;

	if (gc == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the removal queue");
	gc->m = m;
	gc->loop = loop;
	gc->timer = loop_timer_new(loop, round_begins, gc);
	for (unsigned i = 0; i < m->n; i++) {
		gc->lane[i].gc = gc;
		gc->lane[i].index = i;
	}
	e = gc->timer == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer")
			      : store_reader_new(m->store, &gc->reader, why);
	if (e != ERR_OK) {
		loop_timer_free(gc->timer);
		free(gc);
		return e;
	}
	*out = gc;
	return ERR_OK;
}

void
gc_start(struct gc *gc)
{
	loop_timer_set(gc->timer, PERIOD_MS);
}

void
gc_stop(struct gc *gc)
{
	gc->stopping = true;
	loop_timer_clear(gc->timer);
}

void
gc_hold(struct gc *gc, bool held)
{
	gc->held = held;
}

bool
gc_is_held(const struct gc *gc)
{
	return gc->held;
}

uint64_t
gc_removed(const struct gc *gc, unsigned location)
{
	return gc->lane[location].all_removed;
}

bool
gc_quiet(const struct gc *gc)
{
	for (unsigned i = 0; i < gc->m->n; i++)
		if (gc->lane[i].busy)
			return false;
	return true;
}

void
gc_free(struct gc *gc)
{
	if (gc == NULL)
		return;
	CHECK(gc_quiet(gc));
	loop_timer_free(gc->timer);
	store_reader_free(gc->reader);
	free(gc);
}
