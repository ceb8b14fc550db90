/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a cutout:
 *
 *   open ──job──► scan ⇄ window ──► plan ──► opened ──► (source) fill ⇄ read ──► end
 *                  │     find a shape ┘ │                    └─ error: NEXT_FAILED
 *                  └────── error: opened with it
 *
 * One thing at most is under way at any time: the first job, a read, a shape that is looked
 * for, or a wait for a piece. A read is called off by closing the reader. A job posted cannot be: a cutout
 * closed meanwhile gives everything back at once and is itself freed by the job.
 */
#include "fits/cutout.h"

#include <stdlib.h>

#include "fits/batch.h"
#include "fits/name.h"
#include "fits/plan.h"
#include "fits/scan.h"
#include "fits/section.h"
#include "fits/survey.h"
#include "service/core/check.h"
#include "service/core/str.h"

enum {
	CUTOUT_MAGIC = 0x43555446,
	ARENA_MAX = 80 * 1024 * 1024, /* headers kept, headers planned, lists */
};

struct cutout_ask {
	bool meta;
	const struct shape *shape; /* NULL: sections, or META */
	struct section *section;
	size_t n_sections;
	const char *canonical;
};

struct cutout {
	uint32_t magic;
	struct loop *loop;
	struct pool *pool;
	struct finder *finder;
	struct finder_job *job; /* or NULL */
	struct reader *reader;
	const struct cutout_ask *ask;
	struct bytes file_name;
	uint64_t output_max;
	cutout_opened_fn *opened;
	void *opened_arg;
	struct arena arena;

	struct scan scan;
	struct survey survey;
	struct plan plan;
	struct cutout_facts facts;
	struct errinfo why;

	struct source source;
	struct batch batch;
	struct batch_place place;
	uint64_t left_bytes; /* of the output, not yet in a piece */
	struct piece *piece; /* of the output, `filled` bytes of it described or there */
	size_t filled;
	struct piece *scratch; /* beyond the window of the scan, or NULL */
	bool full; /* the piece may go, or the end is reached if `filled` is 0 */
	bool busy; /* a read or a wait for a piece is under way */
	bool wanted; /* source_next answered NEXT_LATER */
	bool failed;

	struct loop_job first;
	struct pool_waiter waiter;
	bool job_posted; /* one of these two will run */
	bool closed;
};

static const char *
write_canonical(struct arena *a, const struct cutout_ask *ask)
{
	struct bytes text = BYTES("META");
	struct str s;

	str_init(&s, a->limit_bytes);
	if (ask->shape != NULL)
		shape_write(&s, ask->shape);
	for (size_t i = 0; i < ask->n_sections; i++) {
		str_adds(&s, i == 0 ? "SUB=" : "&SUB=");
		section_write(&s, &ask->section[i]);
	}
	if (!ask->meta)
		text = str_bytes(&s);
	text.p = str_failed(&s) ? NULL : arena_text(a, text);
	str_release(&s);
	return text.p;
}

enum err
cutout_parse(struct arena *a, const struct bytes *sub, size_t n_sub, bool meta,
    const struct cutout_limits *limits, struct cutout_ask **out, struct errinfo *why)
{
	struct cutout_ask *ask;

	if (meta && n_sub > 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "META and SUB exclude each other");
	if (!meta && n_sub == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "neither SUB nor META given");
	if (n_sub > limits->sections_max)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "%zu sections asked for, the limit is %llu", n_sub,
		    (unsigned long long)limits->sections_max);
	ask = arena_new(a, struct cutout_ask);
	if (ask == NULL)
		goto no_memory;
	ask->meta = meta;
	ask->n_sections = n_sub;
	ask->section = arena_array(a, struct section, n_sub + 1);
	if (ask->section == NULL)
		goto no_memory;
	for (size_t i = 0; i < n_sub; i++) {
		enum err e = section_parse(a, sub[i], &ask->section[i], why);

		if (e != ERR_OK)
			return e;
	}
	ask->canonical = write_canonical(a, ask);
	if (ask->canonical == NULL)
		goto no_memory;
	*out = ask;
	return ERR_OK;
no_memory:
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for the cutout's parameters");
}

enum err
cutout_parse_shape(struct arena *a, enum cutout_shape parameter, struct bytes value,
    const struct cutout_limits *limits, struct cutout_ask **out, struct errinfo *why)
{
	struct cutout_ask *ask = arena_new(a, struct cutout_ask);
	struct shape *shape = arena_new(a, struct shape);
	size_t points_max = (size_t)limits->points_max;
	enum err e;

	if (ask == NULL || shape == NULL)
		goto no_memory;
	if (parameter == CUTOUT_POS)
		e = shape_parse_pos(a, value, points_max, shape, why);
	else
		e = shape_parse(a,
		    parameter == CUTOUT_CIRCLE ? SHAPE_CIRCLE : SHAPE_POLYGON, value,
		    points_max, shape, why);
	if (e != ERR_OK)
		return e;
	ask->shape = shape;
	ask->canonical = write_canonical(a, ask);
	if (ask->canonical == NULL)
		goto no_memory;
	*out = ask;
	return ERR_OK;
no_memory:
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for the cutout's parameters");
}

static enum err
no_memory(struct cutout *c)
{
	return errinfo_set(&c->why, ERR_NO_MEMORY, "no memory for the cutout");
}

/* --- reading headers --------------------------------------------------------------- */

static enum err
make_plan(struct cutout *c)
{
	const struct survey *s = &c->survey;
	struct plan_input in = {.primary = &s->primary,
	    .pick = s->pick,
	    .n_picks = s->n_picks,
	    .companion = s->companion,
	    .n_companions = s->n_companions,
	    .file_bytes = c->reader->size_bytes,
	    .output_max = c->output_max};
	enum err e = survey_check(s, &c->why);

	if (e != ERR_OK)
		return e;
	if (c->ask->meta)
		return plan_text(&c->arena, str_bytes(&s->text), &c->plan, &c->why);
	return plan_cutout(&c->arena, &in, &c->plan, &c->why);
}

static enum err
make_facts(struct cutout *c)
{
	const struct cutout_ask *ask = c->ask;
	const char *name;

	if (ask->meta)
		name = name_of_headers(&c->arena, c->file_name);
	else if (ask->shape != NULL)
		name = name_of_shape(&c->arena, c->file_name, bytes_of(ask->canonical));
	else
		name = name_of_cutout(&c->arena, c->file_name, ask->section,
		    ask->n_sections, c->plan.has_compressed);
	c->left_bytes = c->plan.length;
	c->facts = (struct cutout_facts){.length_bytes = c->plan.length,
	    .canonical = ask->canonical,
	    .content_type = ask->meta ? "text/plain" : "application/fits",
	    .file_name = name};
	return c->facts.file_name == NULL ? no_memory(c) : ERR_OK;
}

static enum err
plan_and_facts(struct cutout *c)
{
	enum err e = make_plan(c);

	return e == ERR_OK ? make_facts(c) : e;
}

static void
report(struct cutout *c, enum err e)
{
	c->failed = e != ERR_OK;
	c->opened(c->opened_arg, e);
}

/* The section of `pick` that `box` is. */
static enum err
set_section(struct cutout *c, struct pick *pick, const struct finder_box *box)
{
	unsigned n = pick->hdu.naxis;
	struct section *s = arena_new(&c->arena, struct section);
	struct pixel_range *range = arena_array(&c->arena, struct pixel_range, AXES_MAX);

	if (s == NULL || range == NULL)
		return no_memory(c);
	for (unsigned i = 0; i < AXES_MAX; i++)
		range[i] = (struct pixel_range){
		    .first_open = true, .last_open = true, .step = 1};
	for (int i = 0; i < 2; i++)
		range[box->axis[i]] =
		    (struct pixel_range){.first = (int64_t)box->first[i],
			.last = (int64_t)box->last[i],
			.step = 1};
	*s = (struct section){.index = pick->hdu.index, .range = range, .n_ranges = n};
	pick->section = s;
	return ERR_OK;
}

static enum err
no_overlap(struct cutout *c)
{
	return errinfo_set(&c->why, ERR_NO_OVERLAP, "No overlap found.");
}

/* Leaves the picks that have part of the shape, each with its section. */
static enum err
keep_found(struct cutout *c)
{
	struct survey *s = &c->survey;
	size_t n = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < s->n_picks && e == ERR_OK; i++) {
		struct finder_box box;

		if (!finder_job_box(c->job, i, &box))
			continue;
		s->pick[n] = s->pick[i];
		e = set_section(c, &s->pick[n++], &box);
	}
	s->n_picks = n;
	return e == ERR_OK && n == 0 ? no_overlap(c) : e;
}

static void
shape_found(void *arg, enum err err)
{
	struct cutout *c = arg;

	MAGIC_CHECK(c, CUTOUT_MAGIC);
	if (err == ERR_OK)
		err = keep_found(c);
	else
		c->why = *finder_job_why(c->job);
	report(c, err == ERR_OK ? plan_and_facts(c) : err);
}

static enum err
find_shape(struct cutout *c)
{
	const struct survey *s = &c->survey;

	CHECK(c->finder != NULL);
	c->job = finder_job_new(c->ask->shape);
	if (c->job == NULL)
		return no_memory(c);
	for (size_t i = 0; i < s->n_picks; i++) {
		enum err e =
		    finder_job_add(c->job, &s->pick[i].hdu, s->pick[i].cards, &c->why);

		if (e != ERR_OK)
			return e;
	}
	finder_start(c->finder, c->job, c->loop, shape_found, c);
	return ERR_OK;
}

static enum err
finish_survey(struct cutout *c, bool *waits)
{
	enum err e;

	if (c->ask->shape == NULL)
		return plan_and_facts(c);
	if (c->survey.n_picks == 0)
		return no_overlap(c);
	e = find_shape(c);
	*waits = e == ERR_OK;
	return e;
}

static void window_read(void *arg, enum err err);

/* ERR_OK and *waits: a read is under way, or a shape is looked for. */
static enum err
scan_on(struct cutout *c, bool *waits)
{
	struct hdu hdu;
	enum err e;

	*waits = false;
	for (;;) {
		switch (scan_next(&c->scan, &hdu, &c->why)) {
		case SCAN_READ:
			c->batch.range[0] = (struct range){.offset = c->scan.want_at,
			    .size = c->scan.want_n,
			    .to = scan_room(&c->scan)};
			*waits = true;
			reader_read(c->reader, c->batch.range, 1, window_read, c);
			return ERR_OK;
		case SCAN_HDU:
			e = survey_take(
			    &c->survey, &hdu, str_bytes(&c->scan.cards), &c->why);
			if (e != ERR_OK)
				return e;
			if (!survey_is_complete(&c->survey))
				break;
			return finish_survey(c, waits);
		case SCAN_END:
			return finish_survey(c, waits);
		case SCAN_FAILED:
			if (survey_is_enough(&c->survey))
				return finish_survey(c, waits);
			return c->why.code;
		}
	}
}

static void
scan_and_report(struct cutout *c)
{
	bool waits;
	enum err e = scan_on(c, &waits);

	if (!waits)
		report(c, e);
}

static void
window_read(void *arg, enum err err)
{
	struct cutout *c = arg;

	MAGIC_CHECK(c, CUTOUT_MAGIC);
	if (err != ERR_OK) {
		c->why = c->reader->why;
		c->why.code = err;
		report(c, err);
		return;
	}
	scan_fed(&c->scan);
	scan_and_report(c);
}

/* True if the job that runs was overtaken by cutout_close; the cutout is gone then. */
static bool
job_came_late(struct cutout *c)
{
	MAGIC_CHECK(c, CUTOUT_MAGIC);
	c->job_posted = false;
	if (!c->closed)
		return false;
	c->magic = 0;
	free(c);
	return true;
}

static void
first_run(struct loop_job *job)
{
	struct cutout *c = container_of(job, struct cutout, first);

	if (!job_came_late(c))
		scan_and_report(c);
}

/* --- the bytes --------------------------------------------------------------------- */

static void
give_back_scratch(struct cutout *c)
{
	piece_unref(c->scratch);
	c->scratch = NULL;
}

/* The reader failed with `err`. */
static void
fail(struct cutout *c, enum err err)
{
	c->failed = true;
	c->source.why = c->reader->why;
	c->source.why.code = err;
	piece_unref(c->piece);
	c->piece = NULL;
	give_back_scratch(c);
}

static void pixels_read(void *arg, enum err err);

/*
 * A piece for what comes next. Beyond the one that was promised to the transfer only
 * large pieces are taken, so that the small ones are left for others.
 */
static bool
take_piece(struct cutout *c, bool promised)
{
	if (c->left_bytes > PIECE_SMALL_SIZE)
		c->piece = pool_take(c->pool, PIECE_LARGE);
	if (c->piece == NULL && promised)
		c->piece = pool_take(c->pool, PIECE_SMALL);
	if (c->piece == NULL)
		return false;
	if (batch_needs_scratch(&c->plan))
		c->scratch = pool_take(c->pool, PIECE_LARGE);
	c->filled = 0;
	return true;
}

/* Fill the piece until it is full, the plan at its end, or a read under way. */
static void
fill(struct cutout *c)
{
	uint8_t *scratch = c->scratch != NULL ? c->scratch->data : scan_room(&c->scan);
	size_t scratch_size = c->scratch != NULL ? c->scratch->size : SCAN_WINDOW;

	while (c->filled < c->piece->size && c->left_bytes > 0) {
		size_t n =
		    batch_fill(&c->batch, &c->plan, &c->place, c->piece->data + c->filled,
			c->piece->size - c->filled, scratch, scratch_size);

		CHECK(n > 0);
		c->filled += n;
		c->left_bytes -= n;
		if (c->batch.n_ranges > 0) {
			c->busy = true;
			reader_read(
			    c->reader, c->batch.range, c->batch.n_ranges, pixels_read, c);
			return;
		}
	}
	give_back_scratch(c);
	c->full = true;
}

/* Begin the next piece. `promised`: the consumer waits, so we wait for a piece too. */
static void
begin_piece(struct cutout *c, bool promised)
{
	if (c->left_bytes == 0) {
		c->filled = 0;
		c->full = true;
	} else if (take_piece(c, promised)) {
		fill(c);
	} else if (promised) {
		c->busy = c->job_posted = true;
		pool_wait(c->pool, &c->waiter);
	}
}

/* What was under way is over. The consumer may close the cutout. */
static void
tell_consumer(struct cutout *c)
{
	if (c->busy || !c->wanted)
		return;
	c->wanted = false;
	c->source.ready(c->source.arg);
}

static void
pixels_read(void *arg, enum err err)
{
	struct cutout *c = arg;

	MAGIC_CHECK(c, CUTOUT_MAGIC);
	c->busy = false;
	if (err != ERR_OK) {
		fail(c, err);
	} else {
		batch_settle(&c->batch);
		fill(c);
	}
	tell_consumer(c);
}

static void
piece_came_back(struct loop_job *job)
{
	struct cutout *c = container_of(job, struct cutout, waiter.job);
	struct pool *pool = c->pool;

	if (job_came_late(c)) {
		/* The wake-up was for whoever waits: giving a piece back wakes the next.
		 */
		piece_unref(pool_take(pool, PIECE_SMALL));
		return;
	}
	c->busy = false;
	begin_piece(c, true);
	tell_consumer(c);
}

static enum next
next_slice(struct source *s, struct slice *out)
{
	struct cutout *c = container_of(s, struct cutout, source);

	MAGIC_CHECK(c, CUTOUT_MAGIC);
	if (!c->full && !c->busy && !c->failed)
		begin_piece(c, true);
	if (c->failed)
		return NEXT_FAILED;
	if (c->busy) {
		c->wanted = true;
		return NEXT_LATER;
	}
	if (c->filled == 0)
		return NEXT_END;
	*out = (struct slice){.piece = c->piece, .n = c->filled};
	c->piece = NULL;
	c->full = false;
	begin_piece(c, false);
	return NEXT_SLICE;
}

static void
close_source(struct source *s)
{
	cutout_close(container_of(s, struct cutout, source));
}

/* --- from outside ------------------------------------------------------------------ */

struct cutout *
cutout_open(struct loop *loop, struct pool *pool, struct finder *finder,
    struct reader *reader, const struct cutout_ask *ask, struct bytes file_name,
    const struct cutout_limits *limits, cutout_opened_fn *opened, void *arg,
    struct errinfo *why)
{
	static const struct source_ops ops = {.next = next_slice, .close = close_source};
	struct cutout *c = calloc(1, sizeof *c);
	enum err e;

	if (c == NULL)
		goto fail;
	*c = (struct cutout){.magic = CUTOUT_MAGIC,
	    .loop = loop,
	    .pool = pool,
	    .finder = finder,
	    .ask = ask,
	    .output_max = limits->output_max,
	    .opened = opened,
	    .opened_arg = arg,
	    .source.ops = &ops,
	    .first.run = first_run,
	    .waiter = {.job.run = piece_came_back, .loop = loop}};
	arena_init(&c->arena, ARENA_MAX);
	c->file_name = arena_copy(&c->arena, file_name);
	if (c->file_name.p == NULL)
		goto fail;
	if (ask->shape != NULL)
		e = survey_init_sky(&c->survey, &c->arena, reader->size_bytes, why);
	else
		e = survey_init(&c->survey, &c->arena, ask->meta ? NULL : ask->section,
		    ask->n_sections, reader->size_bytes, limits->output_max, why);
	if (e != ERR_OK)
		goto fail;
	if (scan_init(&c->scan, reader->size_bytes, limits->header_max, limits->hdus_max,
		why) != ERR_OK)
		goto fail;
	c->reader = reader;
	c->job_posted = true;
	loop_post(loop, &c->first);
	return c;
fail:
	if (c != NULL)
		arena_release(&c->arena);
	free(c);
	reader_close(reader);
	(void)errinfo_set(why, ERR_NO_MEMORY, "no memory for the cutout");
	return NULL;
}

const struct cutout_facts *
cutout_facts(const struct cutout *c)
{
	MAGIC_CHECK(c, CUTOUT_MAGIC);
	return &c->facts;
}

const struct errinfo *
cutout_why(const struct cutout *c)
{
	MAGIC_CHECK(c, CUTOUT_MAGIC);
	return &c->why;
}

struct source *
cutout_source(struct cutout *c)
{
	MAGIC_CHECK(c, CUTOUT_MAGIC);
	CHECK(!c->failed);
	return &c->source;
}

void
cutout_close(struct cutout *c)
{
	if (c == NULL)
		return;
	MAGIC_CHECK(c, CUTOUT_MAGIC);
	CHECK(!c->closed);
	reader_close(c->reader);
	finder_job_close(c->job);
	if (c->job_posted && c->busy && pool_unwait(c->pool, &c->waiter))
		c->job_posted = false;
	piece_unref(c->piece);
	give_back_scratch(c);
	scan_release(&c->scan);
	survey_release(&c->survey);
	arena_release(&c->arena);
	c->closed = true;
	if (c->job_posted)
		return;
	c->magic = 0;
	free(c);
}
