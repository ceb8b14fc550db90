/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/queue.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "service/core/check.h"

enum err
queue_init(struct queue *q, struct errinfo *why)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return errinfo_sys(why, ERR_INTERNAL, errno, "cannot make an eventfd");
	*q = (struct queue){.fd = fd};
	q->last = &q->first;
	CHECK(pthread_mutex_init(&q->lock, NULL) == 0);
	return ERR_OK;
}

void
queue_release(struct queue *q)
{
	(void)close(q->fd);
	(void)pthread_mutex_destroy(&q->lock);
}

/*
 * Under the lock: a consumer that takes between the flag and the write would clear the
 * flag, and what is written then stays in the descriptor, which wakes it for nothing for
 * as long as nothing comes.
 */
static void
signal_once(struct queue *q)
{
	uint64_t one = 1;

	if (q->signalled)
		return;
	q->signalled = true;
	/* Fails only when the counter is full, and then the consumer wakes anyway. */
	if (write(q->fd, &one, sizeof one) < 0)
		CHECK(errno == EAGAIN);
}

static void
push(struct queue *q, struct queue_item *item, bool wakes)
{
	item->next = NULL;
	(void)pthread_mutex_lock(&q->lock);
	*q->last = item;
	q->last = &item->next;
	if (wakes)
		signal_once(q);
	(void)pthread_mutex_unlock(&q->lock);
}

void
queue_push(struct queue *q, struct queue_item *item)
{
	push(q, item, true);
}

void
queue_push_quietly(struct queue *q, struct queue_item *item)
{
	push(q, item, false);
}

void
queue_wake(struct queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	signal_once(q);
	(void)pthread_mutex_unlock(&q->lock);
}

struct queue_item *
queue_take(struct queue *q)
{
	struct queue_item *list;
	uint64_t count;

	(void)pthread_mutex_lock(&q->lock);
	if (q->signalled) {
		if (read(q->fd, &count, sizeof count) < 0)
			CHECK(errno == EAGAIN);
		q->signalled = false;
	}
	list = q->first;
	q->first = NULL;
	q->last = &q->first;
	(void)pthread_mutex_unlock(&q->lock);
	return list;
}
