/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "replication/loss.h"
#include "service/core/check.h"
#include "service/core/clock.h"

/* One call to one location. Lives until it returns; `owner` NULL: nobody waits for it. */
struct fetch_attempt {
	struct location_read read;
	struct mirror *m;
	struct copies *owner;
	struct location *location;
	struct loop_timer *timer;
	bool stuck;
	bool last; /* past read_deadline, but there is no other to ask */
	struct piece *piece;
	uint8_t *pages; /* table pages read along */
	uint64_t *page; /* behind the ranges */
	size_t n_pages;
	struct location_range range[]; /* of segments and pages */
};

enum { PAGES_A_SEGMENT = 2 };

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
usable(const struct copies *c, unsigned i, bool suspects)
{
	if (!(c->blob.have >> i & 1) || c->tried >> i & 1)
		return false;
	switch (health_state(c->m->health, i)) {
	case STATE_ONLINE:
	case STATE_FULL:
	case STATE_READONLY:
		return !suspects;
	case STATE_SUSPECT:
		return suspects;
	case STATE_HUNG:
	case STATE_OFFLINE:
	case STATES:
		break;
	}
	return false;
}

/*
 * The best of the usable ones. A blob has a home among them, by its id, so that each
 * location's page cache holds its own share of the files; it is left only for one that
 * is clearly quicker.
 */
static unsigned
choose_among(const struct copies *c, bool suspects)
{
	unsigned best = LOCATIONS_MAX, home = LOCATIONS_MAX;

	if (c->favourite < c->m->n && usable(c, c->favourite, suspects))
		return c->favourite;
	for (unsigned k = 0; k < c->m->n; k++) {
		unsigned i = (unsigned)((c->blob.id + k) % c->m->n);

		if (!usable(c, i, suspects))
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
	unsigned i = choose_among(c, false);

	return i < LOCATIONS_MAX ? i : choose_among(c, true);
}

/* Checksum pages */

static const uint8_t *
cached_page(const struct copies *c, uint64_t page)
{
	size_t slot = page % PAGE_SLOTS;

	return c->slot[slot].p != NULL && c->slot[slot].page == page ? c->slot[slot].p
								     : NULL;
}

static void
keep_page(struct copies *c, uint64_t page, const uint8_t *p)
{
	size_t slot = page % PAGE_SLOTS;

	if (c->slot[slot].p == NULL)
		c->slot[slot].p = malloc(BLOB_PAGE);
	if (c->slot[slot].p == NULL)
		return; /* then it is read again */
	(void)memcpy(c->slot[slot].p, p, BLOB_PAGE);
	c->slot[slot].page = page;
}

static const uint8_t *
find_page(const struct fetch_attempt *a, uint64_t page)
{
	for (size_t i = 0; i < a->n_pages; i++)
		if (a->page[i] == page)
			return a->pages + i * BLOB_PAGE;
	return cached_page(a->owner, page);
}

static bool
is_listed(const struct fetch_attempt *a, uint64_t page)
{
	for (size_t i = a->n_pages; i > 0; i--) /* most likely the last one */
		if (a->page[i - 1] == page)
			return true;
	return false;
}

/* Note every page that the segments need and the cache lacks. */
static void
collect_pages(struct fetch_attempt *a)
{
	const struct copies *c = a->owner;
	uint64_t per_page = BLOB_PAGE_ENTRIES * c->layout.block_size;

	for (size_t i = 0; i < c->n_segments; i++) {
		const struct segment *s = &c->segment[i];

		for (uint64_t page = s->offset / per_page;
		     page <= (s->offset + s->n - 1) / per_page; page++) {
			if (cached_page(c, page) != NULL || is_listed(a, page))
				continue;
			CHECK(a->n_pages < PAGES_A_SEGMENT * c->n_segments);
			a->page[a->n_pages++] = page;
		}
	}
}

/* Verifying */

static bool
segment_ok(const struct fetch_attempt *a, const struct segment *s)
{
	uint64_t size = a->owner->layout.block_size;

	for (uint64_t done = 0; done < s->n; done += size) {
		uint64_t block = (s->offset + done) / size;
		size_t n = s->n - done < size ? (size_t)(s->n - done) : (size_t)size;
		const uint8_t *page = find_page(a, block / BLOB_PAGE_ENTRIES);

		if (crc32c(0, a->piece->data + s->at + done, n) !=
		    blob_page_entry(page, block))
			return false;
	}
	return true;
}

static bool
all_ok(struct fetch_attempt *a)
{
	struct copies *c = a->owner;

	for (size_t i = 0; i < a->n_pages; i++)
		if (!blob_page_ok(a->pages + i * BLOB_PAGE, c->blob.id, a->page[i]))
			return false;
	for (size_t i = 0; i < c->n_segments; i++)
		if (!segment_ok(a, &c->segment[i]))
			return false;
	if (c->n_bytes < c->layout.length) /* else nobody asks again */
		for (size_t i = 0; i < a->n_pages; i++)
			keep_page(c, a->page[i], a->pages + i * BLOB_PAGE);
	return true;
}

static void
note_loss(struct copies *c, const struct location *location, bool is_there)
{
	c->bad |= (location_map)(1u << location->index);
	loss_note(c->m, c->loop, &c->blob, location->index, is_there);
}

/* Attempts */

static void
free_attempt(struct fetch_attempt *a)
{
	loop_timer_free(a->timer);
	piece_unref(a->piece);
	free(a->pages);
	free(a);
}

static void try_next(struct copies *c, struct piece *piece);

static void
finish(struct copies *c, enum err err)
{
	void (*done)(struct copies *, enum err) = c->done;

	c->done = NULL;
	done(c, err);
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
	c->attempt = NULL;
	piece = a->piece;
	if (call->err == ERR_OK && all_ok(a)) {
		a->piece = NULL;
		free_attempt(a);
		c->favourite = i;
		c->piece = piece;
		finish(c, ERR_OK);
		return;
	}
	if (call->err == ERR_NOT_FOUND)
		note_loss(c, a->location, false);
	else if (call->err == ERR_OK || call->err == ERR_DAMAGED)
		note_loss(c, a->location, true);
	else
		health_failed(a->m->health, i, call->why.sys, errinfo_text(&call->why));
	a->piece = NULL;
	free_attempt(a);
	try_next(c, piece);
}

/* Nobody waits for this attempt any more. */
static void
orphan(struct fetch_attempt *a)
{
	a->owner->attempt = NULL;
	a->owner = NULL;
	piece_disown(a->piece);
}

/* After read_deadline somebody else is asked, after io_deadline it hangs. */
static void
attempt_late(void *arg)
{
	struct fetch_attempt *a = arg;
	struct copies *c = a->owner;
	bool over = c == NULL || a->last;

	if (!over && choose(c) == LOCATIONS_MAX) {
		a->last = true;
		loop_timer_set(a->timer, a->m->io_deadline_ms);
		return;
	}
	if (over) {
		a->stuck = true;
		health_stuck(a->m->health, a->location->index, +1);
	} else {
		loop_timer_set(a->timer, a->m->io_deadline_ms);
	}
	if (c == NULL)
		return;
	orphan(a);
	try_next(c, NULL);
}

static struct fetch_attempt *
new_attempt(struct copies *c, unsigned location, struct piece *piece)
{
	size_t pages = PAGES_A_SEGMENT * c->n_segments, ranges = c->n_segments + pages;
	struct fetch_attempt *a = calloc(
	    1, sizeof *a + ranges * sizeof a->range[0] + pages * sizeof a->page[0]);

	if (a == NULL)
		return NULL;
	a->page = (uint64_t *)(void *)(a->range + ranges);
	a->m = c->m;
	a->owner = c;
	a->location = c->m->location[location];
	collect_pages(a);
	a->timer = loop_timer_new(c->loop, attempt_late, a);
	if (a->n_pages > 0)
		a->pages = malloc(a->n_pages * BLOB_PAGE);
	if (a->timer == NULL || (a->n_pages > 0 && a->pages == NULL)) {
		free_attempt(a);
		return NULL;
	}
	a->piece = piece;
	return a;
}

static void
submit(struct copies *c, struct fetch_attempt *a)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_segments; i++)
		a->range[n++] = (struct location_range){c->segment[i].offset,
		    c->segment[i].n, a->piece->data + c->segment[i].at};
	for (size_t i = 0; i < a->n_pages; i++)
		a->range[n++] =
		    (struct location_range){c->layout.data_size + a->page[i] * BLOB_PAGE,
			BLOB_PAGE, a->pages + i * BLOB_PAGE};
	a->read = (struct location_read){
	    .call = {.verb = LOCATION_READ,
		.loop = c->loop,
		.done = attempt_done,
		.quiet = c->quiet},
	    .id = c->blob.id,
	    .scattered = c->scattered,
	    .range = a->range,
	    .n = n,
	};
	(void)memcpy(a->read.md5, c->blob.md5, MD5_SIZE);
	c->attempt = a;
	c->m->work++;
	health_read_begun(c->m->health, a->location->index);
	loop_timer_set(a->timer, c->m->read_deadline_ms);
	location_submit(a->location, &a->read.call);
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
	struct fetch_attempt *a;

	if (i == LOCATIONS_MAX) {
		nowhere_left(c, piece);
		return;
	}
	c->tried |= (location_map)(1u << i);
	if (piece == NULL) /* the last one is with a location that does not answer */
		piece = replacement(c);
	a = piece == NULL ? NULL : new_attempt(c, i, piece);
	if (a == NULL) {
		(void)errinfo_set(&c->why, ERR_NO_MEMORY, "no memory to read a file");
		fail(c, piece);
		return;
	}
	submit(c, a);
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
	if (c->attempt != NULL) {
		loop_timer_set(c->attempt->timer, c->m->io_deadline_ms);
		orphan(c->attempt);
	}
	loop_timer_free(c->failed);
	pins_drop(c->m->pins, c->blob.id);
	for (size_t i = 0; i < PAGE_SLOTS; i++)
		free(c->slot[i].p);
}
