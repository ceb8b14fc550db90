/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "replication/fetch_attempt.h"
#include "service/core/check.h"

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
			CHECK(a->n_pages < ATTEMPT_PAGES_A_SEGMENT * c->n_segments);
			a->page[a->n_pages++] = page;
		}
	}
}

/* Planning */

static uint64_t
table_offset(const struct copies *c, uint64_t page)
{
	return c->layout.data_size + page * BLOB_PAGE;
}

/* The end of the file and the first page of its table, with room for both in the piece. */
static bool
is_one_stretch(const struct fetch_attempt *a)
{
	const struct copies *c = a->owner;
	const struct segment *s = &c->segment[0];

	return c->n_segments == 1 && a->n_pages == 1 && a->page[0] == 0 &&
	       s->offset + s->n == c->layout.length &&
	       s->at + (c->layout.data_size - s->offset) + BLOB_PAGE <= a->piece->size;
}

/* Behind the bytes, if the piece has room; else in memory of their own. */
static bool
place_pages(struct fetch_attempt *a)
{
	size_t size = a->n_pages * BLOB_PAGE;
	size_t behind = (a->owner->n_bytes + BLOB_PAGE - 1) / BLOB_PAGE * BLOB_PAGE;

	if (behind + size <= a->piece->size)
		a->pages = a->piece->data + behind;
	else
		a->pages = a->own_pages = malloc(size);
	return a->pages != NULL;
}

size_t
attempt_plan(struct fetch_attempt *a)
{
	const struct copies *c = a->owner;
	size_t n = 0;

	collect_pages(a);
	a->joined = is_one_stretch(a);
	if (a->joined) {
		const struct segment *s = &c->segment[0];
		size_t padded = (size_t)(c->layout.data_size - s->offset);

		a->pages = a->piece->data + s->at + padded;
		a->range[0] = (struct location_range){
		    s->offset, padded + BLOB_PAGE, a->piece->data + s->at};
		return 1;
	}
	if (a->n_pages > 0 && !place_pages(a))
		return 0;
	for (size_t i = 0; i < c->n_segments; i++)
		a->range[n++] = (struct location_range){c->segment[i].offset,
		    c->segment[i].n, a->piece->data + c->segment[i].at};
	for (size_t i = 0; i < a->n_pages; i++)
		a->range[n++] = (struct location_range){
		    table_offset(c, a->page[i]), BLOB_PAGE, a->pages + i * BLOB_PAGE};
	return n;
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

bool
attempt_is_good(struct fetch_attempt *a)
{
	struct copies *c = a->owner;

	for (size_t i = 0; i < a->n_pages; i++)
		if (!blob_page_ok(a->pages + i * BLOB_PAGE, c->blob.id, a->page[i]))
			return false;
	for (size_t i = 0; i < c->n_segments; i++)
		if (!segment_ok(a, &c->segment[i]))
			return false;
	if (!c->last && c->n_bytes < c->layout.length) /* else nobody asks again */
		for (size_t i = 0; i < a->n_pages; i++)
			keep_page(c, a->page[i], a->pages + i * BLOB_PAGE);
	return true;
}
