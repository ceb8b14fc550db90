/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes_write - pieces of the tree that other modules of storage use inside a
 * transaction. Internal to storage.
 */
#ifndef QUARTET_STORAGE_NODES_WRITE_H
#define QUARTET_STORAGE_NODES_WRITE_H

#include "service/core/arena.h"
#include "storage/db.h"
#include "storage/node.h"
#include "storage/write.h"

/* ERR_NODE_NOT_FOUND without a text. */
enum err nodes_load(struct db_txn *txn, uint64_t id, struct arena *a, struct node *out,
    struct errinfo *why) ERR_CHECKED;
enum err nodes_child_id(struct db_txn *txn, uint64_t parent, struct bytes name,
    uint64_t *id_out, struct errinfo *why) ERR_CHECKED;

/* The root of a new store. */
enum err nodes_write_root(
    struct write *w, uint64_t owner, struct errinfo *why) ERR_CHECKED;

#endif
