/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - small records whose last four bytes are a CRC32C over key and value.
 * Internal to storage; for the tables that have no codec of their own.
 */
#ifndef QUARTET_STORAGE_ROWS_H
#define QUARTET_STORAGE_ROWS_H

#include "service/core/str.h"
#include "storage/db.h"
#include "storage/keys.h"

enum { ROW_CRC_SIZE = 4 };

/* The value without its CRC, pointing into the store. ERR_NOT_FOUND, ERR_DAMAGED. */
enum err row_get(struct db_txn *txn, enum db_table table, const struct key *key,
    struct bytes *out, struct errinfo *why) ERR_CHECKED;

/* The same for a value a cursor found. */
enum err row_check(enum db_table table, struct bytes key, struct bytes value,
    struct bytes *out, struct errinfo *why) ERR_CHECKED;

/* Store `value`, appending the CRC to it first. */
enum err row_put(struct db_txn *txn, enum db_table table, const struct key *key,
    struct str *value, struct errinfo *why) ERR_CHECKED;

#endif
