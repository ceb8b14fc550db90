/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The repair table: a row for each copy that is missing, written with the blob records
 * (blob.c). Value, little-endian: attempts (4) | not before (8).
 */
#include "storage/blob.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/write.h"

enum { LOCATIONS = 8, ROW_SIZE = 12, KEY_SIZE = 10 };

struct row {
	uint32_t attempts;
	int64_t not_before_ms;
};

static bool
decode(struct bytes value, struct row *out)
{
	const uint8_t *p = (const uint8_t *)value.p;

	if (value.n != ROW_SIZE)
		return false;
	out->attempts = (uint32_t)pack_load(p, 4);
	out->not_before_ms = (int64_t)pack_load(p + 4, 8);
	return true;
}

/* Those of blobs with so many copies. */
static enum err
collect(struct db_cursor *cursor, unsigned copies, unsigned location, int64_t now_ms,
    uint64_t *ids, size_t max, size_t *n, struct errinfo *why)
{
	struct key first = key_urep(copies, location, 0);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);

	while (e == ERR_OK && *n < max && key.n == KEY_SIZE && key.p[0] == first.p[0] &&
	       key.p[1] == first.p[1]) {
		struct row row;

		if (decode(value, &row) && row.not_before_ms <= now_ms)
			ids[(*n)++] = key_load_u64(key, 2);
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
blob_repairs(struct store_reader *reader, unsigned location, int64_t now_ms,
    uint64_t *ids, size_t max, size_t *n_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	*n_out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_UREP, &cursor, why);
	if (e == ERR_OK) {
		for (unsigned copies = 1; copies < LOCATIONS && e == ERR_OK; copies++)
			e = collect(
			    cursor, copies, location, now_ms, ids, max, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

static uint64_t
pause_after(const struct blob_postponed *r, uint32_t attempts)
{
	uint64_t pause = r->first_ms;

	while (attempts-- > 0 && pause < r->longest_ms)
		pause *= 2;
	return pause < r->longest_ms ? pause : r->longest_ms;
}

static enum err
apply_postponed(struct change *change, struct write *w)
{
	struct blob_postponed *r = container_of(change, struct blob_postponed, change);

	for (unsigned copies = 1; copies < LOCATIONS; copies++) {
		struct key key = key_urep(copies, r->location, r->id);
		uint8_t value[ROW_SIZE];
		struct row row = {.attempts = 0};
		struct bytes old;
		enum err e = db_get(w->txn, DB_UREP, key_bytes(&key), &old, &change->why);

		if (e == ERR_NOT_FOUND)
			continue;
		if (e != ERR_OK)
			return e;
		(void)decode(old, &row);
		pack_store(value, row.attempts + 1, 4);
		pack_store(
		    value + 4, (uint64_t)w->now_ms + pause_after(r, row.attempts), 8);
		return db_put(w->txn, DB_UREP, key_bytes(&key),
		    (struct bytes){(const char *)value, sizeof value}, &change->why);
	}
	return ERR_OK; /* repaired, or gone, meanwhile */
}

void
blob_postponed(struct store *store, struct blob_postponed *r)
{
	r->change.apply = apply_postponed;
	store_submit(store, &r->change);
}
