/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record, little-endian: version 1 (1) | CRC32C of blob id and all that follows (4) |
 * length (8) | MD5 (16) | have (1) | want, and SMALL (1) | references (4) | created (8);
 * version 2, of members of a pack, also: pack (8) | where in it (8).
 */
#include "storage/blob.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "storage/blob_file.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/pack.h"

enum {
	VERSION = 1,
	VERSION_PACKED = 2,
	AT_CRC = 1,
	AT_REST = 5,
	AT_PACK = 43,
	RECORD_SIZE = AT_PACK,
	PACKED_RECORD_SIZE = BLOB_RECORD_SIZE,
	LOCATIONS = 7,
	SMALL = 0x80, /* beside `want` */
	REPAIR_ROW_SIZE = 12, /* as in blob_repairs.c */
	LOST_PAUSE_MS = 1000,
};

static uint32_t
record_crc(uint64_t id, const uint8_t *record, size_t size)
{
	uint8_t bytes[8];

	pack_store(bytes, id, sizeof bytes);
	return crc32c(crc32c(0, bytes, sizeof bytes), record + AT_REST, size - AT_REST);
}

size_t
blob_encode(const struct blob *blob, uint8_t record[BLOB_RECORD_SIZE])
{
	size_t size = blob->pack == 0 ? RECORD_SIZE : PACKED_RECORD_SIZE;

	record[0] = blob->pack == 0 ? VERSION : VERSION_PACKED;
	pack_store(record + AT_REST, blob->length, 8);
	(void)memcpy(record + AT_REST + 8, blob->md5, MD5_SIZE);
	record[AT_REST + 24] = blob->have;
	record[AT_REST + 25] = (uint8_t)(blob->want | (blob->small ? SMALL : 0));
	pack_store(record + AT_REST + 26, blob->references, 4);
	pack_store(record + AT_REST + 30, (uint64_t)blob->created_ms, 8);
	if (blob->pack != 0) {
		pack_store(record + AT_PACK, blob->pack, 8);
		pack_store(record + AT_PACK + 8, blob->pack_at, 8);
	}
	pack_store(record + AT_CRC, record_crc(blob->id, record, size), 4);
	return size;
}

enum err
blob_decode(uint64_t id, struct bytes value, struct blob *out, struct errinfo *why)
{
	const uint8_t *p = (const uint8_t *)value.p;
	bool is_packed = value.n == PACKED_RECORD_SIZE;

	if ((value.n != RECORD_SIZE && !is_packed) ||
	    p[0] != (is_packed ? VERSION_PACKED : VERSION) ||
	    pack_load(p + AT_CRC, 4) != record_crc(id, p, value.n))
		return errinfo_set(why, ERR_DAMAGED, "record of blob %llu is damaged",
		    (unsigned long long)id);
	*out = (struct blob){
	    .id = id,
	    .length = pack_load(p + AT_REST, 8),
	    .have = p[AT_REST + 24],
	    .want = (location_map)(p[AT_REST + 25] & ~SMALL),
	    .small = (p[AT_REST + 25] & SMALL) != 0,
	    .references = (uint32_t)pack_load(p + AT_REST + 26, 4),
	    .created_ms = (int64_t)pack_load(p + AT_REST + 30, 8),
	};
	(void)memcpy(out->md5, p + AT_REST + 8, MD5_SIZE);
	if (is_packed) {
		out->pack = pack_load(p + AT_PACK, 8);
		out->pack_at = pack_load(p + AT_PACK + 8, 8);
	}
	return ERR_OK;
}

enum err
blob_load(struct db_txn *txn, uint64_t id, struct blob *out, struct errinfo *why)
{
	struct key key = key_id(id);
	struct bytes value;
	enum err e = db_get(txn, DB_BLOB, key_bytes(&key), &value, why);

	return e == ERR_OK ? blob_decode(id, value, out, why) : e;
}

static enum err
store(struct write *w, const struct blob *blob, bool is_new, struct errinfo *why)
{
	uint8_t record[BLOB_RECORD_SIZE];
	struct key key = key_id(blob->id);
	struct bytes value = {(const char *)record, blob_encode(blob, record)};

	return is_new ? db_append(w->txn, DB_BLOB, key_bytes(&key), value, why)
		      : db_put(w->txn, DB_BLOB, key_bytes(&key), value, why);
}

static bool
has(location_map map, unsigned location)
{
	return map >> location & 1;
}

/* Delete (`add` false) or write the repair rows of a blob as it is now. */
static enum err
repair_rows(struct write *w, const struct blob *blob, bool add, struct errinfo *why)
{
	unsigned copies = (unsigned)__builtin_popcount(blob->have);
	static const char row[REPAIR_ROW_SIZE]; /* no attempts yet, at once */

	if (blob->small)
		return ERR_OK;
	for (unsigned l = 0; l < LOCATIONS; l++) {
		struct key key = key_urep(copies, l, blob->id);
		enum err e;

		if (!has(blob->want, l) || has(blob->have, l))
			continue;
		e = add ? db_put(w->txn, DB_UREP, key_bytes(&key),
			      (struct bytes){row, sizeof row}, why)
			: db_delete(w->txn, DB_UREP, key_bytes(&key), why);
		if (e != ERR_OK && !(e == ERR_NOT_FOUND && !add))
			return e;
	}
	return ERR_OK;
}

enum err
blob_write_new(struct write *w, const struct blob *blob, struct errinfo *why)
{
	struct blob record = *blob;
	struct key key = key_id(blob->id);
	enum err e;

	CHECK(blob->id != 0 && (blob->have != 0) == (!blob->small && blob->pack == 0) &&
	      (blob->have & ~blob->want) == 0);
	record.references = 1;
	record.created_ms = w->now_ms;
	e = store(w, &record, true, why);
	if (e == ERR_OK && blob->small && !w->has_bytes)
		e = store_need(w, STORE_SMALL, why);
	if (e == ERR_OK && blob->small) {
		w->has_bytes = true;
		e = db_put(w->txn, DB_SMALL, key_bytes(&key), blob->small_row, why);
	}
	if (e == ERR_OK && blob->pack != 0)
		e = blob_write_ref(w, blob->pack, why);
	return e == ERR_OK ? repair_rows(w, &record, true, why) : e;
}

static enum err
queue_removal(struct write *w, uint64_t id, unsigned location,
    const uint8_t md5[MD5_SIZE], uint64_t delay_ms, struct errinfo *why)
{
	struct key key = key_gcq(location, id);
	uint8_t row[8 + MD5_SIZE];

	pack_store(row, (uint64_t)w->now_ms + delay_ms, 8);
	(void)memcpy(row + 8, md5, MD5_SIZE);
	return db_put(w->txn, DB_GCQ, key_bytes(&key),
	    (struct bytes){(const char *)row, sizeof row}, why);
}

/*
 * At all locations that should have it: one that is not known to may hold a copy that was
 * made when the process ended, before it was counted.
 */
static enum err
queue_removals(struct write *w, const struct blob *blob, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (unsigned l = 0; l < LOCATIONS && e == ERR_OK; l++)
		if (has(blob->want, l))
			e = queue_removal(w, blob->id, l, blob->md5, w->gc_delay_ms, why);
	return e;
}

/* The blob of a node, which must be there. */
static enum err
load_named(struct write *w, uint64_t id, struct blob *out, struct errinfo *why)
{
	enum err e = blob_load(w->txn, id, out, why);

	return e == ERR_NOT_FOUND ? errinfo_set(why, ERR_DAMAGED,
					"blob %llu has no record", (unsigned long long)id)
				  : e;
}

enum err
blob_write_ref(struct write *w, uint64_t id, struct errinfo *why)
{
	struct blob blob;
	enum err e;

	if (id == 0)
		return ERR_OK; /* an empty file has no bytes anywhere */
	e = load_named(w, id, &blob, why);
	if (e != ERR_OK)
		return e;
	if (blob.references == UINT32_MAX)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "there are too many copies of a file");
	blob.references++;
	return store(w, &blob, false, why);
}

enum err
blob_write_unref(struct write *w, uint64_t id, struct errinfo *why)
{
	struct key key = key_id(id);
	struct blob blob;
	enum err e;

	if (id == 0)
		return ERR_OK;
	e = load_named(w, id, &blob, why);
	if (e != ERR_OK)
		return e;
	if (--blob.references > 0)
		return store(w, &blob, false, why);
	if (blob.pack != 0) { /* which is a member of none: this goes no deeper */
		e = db_delete(w->txn, DB_BLOB, key_bytes(&key), why);
		return e == ERR_OK ? blob_write_unref(w, blob.pack, why) : e;
	}
	e = repair_rows(w, &blob, false, why);
	if (e == ERR_OK && blob.small)
		e = db_delete(w->txn, DB_SMALL, key_bytes(&key), why);
	if (e == ERR_OK)
		e = queue_removals(w, &blob, why);
	return e == ERR_OK ? db_delete(w->txn, DB_BLOB, key_bytes(&key), why) : e;
}

enum err
blob_write_have(
    struct write *w, struct blob *blob, location_map have, struct errinfo *why)
{
	enum err e;

	if (have == blob->have)
		return ERR_OK;
	e = repair_rows(w, blob, false, why);
	if (e != ERR_OK)
		return e;
	blob->have = have;
	e = store(w, blob, false, why);
	return e == ERR_OK ? repair_rows(w, blob, true, why) : e;
}

/* Is the file of a blob at a location in the removal queue? */
static enum err
is_queued(
    struct db_txn *txn, uint64_t id, unsigned location, bool *out, struct errinfo *why)
{
	struct key key = key_gcq(location, id);
	struct bytes row;
	enum err e = db_get(txn, DB_GCQ, key_bytes(&key), &row, why);

	*out = e == ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Of the files at `have` those that stay. */
static enum err
leave_out_queued(struct db_txn *txn, uint64_t id, location_map *have, struct errinfo *why)
{
	enum err e = ERR_OK;
	bool queued;

	for (unsigned l = 0; l < LOCATIONS && e == ERR_OK; l++) {
		if (!has(*have, l))
			continue;
		e = is_queued(txn, id, l, &queued, why);
		if (e == ERR_OK && queued)
			*have &= (location_map) ~(1u << l);
	}
	return e;
}

enum err
blob_write_settled(struct write *w, uint64_t id, location_map have, struct errinfo *why)
{
	struct key key = key_id(id);
	struct blob blob;
	enum err e = blob_load(w->txn, id, &blob, why);

	if (e == ERR_OK && !blob.small)
		e = errinfo_set(why, ERR_NOT_FOUND, "blob %llu is not small any more",
		    (unsigned long long)id);
	if (e == ERR_OK)
		e = leave_out_queued(w->txn, id, &have, why);
	if (e != ERR_OK)
		return e;
	blob.small = false;
	blob.have |= have;
	if (blob.have == 0)
		return errinfo_set(why, ERR_QUORUM,
		    "all files of blob %llu wait for their removal",
		    (unsigned long long)id);
	e = store(w, &blob, false, why);
	if (e == ERR_OK)
		e = db_delete(w->txn, DB_SMALL, key_bytes(&key), why);
	return e == ERR_OK ? repair_rows(w, &blob, true, why) : e;
}

enum err
blob_write_packed(
    struct write *w, uint64_t id, uint64_t pack, uint64_t at, struct errinfo *why)
{
	struct key key = key_id(id);
	struct blob blob;
	enum err e = blob_load(w->txn, id, &blob, why);

	if (e == ERR_OK && !blob.small)
		e = errinfo_set(why, ERR_NOT_FOUND, "blob %llu is not small any more",
		    (unsigned long long)id);
	if (e != ERR_OK)
		return e;
	if (blob.have != 0) /* somebody counted a file that nobody waited for */
		e = queue_removals(w, &blob, why);
	if (e != ERR_OK)
		return e;
	blob.small = false;
	blob.have = 0;
	blob.want = 0;
	blob.pack = pack;
	blob.pack_at = at;
	e = store(w, &blob, false, why);
	return e == ERR_OK ? db_delete(w->txn, DB_SMALL, key_bytes(&key), why) : e;
}

enum err
blob_write_pack(struct write *w, const struct blob *blob, struct errinfo *why)
{
	struct blob record = *blob;
	enum err e;

	CHECK(record.id != 0 && record.have != 0 && (record.have & ~record.want) == 0);
	record.created_ms = w->now_ms;
	e = store_need(w, STORE_SMALL, why);
	if (e == ERR_OK)
		e = store(w, &record, true, why);
	return e == ERR_OK ? repair_rows(w, &record, true, why) : e;
}

static enum err
apply_copied(struct change *change, struct write *w)
{
	struct blob_copied *r = container_of(change, struct blob_copied, change);
	struct blob blob;
	bool queued;
	enum err e = blob_load(w->txn, r->id, &blob, &change->why);

	if (e == ERR_OK)
		e = is_queued(w->txn, r->id, r->location, &queued, &change->why);
	if (e != ERR_OK)
		return e;
	if (queued)
		return errinfo_set(
		    &change->why, ERR_NOT_FOUND, "the file is in the removal queue");
	return blob_write_have(
	    w, &blob, (location_map)(blob.have | 1u << r->location), &change->why);
}

/* The bad file is moved away first: whoever lost it does that now. */
static enum err
hold_repair(
    struct write *w, const struct blob *blob, unsigned location, struct errinfo *why)
{
	struct key key =
	    key_urep((unsigned)__builtin_popcount(blob->have), location, blob->id);
	uint8_t row[REPAIR_ROW_SIZE] = {0};

	if (!has(blob->want, location) || blob->small)
		return ERR_OK;
	pack_store(row + 4, (uint64_t)w->now_ms + LOST_PAUSE_MS, 8);
	return db_put(w->txn, DB_UREP, key_bytes(&key),
	    (struct bytes){(const char *)row, sizeof row}, why);
}

static enum err
apply_lost(struct change *change, struct write *w)
{
	struct blob_lost *r = container_of(change, struct blob_lost, change);
	struct blob blob;
	enum err e = blob_load(w->txn, r->id, &blob, &change->why);

	if (e != ERR_OK)
		return e;
	e = blob_write_have(
	    w, &blob, (location_map)(blob.have & ~(1u << r->location)), &change->why);
	return e == ERR_OK ? hold_repair(w, &blob, r->location, &change->why) : e;
}

static enum err
apply_discard(struct change *change, struct write *w)
{
	struct blob_discard *r = container_of(change, struct blob_discard, change);

	return queue_removal(w, r->id, r->location, r->md5, 0, &change->why);
}

static enum err
apply_removed(struct change *change, struct write *w)
{
	struct blob_removed *r = container_of(change, struct blob_removed, change);

	for (size_t i = 0; i < r->n; i++) {
		struct key key = key_gcq(r->location, r->ids[i]);
		enum err e = db_delete(w->txn, DB_GCQ, key_bytes(&key), &change->why);

		if (e != ERR_OK && e != ERR_NOT_FOUND)
			return e;
	}
	return ERR_OK;
}

void
blob_copied(struct store *s, struct blob_copied *r)
{
	r->change.apply = apply_copied;
	store_submit(s, &r->change);
}

void
blob_lost(struct store *s, struct blob_lost *r)
{
	r->change.apply = apply_lost;
	store_submit(s, &r->change);
}

void
blob_discard(struct store *s, struct blob_discard *r)
{
	r->change.apply = apply_discard;
	store_submit(s, &r->change);
}

void
blob_removed(struct store *s, struct blob_removed *r)
{
	r->change.apply = apply_removed;
	store_submit(s, &r->change);
}

enum err
blob_get(struct store_reader *reader, uint64_t id, struct blob *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = blob_load(txn, id, out, why);
	store_read_end(reader);
	return e;
}

static enum err
list(struct db_cursor *cursor, uint64_t after, struct blob *out, size_t max,
    size_t *n_out, struct errinfo *why)
{
	struct key from = key_id(after + 1);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && *n_out < max) {
		*n_out += blob_decode(key_load_u64(key, 0), value, &out[*n_out], NULL) ==
			  ERR_OK;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
blob_list(struct store_reader *reader, uint64_t after, struct blob *out, size_t max,
    size_t *n_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	*n_out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_BLOB, &cursor, why);
	if (e == ERR_OK) {
		e = list(cursor, after, out, max, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

/* Ids come round all leaves, STORE_ID_BLOCK of them to each. */
static const uint64_t ROUND = (uint64_t)STORE_ID_BLOCK * BLOB_LEAVES;

unsigned
blob_leaves(uint64_t ids_end)
{
	return ids_end < ROUND
		   ? (unsigned)((ids_end + STORE_ID_BLOCK - 1) / STORE_ID_BLOCK)
		   : BLOB_LEAVES;
}

enum err
blob_list_leaf(struct store_reader *reader, unsigned leaf, uint64_t ids_end,
    struct blob **out, size_t *n_out, struct errinfo *why)
{
	uint64_t first = (uint64_t)leaf * STORE_ID_BLOCK;
	struct blob *blob = NULL, *bigger;
	size_t n = 0, more;
	enum err e = ERR_OK;

	for (; first < ids_end && e == ERR_OK; first += ROUND) {
		bigger = realloc(blob, (n + STORE_ID_BLOCK) * sizeof *blob);
		if (bigger == NULL) {
			e = errinfo_set(why, ERR_NO_MEMORY, "no memory for records");
			break;
		}
		blob = bigger;
		e = blob_list(reader, first == 0 ? 0 : first - 1, blob + n,
		    STORE_ID_BLOCK, &more, why);
		while (more > 0 && blob[n + more - 1].id >= first + STORE_ID_BLOCK)
			more--;
		n += more;
	}
	if (e != ERR_OK) {
		free(blob);
		return e;
	}
	*out = blob;
	*n_out = n;
	return ERR_OK;
}

static enum err
removals(struct db_cursor *cursor, unsigned location, uint64_t after, int64_t now_ms,
    struct blob_removal *out, size_t max, size_t *n_out, struct errinfo *why)
{
	struct key from = key_gcq(location, after + 1);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	*n_out = 0;
	while (e == ERR_OK && *n_out < max && (uint8_t)key.p[0] == location) {
		struct blob_removal *r = &out[*n_out];

		if (key.n != 9 || value.n != 8 + MD5_SIZE)
			return errinfo_set(why, ERR_DAMAGED, "removal queue: bad row");
		r->id = key_load_u64(key, 1);
		(void)memcpy(r->md5, value.p + 8, MD5_SIZE);
		*n_out += (int64_t)pack_load((const uint8_t *)value.p, 8) <= now_ms;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
blob_removals(struct store_reader *reader, unsigned location, uint64_t after,
    int64_t now_ms, struct blob_removal *out, size_t max, size_t *n_out,
    struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_GCQ, &cursor, why);
	if (e == ERR_OK) {
		e = removals(cursor, location, after, now_ms, out, max, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

enum err
blob_known(struct store_reader *reader, uint64_t id, unsigned location, bool *known_out,
    struct errinfo *why)
{
	struct blob blob = {.have = 0};
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = blob_load(txn, id, &blob, why);
	if (e == ERR_NOT_FOUND)
		e = ERR_OK;
	*known_out = has(blob.have, location);
	if (e == ERR_OK && !*known_out)
		e = is_queued(txn, id, location, known_out, why);
	store_read_end(reader);
	return e;
}
