/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db on LMDB, the only file that sees its header.
 *
 * Flags: NOTLS, so that a reader slot belongs to a db_reader and not to a thread;
 * NORDAHEAD, since look-ups are random; full sync, since a commit is a promise; never
 * WRITEMAP, which forbids child transactions.
 */
#include "storage/db.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/str.h"
#include "storage/fault.h"
#include "storage/journal.h"

struct db {
	MDB_env *env;
	MDB_dbi tables[DB_TABLES];
	pthread_mutex_t lock; /* of the list of readers */
	struct db_reader *readers;
	struct str *rows; /* db_record; NULL: none */
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	bool is_child;
	size_t rows_before; /* in what is recorded, when it began */
	bool rows_failed;
};

struct db_reader {
	struct db_txn txn;
	bool open;
	_Atomic uint64_t begun_us; /* 0: not reading */
	struct db_reader *prev, *next;
};

static const char *const table_names[DB_TABLES] = {
    [DB_META] = "meta",
    [DB_CHILD] = "child",
    [DB_NODE] = "node",
    [DB_BLOB] = "blob",
    [DB_UREP] = "urep",
    [DB_GCQ] = "gcq",
    [DB_DICT] = "dict",
    [DB_JOB] = "job",
    [DB_IDENTITY] = "identity",
    [DB_ACCOUNT] = "account",
    [DB_DN] = "dn",
    [DB_GROUP] = "group",
    [DB_MEMBER] = "member",
    [DB_MEMBEROF] = "memberof",
    [DB_TXN] = "txn",
    [DB_SMALL] = "small",
    [DB_TOKEN] = "token",
};

const char *
db_table_name(enum db_table table)
{
	return table_names[table];
}

static enum err
fail(int code, const char *what, struct errinfo *why)
{
	enum err e;

	switch (code) {
	case MDB_NOTFOUND:
		return ERR_NOT_FOUND;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
		e = ERR_META_FULL;
		break;
	case MDB_READERS_FULL:
		e = ERR_BUSY;
		break;
	case ENOMEM:
		e = ERR_NO_MEMORY;
		break;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		e = ERR_DAMAGED;
		break;
	default:
		e = ERR_IO;
		break;
	}
	return errinfo_set(why, e, "metadata store: %s: %s", what, mdb_strerror(code));
}

static MDB_val
val(struct bytes b)
{
	return (MDB_val){.mv_size = b.n, .mv_data = (void *)(uintptr_t)b.p};
}

static struct bytes
unval(const MDB_val *v)
{
	return (struct bytes){v->mv_data, v->mv_size};
}

/* Open every table in one transaction that commits: a handle of an aborted one is void.
 */
static enum err
open_tables(struct db *db, bool create, struct errinfo *why)
{
	MDB_txn *txn;
	int code = mdb_txn_begin(db->env, NULL, 0, &txn);

	if (code != 0)
		return fail(code, "begin", why);
	for (int t = 0; t < DB_TABLES; t++) {
		/* A store that is older than a table gets it. */
		code = mdb_dbi_open(txn, table_names[t],
		    create || t >= DB_TABLES_AT_FIRST ? MDB_CREATE : 0, &db->tables[t]);
		if (code != 0) {
			mdb_txn_abort(txn);
			return code == MDB_NOTFOUND
				   ? errinfo_set(why, ERR_NOT_FOUND,
					 "metadata store: no table %s", table_names[t])
				   : fail(code, table_names[t], why);
		}
	}
	code = mdb_txn_commit(txn);
	return code == 0 ? ERR_OK : fail(code, "commit", why);
}

/* This transaction, too, has to commit. */
static enum err
open_tables_to_read(struct db *db, struct errinfo *why)
{
	MDB_txn *txn;
	int code = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (code != 0)
		return fail(code, "begin to read", why);
	for (int t = 0; t < DB_TABLES; t++) {
		code = mdb_dbi_open(txn, table_names[t], 0, &db->tables[t]);
		if (code == 0)
			continue;
		mdb_txn_abort(txn);
		return code == MDB_NOTFOUND
			   ? errinfo_set(why, ERR_NOT_FOUND,
				 "metadata store: no table %s", table_names[t])
			   : fail(code, table_names[t], why);
	}
	code = mdb_txn_commit(txn);
	return code == 0 ? ERR_OK : fail(code, "commit", why);
}

/*
 * Without a lock file nobody has the store open, and none is made: it would be that of
 * whoever only looked, who need not be the user the server runs as.
 */
static unsigned
flags_to_read(const char *dir)
{
	char path[4096];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/lock.mdb", dir);
	return MDB_NOTLS | MDB_NORDAHEAD | MDB_RDONLY |
	       (stat(path, &st) == 0 ? 0U : MDB_NOLOCK);
}

enum err
db_open_to_read(const char *dir, uint64_t map_bytes, struct db **out, struct errinfo *why)
{
	struct db *db = calloc(1, sizeof *db);
	enum err e;
	int code;

	if (db == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the metadata store");
	code = mdb_env_create(&db->env);
	if (code == 0)
		code = mdb_env_set_mapsize(db->env, map_bytes);
	if (code == 0)
		code = mdb_env_set_maxdbs(db->env, DB_TABLES + 8);
	if (code == 0)
		code = mdb_env_open(db->env, dir, flags_to_read(dir), 0600);
	if (code == ENOENT)
		e = errinfo_sys(why, ERR_NOT_FOUND, code, "no metadata store in %s", dir);
	else
		e = code == 0 ? open_tables_to_read(db, why) : fail(code, dir, why);
	if (e != ERR_OK) {
		db_close(db);
		return e;
	}
	*out = db;
	return ERR_OK;
}

enum err
db_open(const char *dir, uint64_t map_bytes, unsigned readers_max, bool create,
    struct db **out, struct errinfo *why)
{
	struct db *db;
	struct stat st;
	char path[4096];
	enum err e;
	int code;

	(void)snprintf(path, sizeof path, "%s/" DB_FILE_NAME, dir);
	if (!create && stat(path, &st) != 0)
		return errinfo_sys(
		    why, ERR_NOT_FOUND, errno, "no metadata store in %s", dir);
	db = calloc(1, sizeof *db);
	if (db == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the metadata store");
	CHECK(pthread_mutex_init(&db->lock, NULL) == 0);
	code = mdb_env_create(&db->env);
	if (code == 0)
		code = mdb_env_set_mapsize(db->env, map_bytes);
	if (code == 0)
		code = mdb_env_set_maxreaders(db->env, readers_max);
	if (code == 0)
		code = mdb_env_set_maxdbs(db->env, DB_TABLES + 8);
	if (code == 0)
		code = mdb_env_open(db->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600);
	e = code == 0 ? open_tables(db, create, why) : fail(code, dir, why);
	if (e != ERR_OK) {
		db_close(db);
		return e;
	}
	db_check_readers(db);
	*out = db;
	return ERR_OK;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	CHECK(db->readers == NULL);
	mdb_env_close(db->env);
	(void)pthread_mutex_destroy(&db->lock);
	free(db);
}

enum err
db_copy(struct db *db, int fd, struct errinfo *why)
{
	int code = mdb_env_copyfd2(db->env, fd, MDB_CP_COMPACT);

	return code == 0 ? ERR_OK : fail(code, "copy", why);
}

void
db_check_readers(struct db *db)
{
	int dead;

	(void)mdb_reader_check(db->env, &dead);
}

static uint64_t
oldest_reader_us(struct db *db)
{
	uint64_t now = clock_mono_us(), oldest = now;

	(void)pthread_mutex_lock(&db->lock);
	for (const struct db_reader *r = db->readers; r != NULL; r = r->next) {
		uint64_t begun = r->begun_us;

		if (begun != 0 && begun < oldest)
			oldest = begun;
	}
	(void)pthread_mutex_unlock(&db->lock);
	return now - oldest;
}

struct db_stats
db_stats(struct db *db)
{
	MDB_envinfo info;
	MDB_stat stat;

	CHECK(mdb_env_info(db->env, &info) == 0 && mdb_env_stat(db->env, &stat) == 0);
	return (struct db_stats){
	    .map_bytes = info.me_mapsize,
	    .used_bytes = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize,
	    .readers = info.me_numreaders,
	    .oldest_reader_us = oldest_reader_us(db),
	};
}

enum err
db_reader_new(struct db *db, struct db_reader **out, struct errinfo *why)
{
	struct db_reader *reader = calloc(1, sizeof *reader);
	int code;

	if (reader == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a metadata reader");
	reader->txn.db = db;
	code = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &reader->txn.txn);
	if (code != 0) {
		free(reader);
		return fail(code, "begin to read", why);
	}
	mdb_txn_reset(reader->txn.txn);
	(void)pthread_mutex_lock(&db->lock);
	reader->next = db->readers;
	if (reader->next != NULL)
		reader->next->prev = reader;
	db->readers = reader;
	(void)pthread_mutex_unlock(&db->lock);
	*out = reader;
	return ERR_OK;
}

void
db_reader_free(struct db_reader *reader)
{
	struct db *db;

	if (reader == NULL)
		return;
	db = reader->txn.db;
	(void)pthread_mutex_lock(&db->lock);
	*(reader->prev != NULL ? &reader->prev->next : &db->readers) = reader->next;
	if (reader->next != NULL)
		reader->next->prev = reader->prev;
	(void)pthread_mutex_unlock(&db->lock);
	mdb_txn_abort(reader->txn.txn);
	free(reader);
}

enum err
db_read_begin(struct db_reader *reader, struct db_txn **out, struct errinfo *why)
{
	int code;

	CHECK(!reader->open);
	code = mdb_txn_renew(reader->txn.txn);
	if (code != 0)
		return fail(code, "begin to read", why);
	reader->open = true;
	reader->begun_us = clock_mono_us();
	*out = &reader->txn;
	return ERR_OK;
}

void
db_read_end(struct db_reader *reader)
{
	CHECK(reader->open);
	mdb_txn_reset(reader->txn.txn);
	reader->open = false;
	reader->begun_us = 0;
}

enum err
db_write_begin(
    struct db *db, struct db_txn *parent, struct db_txn **out, struct errinfo *why)
{
	struct db_txn *txn = malloc(sizeof *txn);
	int code;

	if (txn == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a transaction");
	*txn = (struct db_txn){.db = db, .is_child = parent != NULL};
	if (db->rows != NULL) {
		txn->rows_before = db->rows->n;
		txn->rows_failed = str_failed(db->rows);
	}
	code = mdb_txn_begin(db->env, parent == NULL ? NULL : parent->txn, 0, &txn->txn);
	if (code != 0) {
		free(txn);
		return fail(code, "begin to write", why);
	}
	*out = txn;
	return ERR_OK;
}

void
db_record(struct db *db, struct str *rows)
{
	db->rows = rows;
}

/* What the transaction changed is not to be. */
static void
unrecord(const struct db_txn *txn)
{
	struct str *rows = txn->db->rows;

	if (rows == NULL || rows->n < txn->rows_before)
		return;
	str_cut(rows, txn->rows_before);
	rows->failed = txn->rows_failed;
}

static enum err
record(const struct db_txn *txn, const struct journal_row *row, struct errinfo *why)
{
	struct str *rows = txn->db->rows;

	if (rows == NULL)
		return ERR_OK;
	journal_row_add(rows, row);
	return str_failed(rows)
		   ? errinfo_set(why, ERR_NO_MEMORY,
			 "the change is too large for one entry of the journal")
		   : ERR_OK;
}

enum err
db_commit(struct db_txn *txn, struct errinfo *why)
{
	int code = txn->is_child ? 0 : fault_commit();

	if (code == 0)
		code = mdb_txn_commit(txn->txn);
	else
		mdb_txn_abort(txn->txn);
	if (code != 0)
		unrecord(txn);
	free(txn);
	return code == 0 ? ERR_OK : fail(code, "commit", why);
}

void
db_abort(struct db_txn *txn)
{
	mdb_txn_abort(txn->txn);
	unrecord(txn);
	free(txn);
}

enum err
db_get(struct db_txn *txn, enum db_table table, struct bytes key, struct bytes *value_out,
    struct errinfo *why)
{
	MDB_val k = val(key), v;
	int code = mdb_get(txn->txn, txn->db->tables[table], &k, &v);

	if (code != 0)
		return fail(code, table_names[table], why);
	*value_out = unval(&v);
	return ERR_OK;
}

/* Recorded first, since a value may point into the page that changes. */
static enum err
put(struct db_txn *txn, enum db_table table, struct bytes key, struct bytes value,
    unsigned flags, struct errinfo *why)
{
	MDB_dbi dbi = txn->db->tables[table];
	MDB_val k = val(key), v = val(value);
	enum err e = record(txn, &(struct journal_row){table, false, key, value}, why);
	int code;

	if (e != ERR_OK)
		return e;
	code = mdb_put(txn->txn, dbi, &k, &v, flags);
	if (code == MDB_KEYEXIST && flags == MDB_APPEND) /* not behind all others */
		code = mdb_put(txn->txn, dbi, &k, &v, 0);
	return code == 0 ? ERR_OK : fail(code, table_names[table], why);
}

enum err
db_put(struct db_txn *txn, enum db_table table, struct bytes key, struct bytes value,
    struct errinfo *why)
{
	return put(txn, table, key, value, 0, why);
}

enum err
db_append(struct db_txn *txn, enum db_table table, struct bytes key, struct bytes value,
    struct errinfo *why)
{
	return put(txn, table, key, value, MDB_APPEND, why);
}

enum err
db_delete(struct db_txn *txn, enum db_table table, struct bytes key, struct errinfo *why)
{
	MDB_val k = val(key);
	enum err e = record(txn, &(struct journal_row){table, true, key, {NULL, 0}}, why);
	int code;

	if (e != ERR_OK)
		return e;
	code = mdb_del(txn->txn, txn->db->tables[table], &k, NULL);
	return code == 0 ? ERR_OK : fail(code, table_names[table], why);
}

enum err
db_count(struct db_txn *txn, enum db_table table, uint64_t *out, struct errinfo *why)
{
	MDB_stat stat;
	int code = mdb_stat(txn->txn, txn->db->tables[table], &stat);

	if (code != 0)
		return fail(code, table_names[table], why);
	*out = stat.ms_entries;
	return ERR_OK;
}

enum err
db_cursor_open(
    struct db_txn *txn, enum db_table table, struct db_cursor **out, struct errinfo *why)
{
	MDB_cursor *cursor;
	int code = mdb_cursor_open(txn->txn, txn->db->tables[table], &cursor);

	if (code != 0)
		return fail(code, table_names[table], why);
	/* One pointer of ours hides one of theirs. */
	*out = (struct db_cursor *)(void *)cursor;
	return ERR_OK;
}

static enum err
cursor_get(struct db_cursor *cursor, MDB_cursor_op op, MDB_val *k, struct bytes *key_out,
    struct bytes *value_out, struct errinfo *why)
{
	MDB_val v;
	int code = mdb_cursor_get((MDB_cursor *)(void *)cursor, k, &v, op);

	if (code != 0)
		return fail(code, "cursor", why);
	*key_out = unval(k);
	*value_out = unval(&v);
	return ERR_OK;
}

enum err
db_cursor_seek(struct db_cursor *cursor, struct bytes from, struct bytes *key_out,
    struct bytes *value_out, struct errinfo *why)
{
	MDB_val k = val(from);

	return cursor_get(cursor, MDB_SET_RANGE, &k, key_out, value_out, why);
}

enum err
db_cursor_next(struct db_cursor *cursor, struct bytes *key_out, struct bytes *value_out,
    struct errinfo *why)
{
	MDB_val k;

	return cursor_get(cursor, MDB_NEXT, &k, key_out, value_out, why);
}

enum err
db_cursor_last(struct db_cursor *cursor, struct bytes *key_out, struct bytes *value_out,
    struct errinfo *why)
{
	MDB_val k;

	return cursor_get(cursor, MDB_LAST, &k, key_out, value_out, why);
}

void
db_cursor_close(struct db_cursor *cursor)
{
	mdb_cursor_close((MDB_cursor *)(void *)cursor);
}
