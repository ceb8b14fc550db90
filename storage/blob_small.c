/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_small.h"

#include <string.h>

#include "service/core/check.h"
#include "storage/blob_file.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/pack.h"

enum { TAIL = 8 + 2 + 4, AT_PATH_N = 8, AT_CRC = 10 };

static size_t
kept_of(size_t path_n)
{
	return path_n < BLOB_PATH_MAX ? path_n : BLOB_PATH_MAX;
}

size_t
blob_small_size(size_t data_n, size_t path_n)
{
	return data_n + kept_of(path_n) + TAIL;
}

static uint32_t
row_crc(uint64_t id, const uint8_t *row, size_t n)
{
	uint8_t bytes[8];

	pack_store(bytes, id, sizeof bytes);
	return crc32c(crc32c(0, bytes, sizeof bytes), row, n);
}

void
blob_small_finish(
    uint8_t *row, size_t data_n, uint64_t id, uint64_t node_id, struct bytes path)
{
	size_t path_n = kept_of(path.n);
	uint8_t *tail = row + data_n + path_n;

	CHECK(data_n > 0 && data_n <= BLOB_SMALL_MAX);
	if (path_n > 0)
		(void)memcpy(row + data_n, path.p + path.n - path_n, path_n);
	pack_store(tail, node_id, 8);
	pack_store(tail + AT_PATH_N, path_n, 2);
	pack_store(tail + AT_CRC, row_crc(id, row, data_n + path_n + AT_CRC), 4);
}

enum err
blob_small_decode(
    uint64_t id, struct bytes row, struct blob_small *out, struct errinfo *why)
{
	const uint8_t *p = (const uint8_t *)row.p, *tail;
	size_t path_n;

	if (row.n <= TAIL)
		goto damaged;
	tail = p + row.n - TAIL;
	path_n = (size_t)pack_load(tail + AT_PATH_N, 2);
	if (path_n >= row.n - TAIL ||
	    pack_load(tail + AT_CRC, 4) != row_crc(id, p, row.n - 4))
		goto damaged;
	*out = (struct blob_small){
	    .data = {row.p, row.n - TAIL - path_n},
	    .node_id = pack_load(tail, 8),
	    .path = {row.p + row.n - TAIL - path_n, path_n},
	};
	return ERR_OK;
damaged:
	return errinfo_set(why, ERR_DAMAGED, "the bytes of blob %llu are damaged",
	    (unsigned long long)id);
}

static enum err
list(struct db_cursor *cursor, uint64_t after, uint64_t *ids, size_t max, size_t *n_out,
    struct errinfo *why)
{
	struct key from = key_id(after + 1);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && *n_out < max) {
		if (key.n == 8)
			ids[(*n_out)++] = key_load_u64(key, 0);
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
blob_small_list(struct store_reader *reader, uint64_t after, uint64_t *ids, size_t max,
    size_t *n_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	*n_out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_SMALL, &cursor, why);
	if (e == ERR_OK) {
		e = list(cursor, after, ids, max, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

enum err
blob_small_get(struct store_reader *reader, uint64_t id, void *to, size_t room,
    size_t *n_out, struct errinfo *why)
{
	struct key key = key_id(id);
	struct bytes value;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_get(txn, DB_SMALL, key_bytes(&key), &value, why);
	if (e == ERR_OK) {
		*n_out = value.n;
		(void)memcpy(to, value.p, value.n < room ? value.n : room);
	}
	store_read_end(reader);
	return e;
}

static enum err
apply_settle(struct change *change, struct write *w)
{
	struct blob_settle *r = container_of(change, struct blob_settle, change);

	return blob_write_settled(w, r->id, r->have, &change->why);
}

void
blob_settle(struct store *store, struct blob_settle *r)
{
	r->change.apply = apply_settle;
	store_submit(store, &r->change);
}
