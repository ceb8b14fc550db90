/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_table - the small files in memory: by id, and in the order they are to be moved
 * in. Internal to replication. Thread: one at a time; small.c has the lock.
 */
#ifndef QUARTET_REPLICATION_SMALL_TABLE_H
#define QUARTET_REPLICATION_SMALL_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/digest.h"
#include "service/core/pool.h"

struct small_file {
	struct small_file *same; /* of its slot */
	struct small_file *prev, *next; /* in the queue */
	bool is_queued;
	uint64_t id;
	uint8_t md5[MD5_SIZE];
	size_t n, row_n;
	struct piece *piece; /* the row (blob_small.h): the bytes come first */
	uint64_t since_ms, not_before_ms;
	unsigned failures;
	bool was_tried;
	bool is_left; /* by an earlier process */
};

enum { SMALL_SLOTS = 4096 };

/* Zeroed, it is empty. */
struct small_table {
	struct small_file *slot[SMALL_SLOTS];
	struct small_file *first, *last;
	size_t n, n_queued;
};

/* It is the table's from now on. */
void small_table_add(struct small_table *t, struct small_file *file);
struct small_file *small_table_find(const struct small_table *t, uint64_t id);
/* Off the queue, too, and freed; whoever has a reference to its piece keeps that. */
void small_table_remove(struct small_table *t, struct small_file *file);

/* At the end of the queue. */
void small_table_queue(struct small_table *t, struct small_file *file);
void small_table_unqueue(struct small_table *t, struct small_file *file);
struct small_file *small_table_first(const struct small_table *t);

/* Free all. */
void small_table_release(struct small_table *t);

#endif
