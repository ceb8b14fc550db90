/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing one file, each step after the one before is done (storage 2.2, S1 to S5):
 *
 *   begin    open tmp/ID, new
 *   piece    write
 *   finish   fsync file ─► rename to its name (making the leaf directory if it is
 *            missing) ─► fsync leaf directory ─► close
 *   abandon  unlink whatever name it has ─► close ─► fsync leaf directory, if it had its
 *            final name: that may be on the disk by now, and nobody looks for it later
 *
 * A short write is a failure: the file is abandoned, never patched. The disk is full
 * then: that is when a file system takes a part, and the next write would say so.
 */
#include "storage/location_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/kill_point.h"

struct location_file {
	uint64_t id;
	int fd;
	bool renamed;
	char tmp[LOCATION_PATH_SIZE];
	char path[LOCATION_PATH_SIZE];
};

/* One call under way. */
struct run {
	struct location_dir *d;
	struct location_put *put;
	bool leaf_made;
	char leaf[LOCATION_PATH_SIZE];
	struct io_op op;
	struct dir_waiter waiter;
	struct leaf_maker maker;
};

static void
end(struct run *run, int result, const char *what)
{
	struct location_dir *d = run->d;
	struct location_call *call = &run->put->call;

	free(run);
	if (result < 0)
		location_reply_errno(d, call, -result, what);
	else
		location_reply(d, call, ERR_OK);
}

static void
submit(struct run *run, struct io_op op)
{
	run->op = op;
	io_submit(run->d->io, &run->op);
}

static void
free_file(struct run *run)
{
	location_close_fd(run->d, run->put->file->fd);
	free(run->put->file);
	run->put->file = NULL;
}

static void
leaf_path(uint64_t id, char out[LOCATION_PATH_SIZE])
{
	char leaf[BLOB_LEAF_SIZE];

	blob_leaf_name(blob_leaf(id), leaf);
	(void)snprintf(out, LOCATION_PATH_SIZE, "blob/%s", leaf);
}

static void
dir_synced(struct dir_waiter *w, int result)
{
	struct run *run = container_of(w, struct run, waiter);

	if (result == 0) {
		kill_point("s5");
		free_file(run);
	}
	end(run, result, "fsync of the directory");
}

static void rename_file(struct run *run);

static void
leaf_made(struct leaf_maker *m, int result)
{
	struct run *run = container_of(m, struct run, maker);

	if (result < 0) {
		end(run, result, "mkdir");
		return;
	}
	run->leaf_made = true;
	rename_file(run);
}

static void
renamed(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	struct location_file *file = run->put->file;

	if (op->result == -ENOENT && !run->leaf_made) {
		run->maker.made = leaf_made;
		location_make_leaf(run->d, blob_leaf(file->id), &run->maker);
		return;
	}
	if (op->result < 0) {
		end(run, (int)op->result, "rename");
		return;
	}
	kill_point("s4");
	file->renamed = true;
	run->waiter.synced = dir_synced;
	location_sync_dir(run->d, run->leaf, &run->waiter);
}

static void
rename_file(struct run *run)
{
	struct location_file *file = run->put->file;

	submit(run, (struct io_op){.kind = IO_RENAME,
			.fd = run->d->root_fd,
			.path = file->tmp,
			.to_path = file->path,
			.done = renamed});
}

static void
file_synced(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	struct location_file *file = run->put->file;

	if (op->result < 0) {
		end(run, (int)op->result, "fsync");
		return;
	}
	kill_point("s3");
	location_blob_path(file->id, run->put->md5, file->path);
	leaf_path(file->id, run->leaf);
	rename_file(run);
}

static void
finish(struct run *run)
{
	if (!run->put->finish) {
		end(run, 0, "");
		return;
	}
	submit(run, (struct io_op){
			.kind = IO_FSYNC, .fd = run->put->file->fd, .done = file_synced});
}

static void
written(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result >= 0 && (size_t)op->result != run->put->n)
		op->result = -ENOSPC;
	if (op->result < 0) {
		end(run, (int)op->result, "write");
		return;
	}
	kill_point("s2");
	finish(run);
}

static void
write_piece(struct run *run)
{
	const struct location_put *put = run->put;

	if (put->piece == NULL) {
		finish(run);
		return;
	}
	CHECK(put->n % BLOB_PAGE == 0 && put->offset % BLOB_PAGE == 0 && put->n > 0);
	submit(run, (struct io_op){.kind = IO_WRITE,
			.fd = put->file->fd,
			.memory = put->piece->data,
			.n = put->n,
			.offset = put->offset,
			.done = written});
}

static void
opened(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	struct location_file *file = run->put->file;

	if (op->result == -EINVAL && op->flags & O_DIRECT) {
		/* A file system without direct I/O: the page cache does, fsync still
		 * binds. */
		op->flags &= ~O_DIRECT;
		io_submit(run->d->io, op);
		return;
	}
	if (op->result < 0) {
		run->put->file = NULL;
		free(file);
		end(run, (int)op->result, "create");
		return;
	}
	kill_point("s1");
	file->fd = (int)op->result;
	write_piece(run);
}

static void
begin(struct run *run)
{
	struct location_file *file = calloc(1, sizeof *file);

	if (file == NULL) {
		end(run, -ENOMEM, "create");
		return;
	}
	file->id = run->put->id;
	location_tmp_path(file->id, file->tmp);
	run->put->file = file;
	submit(run, (struct io_op){.kind = IO_OPEN,
			.fd = run->d->root_fd,
			.path = file->tmp,
			.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT,
			.done = opened});
}

static void
removal_synced(struct dir_waiter *w, int result)
{
	end(container_of(w, struct run, waiter), result, "fsync of the directory");
}

static void
unlinked(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	struct location_file *file = run->put->file;
	int result = op->result == -ENOENT ? 0 : (int)op->result;
	bool sync = result == 0 && file->renamed;

	if (sync)
		leaf_path(file->id, run->leaf);
	free_file(run);
	if (!sync) {
		end(run, result, "unlink");
		return;
	}
	run->waiter.synced = removal_synced;
	location_sync_dir(run->d, run->leaf, &run->waiter);
}

static void
abandon(struct run *run)
{
	struct location_file *file = run->put->file;

	submit(run, (struct io_op){.kind = IO_UNLINK,
			.fd = run->d->root_fd,
			.path = file->renamed ? file->path : file->tmp,
			.done = unlinked});
}

void
location_put_detached(struct location_dir *d, struct location_put *put)
{
	if (!put->abandon)
		return;
	location_close_fd(d, put->file->fd);
	free(put->file);
	put->file = NULL;
}

void
location_put_start(struct location_dir *d, struct location_put *put)
{
	struct run *run = calloc(1, sizeof *run);

	if (run == NULL) {
		location_reply_errno(d, &put->call, ENOMEM, "write");
		return;
	}
	run->d = d;
	run->put = put;
	CHECK(put->begin == (put->file == NULL));
	if (put->abandon)
		abandon(run);
	else if (put->begin)
		begin(run);
	else
		write_piece(run);
}
