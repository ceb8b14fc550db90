/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue - the one way work crosses from thread to thread.
 *
 * Many producers, one consumer, first in first out. An item is a struct of the caller's
 * with a `struct queue_item` inside; the queue borrows it from push until it is taken.
 * The consumer sleeps on queue_fd() (an eventfd, readable while something waits), then
 * calls queue_take(). A producer writes to the eventfd only for the first item after a
 * take, so a busy consumer costs no system call.
 *
 * Order: everything the producer wrote before queue_push is seen by the consumer after
 * queue_take. Thread: push from any; take, and the rest, from the consumer.
 */
#ifndef QUARTET_CORE_QUEUE_H
#define QUARTET_CORE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

#include "service/core/err.h"

struct queue_item {
	struct queue_item *next;
};

struct queue {
	pthread_mutex_t lock;
	struct queue_item *first, **last;
	int fd;
	bool signalled; /* the eventfd was written since the last take */
};

enum err queue_init(struct queue *q, struct errinfo *why) ERR_CHECKED;
/* The queue must be empty or its items forgotten by their owners. */
void queue_release(struct queue *q);

void queue_push(struct queue *q, struct queue_item *item);

/* The same without waking the consumer, which may sleep until it is woken. */
void queue_push_quietly(struct queue *q, struct queue_item *item);

/* Wake the consumer without an item. */
void queue_wake(struct queue *q);

/* All waiting items as a list, oldest first; NULL when there is none. Never blocks. */
struct queue_item *queue_take(struct queue *q);

static inline int
queue_fd(const struct queue *q)
{
	return q->fd;
}

/* The struct an item sits in. */
#define container_of(ptr, type, member)                                                  \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
