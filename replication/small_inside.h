/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_inside - what the parts of small.h share: small.c keeps the files and says which
 * are moved when, small_move.c moves one, small_pack.c many. Internal to them.
 */
#ifndef QUARTET_REPLICATION_SMALL_INSIDE_H
#define QUARTET_REPLICATION_SMALL_INSIDE_H

#include <pthread.h>

#include "replication/small.h"
#include "replication/small_table.h"

enum { SMALL_PACK_FILES = 4096, SMALL_PACK_BYTES = 8 * 1024 * 1024 };

/* How many come: in the window that began then, and in the one before. */
struct small_rate {
	uint64_t since_ms;
	uint64_t n, n_before;
};

struct small {
	struct mirror *m;
	struct loop *loop;
	struct loop_timer *timer;
	uint64_t file_max, backlog_bytes, delay_ms, flood_rate;
	unsigned moves_max, pack_min;
	unsigned moving, packing; /* the loop's own */
	bool stopping;
	struct loop_job wake_job;

	pthread_mutex_t lock; /* of everything below */
	struct small_table table;
	struct store_reader *reader;
	uint64_t bytes; /* of all files */
	struct small_rate rate; /* of uploads */
	uint64_t moved, failed;
	bool awake; /* the timer is set, or will be */
};

static inline void
small_lock(struct small *s)
{
	(void)pthread_mutex_lock(&s->lock);
}

static inline void
small_unlock(struct small *s)
{
	(void)pthread_mutex_unlock(&s->lock);
}

/* Called with the lock held: a file is moved, or gone. Frees it. */
static inline void
small_forget(struct small *s, struct small_file *file)
{
	s->bytes -= file->n;
	small_table_remove(&s->table, file);
}

/* Called with the lock held: it could not be moved; later. */
void small_requeue(struct small *s, struct small_file *file);

/* Begin whatever may be begun. On the loop's thread. */
void small_pump(struct small *s);

/* One file that was taken off the queue; a list of them, by `next`, into one pack. */
void small_move_start(struct small *s, struct small_file *file);
void small_pack_start(struct small *s, struct small_file *files);

#endif
