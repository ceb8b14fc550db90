/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_bench - an I/O engine (`engine_name`) over a scratch folder, one operation at a time.
 * Setup and teardown of cmocka: open_bench, close_bench; *state is the struct.
 */
#ifndef QUARTET_TESTS_IO_BENCH_H
#define QUARTET_TESTS_IO_BENCH_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "storage/io.h"
#include "tests/support/check.h"
#include "tests/support/folder.h"

enum { DEPTH = 4, THREADS = 8, PAGE = 4096 };

struct bench {
	char dir[64];
	int dir_fd;
	struct queue wake;
	struct io *io;
	struct errinfo why;
};

static const char *engine_name;

static inline int
open_bench(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	struct io_config config = {
	    .engine = engine_name, .depth = DEPTH, .threads = THREADS};

	assert_non_null(b);
	folder_make(b->dir);
	b->dir_fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->dir_fd >= 0);
	assert_ok(queue_init(&b->wake, &b->why), &b->why);
	config.wake = &b->wake;
	assert_ok(io_new(&config, &b->io, &b->why), &b->why);
	*state = b;
	return 0;
}

static inline int
close_bench(void **state)
{
	struct bench *b = *state;

	assert_int_equal(b->io->out, 0);
	io_free(b->io);
	queue_release(&b->wake);
	(void)close(b->dir_fd);
	folder_remove(b->dir);
	free(b);
	return 0;
}

/* One operation, waited for */

struct one {
	struct io_op op;
	bool done;
};

static inline void
one_done(struct io_op *op)
{
	struct one *one = container_of(op, struct one, op);

	assert_false(one->done);
	one->done = true;
}

static inline int64_t
run(struct bench *b, struct io_op op)
{
	struct one one = {.op = op};

	one.op.done = one_done;
	io_submit(b->io, &one.op);
	while (!one.done)
		io_wait(b->io);
	return one.op.result;
}

static inline int
run_open(struct bench *b, const char *path, int flags)
{
	return (int)run(b, (struct io_op){.kind = IO_OPEN,
			       .fd = b->dir_fd,
			       .path = path,
			       .flags = flags | O_CLOEXEC});
}

static inline int64_t
run_close(struct bench *b, int fd)
{
	return run(b, (struct io_op){.kind = IO_CLOSE, .fd = fd});
}

static inline int64_t
run_write(struct bench *b, int fd, const void *p, size_t n, uint64_t offset)
{
	union {
		const void *in;
		void *out;
	} memory = {.in = p}; /* an op has one pointer for both directions */

	return run(b, (struct io_op){.kind = IO_WRITE,
			  .fd = fd,
			  .memory = memory.out,
			  .n = n,
			  .offset = offset});
}

/* As it comes back. */
static inline struct io_op
run_write_and_sync(struct bench *b, int fd, void *p, size_t n, uint64_t offset)
{
	struct one one = {.op = {.kind = IO_WRITE,
			      .sync = true,
			      .fd = fd,
			      .memory = p,
			      .n = n,
			      .offset = offset,
			      .done = one_done}};

	io_submit(b->io, &one.op);
	while (!one.done)
		io_wait(b->io);
	return one.op;
}

static inline int64_t
run_read(struct bench *b, int fd, void *p, size_t n, uint64_t offset)
{
	return run(
	    b, (struct io_op){
		   .kind = IO_READ, .fd = fd, .memory = p, .n = n, .offset = offset});
}

static inline int64_t
run_fsync(struct bench *b, int fd)
{
	return run(b, (struct io_op){.kind = IO_FSYNC, .fd = fd});
}

static inline int64_t
run_path(struct bench *b, enum io_kind kind, const char *path, const char *to_path)
{
	return run(
	    b, (struct io_op){
		   .kind = kind, .fd = b->dir_fd, .path = path, .to_path = to_path});
}

static inline int
make_file(struct bench *b, const char *name, const char *text)
{
	int fd = run_open(b, name, O_RDWR | O_CREAT | O_EXCL);

	assert_true(fd >= 0);
	assert_int_equal(run_write(b, fd, text, strlen(text), 0), strlen(text));
	return fd;
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

#endif
