/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_codec - a node as the bytes of one record, and back.
 *
 * Record, little-endian:
 *   version 1 (1) | CRC32C of node id and all that follows (4) | type (1) |
 *   flags (1: public, locked, inherits, two bits each) | length of name (1) |
 *   parent (8) | owner (8) | created (8) | changed (8) |
 *   a (8) | b (8)   containers: total bytes, total files; data: blob id, length
 *   name | parts: tag (1), length (4), bytes
 * Parts of an unknown tag are kept and written back, so that an older server does not
 * lose what a newer one stored. Text that repeats lies in the dictionary.
 *
 * Internal to storage; works inside the caller's transaction.
 * Errors: ERR_DAMAGED when the checksum or the form is wrong, never a crash.
 */
#ifndef QUARTET_STORAGE_NODE_CODEC_H
#define QUARTET_STORAGE_NODE_CODEC_H

#include "service/core/arena.h"
#include "service/core/str.h"
#include "storage/db.h"
#include "storage/node.h"

/* Append the record of `node` to `out` (which may then have failed: no memory). */
enum err node_encode(struct db_txn *txn, const struct node *node, struct str *out,
    struct errinfo *why) ERR_CHECKED;

/* Everything is copied into the arena. */
enum err node_decode(struct db_txn *txn, uint64_t id, struct bytes record,
    struct arena *a, struct node *out, struct errinfo *why) ERR_CHECKED;

/*
 * A container's record with other totals: for the many changes that touch nothing else.
 * `record` is a copy the caller may write to.
 */
enum err node_record_totals(uint64_t id, struct bytes record, uint64_t *bytes_out,
    uint64_t *files_out, struct errinfo *why) ERR_CHECKED;
void node_record_set_totals(
    uint64_t id, uint8_t *record, size_t n, uint64_t bytes, uint64_t files);

/* The two fields an ancestor walk needs, checked like node_decode. */
enum err node_record_parent(uint64_t id, struct bytes record, uint64_t *parent_out,
    uint64_t *quota_out, struct errinfo *why) ERR_CHECKED;

/* The one field a search for what somebody owns needs, likewise. */
enum err node_record_owner(uint64_t id, struct bytes record, uint64_t *owner_out,
    struct errinfo *why) ERR_CHECKED;

#endif
