/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db - the ordered key-value store below the catalogue: named tables, transactions.
 *
 * Internal to storage: nodes, accounts and jobs are written against this header and know
 * nothing of LMDB, which is behind it. Values handed out point into the store and die
 * with the transaction: decode them before it ends. A transaction begins and ends inside
 * one function.
 *
 * Threads: any number of readers, each `struct db_reader` used by one thread at a time;
 * one write transaction at a time, and only the writer thread has them.
 * Errors: ERR_NOT_FOUND, ERR_META_FULL (disk or map full), ERR_DAMAGED, ERR_IO,
 * ERR_BUSY (too many readers). After any failure but ERR_NOT_FOUND a write transaction
 * can only be aborted.
 */
#ifndef QUARTET_STORAGE_DB_H
#define QUARTET_STORAGE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

struct str;

/* Keys and values: storage/keys.h. The numbers stand in journals: new ones at the end. */
enum db_table {
	DB_META,
	DB_CHILD,
	DB_NODE,
	DB_BLOB,
	DB_UREP,
	DB_GCQ,
	DB_DICT,
	DB_JOB,
	DB_IDENTITY,
	DB_ACCOUNT,
	DB_DN,
	DB_GROUP,
	DB_MEMBER,
	DB_MEMBEROF,
	DB_TABLES_AT_FIRST, /* the others came later */
	DB_TXN = DB_TABLES_AT_FIRST,
	DB_SMALL,
	DB_TOKEN,
	DB_TABLES
};

enum { DB_KEY_MAX = 511 };

const char *db_table_name(enum db_table table);

struct db;
struct db_txn;
struct db_reader;
struct db_cursor;

struct db_stats {
	uint64_t map_bytes, used_bytes;
	unsigned readers;
	uint64_t
	    oldest_reader_us; /* the longest open read transaction of ours; 0: none */
};

/*
 * Open the store in `dir`. With `create` an empty one is made where there is none;
 * without it a missing one is ERR_NOT_FOUND.
 */
enum err db_open(const char *dir, uint64_t map_bytes, unsigned readers_max, bool create,
    struct db **out, struct errinfo *why) ERR_CHECKED;
/* To read only, also beside another process that writes. ERR_NOT_FOUND as above. */
enum err db_open_to_read(const char *dir, uint64_t map_bytes, struct db **out,
    struct errinfo *why) ERR_CHECKED;
void db_close(struct db *db);

/* Forget readers of processes that died. */
void db_check_readers(struct db *db);
struct db_stats db_stats(struct db *db);

enum err db_reader_new(
    struct db *db, struct db_reader **out, struct errinfo *why) ERR_CHECKED;
void db_reader_free(struct db_reader *reader);

/*
 * From now on append every row that a write transaction changes to `rows`, in order and as
 * journal.h has them; what an aborted transaction changed is cut off again. A change for
 * which there is no room there fails with ERR_NO_MEMORY. NULL: no more.
 */
void db_record(struct db *db, struct str *rows);

/*
 * Write a copy of the whole store, without what is free in it, to the file open at `fd`:
 * one snapshot, while everything goes on. Long; it is a reader all the time. Durable only
 * after fsync. Another store's db_open takes it under the name DB_FILE_NAME.
 */
enum err db_copy(struct db *db, int fd, struct errinfo *why) ERR_CHECKED;
#define DB_FILE_NAME "data.mdb"

/* A snapshot; end it before anything waits. */
enum err db_read_begin(
    struct db_reader *reader, struct db_txn **out, struct errinfo *why) ERR_CHECKED;
void db_read_end(struct db_reader *reader);

/* `parent` NULL: a transaction of its own; else a child that can fail alone. */
enum err db_write_begin(struct db *db, struct db_txn *parent, struct db_txn **out,
    struct errinfo *why) ERR_CHECKED;
/*
 * Durable when it returns ERR_OK (a child: merged into its parent). Ends the txn.
 * ERR_META_FULL, ERR_NO_MEMORY: nothing was committed. Anything else: the disk may hold it
 * all the same, which only opening the store again tells.
 */
enum err db_commit(struct db_txn *txn, struct errinfo *why) ERR_CHECKED;
void db_abort(struct db_txn *txn);

/* ERR_NOT_FOUND leaves *value_out and `why` alone. */
enum err db_get(struct db_txn *txn, enum db_table table, struct bytes key,
    struct bytes *value_out, struct errinfo *why) ERR_CHECKED;
enum err db_put(struct db_txn *txn, enum db_table table, struct bytes key,
    struct bytes value, struct errinfo *why) ERR_CHECKED;
/* A new key behind all others of the table: faster. Falls back to db_put. */
enum err db_append(struct db_txn *txn, enum db_table table, struct bytes key,
    struct bytes value, struct errinfo *why) ERR_CHECKED;
enum err db_delete(struct db_txn *txn, enum db_table table, struct bytes key,
    struct errinfo *why) ERR_CHECKED;

/* Number of entries. */
enum err db_count(struct db_txn *txn, enum db_table table, uint64_t *out,
    struct errinfo *why) ERR_CHECKED;

/* Order: open -> (seek | next)* -> close, inside the transaction. */
enum err db_cursor_open(struct db_txn *txn, enum db_table table, struct db_cursor **out,
    struct errinfo *why) ERR_CHECKED;
/* The first entry with a key >= `from`. */
enum err db_cursor_seek(struct db_cursor *cursor, struct bytes from,
    struct bytes *key_out, struct bytes *value_out, struct errinfo *why) ERR_CHECKED;
/* The entry after the last one returned. */
enum err db_cursor_next(struct db_cursor *cursor, struct bytes *key_out,
    struct bytes *value_out, struct errinfo *why) ERR_CHECKED;
/* The last entry of the table. */
enum err db_cursor_last(struct db_cursor *cursor, struct bytes *key_out,
    struct bytes *value_out, struct errinfo *why) ERR_CHECKED;
void db_cursor_close(struct db_cursor *cursor);

#endif
