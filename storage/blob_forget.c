/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_forget.h"

#include <stdio.h>

#include "storage/blob_write.h"
#include "storage/keys.h"

enum { LOCATIONS = 8, KEY_SIZE = 10, NAME_SIZE = 64 };

struct batch {
	uint64_t id[BLOB_FORGET_BATCH];
	size_t n; /* of them to be forgotten */
	size_t seen;
	uint64_t last; /* looked at */
};

/* Which ones: a cursor does not outlast the changes to its table. */
static enum err
collect(struct db_cursor *cursor, const struct blob_forget *r, struct batch *batch,
    struct errinfo *why)
{
	struct key from = key_id(r->after + 1);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && batch->seen < BLOB_FORGET_BATCH) {
		uint64_t id = key_load_u64(key, 0);
		struct blob blob;

		if (id >= r->end)
			return ERR_OK;
		batch->seen++;
		batch->last = id;
		/* A damaged record has other worries. */
		if (blob_decode(id, value, &blob, NULL) == ERR_OK &&
		    (blob.have >> r->location & 1))
			batch->id[batch->n++] = id;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
forget(struct write *w, uint64_t id, unsigned location, struct errinfo *why)
{
	struct blob blob;
	enum err e = blob_load(w->txn, id, &blob, why);

	return e == ERR_OK ? blob_write_have(w, &blob,
				 (location_map)(blob.have & ~(1u << location)), why)
			   : e;
}

static enum err
write_cursor(struct write *w, const struct blob_forget *r, struct errinfo *why)
{
	char name[NAME_SIZE];

	(void)snprintf(name, sizeof name, "note.%s", r->cursor);
	return store_put_number(w->txn, name, r->upto_out, why);
}

static enum err
apply(struct change *change, struct write *w)
{
	struct blob_forget *r = container_of(change, struct blob_forget, change);
	struct errinfo *why = &change->why;
	struct batch batch = {.n = 0};
	struct db_cursor *cursor;
	enum err e = db_cursor_open(w->txn, DB_BLOB, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = collect(cursor, r, &batch, why);
	db_cursor_close(cursor);
	for (size_t i = 0; i < batch.n && e == ERR_OK; i++)
		e = forget(w, batch.id[i], r->location, why);
	if (e != ERR_OK)
		return e;
	r->forgotten_out = batch.n;
	r->upto_out = batch.seen < BLOB_FORGET_BATCH ? r->end - 1 : batch.last;
	return write_cursor(w, r, why);
}

void
blob_forget(struct store *store, struct blob_forget *r)
{
	r->change.apply = apply;
	store_submit(store, &r->change);
}

enum err
blob_forgotten(
    struct store_reader *reader, const char *cursor, uint64_t *out, struct errinfo *why)
{
	char name[NAME_SIZE];
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	(void)snprintf(name, sizeof name, "note.%s", cursor);
	e = store_get_number(txn, name, 0, out, why);
	store_read_end(reader);
	return e;
}

static enum err
find_below(struct db_cursor *cursor, unsigned location, uint64_t end, bool *any,
    struct errinfo *why)
{
	for (unsigned copies = 1; copies < LOCATIONS && !*any; copies++) {
		struct key first = key_urep(copies, location, 0);
		struct bytes key, value;
		enum err e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);

		if (e != ERR_OK && e != ERR_NOT_FOUND)
			return e;
		*any = e == ERR_OK && key.n == KEY_SIZE && key.p[0] == first.p[0] &&
		       key.p[1] == first.p[1] && key_load_u64(key, 2) < end;
	}
	return ERR_OK;
}

enum err
blob_repairs_below(struct store_reader *reader, unsigned location, uint64_t end,
    bool *any_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	*any_out = false;
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_UREP, &cursor, why);
	if (e == ERR_OK) {
		e = find_below(cursor, location, end, any_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

static enum err
count_only(struct db_cursor *cursor, unsigned location, uint64_t *after, uint64_t *n,
    bool *more, struct errinfo *why)
{
	struct key from = key_id(*after + 1);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	for (unsigned seen = 0; e == ERR_OK && seen < BLOB_FORGET_BATCH; seen++) {
		struct blob blob;

		*after = key_load_u64(key, 0);
		*n += blob_decode(*after, value, &blob, NULL) == ERR_OK &&
		      blob.have == 1u << location;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	*more = e == ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
blob_only_at(struct store_reader *reader, unsigned location, uint64_t *after, uint64_t *n,
    bool *more_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	*more_out = false;
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_BLOB, &cursor, why);
	if (e == ERR_OK) {
		e = count_only(cursor, location, after, n, more_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}
