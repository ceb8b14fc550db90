/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_write - blob records inside a transaction. Internal to storage; changes on the
 * writer's thread.
 */
#ifndef QUARTET_STORAGE_BLOB_WRITE_H
#define QUARTET_STORAGE_BLOB_WRITE_H

#include "storage/blob.h"
#include "storage/write.h"

/* ERR_NOT_FOUND: gone. */
enum err blob_load(
    struct db_txn *txn, uint64_t id, struct blob *out, struct errinfo *why) ERR_CHECKED;

/* A record, and back; for who reads the table itself. ERR_DAMAGED. */
enum { BLOB_RECORD_SIZE = 59 };
size_t blob_encode(const struct blob *blob, uint8_t record[BLOB_RECORD_SIZE]);
enum err blob_decode(
    uint64_t id, struct bytes value, struct blob *out, struct errinfo *why) ERR_CHECKED;

/* A new blob with one reference, and repair rows for the copies it lacks; or a small one,
 * with its bytes; or a member of a pack, which must be there. */
enum err blob_write_new(
    struct write *w, const struct blob *blob, struct errinfo *why) ERR_CHECKED;

/* See blob_settle. */
enum err blob_write_settled(
    struct write *w, uint64_t id, location_map have, struct errinfo *why) ERR_CHECKED;

/* A small blob is in a pack from now on, which gets its record with blob_write_pack.
 * ERR_NOT_FOUND: it is gone, or not small any more. */
enum err blob_write_packed(struct write *w, uint64_t id, uint64_t pack, uint64_t at,
    struct errinfo *why) ERR_CHECKED;
enum err blob_write_pack(
    struct write *w, const struct blob *blob, struct errinfo *why) ERR_CHECKED;

/* One reference more: another node has these bytes too. */
enum err blob_write_ref(struct write *w, uint64_t id, struct errinfo *why) ERR_CHECKED;

/* One reference less; with the last one the record goes and the files are queued. */
enum err blob_write_unref(struct write *w, uint64_t id, struct errinfo *why) ERR_CHECKED;

/* Another `have`: the rows carry the number of copies, so all of them move. */
enum err blob_write_have(struct write *w, struct blob *blob, location_map have,
    struct errinfo *why) ERR_CHECKED;

#endif
