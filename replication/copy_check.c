/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that fits into one read is read at once. Of a larger one:
 *
 *   trailer ─► { some pages of the table ─► { the blocks they are of } } ─► MD5
 */
#include "replication/copy_check.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"

enum { TABLE_PAGES = 16, TABLE_SIZE = TABLE_PAGES * BLOB_PAGE };

enum part { PART_WHOLE, PART_TRAILER, PART_TABLE, PART_BLOCKS };

struct copy_check {
	struct copy_check_spec spec;
	struct blob_layout layout;
	struct piece
	    *piece; /* TABLE_SIZE for the table, the rest for what else is read */
	struct md5 *md5; /* NULL: not asked for */
	struct loop_timer *timer;
	enum part part; /* what is next, or out */
	uint64_t at; /* bytes that are checked; between two blocks */
	uint64_t page, n_pages; /* of the table, that are here */
	struct location_range range;
	struct location_read read;
	bool calling, cancelled;
};

static void go_on(struct copy_check *c);

static void
over(struct copy_check *c, enum err err, const struct errinfo *why)
{
	struct copy_check_spec spec = c->spec;
	struct errinfo text = *why;

	CHECK(!c->calling);
	pins_drop(spec.m->pins, spec.blob.id);
	loop_timer_free(c->timer);
	piece_unref(c->piece);
	md5_free(c->md5);
	free(c);
	spec.m->work--;
	spec.done(spec.arg, err, &text);
}

static void
over_here(struct copy_check *c, enum err err, const char *text)
{
	struct errinfo why;

	(void)errinfo_set(&why, err, "%s", text);
	over(c, err, &why);
}

static uint8_t *
table_of(const struct copy_check *c)
{
	return c->piece->data;
}

static uint8_t *
data_of(const struct copy_check *c)
{
	return c->piece->data + TABLE_SIZE;
}

/* Comparing */

static bool
trailer_ok(const struct copy_check *c, const uint8_t *p)
{
	const struct blob *blob = &c->spec.blob;
	struct blob_trailer t;

	return blob_trailer_read(p, &t, NULL) == ERR_OK && t.id == blob->id &&
	       t.length == blob->length && memcmp(t.md5, blob->md5, MD5_SIZE) == 0 &&
	       memcmp(t.store, c->spec.m->store_uuid, STORE_UUID_SIZE) == 0;
}

static bool
pages_ok(const struct copy_check *c)
{
	for (uint64_t i = 0; i < c->n_pages; i++)
		if (!blob_page_ok(
			table_of(c) + i * BLOB_PAGE, c->spec.blob.id, c->page + i))
			return false;
	return true;
}

static bool
zeros_ok(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* `n` bytes of the file at c->at, whose pages are here; and what fills the last one up. */
static bool
blocks_ok(const struct copy_check *c, const uint8_t *p, size_t n)
{
	uint64_t size = c->layout.block_size;

	for (size_t done = 0; done < n; done += size) {
		uint64_t block = (c->at + done) / size;
		uint64_t page = block / BLOB_PAGE_ENTRIES - c->page;
		size_t part = n - done < size ? n - done : (size_t)size;

		if (crc32c(0, p + done, part) !=
		    blob_page_entry(table_of(c) + page * BLOB_PAGE, block))
			return false;
	}
	return c->at + n < c->layout.length ||
	       zeros_ok(p + n, (size_t)(c->layout.data_size - c->layout.length));
}

/* The user bytes in the blocks that are out, or came. */
static size_t
bytes_here(const struct copy_check *c)
{
	uint64_t left = c->layout.length - c->at;

	return left < c->range.n ? (size_t)left : c->range.n;
}

static bool
take_blocks(struct copy_check *c)
{
	size_t n = bytes_here(c);

	if (!blocks_ok(c, data_of(c), n))
		return false;
	if (c->md5 != NULL)
		md5_add(c->md5, data_of(c), n);
	c->at += n;
	return true;
}

static bool
take_whole(struct copy_check *c)
{
	const uint8_t *p = data_of(c);

	c->n_pages = c->layout.pages;
	(void)memcpy(table_of(c), p + c->layout.data_size, c->n_pages * BLOB_PAGE);
	return trailer_ok(c, p + c->layout.file_size - BLOB_PAGE) && pages_ok(c) &&
	       take_blocks(c);
}

static bool
take(struct copy_check *c)
{
	switch (c->part) {
	case PART_WHOLE:
		return take_whole(c);
	case PART_TRAILER:
		return trailer_ok(c, data_of(c));
	case PART_TABLE:
		return pages_ok(c);
	case PART_BLOCKS:
		break;
	}
	return take_blocks(c);
}

/* Reading */

static void
came(struct location_call *call)
{
	struct location_read *read = container_of(call, struct location_read, call);
	struct copy_check *c = container_of(read, struct copy_check, read);

	c->calling = false;
	if (c->cancelled)
		over_here(c, ERR_CANCELLED, "it is no longer wanted");
	else if (call->err != ERR_OK)
		over(c, call->err, &call->why);
	else if (!take(c))
		over_here(c, ERR_DAMAGED, "it has wrong bytes");
	else
		go_on(c);
}

/* The first byte whose CRC is not in the pages that are here. */
static uint64_t
window_end(const struct copy_check *c)
{
	uint64_t end = (c->page + c->n_pages) * BLOB_PAGE_ENTRIES * c->layout.block_size;

	return end < c->layout.data_size ? end : c->layout.data_size;
}

static void
plan_table(struct copy_check *c)
{
	uint64_t left;

	c->part = PART_TABLE;
	c->page = c->at / c->layout.block_size / BLOB_PAGE_ENTRIES;
	left = c->layout.pages - c->page;
	c->n_pages = left < TABLE_PAGES ? left : TABLE_PAGES;
	c->range = (struct location_range){c->layout.data_size + c->page * BLOB_PAGE,
	    (size_t)c->n_pages * BLOB_PAGE, table_of(c)};
}

static void
plan_blocks(struct copy_check *c)
{
	uint64_t left = window_end(c) - c->at;
	size_t n = left < PIECE_LARGE_SIZE ? (size_t)left : PIECE_LARGE_SIZE;

	c->part = PART_BLOCKS;
	c->range = (struct location_range){c->at, n, data_of(c)};
}

/* What comes after what came. */
static void
plan(struct copy_check *c)
{
	if (c->part != PART_TABLE && c->at == window_end(c))
		plan_table(c);
	else
		plan_blocks(c);
}

static void
finish(struct copy_check *c)
{
	struct errinfo none = {.code = ERR_OK};
	uint8_t md5[MD5_SIZE];

	if (c->md5 != NULL) {
		md5_end(c->md5, md5);
		if (memcmp(md5, c->spec.blob.md5, MD5_SIZE) != 0) {
			over_here(c, ERR_DAMAGED, "its bytes have another MD5");
			return;
		}
	}
	over(c, ERR_OK, &none);
}

static void
submit(struct copy_check *c)
{
	c->read = (struct location_read){
	    .call = {.verb = LOCATION_READ, .loop = c->spec.loop, .done = came},
	    .id = c->spec.blob.id,
	    .direct = true,
	    .range = &c->range,
	    .n = 1,
	};
	(void)memcpy(c->read.md5, c->spec.blob.md5, MD5_SIZE);
	c->calling = true;
	location_submit(c->spec.m->location[c->spec.location], &c->read.call);
}

/* Now, or after a pause. */
static void
on_timer(void *arg)
{
	struct copy_check *c = arg;
	uint64_t pause = 0;

	if (c->calling)
		return; /* a read went out since it was cancelled, which looks at that */
	if (c->cancelled) {
		over_here(c, ERR_CANCELLED, "it is no longer wanted");
		return;
	}
	if (c->spec.hold != NULL)
		pause = c->spec.hold(c->spec.arg, c->range.n);
	if (pause > 0)
		loop_timer_set(c->timer, pause);
	else
		submit(c);
}

static void
go_on(struct copy_check *c)
{
	if (c->at == c->layout.length) {
		finish(c);
		return;
	}
	plan(c);
	on_timer(c);
}

static enum err
set_up(struct copy_check *c)
{
	uint64_t size = c->layout.file_size;

	if (size <= PIECE_LARGE_SIZE) {
		c->part = PART_WHOLE;
		c->range.n = (size_t)size;
	} else {
		c->part = PART_TRAILER;
		c->range = (struct location_range){size - BLOB_PAGE, BLOB_PAGE, NULL};
		size = PIECE_LARGE_SIZE;
	}
	c->piece = pool_take_loose(c->spec.m->pool, (size_t)size + TABLE_SIZE);
	c->timer = loop_timer_new(c->spec.loop, on_timer, c);
	if (c->spec.md5)
		c->md5 = md5_new();
	if (c->piece == NULL || c->timer == NULL || (c->spec.md5 && c->md5 == NULL) ||
	    !pins_add(c->spec.m->pins, c->spec.blob.id))
		return ERR_NO_MEMORY;
	c->range.to = data_of(c);
	return ERR_OK;
}

struct copy_check *
copy_check_new(const struct copy_check_spec *spec)
{
	struct copy_check *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->spec = *spec;
	c->layout = blob_layout(spec->blob.length);
	if (set_up(c) != ERR_OK) {
		loop_timer_free(c->timer);
		piece_unref(c->piece);
		md5_free(c->md5);
		free(c);
		return NULL;
	}
	spec->m->work++;
	loop_timer_set(c->timer, 0);
	return c;
}

void
copy_check_cancel(struct copy_check *c)
{
	c->cancelled = true;
	if (!c->calling)
		loop_timer_set(c->timer, 0);
}
