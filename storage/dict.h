/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dict - long texts that many records share (group URIs, property names, content types)
 * as small numbers. A number, once given, keeps its text for ever.
 *
 * Internal to storage; works inside the caller's transaction.
 * Table: 'n' -> next number (4 LE); 'r' number (4 BE) -> text; 'f' text -> number (4 LE),
 * where a text too long for a key is its front and the SHA-256 of the whole. Values end
 * in the CRC of rows.h: these texts name the groups that may read. 'p' number (4 BE) ->
 * nothing: the text is the name of a property.
 */
#ifndef QUARTET_STORAGE_DICT_H
#define QUARTET_STORAGE_DICT_H

#include <stdint.h>

#include "service/core/arena.h"
#include "storage/db.h"

/* The number of `text`, a new one if need be. Write transactions only. */
enum err dict_intern(struct db_txn *txn, struct bytes text, uint32_t *out,
    struct errinfo *why) ERR_CHECKED;

/* The same for the name of a property, which is remembered as one. */
enum err dict_intern_property(struct db_txn *txn, struct bytes text, uint32_t *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Copies of the names of properties that records were ever written with, in the order of
 * first use: `room` of them and `max_bytes` of text at most.
 */
enum err dict_properties(struct db_txn *txn, struct arena *a, size_t room,
    size_t max_bytes, struct bytes *out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* A copy of the text of a number; ERR_DAMAGED if it has none. */
enum err dict_text(struct db_txn *txn, uint32_t number, struct arena *a,
    struct bytes *out, struct errinfo *why) ERR_CHECKED;

#endif
