/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per location:
 *
 *   WAITING ─attached─► list tmp ─► remove ─► { list leaf ─► remove } for each leaf ─►
 * DONE └─ too many unknown ─► STOPPED
 */
#include "replication/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "replication/small.h"
#include "service/core/check.h"
#include "service/core/log.h"

enum { RETRY_MS = 500 };

struct lane {
	struct sweep *sweep;
	unsigned index;
	_Atomic enum sweep_state state;
	_Atomic uint64_t removed, strangers;
	uint64_t unknown;
	bool busy;
	bool tmp_done;
	uint64_t block; /* the block of ids whose leaf is next */
	struct location_list list;
	struct location_remove remove;
	struct location_victim *victim;
	size_t n;
};

struct sweep {
	struct mirror *m;
	struct loop *loop;
	struct store_reader *reader;
	struct loop_timer *timer;
	uint64_t limit;
	uint64_t oldest, ids_end; /* as the last process left them */
	uint64_t keep_below; /* unknown files with smaller ids stay */
	bool stopping;
	struct lane lane[LOCATIONS_MAX];
};

static void step(struct lane *lane);

static void
lane_over(struct lane *lane, enum sweep_state state)
{
	struct sweep *s = lane->sweep;

	lane->state = state;
	for (unsigned i = 0; i < s->m->n; i++)
		if (s->lane[i].state != SWEEP_DONE)
			return;
	blob_ids_swept(s->m->ids);
}

static void
removed(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct lane *lane = container_of(remove, struct lane, remove);

	lane->busy = false;
	free(lane->victim);
	lane->victim = NULL;
	if (call->err != ERR_OK) {
		lane->state = SWEEP_WAITING; /* from the beginning, when it works again */
		lane->tmp_done = false;
		return;
	}
	lane->removed += lane->n;
	step(lane);
}

/* Is this found file garbage? */
static bool
is_garbage(struct lane *lane, const struct location_found *f)
{
	struct sweep *s = lane->sweep;
	bool known = true;

	if (f->id >= s->ids_end)
		return false; /* this process's */
	if (small_is_moving(s->m->small, f->id))
		return false; /* this one's, too */
	if (lane->list.tmp)
		return true;
	if (blob_known(s->reader, f->id, lane->index, &known, NULL) != ERR_OK || known)
		return false;
	if (!f->trailer_ok || f->id < s->keep_below) {
		lane->strangers++;
		return false;
	}
	return true;
}

static void
collect(struct lane *lane)
{
	const struct location_list *list = &lane->list;

	lane->n = 0;
	lane->victim = calloc(list->n + 1, sizeof *lane->victim);
	CHECK(lane->victim != NULL);
	for (size_t i = 0; i < list->n; i++) {
		const struct location_found *f = &list->found[i];

		if (!is_garbage(lane, f))
			continue;
		lane->victim[lane->n].id = f->id;
		(void)memcpy(lane->victim[lane->n].md5, f->md5, MD5_SIZE);
		lane->n++;
	}
	if (!list->tmp)
		lane->unknown += lane->n;
}

static void
listed(struct location_call *call)
{
	struct location_list *list = container_of(call, struct location_list, call);
	struct lane *lane = container_of(list, struct lane, list);
	struct sweep *s = lane->sweep;

	lane->busy = false;
	if (call->err != ERR_OK) {
		lane->state = SWEEP_WAITING;
		lane->tmp_done = false;
		return;
	}
	collect(lane);
	free(list->found);
	list->found = NULL;
	if (list->tmp)
		lane->tmp_done = true;
	else
		lane->block++;
	if (lane->unknown > s->limit) {
		log_error(
		    "location %s: %llu files that the catalogue does not know; nothing "
		    "more is removed there (sweep_limit)",
		    s->m->location[lane->index]->name, (unsigned long long)lane->unknown);
		free(lane->victim);
		lane->victim = NULL;
		lane_over(lane, SWEEP_STOPPED);
		return;
	}
	if (lane->n == 0) {
		free(lane->victim);
		lane->victim = NULL;
		step(lane);
		return;
	}
	lane->busy = true;
	lane->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = s->loop, .done = removed},
	    .tmp = lane->list.tmp,
	    .victim = lane->victim,
	    .n = lane->n,
	};
	location_submit(s->m->location[lane->index], &lane->remove.call);
}

/* The next directory, or the end. */
static void
step(struct lane *lane)
{
	struct sweep *s = lane->sweep;

	if (s->stopping)
		return;
	if (lane->tmp_done && lane->block * STORE_ID_BLOCK >= s->ids_end) {
		lane_over(lane, SWEEP_DONE);
		return;
	}
	lane->busy = true;
	lane->list = (struct location_list){
	    .call = {.verb = LOCATION_LIST, .loop = s->loop, .done = listed},
	    .tmp = !lane->tmp_done,
	    .leaf = blob_leaf(lane->block * STORE_ID_BLOCK),
	};
	location_submit(s->m->location[lane->index], &lane->list.call);
}

static bool
may_run(const struct sweep *s, unsigned location)
{
	enum location_state state = health_state(s->m->health, location);

	return state != STATE_OFFLINE && state != STATE_HUNG && state != STATE_READONLY &&
	       state != STATE_DRAIN;
}

bool
sweep_rests(const struct sweep *s)
{
	for (unsigned i = 0; i < s->m->n; i++)
		if (s->lane[i].state == SWEEP_RUNNING || s->lane[i].busy ||
		    (s->lane[i].state == SWEEP_WAITING && may_run(s, i)))
			return false;
	return true;
}

static void
look(void *arg)
{
	struct sweep *s = arg;
	bool more = false;

	for (unsigned i = 0; i < s->m->n; i++) {
		struct lane *lane = &s->lane[i];

		if (lane->state == SWEEP_WAITING && !lane->busy && may_run(s, i)) {
			lane->state = SWEEP_RUNNING;
			lane->block = s->oldest / STORE_ID_BLOCK;
			lane->unknown = 0;
			step(lane);
		}
		more |= lane->state == SWEEP_WAITING || lane->state == SWEEP_RUNNING;
	}
	if (more)
		loop_timer_set(s->timer, RETRY_MS);
}

enum err
sweep_new(struct mirror *m, struct loop *loop, uint64_t limit, struct sweep **out,
    struct errinfo *why)
{
	struct sweep *s = calloc(1, sizeof *s);
	struct store_facts facts;
	enum err e;

	if (s == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the sweep");
	s->m = m;
	s->loop = loop;
	s->limit = limit;
	s->timer = loop_timer_new(loop, look, s);
	e = s->timer == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer")
			     : store_reader_new(m->store, &s->reader, why);
	if (e == ERR_OK)
		e = store_facts(s->reader, &facts, why);
	if (e != ERR_OK) {
		store_reader_free(s->reader);
		loop_timer_free(s->timer);
		free(s);
		return e;
	}
	s->oldest = facts.oldest_open_blob;
	s->ids_end = facts.blob_ids;
	s->keep_below = facts.keep_unknown_below;
	for (unsigned i = 0; i < m->n; i++) {
		s->lane[i].sweep = s;
		s->lane[i].index = i;
	}
	*out = s;
	return ERR_OK;
}

void
sweep_start(struct sweep *s)
{
	loop_timer_set(s->timer, 0);
}

void
sweep_stop(struct sweep *s)
{
	s->stopping = true;
	loop_timer_clear(s->timer);
}

bool
sweep_quiet(const struct sweep *s)
{
	for (unsigned i = 0; i < s->m->n; i++)
		if (s->lane[i].busy)
			return false;
	return true;
}

void
sweep_free(struct sweep *s)
{
	if (s == NULL)
		return;
	CHECK(sweep_quiet(s));
	loop_timer_free(s->timer);
	store_reader_free(s->reader);
	free(s);
}

void
sweep_facts(struct sweep *s, unsigned location, struct sweep_facts *out)
{
	const struct lane *lane = &s->lane[location];

	*out = (struct sweep_facts){lane->state, lane->removed, lane->strangers};
}
