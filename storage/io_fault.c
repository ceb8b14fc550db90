/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to an operation is done to one of our own in its place:
 *
 *   submit ─► no rule ─────────────────────────────────────────────► engine
 *          └► ours ─┬► held until its rule lets it go ─► as it was ─► engine ─► answer
 *                   ├► changed: shorter, a bit other ──────────────► engine ─► answer
 *                   └► not done: a close of nothing, for the answer ► engine ─► answer
 *
 * Unsynced writes and renames are not done either: they wait in a list, each found by
 * the file or directory it is for, and are done, blocking, before its fsync.
 */
#include "storage/io_fault.h"

#ifdef QUARTET_KILL_POINTS

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"
#include "storage/fault.h"

enum { PAGE = 4096, BIT = 0x10, TARGET_SIZE = 512 };

/* An operation of ours in the place of theirs. */
struct ours {
	struct ours *next;
	struct layer *layer;
	struct io_op op;
	struct io_op *theirs;
	struct fault_hit hit;
	bool is_not_done;
	int64_t result; /* of one that is not done */
	void *copy; /* of what is written; freed with it */
};

/* A write or a rename that waits for a sync. */
struct unsynced {
	struct unsynced *next;
	dev_t dev;
	ino_t ino; /* of the file; of a rename the directory it goes to */
	struct io_op op; /* with memory and paths of its own */
	char path[TARGET_SIZE], to_path[TARGET_SIZE];
};

struct layer {
	struct io_engine engine; /* first: layer_of */
	const struct io_engine *real;
	struct io *io;
	unsigned location;
	struct fault_watch watch;
	struct ours *held;
	struct unsynced *unsynced, **last_unsynced;
};

static struct layer *
layer_of(const struct io *io)
{
	/* Its first member; io has it as a constant. */
	return (struct layer *)(uintptr_t)io->engine;
}

/* Path of an operation, of a descriptor what it is open for. */
static void
path_of(const struct io_op *op, char out[TARGET_SIZE])
{
	char link[64];
	ssize_t n;

	if (op->path != NULL) {
		(void)snprintf(out, TARGET_SIZE, "%s", op->path);
		return;
	}
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", op->fd);
	n = readlink(link, out, TARGET_SIZE - 1);
	out[n < 0 ? 0 : n] = '\0';
}

static bool
is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum fault_kind
kind_of(const struct io_op *op)
{
	switch (op->kind) {
	case IO_OPEN:
		return (op->flags & O_CREAT) != 0 ? FAULT_CREATE : FAULT_OPEN;
	case IO_CLOSE:
		return FAULT_CLOSE;
	case IO_READ:
		return FAULT_READ;
	case IO_WRITE:
		return FAULT_WRITE;
	case IO_FSYNC:
	case IO_FDATASYNC:
		return is_directory(op->fd) ? FAULT_FSYNCDIR : FAULT_FSYNC;
	case IO_RENAME:
		return FAULT_RENAME;
	case IO_UNLINK:
		return FAULT_UNLINK;
	case IO_MKDIR:
		return FAULT_MKDIR;
	}
	CHECK(false);
	return FAULT_KINDS;
}

static void
flip_bit(const struct io_op *op, uint8_t *memory, size_t n, uint64_t at)
{
	if (at >= op->offset && at - op->offset < n)
		memory[at - op->offset] ^= BIT;
}

/* Answers */

static void
ours_done(struct io_op *op)
{
	struct ours *o = container_of(op, struct ours, op);
	struct io_op *theirs = o->theirs;

	theirs->result = o->is_not_done ? o->result : op->result;
	if (o->hit.act == FAULT_FLIP && theirs->kind == IO_READ && theirs->result > 0)
		flip_bit(theirs, theirs->memory, (size_t)theirs->result, o->hit.at);
	free(o->copy);
	free(o);
	theirs->done(theirs);
}

static struct ours *
ours_new(struct layer *l, struct io_op *theirs, const struct fault_hit *hit)
{
	struct ours *o = calloc(1, sizeof *o);

	CHECK(o != NULL);
	o->layer = l;
	o->theirs = theirs;
	o->hit = *hit;
	o->op = *theirs;
	o->op.done = ours_done;
	return o;
}

static void
answer_undone(struct ours *o, int64_t result)
{
	o->is_not_done = true;
	o->result = result;
	o->op.kind = IO_CLOSE;
	o->op.fd = -1;
	o->layer->real->submit(o->layer->io, &o->op);
}

/* What is not synced */

static void *
copy_of(const struct io_op *op)
{
	/* A direct write wants whole pages. */
	void *copy = aligned_alloc(PAGE, (op->n + PAGE - 1) / PAGE * PAGE);

	CHECK(copy != NULL);
	(void)memcpy(copy, op->memory, op->n);
	return copy;
}

static void
forget(struct unsynced *u)
{
	if (u->op.kind == IO_WRITE)
		free(u->op.memory);
	free(u);
}

/* Is it about what `wanted` syncs, closes or unlinks? */
static bool
concerns(const struct unsynced *u, const struct io_op *wanted)
{
	struct stat st;

	if (wanted->kind == IO_UNLINK)
		return u->op.kind == IO_RENAME && strcmp(u->to_path, wanted->path) == 0;
	return (wanted->kind == IO_FSYNC || wanted->kind == IO_FDATASYNC ||
		   wanted->kind == IO_CLOSE) &&
	       fstat(wanted->fd, &st) == 0 && st.st_dev == u->dev && st.st_ino == u->ino;
}

static int
do_it_now(const struct unsynced *u, int fd)
{
	int64_t result;

	if (u->op.kind == IO_RENAME)
		result =
		    renameat2(u->op.fd, u->path, u->op.fd, u->to_path, RENAME_NOREPLACE);
	else
		result = pwrite(fd, u->op.memory, u->op.n, (off_t)u->op.offset);
	return result < 0 ? -errno : 0;
}

/*
 * Before `op` is done, do what concerns it and waits; a close loses its file's writes as
 * an unlink does those to a name. -errno of what failed.
 */
static int
settle_unsynced(struct layer *l, const struct io_op *op)
{
	struct unsynced **at = &l->unsynced, *u;
	int failed = 0;

	while ((u = *at) != NULL) {
		if (!concerns(u, op)) {
			at = &u->next;
			continue;
		}
		if (op->kind != IO_CLOSE && failed == 0)
			failed = do_it_now(u, op->fd);
		*at = u->next;
		forget(u);
	}
	l->last_unsynced = at;
	return failed;
}

/* The directory of a path below `fd`. */
static bool
stat_folder(int fd, const char *path, struct stat *st)
{
	char folder[TARGET_SIZE];

	(void)snprintf(folder, sizeof folder, "%s", path);
	CHECK(strrchr(folder, '/') != NULL);
	*strrchr(folder, '/') = '\0';
	return fstatat(fd, folder, st, 0) == 0;
}

/* Keep it for its sync; false: it would fail, which only the system call can say. */
static bool
keep_unsynced(struct layer *l, const struct io_op *op)
{
	struct unsynced *u = calloc(1, sizeof *u);
	struct stat st;
	bool possible;

	CHECK(u != NULL && (op->kind == IO_WRITE || op->kind == IO_RENAME));
	u->op = *op;
	if (op->kind == IO_WRITE) {
		possible = fstat(op->fd, &st) == 0;
		u->op.memory = copy_of(op);
	} else {
		possible = faccessat(op->fd, op->path, F_OK, 0) == 0 &&
			   faccessat(op->fd, op->to_path, F_OK, 0) != 0 &&
			   stat_folder(op->fd, op->to_path, &st);
		(void)snprintf(u->path, sizeof u->path, "%s", op->path);
		(void)snprintf(u->to_path, sizeof u->to_path, "%s", op->to_path);
	}
	if (!possible) {
		forget(u);
		return false;
	}
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	*l->last_unsynced = u;
	l->last_unsynced = &u->next;
	return true;
}

/* Doing what a rule says */

static void
hold(struct layer *l, struct ours *o)
{
	struct ours **at = &l->held;

	while (*at != NULL)
		at = &(*at)->next;
	*at = o;
	l->watch.held++;
}

static void
shorten(struct io_op *op)
{
	size_t half = op->kind == IO_READ ? op->n / 2 : op->n / 2 / PAGE * PAGE;

	/* A read of nothing would be the file's end. */
	if (op->kind == IO_WRITE || (op->kind == IO_READ && half > 0))
		op->n = half;
}

static void
obey(struct layer *l, struct io_op *theirs, const struct fault_hit *hit)
{
	struct ours *o = ours_new(l, theirs, hit);

	switch (hit->act) {
	case FAULT_ERRNO:
		answer_undone(o, -hit->sys);
		return;
	case FAULT_DELAY:
	case FAULT_HANG:
		hold(l, o);
		return;
	case FAULT_UNSYNCED:
		if (keep_unsynced(l, theirs)) {
			answer_undone(
			    o, theirs->kind == IO_WRITE ? (int64_t)theirs->n : 0);
			return;
		}
		break;
	case FAULT_SHORT:
		shorten(&o->op);
		break;
	case FAULT_FLIP:
		if (theirs->kind == IO_WRITE) { /* the others write the same memory */
			o->op.memory = o->copy = copy_of(theirs);
			flip_bit(theirs, o->copy, theirs->n, hit->at);
		}
		break;
	}
	l->real->submit(l->io, &o->op);
}

static void
fault_submit(struct io *io, struct io_op *op)
{
	struct layer *l = layer_of(io);
	char path[TARGET_SIZE];
	struct fault_hit hit;
	int failed;

	if (op->sync) {
		io_submit_in_two(io, op);
		return;
	}
	path_of(op, path);
	if (fault_match(l->location, kind_of(op), path, &hit)) {
		obey(l, op, &hit);
		return;
	}
	failed = settle_unsynced(l, op);
	if (failed != 0) {
		hit = (struct fault_hit){.act = FAULT_ERRNO};
		answer_undone(ours_new(l, op, &hit), failed);
		return;
	}
	l->real->submit(io, op);
}

static void
let_go(struct layer *l)
{
	struct ours **at = &l->held, *o;
	int failed;

	while ((o = *at) != NULL) {
		if (!fault_over(&o->hit)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		l->watch.held--;
		failed = settle_unsynced(l, &o->op);
		if (failed != 0)
			answer_undone(o, failed);
		else
			l->real->submit(l->io, &o->op);
	}
}

static void
fault_wait(struct io *io)
{
	struct layer *l = layer_of(io);

	l->real->wait(io);
	let_go(l);
}

static void
fault_free(struct io *io)
{
	struct layer *l = layer_of(io);
	struct unsynced *next;

	CHECK(l->held == NULL);
	fault_unwatch(&l->watch);
	for (struct unsynced *u = l->unsynced; u != NULL; u = next) {
		next = u->next;
		forget(u);
	}
	io->engine = l->real;
	free(l);
	io->engine->free(io);
}

void
io_fault_wrap(const struct io_config *config, struct io *io)
{
	struct layer *l;

	if (!fault_wanted())
		return;
	l = calloc(1, sizeof *l);
	CHECK(l != NULL);
	l->engine = (struct io_engine){.name = io->engine->name,
	    .submit = fault_submit,
	    .wait = fault_wait,
	    .free = fault_free};
	l->real = io->engine;
	l->io = io;
	l->location = config->location;
	l->last_unsynced = &l->unsynced;
	l->watch.wake = config->wake;
	io->engine = &l->engine;
	fault_watch(&l->watch);
}

#endif
