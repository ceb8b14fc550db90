/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/put_txns.h"

#include "service/core/check.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/put_txn_record.h"
#include "storage/put_txns_write.h"
#include "storage/rows.h"

static struct key
key_of(const uint8_t id[PUT_TXN_ID_SIZE])
{
	struct key key = {.n = 0};

	key_text(&key, (struct bytes){(const char *)id, PUT_TXN_ID_SIZE});
	return key;
}

static enum err
load(struct db_txn *txn, const uint8_t id[PUT_TXN_ID_SIZE], struct arena *a,
    struct put_txn *out, struct errinfo *why)
{
	struct key key = key_of(id);
	struct bytes row;
	enum err e = row_get(txn, DB_TXN, &key, &row, why);

	return e == ERR_OK ? put_txn_decode(id, row, a, out, why) : e;
}

enum err
put_txns_get(struct store_reader *reader, struct arena *a,
    const uint8_t id[PUT_TXN_ID_SIZE], int64_t now_ms, struct put_txn *out,
    struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = load(txn, id, a, out, why);
	store_read_end(reader);
	return e == ERR_OK && out->expires_ms <= now_ms ? ERR_NOT_FOUND : e;
}

/* The record a cursor found. ERR_DAMAGED. */
static enum err
read_found(struct write *w, struct bytes key, struct bytes value, struct put_txn *out,
    struct errinfo *why)
{
	struct bytes row;
	enum err e = row_check(DB_TXN, key, value, &row, why);

	if (e == ERR_OK && key.n != PUT_TXN_ID_SIZE)
		e = errinfo_set(why, ERR_DAMAGED, "a put transaction: bad key");
	arena_clear(&w->arena);
	return e == ERR_OK
		   ? put_txn_decode((const uint8_t *)key.p, row, &w->arena, out, why)
		   : e;
}

/* How many are one identity's; damaged ones are nobody's. */
static enum err
count_of(struct write *w, uint64_t owner, uint64_t *out, struct errinfo *why)
{
	static const uint8_t lowest[PUT_TXN_ID_SIZE];
	struct key first = key_of(lowest);
	struct bytes key, value;
	struct db_cursor *cursor;
	struct errinfo damage;
	enum err e = db_cursor_open(w->txn, DB_TXN, &cursor, why);

	*out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);
	while (e == ERR_OK) {
		struct put_txn t;

		if (read_found(w, key, value, &t, &damage) == ERR_OK)
			*out += t.owner == owner;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Is there room for one more, of all and of its owner's? */
static enum err
check_room(struct put_txns_write *r, struct write *w)
{
	struct errinfo *why = &r->change.why;
	uint64_t n;
	enum err e = db_count(w->txn, DB_TXN, &n, why);

	if (e == ERR_OK && n >= r->txns_max)
		e = errinfo_set(why, ERR_BUSY,
		    "there are %llu unfinished put transactions", (unsigned long long)n);
	if (e == ERR_OK)
		e = count_of(w, r->txn.owner, &n, why);
	if (e == ERR_OK && n >= r->txns_of_owner_max)
		e = errinfo_set(why, ERR_BUSY,
		    "%llu put transactions of yours are unfinished, which is the limit",
		    (unsigned long long)n);
	return e;
}

/* Is the stored turn the one the caller knows? */
static enum err
check_turn(struct put_txns_write *r, struct write *w)
{
	struct errinfo *why = &r->change.why;
	struct put_txn stored;
	enum err e = load(w->txn, r->txn.id, &w->arena, &stored, why);

	if (e == ERR_OK && stored.turn == r->txn.turn)
		return ERR_OK;
	if (e == ERR_NOT_FOUND && r->txn.turn == 0)
		return check_room(r, w);
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		return e;
	return errinfo_set(
	    why, ERR_CHANGED, "another request has changed the transaction");
}

static enum err
apply_write(struct change *change, struct write *w)
{
	struct put_txns_write *r = container_of(change, struct put_txns_write, change);
	struct put_txn txn = r->txn;
	struct key key = key_of(txn.id);
	enum err e = check_turn(r, w);

	if (e == ERR_OK && r->add.id != 0)
		e = blob_write_new(w, &r->add, &change->why);
	if (e == ERR_OK)
		e = blob_write_unref(w, r->drop, &change->why);
	if (e != ERR_OK)
		return e;
	txn.turn++;
	str_clear(&w->record);
	put_txn_encode(&w->record, &txn);
	return row_put(w->txn, DB_TXN, &key, &w->record, &change->why);
}

static enum err
drop_segments(struct write *w, const struct put_txn *t, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < t->n_segments && e == ERR_OK; i++)
		e = blob_write_unref(w, t->segments[i].blob_id, why);
	return e;
}

static enum err
drop_record(struct write *w, const uint8_t id[PUT_TXN_ID_SIZE], struct errinfo *why)
{
	struct key key = key_of(id);

	return db_delete(w->txn, DB_TXN, key_bytes(&key), why);
}

static enum err
apply_abort(struct change *change, struct write *w)
{
	struct put_txns_abort *r = container_of(change, struct put_txns_abort, change);
	struct put_txn txn;
	enum err e = load(w->txn, r->id, &w->arena, &txn, &change->why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(&change->why, e, "the transaction is gone");
	if (e == ERR_OK)
		e = drop_segments(w, &txn, &change->why);
	return e == ERR_OK ? drop_record(w, r->id, &change->why) : e;
}

/*
 * The next transaction behind `id` that is past its time. ERR_NOT_FOUND: none. One that
 * is damaged does not hide those behind it.
 */
static enum err
next_expired(struct write *w, uint8_t id[PUT_TXN_ID_SIZE], bool *begun,
    struct put_txn *out, struct put_txns_expire *r)
{
	struct errinfo *why = &r->change.why, damage;
	struct key from = key_of(id);
	struct bytes key, value;
	struct db_cursor *cursor;
	enum err e = db_cursor_open(w->txn, DB_TXN, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);
	if (e == ERR_OK && *begun && bytes_eq(key, key_bytes(&from)))
		e = db_cursor_next(cursor, &key, &value, why);
	*begun = true;
	while (e == ERR_OK) {
		e = read_found(w, key, value, out, &damage);
		if (e == ERR_OK && out->expires_ms <= w->now_ms) {
			(void)memcpy(id, key.p, PUT_TXN_ID_SIZE);
			break;
		}
		if (e != ERR_OK && r->n_damaged++ == 0)
			*why = damage;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e;
}

static enum err
apply_expire(struct change *change, struct write *w)
{
	struct put_txns_expire *r = container_of(change, struct put_txns_expire, change);
	uint8_t id[PUT_TXN_ID_SIZE] = {0};
	bool begun = false;
	enum err e = ERR_OK;

	r->n_damaged = 0;
	for (r->n_out = 0; r->n_out < r->max; r->n_out++) {
		struct put_txn txn;

		e = next_expired(w, id, &begun, &txn, r);
		if (e == ERR_OK)
			e = drop_segments(w, &txn, &change->why);
		if (e == ERR_OK)
			e = drop_record(w, id, &change->why);
		if (e != ERR_OK)
			break;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
put_txn_finish(struct write *w, const uint8_t id[PUT_TXN_ID_SIZE], uint64_t turn,
    struct errinfo *why)
{
	struct put_txn txn;
	enum err e = load(w->txn, id, &w->arena, &txn, why);

	if (e == ERR_NOT_FOUND || (e == ERR_OK && txn.turn != turn))
		return errinfo_set(
		    why, ERR_CONFLICT, "another request has changed the transaction");
	if (e == ERR_OK && txn.n_segments > 1)
		e = drop_segments(w, &txn, why);
	return e == ERR_OK ? drop_record(w, id, why) : e;
}

void
put_txns_write(struct store *store, struct put_txns_write *r)
{
	r->change.apply = apply_write;
	store_submit(store, &r->change);
}

void
put_txns_abort(struct store *store, struct put_txns_abort *r)
{
	r->change.apply = apply_abort;
	store_submit(store, &r->change);
}

void
put_txns_expire(struct store *store, struct put_txns_expire *r)
{
	r->change.apply = apply_expire;
	store_submit(store, &r->change);
}
