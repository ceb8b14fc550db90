/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe: look at the root and its marker, then try out a write.
 *
 *   attach ─► statvfs ─► open tmp/probe ─► write ─► fsync ─► read ─► unlink ─► close
 *
 * The root is opened anew by name each time and compared with what is attached, so that
 * an unmounted, swapped or removed directory is noticed although descriptors into the
 * old one still work. There is no new attachment before the last call of the old one has
 * come back: a number of its descriptors, or an fsync that serves a directory of the same
 * name, would otherwise be taken for the new one's.
 */
#include "storage/location_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/location_marker.h"

#define PROBE_PATH "tmp/probe"

struct run {
	struct location_dir *d;
	struct location_probe *probe;
	int fd;
	int failed; /* the first error, positive */
	const char *what;
	struct io_op op;
};

void
location_detach(struct location_dir *d)
{
	if (d->root_fd < 0)
		return;
	CHECK(d->retired_fd < 0);
	d->retired_fd = d->root_fd;
	d->root_fd = -1;
}

static bool
same_directory(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static enum err
judge_marker(const struct location_marker *marker, unsigned index, const uint8_t *store,
    struct errinfo *why)
{
	if (memcmp(marker->store, store, sizeof marker->store) != 0)
		return errinfo_set(why, ERR_LOCATION_DOWN, "it belongs to another store");
	if (marker->index != index)
		return errinfo_set(why, ERR_LOCATION_DOWN,
		    "it is location %u, configured as location %u: were two swapped?",
		    marker->index + 1, index + 1);
	return ERR_OK;
}

static enum err
check_marker(int fd, unsigned index, const uint8_t *store, struct errinfo *why)
{
	struct location_marker marker;
	enum err e = location_marker_read(fd, &marker, why);

	return e == ERR_OK ? judge_marker(&marker, index, store, why) : e;
}

/* Is it the disk that the catalogue knows as this location? */
static enum err
check_disk(int fd, struct location_dir *d, struct location_probe *probe)
{
	struct errinfo *why = &probe->call.why;
	struct location_marker marker;
	enum err e = location_marker_read(fd, &marker, why);

	if (e == ERR_OK)
		e = judge_marker(&marker, d->location.index, d->store, why);
	if (e != ERR_OK)
		return e;
	(void)memcpy(probe->uuid, marker.location, sizeof probe->uuid);
	if (probe->is_expected &&
	    memcmp(probe->expected, marker.location, sizeof marker.location) != 0)
		return errinfo_set(why, ERR_LOCATION_DOWN,
		    "it is another disk than the one that was made this location last "
		    "(quartet location replace)");
	return ERR_OK;
}

enum err
location_dir_store(const char *root, unsigned index, uint8_t store_out[STORE_UUID_SIZE],
    struct errinfo *why)
{
	struct location_marker marker;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return errinfo_sys(why, ERR_LOCATION_DOWN, errno, "cannot open it");
	e = location_marker_read(fd, &marker, why);
	if (e == ERR_OK)
		e = check_marker(fd, index, marker.store, why);
	(void)close(fd);
	if (e != ERR_OK)
		return ERR_LOCATION_DOWN;
	(void)memcpy(store_out, marker.store, STORE_UUID_SIZE);
	return ERR_OK;
}

enum err
location_dir_check(const char *root, unsigned index, const uint8_t store[STORE_UUID_SIZE],
    struct errinfo *why)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return errinfo_sys(why, ERR_LOCATION_DOWN, errno, "cannot open it");
	e = check_marker(fd, index, store, why);
	(void)close(fd);
	return e == ERR_OK ? ERR_OK : ERR_LOCATION_DOWN;
}

static enum err
attach(struct location_dir *d, struct location_probe *probe)
{
	struct errinfo *why = &probe->call.why;
	enum err e;
	int fd;

	if (probe->detach) {
		location_detach(d);
		return errinfo_set(why, ERR_LOCATION_DOWN, "it was taken out");
	}
	fd = open(d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		location_detach(d);
		return errinfo_sys(why, ERR_LOCATION_DOWN, errno, "cannot open it");
	}
	e = check_disk(fd, d, probe);
	if (e != ERR_OK) {
		location_detach(d);
		(void)close(fd);
		return ERR_LOCATION_DOWN;
	}
	if (d->root_fd >= 0 && same_directory(d->root_fd, fd)) {
		(void)close(fd);
		return ERR_OK;
	}
	location_detach(d);
	if (d->calls > 1) { /* this probe is one */
		(void)close(fd);
		return errinfo_set(why, ERR_LOCATION_DOWN,
		    "it was away, and operations from before are still under way");
	}
	location_let_go(d);
	d->root_fd = fd;
	return ERR_OK;
}

static void
end(struct run *run)
{
	struct location_dir *d = run->d;
	struct location_call *call = &run->probe->call;
	const char *what = run->what;
	int failed = run->failed;

	if (run->fd >= 0)
		location_close_fd(d, run->fd);
	free(run);
	if (failed != 0)
		location_reply_errno(d, call, failed, what);
	else
		location_reply(d, call, ERR_OK);
}

static void
submit(struct run *run, const char *what, struct io_op op)
{
	run->what = what;
	run->op = op;
	io_submit(run->d->io, &run->op);
}

static void
unlinked(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (run->failed == 0 && op->result < 0)
		run->failed = (int)-op->result;
	end(run);
}

static void
clean_up(struct run *run)
{
	const char *what = run->what;

	submit(run, "unlink",
	    (struct io_op){.kind = IO_UNLINK,
		.fd = run->d->root_fd,
		.path = PROBE_PATH,
		.done = unlinked});
	if (run->failed != 0)
		run->what = what; /* the failure to report is the first one */
}

/* Remember what failed and go to the end, or go on. */
static bool
good(struct run *run, const struct io_op *op, int64_t wanted)
{
	if (op->result == wanted)
		return true;
	run->failed = op->result < 0 ? (int)-op->result : EIO;
	clean_up(run);
	return false;
}

static void
read_back(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);
	const uint8_t *page = run->probe->piece->data;

	if (!good(run, op, BLOB_PAGE))
		return;
	if (memcmp(page, page + BLOB_PAGE, BLOB_PAGE) != 0)
		run->failed = EIO;
	clean_up(run);
}

static void
synced(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (good(run, op, 0))
		submit(run, "read",
		    (struct io_op){.kind = IO_READ,
			.fd = run->fd,
			.memory = run->probe->piece->data + BLOB_PAGE,
			.n = BLOB_PAGE,
			.done = read_back});
}

static void
written(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (good(run, op, BLOB_PAGE))
		submit(run, "fsync",
		    (struct io_op){.kind = IO_FSYNC, .fd = run->fd, .done = synced});
}

static void
opened(struct io_op *op)
{
	struct run *run = container_of(op, struct run, op);

	if (op->result == -EINVAL && op->flags & O_DIRECT) {
		op->flags &= ~O_DIRECT;
		io_submit(run->d->io, op);
		return;
	}
	if (op->result < 0) {
		run->failed = (int)-op->result;
		end(run);
		return;
	}
	run->fd = (int)op->result;
	random_bytes(run->probe->piece->data, BLOB_PAGE);
	submit(run, "write",
	    (struct io_op){.kind = IO_WRITE,
		.fd = run->fd,
		.memory = run->probe->piece->data,
		.n = BLOB_PAGE,
		.done = written});
}

void
location_probe_start(struct location_dir *d, struct location_probe *probe)
{
	struct location_call *call = &probe->call;
	struct run *run = NULL;
	struct statvfs fs;
	enum err e = attach(d, probe);

	probe->attached = e == ERR_OK;
	if (e != ERR_OK) {
		location_reply(d, call, e);
		return;
	}
	if (fstatvfs(d->root_fd, &fs) == 0) {
		probe->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
		probe->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
		/* File systems without a fixed number of inodes say 0 of 0. */
		probe->free_inodes = fs.f_files == 0 ? UINT64_MAX : fs.f_favail;
	}
	if (probe->look_only) {
		location_reply(d, call, ERR_OK);
		return;
	}
	run = calloc(1, sizeof *run);
	if (run == NULL) {
		location_reply_errno(d, call, ENOMEM, "probe");
		return;
	}
	run->d = d;
	run->probe = probe;
	run->fd = -1;
	submit(run, "create",
	    (struct io_op){.kind = IO_OPEN,
		.fd = d->root_fd,
		.path = PROBE_PATH,
		.flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT,
		.done = opened});
}
