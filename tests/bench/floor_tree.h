/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_tree - the barest tree of nodes in LMDB: two tables, fixed records.
 *
 *   child  parent id (8, big-endian) + name  ->  child id (8), type (1)
 *   node   node id (8, big-endian)           ->  400 bytes
 *
 * Order: tree_open -> tree_put between tree_begin and tree_commit, tree_scan at any time
 * -> tree_close. Thread: one writer. Whatever fails ends the program.
 */
#ifndef QUARTET_BENCH_FLOOR_TREE_H
#define QUARTET_BENCH_FLOOR_TREE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

enum { TREE_RECORD_SIZE = 400 };

struct tree {
	MDB_env *env;
	MDB_dbi child, node;
	MDB_txn *txn; /* the write transaction under way */
};

/* In an existing, empty directory; `sync`: a commit waits for the disk. */
void tree_open(struct tree *t, const char *dir, bool sync);
void tree_close(struct tree *t);

void tree_begin(struct tree *t);
void tree_commit(struct tree *t);

/* The three puts of one new node: its name, its record, its parent's record. Ascending
 * ids. */
void tree_put(struct tree *t, uint64_t parent, uint64_t id, const char *name);

/* Read all children of `parent` and their records in order of name; how many there were.
 */
uint64_t tree_scan(struct tree *t, uint64_t parent);

#endif
