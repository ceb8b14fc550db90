/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ranges of a file through the page cache, with a few descriptors kept open.
 * One file may be open twice: with and without read-ahead. A read that is direct, or the
 * only one for now, has a descriptor of its own, which is not kept.
 */
#include "storage/location_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "service/core/check.h"

enum { FILES_MAX = 128, READ_AHEAD = 128 * 1024 /* the kernel's usual */ };

struct open_file {
	struct open_file *next;
	uint64_t id;
	bool scattered;
	bool forgotten; /* not in the list any more: the last user closes it */
	int fd;
	unsigned users;
};

struct run;

struct range_op {
	struct run *run;
	struct io_op op;
};

/* One call under way. */
struct run {
	struct location_dir *d;
	struct location_read *read;
	struct open_file *file;
	size_t left;
	int failed; /* the first error, positive */
	char path[LOCATION_PATH_SIZE];
	struct io_op open;
	struct range_op range[];
};

static struct open_file *
take_cached(struct location_dir *d, uint64_t id, bool scattered)
{
	for (struct open_file **at = &d->files; *at != NULL; at = &(*at)->next) {
		struct open_file *f = *at;

		if (f->id != id || f->scattered != scattered)
			continue;
		*at = f->next; /* to the front */
		f->next = d->files;
		d->files = f;
		f->users++;
		return f;
	}
	return NULL;
}

static void
close_file(struct location_dir *d, struct open_file *f)
{
	location_close_fd(d, f->fd);
	free(f);
}

static void
release(struct location_dir *d, struct open_file *f)
{
	if (--f->users == 0 && f->forgotten)
		close_file(d, f);
}

static void
forget(struct location_dir *d, struct open_file **at)
{
	struct open_file *f = *at;

	*at = f->next;
	d->n_files--;
	f->forgotten = true;
	if (f->users == 0)
		close_file(d, f);
}

void
location_forget_files(struct location_dir *d, uint64_t id)
{
	struct open_file **at = &d->files;

	while (*at != NULL) {
		if (id == 0 || (*at)->id == id)
			forget(d, at);
		else
			at = &(*at)->next;
	}
}

static void
trim(struct location_dir *d)
{
	struct open_file **oldest = NULL;

	if (d->n_files <= FILES_MAX)
		return;
	for (struct open_file **at = &d->files; *at != NULL; at = &(*at)->next)
		oldest = at;
	CHECK(oldest != NULL);
	forget(d, oldest);
}

static void
end(struct run *run)
{
	struct location_dir *d = run->d;
	struct location_call *call = &run->read->call;
	int failed = run->failed;

	if (run->file != NULL)
		release(d, run->file);
	free(run);
	if (failed == ENODATA)
		location_reply(d, call,
		    errinfo_set(
			&call->why, ERR_DAMAGED, "the file is shorter than it was"));
	else if (failed != 0)
		location_reply_errno(d, call, failed, "read");
	else
		location_reply(d, call, ERR_OK);
}

/* Of a direct read, whose parts are whole pages: what is not ends where the file does. */
static bool
is_cut_short(const struct run *run, const struct io_op *op)
{
	return run->read->direct && op->result % BLOB_PAGE != 0;
}

/* A range was read, or a part of it: the kernel may stop at a page it has to wait for. */
static void
range_done(struct io_op *op)
{
	struct run *run = container_of(op, struct range_op, op)->run;

	if (op->result < 0) {
		run->failed = run->failed != 0 ? run->failed : (int)-op->result;
	} else if (op->result == 0 || is_cut_short(run, op)) {
		run->failed = ENODATA;
	} else if ((size_t)op->result < op->n) {
		op->memory = (char *)op->memory + op->result;
		op->offset += (uint64_t)op->result;
		op->n -= (size_t)op->result;
		io_submit(run->d->io, op);
		return;
	}
	if (--run->left == 0)
		end(run);
}

static void
read_ranges(struct run *run)
{
	const struct location_read *read = run->read;

	run->left = read->n;
	for (size_t i = 0; i < read->n; i++) {
		run->range[i].run = run;
		run->range[i].op = (struct io_op){
		    .kind = IO_READ,
		    .fd = run->file->fd,
		    .memory = read->range[i].to,
		    .n = read->range[i].n,
		    .offset = read->range[i].offset,
		    .done = range_done,
		};
		io_submit(run->d->io, &run->range[i].op);
	}
}

static size_t
asked_bytes(const struct location_read *read)
{
	size_t n = 0;

	for (size_t i = 0; i < read->n; i++)
		n += read->range[i].n;
	return n;
}

/* Let the next read of the file have it too. */
static void
keep(struct location_dir *d, const struct location_read *read, struct open_file *f)
{
	/* Hints: no read-ahead for a few ranges, twice the usual for a whole file. */
	if (f->scattered || asked_bytes(read) > READ_AHEAD)
		(void)posix_fadvise(f->fd, 0, 0,
		    f->scattered ? POSIX_FADV_RANDOM : POSIX_FADV_SEQUENTIAL);
	f->next = d->files;
	d->files = f;
	d->n_files++;
	trim(d);
}

static bool
has_its_own(const struct location_read *read)
{
	return read->direct || read->once;
}

static void
opened(struct io_op *op)
{
	struct run *run = container_of(op, struct run, open);
	struct location_dir *d = run->d;
	struct open_file *f;

	if (op->result == -EINVAL && op->flags & O_DIRECT) {
		op->flags &= ~O_DIRECT; /* the file system has no such thing */
		io_submit(d->io, op);
		return;
	}
	if (op->result < 0) {
		run->failed = (int)-op->result;
		end(run);
		return;
	}
	f = calloc(1, sizeof *f);
	if (f == NULL) {
		location_close_fd(d, (int)op->result);
		run->failed = ENOMEM;
		end(run);
		return;
	}
	*f = (struct open_file){.id = run->read->id,
	    .scattered = run->read->scattered,
	    .fd = (int)op->result,
	    .users = 1,
	    .forgotten = has_its_own(run->read)};
	run->file = f;
	if (!f->forgotten)
		keep(d, run->read, f);
	read_ranges(run);
}

void
location_read_start(struct location_dir *d, struct location_read *read)
{
	struct run *run = calloc(1, sizeof *run + read->n * sizeof(struct range_op));

	CHECK(read->n > 0 && read->n <= LOCATION_RANGES_MAX);
	if (run == NULL) {
		location_reply_errno(d, &read->call, ENOMEM, "read");
		return;
	}
	run->d = d;
	run->read = read;
	if (!has_its_own(read))
		run->file = take_cached(d, read->id, read->scattered);
	if (run->file != NULL) {
		read_ranges(run);
		return;
	}
	location_blob_path(read->id, read->md5, run->path);
	run->open = (struct io_op){.kind = IO_OPEN,
	    .fd = d->root_fd,
	    .path = run->path,
	    .flags = O_RDONLY | O_CLOEXEC | (read->direct ? O_DIRECT : 0),
	    .done = opened};
	io_submit(d->io, &run->open);
}
