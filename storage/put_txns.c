/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record, little-endian: version 1 (1) | turn (8) | owner (8) | total (8) | expires (8) |
 * MD5 state (92) | the one before (92) | revertable (1) | path (4 + n) | content type and
 * encoding (given (1), 4 + n each) | number of segments (4) | blob id, length (8, 8) each |
 * CRC of rows.h.
 */
#include "storage/put_txns.h"

#include "service/core/check.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/put_txns_write.h"
#include "storage/rows.h"

enum { VERSION = 1, SEGMENTS_MAX = 1000000 };

static struct key
key_of(const uint8_t id[PUT_TXN_ID_SIZE])
{
	struct key key = {.n = 0};

	key_text(&key, (struct bytes){(const char *)id, PUT_TXN_ID_SIZE});
	return key;
}

static void
pack_optional(struct str *s, struct bytes b)
{
	pack_u8(s, b.p != NULL);
	pack_text(s, b);
}

static void
encode(struct str *s, const struct put_txn *t)
{
	pack_u8(s, VERSION);
	pack_u64(s, t->turn);
	pack_u64(s, t->owner);
	pack_u64(s, t->total);
	pack_u64(s, (uint64_t)t->expires_ms);
	str_add(s, (struct bytes){(const char *)t->md5_state, MD5_STATE_SIZE});
	str_add(s, (struct bytes){(const char *)t->md5_before, MD5_STATE_SIZE});
	pack_u8(s, t->revertable);
	pack_text(s, t->path);
	pack_optional(s, t->content_type);
	pack_optional(s, t->content_encoding);
	pack_u32(s, t->n_segments);
	for (size_t i = 0; i < t->n_segments; i++) {
		pack_u64(s, t->segments[i].blob_id);
		pack_u64(s, t->segments[i].length);
	}
}

static struct bytes
copy_text(struct pack_in *in, struct arena *a)
{
	struct bytes text = arena_copy(a, unpack_text(in));

	in->failed |= text.p == NULL;
	return text;
}

static struct bytes
copy_optional(struct pack_in *in, struct arena *a)
{
	bool given = unpack_u8(in) != 0;
	struct bytes text = copy_text(in, a);

	return given ? text : (struct bytes){NULL, 0};
}

static void
unpack_state(struct pack_in *in, uint8_t state[MD5_STATE_SIZE])
{
	struct bytes bytes = unpack_bytes(in, MD5_STATE_SIZE);

	if (bytes.n == MD5_STATE_SIZE)
		(void)memcpy(state, bytes.p, MD5_STATE_SIZE);
}

static void
unpack_segments(struct pack_in *in, struct arena *a, struct put_txn *out)
{
	size_t n = unpack_u32(in);
	struct put_txn_segment *segments =
	    n > SEGMENTS_MAX ? NULL : arena_array(a, struct put_txn_segment, n + 1);

	if (segments == NULL) {
		in->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		segments[i].blob_id = unpack_u64(in);
		segments[i].length = unpack_u64(in);
		out->length += segments[i].length;
	}
	out->segments = segments;
	out->n_segments = n;
}

static enum err
decode(const uint8_t id[PUT_TXN_ID_SIZE], struct bytes row, struct arena *a,
    struct put_txn *out, struct errinfo *why)
{
	struct pack_in in = pack_open(row);

	*out = (struct put_txn){.turn = 0};
	(void)memcpy(out->id, id, PUT_TXN_ID_SIZE);
	in.failed |= unpack_u8(&in) != VERSION;
	out->turn = unpack_u64(&in);
	out->owner = unpack_u64(&in);
	out->total = unpack_u64(&in);
	out->expires_ms = (int64_t)unpack_u64(&in);
	unpack_state(&in, out->md5_state);
	unpack_state(&in, out->md5_before);
	out->revertable = unpack_u8(&in) != 0;
	out->path = copy_text(&in, a);
	out->content_type = copy_optional(&in, a);
	out->content_encoding = copy_optional(&in, a);
	unpack_segments(&in, a, out);
	if (in.failed || pack_left(&in) != 0)
		return errinfo_set(
		    why, ERR_DAMAGED, "the record of a put transaction is damaged");
	return ERR_OK;
}

static enum err
load(struct db_txn *txn, const uint8_t id[PUT_TXN_ID_SIZE], struct arena *a,
    struct put_txn *out, struct errinfo *why)
{
	struct key key = key_of(id);
	struct bytes row;
	enum err e = row_get(txn, DB_TXN, &key, &row, why);

	return e == ERR_OK ? decode(id, row, a, out, why) : e;
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

/* Is the stored turn the one the caller knows? */
static enum err
check_turn(struct put_txns_write *r, struct write *w)
{
	struct errinfo *why = &r->change.why;
	struct put_txn stored;
	uint64_t n;
	enum err e = load(w->txn, r->txn.id, &w->arena, &stored, why);

	if (e == ERR_OK && stored.turn == r->txn.turn)
		return ERR_OK;
	if (e == ERR_NOT_FOUND && r->txn.turn == 0) {
		e = db_count(w->txn, DB_TXN, &n, why);
		if (e == ERR_OK && n >= r->txns_max)
			e = errinfo_set(why, ERR_BUSY,
			    "there are %llu unfinished put transactions",
			    (unsigned long long)n);
		return e;
	}
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
	encode(&w->record, &txn);
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
	return e == ERR_OK ? decode((const uint8_t *)key.p, row, &w->arena, out, why) : e;
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
