/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io on io_uring. The only file that sees liburing.
 *
 * What the kernel cannot start without blocking it hands to worker threads of the ring,
 * and operations stuck there starve the others. So operations that always go there
 * (fsync, unlink, mkdir) have a cap of their own, below the raised number of workers; the
 * rest are capped by the depth. What is over a cap waits here.
 *
 * Open, rename and close would go there too, and switching threads twice costs more than
 * the few microseconds they take in a directory's cached pages: a small upload took
 * 1.2 ms of processor time with that, and takes 0.75 without (measured). They are done on
 * the spot. On a disk that hangs this thread may hang in one of them: it serves that disk
 * alone, and who waits for it has a deadline.
 *
 * A write with a sync is two linked entries of the ring: one worker does both, and this
 * thread is woken once. Of a write that did all the kernel says nothing, and the sync's
 * answer ends the operation; of one that did not it says so, marked (WRITE_MARK in the
 * address of the operation), and nothing of the sync.
 *
 * The wake queue's eventfd is watched by a poll that stays in the ring.
 */
#include "storage/io.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/check.h"

enum { WORKERS = 32, PUNTED_MAX = WORKERS - 4, RESERVED_SQES = 8, WRITE_MARK = 1 };

struct line {
	struct queue_item *first, **last;
};

struct uring {
	struct io io;
	struct io_uring ring;
	struct queue *wake;
	bool wake_armed;
	unsigned depth;
	unsigned direct_out, punted_out; /* given to the kernel */
	struct line direct, punted; /* waiting for room */
	struct line finished; /* done on the spot, and not told yet */
};

static void
line_init(struct line *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void
line_add(struct line *l, struct queue_item *item)
{
	item->next = NULL;
	*l->last = item;
	l->last = &item->next;
}

static struct io_op *
line_take(struct line *l)
{
	struct queue_item *item = l->first;

	if (item == NULL)
		return NULL;
	l->first = item->next;
	if (l->first == NULL)
		l->last = &l->first;
	return container_of(item, struct io_op, item);
}

static bool
is_punted(const struct io_op *op)
{
	return op->kind != IO_READ && (op->kind != IO_WRITE || op->sync);
}

static bool
is_quick(const struct io_op *op)
{
	return op->kind == IO_OPEN || op->kind == IO_RENAME || op->kind == IO_CLOSE;
}

static void
do_now(struct io_op *op)
{
	int result;

	if (op->kind == IO_OPEN)
		result = openat(op->fd, op->path, op->flags, 0640);
	else if (op->kind == IO_RENAME)
		result =
		    renameat2(op->fd, op->path, op->fd, op->to_path, RENAME_NOREPLACE);
	else
		result = close(op->fd);
	op->result = result < 0 ? -errno : result;
}

/* Room for `n` entries that go to the kernel together. */
static void
make_room(struct uring *u, unsigned n)
{
	if (io_uring_sq_space_left(&u->ring) < n)
		CHECK(io_uring_submit(&u->ring) >= 0);
}

static struct io_uring_sqe *
get_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe;

	make_room(u, 1);
	sqe = io_uring_get_sqe(&u->ring);
	CHECK(sqe != NULL);
	return sqe;
}

static void
prepare(struct io_uring_sqe *sqe, const struct io_op *op)
{
	switch (op->kind) {
	case IO_READ:
		io_uring_prep_read(sqe, op->fd, op->memory, (unsigned)op->n, op->offset);
		break;
	case IO_WRITE:
		io_uring_prep_write(sqe, op->fd, op->memory, (unsigned)op->n, op->offset);
		break;
	case IO_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, 0);
		break;
	case IO_FDATASYNC:
		io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
		break;
	case IO_UNLINK:
		io_uring_prep_unlinkat(sqe, op->fd, op->path, 0);
		break;
	case IO_MKDIR:
		io_uring_prep_mkdirat(sqe, op->fd, op->path, 0750);
		break;
	case IO_OPEN:
	case IO_RENAME:
	case IO_CLOSE:
		CHECK(false); /* never come here */
	}
}

static void
prepare_sync(struct uring *u, struct io_uring_sqe *write, struct io_op *op)
{
	struct io_uring_sqe *sqe;

	io_uring_sqe_set_flags(write, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(write, (uint64_t)(uintptr_t)op | WRITE_MARK);
	sqe = get_sqe(u);
	io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, op);
}

static void
start(struct uring *u, struct io_op *op)
{
	struct io_uring_sqe *sqe;

	CHECK(op->n <= UINT32_MAX);
	make_room(u, 2);
	sqe = get_sqe(u);
	prepare(sqe, op);
	if (op->sync)
		prepare_sync(u, sqe, op);
	else
		io_uring_sqe_set_data(sqe, op);
	if (is_punted(op))
		u->punted_out++;
	else
		u->direct_out++;
}

static void
start_waiting(struct uring *u)
{
	struct io_op *op;

	while (u->direct_out < u->depth && (op = line_take(&u->direct)) != NULL)
		start(u, op);
	while (u->punted_out < PUNTED_MAX && (op = line_take(&u->punted)) != NULL)
		start(u, op);
}

static void
uring_submit(struct io *io, struct io_op *op)
{
	struct uring *u = container_of(io, struct uring, io);

	if (is_quick(op)) {
		do_now(op);
		line_add(&u->finished, &op->item);
		return;
	}
	line_add(is_punted(op) ? &u->punted : &u->direct, &op->item);
	start_waiting(u);
}

static void
arm_wake(struct uring *u)
{
	struct io_uring_sqe *sqe;

	if (u->wake_armed)
		return;
	sqe = get_sqe(u);
	io_uring_prep_poll_add(sqe, queue_fd(u->wake), POLLIN);
	io_uring_sqe_set_data(sqe, NULL);
	u->wake_armed = true;
}

static void
finish(struct uring *u, struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);
	struct io_op *op = (struct io_op *)(uintptr_t)(data & ~(uint64_t)WRITE_MARK);
	int result = cqe->res;

	io_uring_cqe_seen(&u->ring, cqe);
	if (op == NULL) {
		u->wake_armed = false;
		return;
	}
	if (is_punted(op))
		u->punted_out--;
	else
		u->direct_out--;
	u->io.out--;
	op->result = result;
	if (op->sync && (data & WRITE_MARK) == 0) {
		op->sync_failed = result < 0;
		op->result = result < 0 ? result : (int64_t)op->n;
	}
	op->done(op);
}

static void
tell_finished(struct uring *u)
{
	struct io_op *op;

	while ((op = line_take(&u->finished)) != NULL) {
		u->io.out--;
		op->done(op);
	}
}

static void
uring_wait(struct io *io)
{
	struct uring *u = container_of(io, struct uring, io);
	struct io_uring_cqe *cqe;
	int code;

	arm_wake(u);
	code = io_uring_submit_and_wait(&u->ring, u->finished.first == NULL ? 1 : 0);
	CHECK(code >= 0 || code == -EINTR || code == -EAGAIN || code == -EBUSY);
	while (io_uring_peek_cqe(&u->ring, &cqe) == 0)
		finish(u, cqe);
	tell_finished(u);
	start_waiting(u);
}

static void
uring_free(struct io *io)
{
	struct uring *u = container_of(io, struct uring, io);

	CHECK(io->out == 0);
	io_uring_queue_exit(&u->ring);
	free(u);
}

static const struct io_engine engine = {
    .name = "uring",
    .submit = uring_submit,
    .wait = uring_wait,
    .free = uring_free,
};

/* Every operation we use must be known to this kernel, not only the ring itself. */
static enum err
probe(struct io_uring *ring, struct errinfo *why)
{
	static const int wanted[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC,
	    IORING_OP_UNLINKAT, IORING_OP_MKDIRAT, IORING_OP_POLL_ADD};
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	enum err e = ERR_OK;

	if (probe == NULL)
		return errinfo_set(why, ERR_IO, "io_uring: the kernel cannot be probed");
	if ((ring->features & IORING_FEAT_CQE_SKIP) == 0)
		e = errinfo_set(
		    why, ERR_IO, "io_uring: this kernel cannot keep quiet of success");
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (!io_uring_opcode_supported(probe, wanted[i]))
			e = errinfo_set(why, ERR_IO,
			    "io_uring: this kernel lacks operation %d", wanted[i]);
	io_uring_free_probe(probe);
	return e;
}

enum err
io_uring_engine_new(const struct io_config *config, struct io **out, struct errinfo *why)
{
	struct uring *u = calloc(1, sizeof *u);
	unsigned workers[2] = {WORKERS, 0};
	enum err e;
	int code;

	if (u == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an I/O ring");
	code = io_uring_queue_init(
	    config->depth + 2 * PUNTED_MAX + RESERVED_SQES, &u->ring, 0);
	if (code < 0) {
		free(u);
		return errinfo_sys(why, ERR_IO, -code, "io_uring is refused");
	}
	e = probe(&u->ring, why);
	if (e == ERR_OK) {
		code = io_uring_register_iowq_max_workers(&u->ring, workers);
		if (code < 0)
			e = errinfo_sys(
			    why, ERR_IO, -code, "io_uring: cannot raise its workers");
	}
	if (e != ERR_OK) {
		io_uring_queue_exit(&u->ring);
		free(u);
		return e;
	}
	u->io = (struct io){.engine = &engine};
	u->wake = config->wake;
	u->depth = config->depth;
	line_init(&u->direct);
	line_init(&u->punted);
	line_init(&u->finished);
	*out = &u->io;
	return ERR_OK;
}
