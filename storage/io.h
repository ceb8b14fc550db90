/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io - file operations that do not wait: the engine of one location's thread.
 *
 * Two engines with the same behaviour: io_uring, and a small thread pool for kernels or
 * containers that refuse it. (With io_uring what only changes a directory in memory, open,
 * rename and close, is done inside io_submit.) An operation cannot be cancelled: on a hung disk it stays
 * out, with its memory and descriptor, for as long as the kernel keeps it.
 *
 * Order: io_new -> io_submit* / io_wait* -> io_free when nothing is out.
 * Thread: one, the location's; `done` runs inside io_wait. Memory: an io_op and all it
 * names belong to the caller and must stay until `done`.
 * Results are as of the system call: >= 0, or -errno. Short reads and writes are results,
 * not errors.
 */
#ifndef QUARTET_STORAGE_IO_H
#define QUARTET_STORAGE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "service/core/err.h"
#include "service/core/queue.h"

enum io_kind {
	IO_OPEN, /* openat(fd, path, flags, 0640) */
	IO_CLOSE, /* close(fd) */
	IO_READ, /* pread(fd, memory, n, offset) */
	IO_WRITE, /* pwrite(fd, memory, n, offset) */
	IO_FSYNC, /* fsync(fd) */
	IO_FDATASYNC, /* fdatasync(fd) */
	IO_RENAME, /* renameat2(fd, path, fd, to_path, RENAME_NOREPLACE) */
	IO_UNLINK, /* unlinkat(fd, path, 0) */
	IO_MKDIR, /* mkdirat(fd, path, 0750) */
};

struct io_op {
	enum io_kind kind;
	/*
	 * IO_WRITE: when all is written, an fdatasync right behind it, which costs less than
	 * one of its own. The result is that of the first that did not do all.
	 */
	bool sync;
	bool sync_failed; /* out: all was written, the result is the fdatasync's */
	int fd;
	int flags;
	const char *path, *to_path;
	void *memory;
	size_t n;
	uint64_t offset;
	void (*done)(struct io_op *op);
	int64_t result;
	struct queue_item item; /* the engine's */
};

struct io;

struct io_engine {
	const char *name;
	void (*submit)(struct io *io, struct io_op *op);
	void (*wait)(struct io *io);
	void (*free)(struct io *io);
};

struct io {
	const struct io_engine *engine;
	unsigned out; /* operations submitted and not done */
};

struct io_config {
	const char *engine; /* "auto", "uring" or "threads" */
	unsigned depth; /* operations given to the kernel at one time; more wait */
	unsigned threads; /* of the pool */
	struct queue *wake; /* io_wait also returns when this has something to take */
	unsigned location; /* whose it is, from 1: for storage/fault.h */
};

/* With "auto", `why` says (with ERR_OK) why io_uring was not taken, or is empty. */
enum err io_new(
    const struct io_config *config, struct io **out, struct errinfo *why) ERR_CHECKED;

static inline void
io_submit(struct io *io, struct io_op *op)
{
	io->out++;
	io->engine->submit(io, op);
}

/* Block until an operation is done or `wake` has items; calls `done` of all that are. */
static inline void
io_wait(struct io *io)
{
	io->engine->wait(io);
}

static inline void
io_free(struct io *io)
{
	if (io != NULL)
		io->engine->free(io);
}

/*
 * For what stands before an engine and has a say in every operation: a write with a sync
 * as two, each submitted to io->engine when the one before is done.
 */
void io_submit_in_two(struct io *io, struct io_op *op);

/* The two engines, for io.c. */
enum err io_uring_engine_new(
    const struct io_config *config, struct io **out, struct errinfo *why) ERR_CHECKED;
enum err io_threads_engine_new(
    const struct io_config *config, struct io **out, struct errinfo *why) ERR_CHECKED;

#endif
