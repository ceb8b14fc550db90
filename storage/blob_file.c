/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trailer, little-endian: "QRTBLOB1" | block size (8) | id (8) | length (8) | MD5 (16) |
 * store (16) | node (8) | created (8) | length of path (2) | path | zeros | CRC32C (4).
 */
#include "storage/blob_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/encode.h"
#include "storage/pack.h"

enum {
	SMALLEST_BLOCK = 4096,
	ENTRIES_MAX = BLOB_PAGE_ENTRIES * BLOB_PAGES_MAX,
	AT_CRC = BLOB_PAGE - 4,
	AT_PATH = 8 + 8 + 8 + 8 + MD5_SIZE + STORE_UUID_SIZE + 8 + 8 + 2,
};

static const char magic[8] = {'Q', 'R', 'T', 'B', 'L', 'O', 'B', '1'};

struct blob_layout
blob_layout(uint64_t length)
{
	struct blob_layout l = {.length = length, .block_size = SMALLEST_BLOCK};

	while (length > l.block_size * ENTRIES_MAX && l.block_size < BLOB_BLOCK_MAX)
		l.block_size *= 2;
	l.blocks = length / l.block_size + (length % l.block_size != 0);
	l.data_size = (length + BLOB_PAGE - 1) / BLOB_PAGE * BLOB_PAGE;
	l.pages = (l.blocks + BLOB_PAGE_ENTRIES - 1) / BLOB_PAGE_ENTRIES;
	l.file_size = l.data_size + (l.pages + 1) * BLOB_PAGE;
	return l;
}

void
blob_name(uint64_t id, const uint8_t md5[MD5_SIZE], char out[BLOB_NAME_SIZE])
{
	(void)snprintf(out, BLOB_NAME_SIZE, "%016llx-", (unsigned long long)id);
	hex_encode(md5, MD5_SIZE, out + 17);
}

bool
blob_name_parse(struct bytes name, uint64_t *id_out, uint8_t md5_out[MD5_SIZE])
{
	char again[BLOB_NAME_SIZE];
	uint8_t digits[8];
	uint64_t id = 0;

	if (name.n != BLOB_NAME_SIZE - 1 || name.p[16] != '-' ||
	    !hex_decode((struct bytes){name.p, 16}, digits, sizeof digits) ||
	    !hex_decode(bytes_skip(name, 17), md5_out, MD5_SIZE))
		return false;
	for (size_t i = 0; i < sizeof digits; i++)
		id = id << 8 | digits[i];
	/* One file has one name: one in capitals would be looked for in vain. */
	blob_name(id, md5_out, again);
	*id_out = id;
	return bytes_is(name, again);
}

unsigned
blob_leaf(uint64_t id)
{
	return (unsigned)(id / STORE_ID_BLOCK % BLOB_LEAVES);
}

void
blob_leaf_name(unsigned leaf, char out[BLOB_LEAF_SIZE])
{
	(void)snprintf(out, BLOB_LEAF_SIZE, "%02x/%02x", leaf >> 8 & 0xff, leaf & 0xff);
}

struct blob_table {
	uint32_t *crc; /* of finished blocks */
	size_t n, room;
	uint64_t block_size;
	uint32_t running; /* of the block being filled */
	uint64_t filled; /* bytes in it */
};

struct blob_table *
blob_table_new(void)
{
	struct blob_table *t = calloc(1, sizeof *t);

	if (t != NULL)
		t->block_size = SMALLEST_BLOCK;
	return t;
}

void
blob_table_free(struct blob_table *t)
{
	if (t == NULL)
		return;
	free(t->crc);
	free(t);
}

/* Pairs of blocks become blocks of twice the size. Called between two blocks. */
static void
double_blocks(struct blob_table *t)
{
	uint32_t shift = crc32c_shift(t->block_size);

	CHECK(t->n % 2 == 0 && t->filled == 0);
	for (size_t i = 0; i < t->n / 2; i++)
		t->crc[i] = crc32c_join_shifted(t->crc[2 * i], t->crc[2 * i + 1], shift);
	t->n /= 2;
	t->block_size *= 2;
}

static bool
add_entry(struct blob_table *t, uint32_t crc)
{
	if (t->n == t->room) {
		size_t room = t->room == 0 ? 16 : t->room * 2;
		uint32_t *bigger = realloc(t->crc, room * sizeof *bigger);

		if (bigger == NULL)
			return false;
		t->crc = bigger;
		t->room = room;
	}
	t->crc[t->n++] = crc;
	return true;
}

bool
blob_table_add(struct blob_table *t, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		size_t part;

		/* Only when more bytes come is it known that the table is too long. */
		if (t->filled == 0 && t->n == ENTRIES_MAX &&
		    t->block_size < BLOB_BLOCK_MAX)
			double_blocks(t);
		part = n < t->block_size - t->filled
			   ? n
			   : (size_t)(t->block_size - t->filled);
		t->running = crc32c(t->running, at, part);
		t->filled += part;
		at += part;
		n -= part;
		if (t->filled == t->block_size) {
			if (!add_entry(t, t->running))
				return false;
			t->running = 0;
			t->filled = 0;
		}
	}
	return true;
}

static uint32_t
page_crc(const uint8_t p[BLOB_PAGE], uint64_t id, uint64_t page)
{
	uint8_t place[16];

	pack_store(place, id, 8);
	pack_store(place + 8, page, 8);
	return crc32c(crc32c(0, place, sizeof place), p, AT_CRC);
}

static uint32_t
entry_of(const struct blob_table *t, uint64_t block)
{
	return block < t->n ? t->crc[block] : t->running;
}

static void
write_page(
    const struct blob_table *t, uint64_t id, uint64_t page, uint64_t blocks, uint8_t *to)
{
	uint64_t first = page * BLOB_PAGE_ENTRIES;

	(void)memset(to, 0, BLOB_PAGE);
	for (uint64_t i = 0; i < BLOB_PAGE_ENTRIES && first + i < blocks; i++)
		pack_store(to + 4 * i, entry_of(t, first + i), 4);
	pack_store(to + AT_CRC, page_crc(to, id, page), 4);
}

static void
write_trailer(const struct blob_trailer *t, uint64_t block_size, uint8_t *to)
{
	struct bytes path = t->path;
	uint8_t *at = to;

	if (path.n > BLOB_PATH_MAX)
		path = bytes_skip(path, path.n - BLOB_PATH_MAX);
	(void)memset(to, 0, BLOB_PAGE);
	(void)memcpy(at, magic, sizeof magic);
	pack_store(at + 8, block_size, 8);
	pack_store(at + 16, t->id, 8);
	pack_store(at + 24, t->length, 8);
	at += 32;
	(void)memcpy(at, t->md5, MD5_SIZE);
	at += MD5_SIZE;
	(void)memcpy(at, t->store, STORE_UUID_SIZE);
	at += STORE_UUID_SIZE;
	pack_store(at, t->node_id, 8);
	pack_store(at + 8, (uint64_t)t->created_ms, 8);
	pack_store(at + 16, path.n, 2);
	if (path.n > 0)
		(void)memcpy(to + AT_PATH, path.p, path.n);
	pack_store(to + AT_CRC, crc32c(0, to, AT_CRC), 4);
}

void
blob_table_write(struct blob_table *t, const struct blob_trailer *trailer, uint8_t *to)
{
	struct blob_layout l = blob_layout(trailer->length);

	CHECK(l.block_size == t->block_size && l.blocks == t->n + (t->filled > 0));
	for (uint64_t page = 0; page < l.pages; page++)
		write_page(t, trailer->id, page, l.blocks, to + page * BLOB_PAGE);
	write_trailer(trailer, l.block_size, to + l.pages * BLOB_PAGE);
}

enum err
blob_trailer_read(
    const uint8_t p[BLOB_PAGE], struct blob_trailer *out, struct errinfo *why)
{
	const uint8_t *at = p + 32 + MD5_SIZE + STORE_UUID_SIZE;
	size_t path_n = (size_t)pack_load(at + 16, 2);

	if (memcmp(p, magic, sizeof magic) != 0)
		return errinfo_set(why, ERR_DAMAGED, "the file has no trailer");
	if (pack_load(p + AT_CRC, 4) != crc32c(0, p, AT_CRC) || path_n > BLOB_PATH_MAX)
		return errinfo_set(why, ERR_DAMAGED, "the file's trailer is damaged");
	*out = (struct blob_trailer){
	    .id = pack_load(p + 16, 8),
	    .length = pack_load(p + 24, 8),
	    .node_id = pack_load(at, 8),
	    .created_ms = (int64_t)pack_load(at + 8, 8),
	    .path = {(const char *)p + AT_PATH, path_n},
	};
	(void)memcpy(out->md5, p + 32, MD5_SIZE);
	(void)memcpy(out->store, p + 32 + MD5_SIZE, STORE_UUID_SIZE);
	return ERR_OK;
}

bool
blob_page_ok(const uint8_t p[BLOB_PAGE], uint64_t id, uint64_t page)
{
	return pack_load(p + AT_CRC, 4) == page_crc(p, id, page);
}

uint32_t
blob_page_entry(const uint8_t p[BLOB_PAGE], uint64_t block)
{
	return (uint32_t)pack_load(p + 4 * (block % BLOB_PAGE_ENTRIES), 4);
}
