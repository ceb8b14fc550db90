/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "replication/fetch_attempt.h"
#include "replication/loss.h"
#include "service/core/check.h"
#include "service/core/clock.h"

static void report_failure(void *arg);

enum err
copies_init(struct copies *c, struct mirror *m, struct loop *loop,
    const struct blob *blob, struct segment *segments, struct errinfo *why)
{
	*c = (struct copies){
	    .segment = segments,
	    .m = m,
	    .loop = loop,
	    .blob = *blob,
	    .layout = blob_layout(blob->length),
	    .favourite = LOCATIONS_MAX,
	};
	c->failed = loop_timer_new(loop, report_failure, c);
	if (c->failed != NULL && pins_add(m->pins, blob->id))
		return ERR_OK;
	loop_timer_free(c->failed);
	return errinfo_set(why, ERR_NO_MEMORY, "no memory to read a file");
}

struct segment
copies_blocks(const struct copies *c, uint64_t offset, uint64_t n)
{
	uint64_t size = c->layout.block_size;
	uint64_t first = offset / size * size;
	uint64_t end = (offset + n + size - 1) / size * size;

	CHECK(n > 0 && offset + n <= c->layout.length);
	if (end > c->layout.length)
		end = c->layout.length;
	return (struct segment){.offset = first, .n = (size_t)(end - first)};
}

/* Choosing */

static bool
usable(const struct copies *c, unsigned i, enum health_read may)
{
	return (c->blob.have >> i & 1) && !(c->tried >> i & 1) &&
	       health_may_read(c->m->health, i, c->blob.id) == may;
}

/*
 * The best of the usable ones. A blob has a home among them, by its id, so that each
 * location's page cache holds its own share of the files; it is left only for one that
 * is clearly quicker.
 */
static unsigned
choose_among(const struct copies *c, enum health_read may)
{
	unsigned best = LOCATIONS_MAX, home = LOCATIONS_MAX;

	if (c->favourite < c->m->n && usable(c, c->favourite, may))
		return c->favourite;
	for (unsigned k = 0; k < c->m->n; k++) {
		unsigned i = (unsigned)((c->blob.id + k) % c->m->n);

		if (!usable(c, i, may))
			continue;
		if (home == LOCATIONS_MAX)
			home = i;
		if (best == LOCATIONS_MAX || health_read_score(c->m->health, i) <
						 health_read_score(c->m->health, best))
			best = i;
	}
	if (home != LOCATIONS_MAX && health_read_score(c->m->health, home) <=
					 2 * health_read_score(c->m->health, best) + 1000)
		return home;
	return best;
}

static unsigned
choose(const struct copies *c)
{
	unsigned i = choose_among(c, READ_FIRST);

	return i < LOCATIONS_MAX ? i : choose_among(c, READ_LAST);
}

/* Attempts */

static void
note_loss(struct copies *c, const struct location *location, bool is_there)
{
	c->bad |= (location_map)(1u << location->index);
	loss_note(c->m, c->loop, &c->blob, location->index, is_there);
}

static void
free_attempt(struct fetch_attempt *a)
{
	loop_timer_free(a->timer);
	piece_unref(a->piece);
	free(a->own_pages);
	free(a);
}

static void try_next(struct copies *c, struct piece *piece);
static bool ask(struct copies *c, unsigned location, struct piece *piece, bool is_hedge);
static struct piece *replacement(struct copies *c);

static void
finish(struct copies *c, enum err err)
{
	void (*done)(struct copies *, enum err) = c->done;

	c->done = NULL;
	done(c, err);
}

static bool
is_waited_for(const struct copies *c)
{
	return c->attempt[0] != NULL || c->attempt[1] != NULL;
}

static void
take_out(struct copies *c, const struct fetch_attempt *a)
{
	c->attempt[c->attempt[0] == a ? 0 : 1] = NULL;
}

/* Nobody waits for this attempt any more. After io_deadline it hangs. */
static void
leave(struct fetch_attempt *a)
{
	take_out(a->owner, a);
	a->owner = NULL;
	a->stage = ATTEMPT_LEFT;
	loop_timer_set(a->timer, a->m->io_deadline_ms);
	piece_disown(a->piece);
}

/* Another one was quicker, or will be: whoever chooses next should know. */
static void
leave_as_slow(struct fetch_attempt *a)
{
	health_read_slow(a->m->health, a->location->index,
	    clock_mono_us() - a->read.call.submitted_us);
	leave(a);
}

static void
leave_all(struct copies *c, void (*leave_one)(struct fetch_attempt *a))
{
	for (size_t i = 0; i < ATTEMPTS_AT_ONCE; i++)
		if (c->attempt[i] != NULL)
			leave_one(c->attempt[i]);
}

static void
succeeded(struct fetch_attempt *a)
{
	struct copies *c = a->owner;

	c->piece = a->piece;
	c->favourite = a->location->index;
	if (a->is_hedge)
		a->m->hedges.won++;
	a->piece = NULL;
	free_attempt(a);
	leave_all(c, leave_as_slow);
	finish(c, ERR_OK);
}

static void
attempt_done(struct location_call *call)
{
	struct location_read *read = container_of(call, struct location_read, call);
	struct fetch_attempt *a = container_of(read, struct fetch_attempt, read);
	struct copies *c = a->owner;
	unsigned i = a->location->index;
	struct piece *piece;

	a->m->work--;
	health_read_ended(a->m->health, i, call->finished_us - call->submitted_us);
	if (a->stuck)
		health_stuck(a->m->health, i, -1);
	if (c == NULL) {
		free_attempt(a);
		return;
	}
	take_out(c, a);
	if (call->err == ERR_OK && attempt_is_good(a)) {
		succeeded(a);
		return;
	}
	if (call->err == ERR_NOT_FOUND)
		note_loss(c, a->location, false);
	else if (call->err == ERR_OK || call->err == ERR_DAMAGED)
		note_loss(c, a->location, true);
	else
		health_failed(a->m->health, i, call->why.sys, errinfo_text(&call->why));
	if (is_waited_for(c)) {
		free_attempt(a);
		return;
	}
	piece = a->piece;
	a->piece = NULL;
	free_attempt(a);
	try_next(c, piece);
}

/* It is late: ask another one, too, if there is one and it may be. */
static void
hedge(struct copies *c)
{
	unsigned i = is_waited_for(c) ? choose(c) : LOCATIONS_MAX;
	struct piece *piece;

	if (i == LOCATIONS_MAX || !hedges_spend(&c->m->hedges))
		return;
	piece = replacement(c);
	if (piece != NULL)
		(void)ask(
		    c, i, piece, true); /* no memory: then the first is waited for */
}

/* First a hedge, after read_deadline somebody else, after io_deadline it hangs. */
static void
attempt_late(void *arg)
{
	struct fetch_attempt *a = arg;
	struct copies *c = a->owner;
	struct mirror *m = a->m;

	switch (a->stage) {
	case ATTEMPT_YOUNG:
		a->stage = ATTEMPT_WAITS;
		loop_timer_set(a->timer, m->read_deadline_ms);
		hedge(c);
		return;
	case ATTEMPT_WAITS:
		if (choose(c) == LOCATIONS_MAX) {
			a->stage = ATTEMPT_LAST;
			loop_timer_set(a->timer, m->io_deadline_ms);
			return;
		}
		leave_as_slow(a);
		break;
	case ATTEMPT_LAST:
	case ATTEMPT_LEFT:
		a->stuck = true;
		health_stuck(m->health, a->location->index, +1);
		if (c == NULL)
			return;
		leave(a);
		loop_timer_clear(a->timer);
		break;
	}
	if (!is_waited_for(c))
		try_next(c, NULL);
}

static struct fetch_attempt *
new_attempt(struct copies *c, unsigned location, struct piece *piece)
{
	size_t pages = ATTEMPT_PAGES_A_SEGMENT * c->n_segments;
	size_t ranges = c->n_segments + pages;
	struct fetch_attempt *a = calloc(
	    1, sizeof *a + ranges * sizeof a->range[0] + pages * sizeof a->page[0]);

	if (a == NULL)
		return NULL;
	a->page = (uint64_t *)(void *)(a->range + ranges);
	a->m = c->m;
	a->owner = c;
	a->location = c->m->location[location];
	a->piece = piece;
	a->timer = loop_timer_new(c->loop, attempt_late, a);
	a->read.n = attempt_plan(a);
	if (a->timer != NULL && a->read.n > 0)
		return a;
	free_attempt(a);
	return NULL;
}

static void
wait_for(struct fetch_attempt *a)
{
	struct mirror *m = a->m;
	uint64_t patience_ms =
	    hedges_patience_ms(&m->hedges, health_read_us(m->health, a->location->index));

	a->stage = a->is_hedge || patience_ms >= m->read_deadline_ms ? ATTEMPT_WAITS
								     : ATTEMPT_YOUNG;
	loop_timer_set(
	    a->timer, a->stage == ATTEMPT_YOUNG ? patience_ms : m->read_deadline_ms);
}

/* `piece` is taken over. False: no memory, and it is gone. */
static bool
ask(struct copies *c, unsigned location, struct piece *piece, bool is_hedge)
{
	struct fetch_attempt *a = new_attempt(c, location, piece);

	if (a == NULL)
		return false;
	c->tried |= (location_map)(1u << location);
	c->attempt[c->attempt[0] == NULL ? 0 : 1] = a;
	a->is_hedge = is_hedge;
	a->read.call = (struct location_call){.verb = LOCATION_READ,
	    .loop = c->loop,
	    .done = attempt_done,
	    .quiet = c->quiet && !is_hedge};
	a->read.id = c->blob.id;
	a->read.scattered = c->scattered;
	a->read.once = c->quiet && a->joined && a->range[0].offset == 0;
	a->read.range = a->range;
	(void)memcpy(a->read.md5, c->blob.md5, MD5_SIZE);
	c->m->work++;
	health_read_begun(c->m->health, location);
	hedges_earn(&c->m->hedges);
	wait_for(a);
	location_submit(a->location, &a->read.call);
	return true;
}

static void
report_failure(void *arg)
{
	struct copies *c = arg;

	finish(c, c->why.code);
}

/* Through the loop: `done` must not come before copies_fetch returned. */
static void
fail(struct copies *c, struct piece *piece)
{
	piece_unref(piece);
	loop_timer_set(c->failed, 0);
}

static void
nowhere_left(struct copies *c, struct piece *piece)
{
	bool all_bad = (c->blob.have & ~c->bad) == 0;

	if (all_bad)
		c->m->reads_lost++;
	(void)errinfo_set(&c->why, all_bad ? ERR_DAMAGED : ERR_IO,
	    all_bad ? "no good copy of the file is left"
		    : "no location can read the file at the moment");
	fail(c, piece);
}

/* Of what the pool has, or beside it: the last piece left its account. */
static struct piece *
replacement(struct copies *c)
{
	bool small = c->n_bytes <= PIECE_SMALL_SIZE;
	struct piece *piece = pool_take(c->m->pool, small ? PIECE_SMALL : PIECE_LARGE);

	return piece != NULL ? piece
			     : pool_take_loose(c->m->pool,
				   small ? PIECE_SMALL_SIZE : PIECE_LARGE_SIZE);
}

static void
try_next(struct copies *c, struct piece *piece)
{
	unsigned i = choose(c);

	if (i == LOCATIONS_MAX) {
		nowhere_left(c, piece);
		return;
	}
	if (piece == NULL) /* the last one is with a location that does not answer */
		piece = replacement(c);
	if (piece == NULL || !ask(c, i, piece, false)) {
		(void)errinfo_set(&c->why, ERR_NO_MEMORY, "no memory to read a file");
		fail(c, NULL);
	}
}

void
copies_fetch(
    struct copies *c, struct piece *piece, void (*done)(struct copies *c, enum err err))
{
	CHECK(c->done == NULL && c->n_segments > 0 &&
	      c->n_segments <= FETCH_SEGMENTS_MAX && c->n_bytes <= piece->size);
	c->done = done;
	c->tried = 0;
	try_next(c, piece);
}

void
copies_release(struct copies *c)
{
	leave_all(c, leave);
	loop_timer_free(c->failed);
	pins_drop(c->m->pins, c->blob.id);
	for (size_t i = 0; i < PAGE_SLOTS; i++)
		free(c->slot[i].p);
}
