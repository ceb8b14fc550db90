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

/*
 * Pieces of a change.
 */

/* The record of a node; `is_new`: its id is the highest of all. */
enum err nodes_write_record(struct write *w, const struct node *node, bool is_new,
    struct errinfo *why) ERR_CHECKED;
/* Its entry in its container. */
enum err nodes_write_entry(
    struct write *w, const struct node *node, struct errinfo *why) ERR_CHECKED;

/* A node that was there when the caller asked. ERR_NODE_NOT_FOUND. */
enum err nodes_write_load(
    struct write *w, uint64_t id, struct node *out, struct errinfo *why) ERR_CHECKED;
/* A container that can take children, or lose them. ERR_CONTAINER_NOT_FOUND. */
enum err nodes_write_container(
    struct write *w, uint64_t id, struct node *out, struct errinfo *why) ERR_CHECKED;

/* ERR_DUPLICATE_NODE: the name is taken. */
enum err nodes_write_check_free(
    struct write *w, uint64_t parent, struct bytes name, struct errinfo *why) ERR_CHECKED;
/* `code`: the node is locked. */
enum err nodes_write_check_lock(
    const struct node *node, enum err code, struct errinfo *why) ERR_CHECKED;
/* May `id` go below `parent_id`, that is: is it not one of its ancestors? ERR_CYCLE. */
enum err nodes_write_check_acyclic(
    struct write *w, uint64_t id, uint64_t parent_id, struct errinfo *why) ERR_CHECKED;

/* What a new node takes from its container (server-contract 5.2, architecture D33). */
void nodes_write_inherit(struct node *node, const struct node *parent);

/* Everything in and below a node, as the batch has it now. */
struct total nodes_write_size(struct write *w, const struct node *node);

/* The root of a new store. */
enum err nodes_write_root(
    struct write *w, uint64_t owner, struct errinfo *why) ERR_CHECKED;

#endif
