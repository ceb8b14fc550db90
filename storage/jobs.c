/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/jobs.h"

#include "service/core/check.h"
#include "storage/keys.h"
#include "storage/rows.h"
#include "storage/write.h"

static enum err
apply_reserve(struct change *change, struct write *w)
{
	struct jobs_reserve *r = container_of(change, struct jobs_reserve, change);

	r->first_out = write_take(w, COUNTER_JOB, r->n);
	return ERR_OK;
}

static enum err
apply_put(struct change *change, struct write *w)
{
	struct jobs_put *r = container_of(change, struct jobs_put, change);
	struct key key = key_id(r->number);
	enum err e;

	if (r->record.p == NULL) {
		e = db_delete(w->txn, DB_JOB, key_bytes(&key), &change->why);
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	}
	str_clear(&w->record);
	str_add(&w->record, r->record);
	return row_put(w->txn, DB_JOB, &key, &w->record, &change->why);
}

void
jobs_reserve(struct store *store, struct jobs_reserve *r)
{
	r->change.apply = apply_reserve;
	store_submit(store, &r->change);
}

void
jobs_put(struct store *store, struct jobs_put *r)
{
	r->change.apply = apply_put;
	store_submit(store, &r->change);
}

static enum err
copy(struct arena *a, struct bytes row, struct bytes *out, struct errinfo *why)
{
	*out = arena_copy(a, row);
	return out->p == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a job")
			      : ERR_OK;
}

enum err
jobs_get(struct store_reader *reader, struct arena *a, uint64_t number, struct bytes *out,
    struct errinfo *why)
{
	struct key key = key_id(number);
	struct db_txn *txn;
	struct bytes row;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = row_get(txn, DB_JOB, &key, &row, why);
	if (e == ERR_OK)
		e = copy(a, row, out, why);
	store_read_end(reader);
	return e;
}

enum err
jobs_next(struct store_reader *reader, struct arena *a, uint64_t from,
    uint64_t *number_out, struct bytes *out, struct errinfo *why)
{
	struct key first = key_id(from);
	struct bytes key, value, row;
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_JOB, &cursor, why);
	if (e == ERR_OK) {
		e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);
		if (e == ERR_OK)
			*number_out = key_load_u64(key, 0);
		if (e == ERR_OK)
			e = row_check(DB_JOB, key, value, &row, why);
		if (e == ERR_OK)
			e = copy(a, row, out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}
