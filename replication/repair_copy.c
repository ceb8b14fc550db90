/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   read a trailer ─► { pull ─► write }* ─► table, trailer, finish ─► count
 *        │                 │                      │                  │
 *        └──── fails ──► abandon ◄────────────────┘     gone: remove ┘
 *
 * A file of that name that lies there already is left over from a process that ended in
 * the middle: it is removed, and the copy is tried again.
 *
 * One call is out at a time; between calls it waits for the source, for its turn at the
 * rate, or for nothing.
 */
#include "replication/repair_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/kill_point.h"

/* A trailer on its way. One that does not come in time is left behind with its memory. */
struct trailer_read {
	struct repair_copy *copy; /* NULL: nobody waits for it any more */
	struct mirror *m;
	unsigned location;
	struct location_range range;
	struct location_read read;
	uint8_t page[BLOB_PAGE];
};

struct repair_copy {
	struct repair_copy_spec spec;
	struct blob_layout layout;
	location_map tried; /* for its trailer */
	struct trailer_read *trailer_read; /* out */
	struct blob_trailer trailer;
	uint8_t trailer_page[BLOB_PAGE]; /* what `trailer` points into */

	struct source *source;
	struct blob_table *table;
	struct md5 *md5;
	struct piece *piece; /* being written */
	size_t n;
	uint64_t at; /* written, but for the zeros at the end */
	uint64_t started_ms;

	bool calling; /* one of these is out */
	struct location_file *file;
	struct location_put put;
	struct location_victim victim;
	struct location_remove remove;
	struct blob_copied copied;

	struct loop_timer *timer;
	bool cancelled, ending;
	bool leftover, leftover_in_tmp; /* is in the way */
	enum err err; /* how it ends, once it does */
	struct errinfo why;
};

static void pull(struct repair_copy *c);
static void read_trailer(struct repair_copy *c);

static struct location *
destination(const struct repair_copy *c)
{
	return c->spec.m->location[c->spec.location];
}

/* The end */

static void
release(struct repair_copy *c)
{
	if (c->source != NULL)
		source_close(c->source);
	piece_unref(c->piece);
	blob_table_free(c->table);
	md5_free(c->md5);
	loop_timer_free(c->timer);
	free(c);
}

static void
over(struct repair_copy *c)
{
	struct repair_copy_spec spec = c->spec;
	struct errinfo why = c->why;
	enum err err = c->err;

	CHECK(!c->calling && c->file == NULL);
	if (c->trailer_read != NULL)
		c->trailer_read->copy = NULL;
	release(c);
	spec.m->work--;
	spec.done(spec.arg, err, &why);
}

static void
cleared(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct repair_copy *c = container_of(remove, struct repair_copy, remove);

	c->calling = false;
	if (call->err == ERR_OK)
		c->err = ERR_BUSY; /* now it can be made */
	over(c);
}

/* Nothing of ours is left at the destination. */
static void
clear_and_end(struct repair_copy *c)
{
	if (!c->leftover) {
		over(c);
		return;
	}
	c->calling = true;
	c->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = c->spec.loop, .done = cleared},
	    .tmp = c->leftover_in_tmp,
	    .victim = &c->victim,
	    .n = 1,
	};
	location_submit(destination(c), &c->remove.call);
}

static void
abandoned(struct location_call *call)
{
	struct location_put *put = container_of(call, struct location_put, call);
	struct repair_copy *c = container_of(put, struct repair_copy, put);

	/* What could not be removed is the leftover of the next attempt. */
	c->calling = false;
	c->file = NULL;
	clear_and_end(c);
}

/* It has failed; no call is out. */
static void
give_up(struct repair_copy *c, enum err err, const struct errinfo *why)
{
	CHECK(!c->calling);
	if (c->ending)
		return;
	c->ending = true;
	c->err = err;
	c->why = *why;
	loop_timer_clear(c->timer);
	if (c->source != NULL)
		source_close(c->source);
	c->source = NULL;
	if (c->file == NULL) {
		clear_and_end(c);
		return;
	}
	c->calling = true;
	c->put = (struct location_put){
	    .call = {.verb = LOCATION_PUT, .loop = c->spec.loop, .done = abandoned},
	    .file = c->file,
	    .abandon = true,
	};
	location_submit(destination(c), &c->put.call);
}

static void
give_up_here(struct repair_copy *c, enum err err, const char *text)
{
	struct errinfo why;

	(void)errinfo_set(&why, err, "%s", text);
	give_up(c, err, &why);
}

/* A call to the destination came back. False: it failed, or nobody wants more. */
static bool
came_back(struct repair_copy *c, const struct location_call *call)
{
	c->calling = false;
	if (call->err != ERR_OK && call->why.sys == EEXIST) {
		c->leftover = true;
		c->leftover_in_tmp = c->put.begin;
		give_up(c, call->err, &call->why);
		return false;
	}
	if (call->err != ERR_OK) {
		health_failed(c->spec.m->health, c->spec.location, call->why.sys,
		    errinfo_text(&call->why));
		give_up(c, call->err, &call->why);
		return false;
	}
	if (c->cancelled) {
		give_up_here(c, ERR_CANCELLED, "the service stops");
		return false;
	}
	return true;
}

/* Counting it */

static void
removed(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct repair_copy *c = container_of(remove, struct repair_copy, remove);

	c->calling = false;
	c->err = call->err == ERR_OK ? ERR_NOT_FOUND : call->err;
	c->why = call->why;
	over(c);
}

static void
counted(struct change *change)
{
	struct blob_copied *copied = container_of(change, struct blob_copied, change);
	struct repair_copy *c = container_of(copied, struct repair_copy, copied);

	c->calling = false;
	c->err = change->err;
	c->why = change->why;
	if (change->err != ERR_NOT_FOUND) {
		over(
		    c); /* not counted: the file stays, and the next repair replaces it */
		return;
	}
	c->calling = true;
	c->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = c->spec.loop, .done = removed},
	    .victim = &c->victim,
	    .n = 1,
	};
	location_submit(destination(c), &c->remove.call);
}

static void
finished(struct location_call *call)
{
	struct location_put *put = container_of(call, struct location_put, call);
	struct repair_copy *c = container_of(put, struct repair_copy, put);

	c->file = put->file;
	piece_unref(c->piece);
	c->piece = NULL;
	if (call->err != ERR_OK) {
		(void)came_back(c, call);
		return;
	}
	kill_point("repair");
	c->copied = (struct blob_copied){
	    .change = {.loop = c->spec.loop, .done = counted},
	    .id = c->spec.blob.id,
	    .location = c->spec.location,
	};
	blob_copied(c->spec.m->store, &c->copied);
}

/* Writing */

static void
send(struct repair_copy *c, void (*done)(struct location_call *call), uint64_t offset)
{
	c->calling = true;
	c->put.call = (struct location_call){
	    .verb = LOCATION_PUT, .loop = c->spec.loop, .done = done};
	c->put.file = c->file;
	c->put.begin = c->file == NULL;
	c->put.id = c->spec.blob.id;
	c->put.piece = c->piece;
	c->put.n = c->n;
	c->put.offset = offset;
	location_submit(destination(c), &c->put.call);
}

static void
finish(struct repair_copy *c)
{
	uint8_t md5[MD5_SIZE];

	md5_end(c->md5, md5);
	if (c->at != c->layout.length || memcmp(md5, c->spec.blob.md5, MD5_SIZE) != 0) {
		give_up_here(c, ERR_DAMAGED, "the bytes are not those of the record");
		return;
	}
	c->n = (size_t)(c->layout.file_size - c->layout.data_size);
	c->piece = pool_take_loose(c->spec.m->pool, c->n);
	if (c->piece == NULL) {
		give_up_here(c, ERR_NO_MEMORY, "no memory for the checksum table");
		return;
	}
	blob_table_write(c->table, &c->trailer, c->piece->data);
	c->put.finish = true;
	(void)memcpy(c->put.md5, c->spec.blob.md5, MD5_SIZE);
	send(c, finished, c->layout.data_size);
}

/* How long the bytes so far should have taken, less what they did. */
static uint64_t
too_early_ms(const struct repair_copy *c)
{
	uint64_t due = c->at / 1024 * 1000 / (c->spec.rate / 1024);
	uint64_t taken = clock_mono_ms() - c->started_ms;

	return due > taken ? due - taken : 0;
}

static void
written(struct location_call *call)
{
	struct location_put *put = container_of(call, struct location_put, call);
	struct repair_copy *c = container_of(put, struct repair_copy, put);
	uint64_t pause;

	c->file = put->file;
	piece_unref(c->piece);
	c->piece = NULL;
	if (!came_back(c, call))
		return;
	pause = too_early_ms(c);
	if (pause > 0)
		loop_timer_set(c->timer, pause);
	else
		pull(c);
}

static void
write_slice(struct repair_copy *c, struct slice *slice)
{
	uint64_t at = c->at;
	size_t padding = (BLOB_PAGE - slice->n % BLOB_PAGE) % BLOB_PAGE;

	CHECK(slice->offset == 0 && (padding == 0 || at + slice->n == c->layout.length));
	c->piece = slice->piece;
	c->n = slice->n + padding;
	md5_add(c->md5, slice_data(slice), slice->n);
	if (!blob_table_add(c->table, slice_data(slice), slice->n)) {
		give_up_here(c, ERR_NO_MEMORY, "no memory for the checksum table");
		return;
	}
	(void)memset(slice->piece->data + slice->n, 0, padding);
	c->at += slice->n;
	send(c, written, at);
}

static void
pull(struct repair_copy *c)
{
	struct slice slice;

	switch (source_next(c->source, &slice)) {
	case NEXT_SLICE:
		write_slice(c, &slice);
		break;
	case NEXT_END:
		finish(c);
		break;
	case NEXT_LATER:
		break;
	case NEXT_FAILED:
		give_up(c, c->source->why.code, &c->source->why);
		break;
	}
}

static void
source_ready(void *arg)
{
	pull(arg);
}

/* Beginning */

static void
begin(struct repair_copy *c)
{
	const struct blob *blob = &c->spec.blob;
	struct errinfo why;
	enum err e;

	c->table = blob_table_new();
	c->md5 = md5_new();
	if (c->table == NULL || c->md5 == NULL) {
		give_up_here(c, ERR_NO_MEMORY, "no memory for a repair");
		return;
	}
	e = mirror_source(
	    c->spec.m, c->spec.loop, blob, 0, blob->length, &c->source, &why);
	if (e != ERR_OK) {
		give_up(c, e, &why);
		return;
	}
	c->source->ready = source_ready;
	c->source->arg = c;
	c->started_ms = clock_mono_ms();
	pull(c);
}

/* Keep the trailer, if it is this blob's and of this store. */
static bool
take_trailer(struct repair_copy *c, const uint8_t page[BLOB_PAGE])
{
	const struct blob *blob = &c->spec.blob;
	struct blob_trailer *t = &c->trailer;

	(void)memcpy(c->trailer_page, page, BLOB_PAGE);
	return blob_trailer_read(c->trailer_page, t, NULL) == ERR_OK &&
	       t->id == blob->id && t->length == blob->length &&
	       memcmp(t->md5, blob->md5, MD5_SIZE) == 0 &&
	       memcmp(t->store, c->spec.m->store_uuid, STORE_UUID_SIZE) == 0;
}

static void
trailer_came(struct location_call *call)
{
	struct location_read *read = container_of(call, struct location_read, call);
	struct trailer_read *t = container_of(read, struct trailer_read, read);
	struct repair_copy *c = t->copy;
	bool good;

	t->m->work--;
	if (c == NULL) {
		free(t);
		return;
	}
	c->trailer_read = NULL;
	loop_timer_clear(c->timer);
	good = call->err == ERR_OK && take_trailer(c, t->page);
	free(t);
	if (good)
		begin(c);
	else
		read_trailer(c);
}

/* A location that may have a good trailer and was not asked yet; LOCATIONS_MAX: none. */
static unsigned
next_witness(const struct repair_copy *c)
{
	unsigned i = 0;

	while (i < c->spec.m->n) {
		if ((c->spec.blob.have & ~c->tried) >> i & 1 &&
		    health_may_read(c->spec.m->health, i, c->spec.blob.id) != READ_NEVER)
			return i;
		i++;
	}
	return LOCATIONS_MAX;
}

static void
read_trailer(struct repair_copy *c)
{
	unsigned location = next_witness(c);
	struct trailer_read *t;

	if (c->cancelled) {
		give_up_here(c, ERR_CANCELLED, "the service stops");
		return;
	}
	if (location == LOCATIONS_MAX) {
		give_up_here(c, ERR_IO, "no location has a trailer that can be read now");
		return;
	}
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		give_up_here(c, ERR_NO_MEMORY, "no memory for a repair");
		return;
	}
	c->tried |= (location_map)(1U << location);
	c->trailer_read = t;
	t->copy = c;
	t->m = c->spec.m;
	t->range =
	    (struct location_range){c->layout.file_size - BLOB_PAGE, BLOB_PAGE, t->page};
	t->read = (struct location_read){
	    .call = {.verb = LOCATION_READ, .loop = c->spec.loop, .done = trailer_came},
	    .id = c->spec.blob.id,
	    .scattered = true,
	    .range = &t->range,
	    .n = 1,
	};
	(void)memcpy(t->read.md5, c->spec.blob.md5, MD5_SIZE);
	t->m->work++;
	loop_timer_set(c->timer, c->spec.m->read_deadline_ms);
	location_submit(c->spec.m->location[location], &t->read.call);
}

/* It begins, its turn at the rate has come, or a trailer does not come. */
static void
on_timer(void *arg)
{
	struct repair_copy *c = arg;

	if (c->calling)
		return; /* a call went out since it was cancelled, which looks at that */
	if (c->trailer_read != NULL) {
		c->trailer_read->copy = NULL;
		c->trailer_read = NULL;
		read_trailer(c);
	} else if (c->cancelled) {
		give_up_here(c, ERR_CANCELLED, "the service stops");
	} else if (c->source != NULL) {
		pull(c);
	} else {
		read_trailer(c);
	}
}

struct repair_copy *
repair_copy_new(const struct repair_copy_spec *spec)
{
	struct repair_copy *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->spec = *spec;
	c->layout = blob_layout(spec->blob.length);
	c->victim.id = spec->blob.id;
	(void)memcpy(c->victim.md5, spec->blob.md5, MD5_SIZE);
	c->timer = loop_timer_new(spec->loop, on_timer, c);
	if (c->timer == NULL) {
		free(c);
		return NULL;
	}
	spec->m->work++;
	loop_timer_set(c->timer, 0);
	return c;
}

void
repair_copy_cancel(struct repair_copy *c)
{
	c->cancelled = true;
	/* Whatever it waits for but a call to the destination, it waits no longer. */
	if (!c->calling)
		loop_timer_set(c->timer, 0);
}
