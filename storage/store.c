/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in `meta`: "format" (major 1, minor 1, then three sets of feature bits, 8 each:
 * incompatible, read-only compatible, compatible), "uuid", the counters of writer.c,
 * "oldest.open", "journal.at", "journal.terms", and "note." names of store_note.
 */
#include "storage/store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/log.h"
#include "storage/accounts_write.h"
#include "storage/keys.h"
#include "storage/nodes_write.h"
#include "storage/pack.h"
#include "storage/put_txns.h"
#include "storage/writer.h"

enum { EXPIRE_MAX = 100 };

enum { FORMAT_MAJOR = 1, FORMAT_MINOR = 0, FORMAT_SIZE = 2 + 3 * 8 };

/* Feature bits this server understands, of each set. */
static const uint64_t known_features[3] = {
    STORE_SMALL | STORE_GROUP_ADMINS | STORE_PEOPLE | STORE_LINKS, 0, 0};

struct store {
	struct db *db;
	struct writer *writer;
	struct store_facts fixed; /* what never changes while open */
	struct put_txns_expire expire; /* under way while `expiring` */
	_Atomic bool expiring;
};

struct store_reader {
	struct db_reader *reader;
	struct store *store;
};

static enum err
put_format(struct write *w, const uint8_t *uuid, struct errinfo *why)
{
	uint8_t format[FORMAT_SIZE] = {FORMAT_MAJOR, FORMAT_MINOR};
	uint8_t new_uuid[STORE_UUID_SIZE];
	enum err e;

	for (size_t i = 0; i < 3; i++)
		pack_store(format + 2 + 8 * i, 0, 8); /* none is used yet */
	e = db_put(w->txn, DB_META, BYTES("format"),
	    (struct bytes){(const char *)format, sizeof format}, why);
	if (e != ERR_OK)
		return e;
	random_bytes(new_uuid, sizeof new_uuid);
	return db_put(w->txn, DB_META, BYTES("uuid"),
	    (struct bytes){
		(const char *)(uuid != NULL ? uuid : new_uuid), STORE_UUID_SIZE},
	    why);
}

struct format {
	struct change change;
	struct bytes administrator;
	const uint8_t *uuid;
};

static enum err
apply_format(struct change *change, struct write *w)
{
	struct format *r = container_of(change, struct format, change);
	struct errinfo *why = &change->why;
	struct bytes value;
	uint64_t owner;
	enum err e = db_get(w->txn, DB_META, BYTES("format"), &value, why);

	if (e == ERR_OK)
		return errinfo_set(
		    why, ERR_CONFLICT, "there is a metadata store already");
	if (e != ERR_NOT_FOUND)
		return e;
	e = put_format(w, r->uuid, why);
	if (e == ERR_OK)
		e = accounts_write_new(w, r->administrator, &owner, why);
	return e == ERR_OK ? nodes_write_root(w, owner, why) : e;
}

enum err
store_format(
    const struct store_config *config, const char *administrator, struct errinfo *why)
{
	struct format r = {
	    .change = {.apply = apply_format},
	    .administrator = bytes_of(administrator),
	    .uuid = config->uuid,
	};
	struct db *db;
	enum err e;

	if (mkdir(config->dir, 0700) != 0 && errno != EEXIST)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot make %s", config->dir);
	e = db_open(config->dir, config->map_bytes, config->readers_max, true, &db, why);
	if (e != ERR_OK)
		return e;
	e = writer_apply_now(db, config, &r.change, why);
	db_close(db);
	return e;
}

enum err
store_need(struct write *w, uint64_t features, struct errinfo *why)
{
	uint8_t format[FORMAT_SIZE];
	struct bytes value;
	enum err e = db_get(w->txn, DB_META, BYTES("format"), &value, why);

	if (e != ERR_OK)
		return e;
	if (value.n != FORMAT_SIZE)
		return errinfo_set(
		    why, ERR_DAMAGED, "the metadata store's format is damaged");
	(void)memcpy(format, value.p, sizeof format);
	if ((pack_load(format + 2, 8) & features) == features)
		return ERR_OK;
	pack_store(format + 2, pack_load(format + 2, 8) | features, 8);
	return db_put(w->txn, DB_META, BYTES("format"),
	    (struct bytes){(const char *)format, sizeof format}, why);
}

/* A newer server's store is refused rather than misread (storage 4.7). */
enum err
store_check_format(struct db_txn *txn, struct errinfo *why)
{
	struct bytes value;
	const uint8_t *p;
	enum err e = db_get(txn, DB_META, BYTES("format"), &value, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, e, "the metadata store was never formatted");
	if (e != ERR_OK)
		return e;
	p = (const uint8_t *)value.p;
	if (value.n != FORMAT_SIZE)
		return errinfo_set(
		    why, ERR_DAMAGED, "the metadata store's format is damaged");
	if (p[0] != FORMAT_MAJOR || (pack_load(p + 2, 8) & ~known_features[0]) != 0 ||
	    (pack_load(p + 10, 8) & ~known_features[1]) != 0)
		return errinfo_set(why, ERR_CONFIG,
		    "the metadata store has format %d.%d with features a newer server "
		    "made",
		    p[0], p[1]);
	return ERR_OK;
}

static enum err
read_meta(struct db_txn *txn, struct store_facts *out, struct errinfo *why)
{
	struct bytes value;
	enum err e = db_get(txn, DB_META, BYTES("uuid"), &value, why);

	if (e != ERR_OK || value.n != STORE_UUID_SIZE)
		return errinfo_set(why, ERR_DAMAGED, "the metadata store has no UUID");
	(void)memcpy(out->uuid, value.p, STORE_UUID_SIZE);
	e = store_get_number(txn, META_NEXT_BLOB, 1, &out->blob_ids, why);
	if (e == ERR_OK)
		e = store_get_number(
		    txn, META_OLDEST_OPEN, 1, &out->oldest_open_blob, why);
	if (e == ERR_OK)
		e = store_get_number(
		    txn, META_KEEP_UNKNOWN, 0, &out->keep_unknown_below, why);
	return e;
}

static enum err
check_store(struct store *store, struct errinfo *why)
{
	struct store_reader reader = {.store = store};
	struct db_txn *txn;
	enum err e = db_reader_new(store->db, &reader.reader, why);

	if (e != ERR_OK)
		return e;
	e = db_read_begin(reader.reader, &txn, why);
	if (e == ERR_OK) {
		e = store_check_format(txn, why);
		if (e == ERR_OK)
			e = read_meta(txn, &store->fixed, why);
		db_read_end(reader.reader);
	}
	db_reader_free(reader.reader);
	return e;
}

enum err
store_open(const struct store_config *config, struct store **out, struct errinfo *why)
{
	struct store *store = calloc(1, sizeof *store);
	enum err e;

	if (store == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the metadata store");
	e = db_open(
	    config->dir, config->map_bytes, config->readers_max, false, &store->db, why);
	if (e == ERR_OK)
		e = check_store(store, why);
	if (e == ERR_OK)
		e = writer_new(store->db, config, &store->writer, why);
	if (e != ERR_OK) {
		store_close(store);
		return e;
	}
	*out = store;
	return ERR_OK;
}

enum err
store_open_to_read(
    const struct store_config *config, struct store **out, struct errinfo *why)
{
	struct store *store = calloc(1, sizeof *store);
	enum err e;

	if (store == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the metadata store");
	e = db_open_to_read(config->dir, config->map_bytes, &store->db, why);
	if (e == ERR_OK)
		e = check_store(store, why);
	if (e != ERR_OK) {
		store_close(store);
		return e;
	}
	*out = store;
	return ERR_OK;
}

void
store_set_journal(struct store *store, struct journal_sink *journal)
{
	writer_set_journal(store->writer, journal);
}

enum err
store_copy(struct store *store, int fd, struct errinfo *why)
{
	return db_copy(store->db, fd, why);
}

void
store_finish(struct store *store)
{
	writer_free(store->writer);
	store->writer = NULL;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	store_finish(store);
	db_close(store->db);
	free(store);
}

void
store_submit(struct store *store, struct change *change)
{
	writer_submit(store->writer, change);
}

uint64_t
store_version(const struct store *store)
{
	return writer_version(store->writer);
}

void
store_set_oldest_open(struct store *store, uint64_t blob_id)
{
	writer_set_oldest_open(store->writer, blob_id);
}

/* On the writer's thread. What was left over comes with the next minute. */
static void
expired(struct change *change)
{
	struct put_txns_expire *r = container_of(change, struct put_txns_expire, change);
	struct store *store = container_of(r, struct store, expire);

	if (change->err != ERR_OK || r->n_damaged > 0)
		log_warning(
		    "put transactions past their time: %s", errinfo_text(&change->why));
	if (change->err == ERR_OK && r->n_out > 0)
		log_info("%zu put transactions were given up after their time", r->n_out);
	store->expiring = false;
}

void
store_tend(struct store *store)
{
	db_check_readers(store->db);
	if (store->expiring)
		return;
	store->expiring = true;
	store->expire =
	    (struct put_txns_expire){.change = {.done = expired}, .max = EXPIRE_MAX};
	put_txns_expire(store, &store->expire);
}

enum err
store_reader_new(struct store *store, struct store_reader **out, struct errinfo *why)
{
	struct store_reader *reader = calloc(1, sizeof *reader);
	enum err e;

	if (reader == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a metadata reader");
	reader->store = store;
	e = db_reader_new(store->db, &reader->reader, why);
	if (e != ERR_OK) {
		free(reader);
		return e;
	}
	*out = reader;
	return ERR_OK;
}

void
store_reader_free(struct store_reader *reader)
{
	if (reader == NULL)
		return;
	db_reader_free(reader->reader);
	free(reader);
}

enum err
store_read_begin(struct store_reader *reader, struct db_txn **out, struct errinfo *why)
{
	return db_read_begin(reader->reader, out, why);
}

void
store_read_end(struct store_reader *reader)
{
	db_read_end(reader->reader);
}

/* Blobs that no location has: each has a repair row for the first one, ordered last. */
static enum err
count_lost(struct db_txn *txn, uint64_t *out, struct errinfo *why)
{
	struct key first = key_urep(0, 0, 0), end = key_urep(0, 1, 0);
	struct db_cursor *cursor;
	struct bytes key, value;
	enum err e = db_cursor_open(txn, DB_UREP, &cursor, why);

	*out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);
	while (e == ERR_OK && bytes_cmp(key, key_bytes(&end)) < 0) {
		++*out;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
store_facts(struct store_reader *reader, struct store_facts *out, struct errinfo *why)
{
	struct db_stats stats = db_stats(reader->store->db);
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = read_meta(txn, out, why);
	out->map_bytes = stats.map_bytes;
	out->used_bytes = stats.used_bytes;
	out->oldest_reader_us = stats.oldest_reader_us;
	if (e == ERR_OK)
		e = db_count(txn, DB_NODE, &out->nodes, why);
	if (e == ERR_OK)
		e = db_count(txn, DB_BLOB, &out->blobs, why);
	if (e == ERR_OK)
		e = db_count(txn, DB_UREP, &out->repairs_due, why);
	if (e == ERR_OK)
		e = count_lost(txn, &out->blobs_lost, why);
	if (e == ERR_OK)
		e = db_count(txn, DB_GCQ, &out->removals_due, why);
	store_read_end(reader);
	return e;
}

static enum err
apply_reserve(struct change *change, struct write *w)
{
	struct store_reserve *r = container_of(change, struct store_reserve, change);

	r->first_out = write_take(w, COUNTER_BLOB, STORE_ID_BLOCK);
	return ERR_OK;
}

void
store_reserve(struct store *store, struct store_reserve *r)
{
	r->change.apply = apply_reserve;
	store_submit(store, &r->change);
}

const struct store_counts *
store_counts(const struct store *store)
{
	return writer_counts(store->writer);
}

static struct key
key_note(const char *name)
{
	struct key k = {.n = 0};

	key_text(&k, BYTES("note."));
	key_text(&k, bytes_of(name));
	return k;
}

static enum err
apply_ping(struct change *change, struct write *w)
{
	(void)w;
	return errinfo_set(&change->why, ERR_CANCELLED, "nothing to do");
}

void
store_ping(struct store *store, struct change *ping)
{
	ping->apply = apply_ping;
	store_submit(store, ping);
}

static enum err
apply_note(struct change *change, struct write *w)
{
	struct store_note *r = container_of(change, struct store_note, change);
	struct key key = key_note(r->name);
	enum err e;

	if (r->value.n > 0)
		return db_put(w->txn, DB_META, key_bytes(&key), r->value, &change->why);
	e = db_delete(w->txn, DB_META, key_bytes(&key), &change->why);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

void
store_release_unknown(struct store *store, struct store_note *note)
{
	store_set_oldest_open(store, 1); /* the sweep looks at them all again */
	note->name = NOTE_KEEP_UNKNOWN;
	note->value = BYTES("");
	store_note(store, note);
}

void
store_note(struct store *store, struct store_note *note)
{
	note->change.apply = apply_note;
	store_submit(store, &note->change);
}

enum err
store_get_note(struct store_reader *reader, const char *name, void *to, size_t room,
    size_t *n_out, struct errinfo *why)
{
	struct key key = key_note(name);
	struct db_txn *txn;
	struct bytes value;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_get(txn, DB_META, key_bytes(&key), &value, why);
	if (e == ERR_OK) {
		*n_out = value.n;
		(void)memcpy(to, value.p, value.n < room ? value.n : room);
	}
	store_read_end(reader);
	return e;
}
