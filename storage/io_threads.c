/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io on a pool of threads, each making one system call at a time. Operations beyond the
 * number of threads wait in the pool's queue.
 */
#include "storage/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"

struct threads {
	struct io io;
	struct queue *wake;
	struct queue done;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue_item *first, **last;
	bool stopping;
	unsigned n;
	pthread_t thread[];
};

static int64_t
write_and_sync(struct io_op *op)
{
	int64_t result = pwrite(op->fd, op->memory, op->n, (off_t)op->offset);

	if (!op->sync || result != (int64_t)op->n)
		return result;
	op->sync_failed = fdatasync(op->fd) != 0;
	return op->sync_failed ? -1 : result;
}

static int64_t
perform(struct io_op *op)
{
	int64_t result = -1;

	errno = 0;
	switch (op->kind) {
	case IO_OPEN:
		result = openat(op->fd, op->path, op->flags, 0640);
		break;
	case IO_CLOSE:
		result = close(op->fd);
		break;
	case IO_READ:
		result = pread(op->fd, op->memory, op->n, (off_t)op->offset);
		break;
	case IO_WRITE:
		result = write_and_sync(op);
		break;
	case IO_FSYNC:
		result = fsync(op->fd);
		break;
	case IO_FDATASYNC:
		result = fdatasync(op->fd);
		break;
	case IO_RENAME:
		result =
		    renameat2(op->fd, op->path, op->fd, op->to_path, RENAME_NOREPLACE);
		break;
	case IO_UNLINK:
		result = unlinkat(op->fd, op->path, 0);
		break;
	case IO_MKDIR:
		result = mkdirat(op->fd, op->path, 0750);
		break;
	}
	return result < 0 ? -errno : result;
}

static struct io_op *
next_op(struct threads *t)
{
	struct queue_item *item;

	(void)pthread_mutex_lock(&t->lock);
	while (t->first == NULL && !t->stopping)
		(void)pthread_cond_wait(&t->more, &t->lock);
	item = t->first;
	if (item != NULL) {
		t->first = item->next;
		if (t->first == NULL)
			t->last = &t->first;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return item == NULL ? NULL : container_of(item, struct io_op, item);
}

static void *
serve(void *arg)
{
	struct threads *t = arg;
	struct io_op *op;

	while ((op = next_op(t)) != NULL) {
		op->result = perform(op);
		queue_push(&t->done, &op->item);
	}
	return NULL;
}

static void
threads_submit(struct io *io, struct io_op *op)
{
	struct threads *t = container_of(io, struct threads, io);

	op->item.next = NULL;
	(void)pthread_mutex_lock(&t->lock);
	*t->last = &op->item;
	t->last = &op->item.next;
	(void)pthread_cond_signal(&t->more);
	(void)pthread_mutex_unlock(&t->lock);
}

static void
threads_wait(struct io *io)
{
	struct threads *t = container_of(io, struct threads, io);
	struct pollfd fds[2] = {
	    {.fd = queue_fd(t->wake), .events = POLLIN},
	    {.fd = queue_fd(&t->done), .events = POLLIN},
	};
	struct queue_item *next;

	if (poll(fds, 2, -1) < 0)
		CHECK(errno == EINTR);
	for (struct queue_item *i = queue_take(&t->done); i != NULL; i = next) {
		struct io_op *op = container_of(i, struct io_op, item);

		next = i->next; /* the op is its owner's again */
		io->out--;
		op->done(op);
	}
}

static void
threads_free(struct io *io)
{
	struct threads *t = container_of(io, struct threads, io);

	CHECK(io->out == 0);
	(void)pthread_mutex_lock(&t->lock);
	t->stopping = true;
	(void)pthread_cond_broadcast(&t->more);
	(void)pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->n; i++)
		(void)pthread_join(t->thread[i], NULL);
	queue_release(&t->done);
	(void)pthread_cond_destroy(&t->more);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static const struct io_engine engine = {
    .name = "threads",
    .submit = threads_submit,
    .wait = threads_wait,
    .free = threads_free,
};

enum err
io_threads_engine_new(
    const struct io_config *config, struct io **out, struct errinfo *why)
{
	struct threads *t = calloc(1, sizeof *t + config->threads * sizeof(pthread_t));
	enum err e;

	if (t == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the I/O threads");
	e = queue_init(&t->done, why);
	if (e != ERR_OK) {
		free(t);
		return e;
	}
	t->io = (struct io){.engine = &engine};
	t->wake = config->wake;
	t->last = &t->first;
	CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
	CHECK(pthread_cond_init(&t->more, NULL) == 0);
	for (; t->n < config->threads; t->n++) {
		int failed = pthread_create(&t->thread[t->n], NULL, serve, t);

		if (failed != 0) {
			threads_free(&t->io);
			return errinfo_sys(
			    why, ERR_INTERNAL, failed, "cannot start an I/O thread");
		}
		(void)pthread_setname_np(t->thread[t->n], "io");
	}
	*out = &t->io;
	return ERR_OK;
}
