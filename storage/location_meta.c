/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue's own files, in meta/. A call to write goes through as many of these
 * steps as it asks for, each after the one before is done:
 *
 *   begin    unlink what has the name
 *   always   open
 *   n > 0    write
 *   sync     fdatasync, in one operation with a write ─► after begin: fsync of the
 *            directory
 *   publish  unlink what has that name ─► rename ─► fsync of the directory
 *   always   close
 */
#include "storage/location_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"

struct run {
	struct location_dir *d;
	struct location_meta_write *write;
	int fd;
	char path[LOCATION_PATH_SIZE], to_path[LOCATION_PATH_SIZE];
	struct io_op op;
	struct dir_waiter waiter;
};

static void
meta_path(const char *name, char out[LOCATION_PATH_SIZE])
{
	CHECK(strlen(name) < LOCATION_META_NAME_SIZE);
	(void)snprintf(out, LOCATION_PATH_SIZE, LOCATION_META_DIR "/%s", name);
}

static void
end(struct run *run, int result, const char *what)
{
	struct location_dir *d = run->d;
	struct location_call *call = &run->write->call;

	if (run->fd >= 0)
		location_close_fd(d, run->fd);
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
name_synced(struct dir_waiter *w, int result)
{
	struct run *run = container_of(w, struct run, waiter);

	end(run, result, "fsync of the catalogue's directory");
}

static void
renamed(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result < 0) {
		end(run, (int)op->result, "rename");
		return;
	}
	run->waiter.synced = name_synced;
	location_sync_dir(run->d, LOCATION_META_DIR, &run->waiter);
}

static void
name_is_free(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result < 0 && op->result != -ENOENT) {
		end(run, (int)op->result, "unlink");
		return;
	}
	submit(run, (struct io_op){.kind = IO_RENAME,
			.fd = run->d->root_fd,
			.path = run->path,
			.to_path = run->to_path,
			.done = renamed});
}

static void
publish(struct run *run)
{
	if (run->write->publish == NULL) {
		end(run, 0, "");
		return;
	}
	meta_path(run->write->publish, run->to_path);
	submit(run, (struct io_op){.kind = IO_UNLINK,
			.fd = run->d->root_fd,
			.path = run->to_path,
			.done = name_is_free});
}

static void
synced(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result < 0) {
		end(run, (int)op->result, "fdatasync");
		return;
	}
	if (!run->write->begin || run->write->publish != NULL) {
		publish(run);
		return;
	}
	run->waiter.synced = name_synced;
	location_sync_dir(run->d, LOCATION_META_DIR, &run->waiter);
}

/* Nothing is to be written. */
static void
sync_nothing(struct run *run)
{
	if (run->write->sync)
		submit(run,
		    (struct io_op){.kind = IO_FDATASYNC, .fd = run->fd, .done = synced});
	else
		publish(run);
}

static void
written(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result >= 0 && (size_t)op->result != run->write->n)
		op->result = -ENOSPC; /* as in location_put.c */
	run->write->written = op->result >= 0 || op->sync_failed;
	if (!run->write->written)
		end(run, (int)op->result, "write");
	else if (op->sync)
		synced(op);
	else
		publish(run);
}

static void
opened(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	const struct location_meta_write *write = run->write;

	if (op->result < 0) {
		end(run, (int)op->result, write->begin ? "create" : "open");
		return;
	}
	run->fd = (int)op->result;
	if (write->n == 0) {
		sync_nothing(run);
		return;
	}
	submit(run, (struct io_op){.kind = IO_WRITE,
			.sync = write->sync,
			.fd = run->fd,
			.memory = (void *)(uintptr_t)write->from,
			.n = write->n,
			.offset = write->offset,
			.done = written});
}

static void
open_file(struct run *run, int flags)
{
	submit(run, (struct io_op){.kind = IO_OPEN,
			.fd = run->d->root_fd,
			.path = run->path,
			.flags = O_WRONLY | O_CLOEXEC | flags,
			.done = opened});
}

/* A file of that name may be one that a dead process's write is still on its way into. */
static void
old_is_gone(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result < 0 && op->result != -ENOENT)
		end(run, (int)op->result, "unlink");
	else
		open_file(run, O_CREAT | O_EXCL);
}

void
location_meta_write_start(struct location_dir *d, struct location_meta_write *write)
{
	struct run *run = calloc(1, sizeof *run);

	write->written = false;
	if (run == NULL) {
		location_reply_errno(d, &write->call, ENOMEM, "write");
		return;
	}
	run->d = d;
	run->write = write;
	run->fd = -1;
	meta_path(write->name, run->path);
	if (!write->begin)
		open_file(run, 0);
	else
		submit(run, (struct io_op){.kind = IO_UNLINK,
				.fd = d->root_fd,
				.path = run->path,
				.done = old_is_gone});
}

/* Reading: open, read, close. */

struct read_run {
	struct location_dir *d;
	struct location_meta_read *read;
	char path[LOCATION_PATH_SIZE];
	int fd;
	struct io_op op;
};

static void
read_done(struct io_op *op)
{
	struct read_run *run = container_of(op, struct read_run, op);
	struct location_meta_read *read = run->read;
	struct location_dir *d = run->d;
	int64_t result = op->result;

	location_close_fd(d, run->fd);
	free(run);
	if (result < 0) {
		location_reply_errno(d, &read->call, (int)-result, "read");
		return;
	}
	read->n_out = (size_t)result;
	location_reply(d, &read->call, ERR_OK);
}

static void
read_opened(struct io_op *op)
{
	struct read_run *run = container_of(op, struct read_run, op);
	struct location_meta_read *read = run->read;
	struct location_dir *d = run->d;

	if (op->result < 0) {
		int sys = (int)-op->result;

		free(run);
		location_reply_errno(d, &read->call, sys, "open");
		return;
	}
	run->fd = (int)op->result;
	run->op = (struct io_op){.kind = IO_READ,
	    .fd = run->fd,
	    .memory = read->to,
	    .n = read->n,
	    .offset = read->offset,
	    .done = read_done};
	io_submit(d->io, &run->op);
}

void
location_meta_read_start(struct location_dir *d, struct location_meta_read *read)
{
	struct read_run *run = calloc(1, sizeof *run);

	if (run == NULL) {
		location_reply_errno(d, &read->call, ENOMEM, "read");
		return;
	}
	run->d = d;
	run->read = read;
	meta_path(read->name, run->path);
	run->op = (struct io_op){.kind = IO_OPEN,
	    .fd = d->root_fd,
	    .path = run->path,
	    .flags = O_RDONLY | O_CLOEXEC,
	    .done = read_opened};
	io_submit(d->io, &run->op);
}

/* Listing */

static int
add_found(struct location_meta_list *list, int dir_fd, const char *name, size_t *room)
{
	struct location_meta_found found = {.size = 0};
	struct stat st;

	if (strlen(name) >= sizeof found.name ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return 0; /* none of ours */
	(void)snprintf(found.name, sizeof found.name, "%s", name);
	found.size = (uint64_t)st.st_size;
	if (list->n == *room) {
		size_t bigger = *room == 0 ? 32 : *room * 2;
		struct location_meta_found *p = realloc(list->found, bigger * sizeof *p);

		if (p == NULL)
			return ENOMEM;
		list->found = p;
		*room = bigger;
	}
	list->found[list->n++] = found;
	return 0;
}

static int
list_names(struct location_dir *d, struct location_meta_list *list)
{
	int fd =
	    openat(d->root_fd, LOCATION_META_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t room = 0;
	int failed = 0;

	if (dir == NULL) {
		failed = errno;
		if (fd >= 0)
			(void)close(fd);
		return failed;
	}
	while (failed == 0) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			failed = errno;
			break;
		}
		failed = add_found(list, fd, entry->d_name, &room);
	}
	(void)closedir(dir);
	return failed;
}

void
location_meta_list_start(struct location_dir *d, struct location_meta_list *list)
{
	int failed;

	list->found = NULL;
	list->n = 0;
	failed = list_names(d, list);
	if (failed == 0) {
		location_reply(d, &list->call, ERR_OK);
		return;
	}
	free(list->found);
	list->found = NULL;
	list->n = 0;
	location_reply_errno(d, &list->call, failed, "list");
}

/* Removal: unlink, then fsync of the directory. */

struct removal {
	struct location_dir *d;
	struct location_meta_remove *remove;
	char path[LOCATION_PATH_SIZE];
	struct io_op op;
	struct dir_waiter waiter;
};

static void
removal_end(struct removal *r, int result, const char *what)
{
	struct location_dir *d = r->d;
	struct location_call *call = &r->remove->call;

	free(r);
	if (result < 0)
		location_reply_errno(d, call, -result, what);
	else
		location_reply(d, call, ERR_OK);
}

static void
removal_synced(struct dir_waiter *w, int result)
{
	removal_end(container_of(w, struct removal, waiter), result,
	    "fsync of the catalogue's directory");
}

static void
unlinked(struct io_op *op)
{
	struct removal *r = container_of(op, struct removal, op);

	if (op->result < 0 && op->result != -ENOENT) {
		removal_end(r, (int)op->result, "unlink");
		return;
	}
	r->waiter.synced = removal_synced;
	location_sync_dir(r->d, LOCATION_META_DIR, &r->waiter);
}

void
location_meta_remove_start(struct location_dir *d, struct location_meta_remove *remove)
{
	struct removal *r = calloc(1, sizeof *r);

	if (r == NULL) {
		location_reply_errno(d, &remove->call, ENOMEM, "unlink");
		return;
	}
	r->d = d;
	r->remove = remove;
	meta_path(remove->name, r->path);
	r->op = (struct io_op){
	    .kind = IO_UNLINK, .fd = d->root_fd, .path = r->path, .done = unlinked};
	io_submit(d->io, &r->op);
}
