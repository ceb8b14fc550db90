/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fsync of a directory serves everyone who asked before it began:
 *
 *      request          open done           fsync done
 *   ──────────► OPENING ─────────► SYNCING ───────────► IDLE (a few stay open)
 *                                     ▲   who asked meanwhile │
 *                                     └───────────────────────┘
 *
 * After a failed fsync the descriptor is closed and never synced again: the kernel may
 * have dropped what was dirty.
 */
#include "storage/location_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/core/check.h"

enum { IDLE_MAX = 8 };

enum sync_state { OPENING, SYNCING, IDLE };

struct dir_sync {
	struct dir_sync *next;
	struct location_dir *d;
	char path[LOCATION_PATH_SIZE];
	enum sync_state state;
	int fd;
	struct io_op op;
	struct dir_waiter *current; /* served by the fsync under way */
	struct dir_waiter *later; /* served by the one after it */
};

static void
drop(struct dir_sync *s)
{
	struct dir_sync **at = &s->d->syncs;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (s->fd >= 0)
		location_close_fd(s->d, s->fd);
	free(s);
}

static void
notify(struct dir_waiter *list, int result)
{
	struct dir_waiter *next;

	for (; list != NULL; list = next) {
		next = list->next;
		list->synced(list, result);
	}
}

static void
give_up(struct dir_sync *s, int result)
{
	struct dir_waiter *current = s->current, *later = s->later;

	drop(s);
	notify(current, result);
	notify(later, result);
}

static void start_sync(struct dir_sync *s);

static void
trim_idle(struct location_dir *d)
{
	struct dir_sync *next;
	unsigned idle = 0;

	for (struct dir_sync *s = d->syncs; s != NULL; s = next) {
		next = s->next;
		if (s->state == IDLE && ++idle > IDLE_MAX)
			drop(s);
	}
}

static void
sync_done(struct io_op *op)
{
	struct dir_sync *s = container_of(op, struct dir_sync, op);
	struct dir_waiter *served = s->current;

	if (op->result < 0) {
		give_up(s, (int)op->result);
		return;
	}
	s->current = s->later;
	s->later = NULL;
	if (s->current != NULL) {
		start_sync(s);
	} else {
		s->state = IDLE;
		trim_idle(s->d);
	}
	notify(served, 0);
}

static void
start_sync(struct dir_sync *s)
{
	s->state = SYNCING;
	s->op = (struct io_op){.kind = IO_FSYNC, .fd = s->fd, .done = sync_done};
	io_submit(s->d->io, &s->op);
}

static void
open_done(struct io_op *op)
{
	struct dir_sync *s = container_of(op, struct dir_sync, op);

	if (op->result < 0) {
		give_up(s, (int)op->result);
		return;
	}
	s->fd = (int)op->result;
	start_sync(s);
}

static struct dir_sync *
find(struct location_dir *d, const char *path)
{
	for (struct dir_sync *s = d->syncs; s != NULL; s = s->next)
		if (strcmp(s->path, path) == 0)
			return s;
	return NULL;
}

static struct dir_sync *
add(struct location_dir *d, const char *path)
{
	struct dir_sync *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->d = d;
	s->fd = -1;
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	s->next = d->syncs;
	d->syncs = s;
	return s;
}

void
location_sync_dir(struct location_dir *d, const char *path, struct dir_waiter *w)
{
	struct dir_sync *s = find(d, path);

	w->next = NULL;
	if (s == NULL) {
		s = add(d, path);
		if (s == NULL) {
			w->synced(w, -ENOMEM);
			return;
		}
		s->state = OPENING;
		s->current = w;
		s->op = (struct io_op){.kind = IO_OPEN,
		    .fd = d->root_fd,
		    .path = s->path,
		    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    .done = open_done};
		io_submit(d->io, &s->op);
		return;
	}
	if (s->state == SYNCING) {
		w->next = s->later;
		s->later = w;
		return;
	}
	w->next = s->current;
	s->current = w;
	if (s->state == IDLE)
		start_sync(s);
}

void
location_forget_dirs(struct location_dir *d)
{
	struct dir_sync *next;

	for (struct dir_sync *s = d->syncs; s != NULL; s = next) {
		next = s->next;
		if (s->state == IDLE)
			drop(s);
	}
}

/* blob/xx, fsync blob, blob/xx/yy, fsync blob/xx. */

static void
leaf_parent_synced(struct dir_waiter *w, int result)
{
	struct leaf_maker *m = container_of(w, struct leaf_maker, waiter);

	m->made(m, result);
}

static void
leaf_made(struct io_op *op)
{
	struct leaf_maker *m = container_of(op, struct leaf_maker, op);

	if (op->result < 0 && op->result != -EEXIST) {
		m->made(m, (int)op->result);
		return;
	}
	m->path[sizeof("blob/xx") - 1] = '\0';
	m->waiter.synced = leaf_parent_synced;
	location_sync_dir(m->d, m->path, &m->waiter);
}

static void
top_synced(struct dir_waiter *w, int result)
{
	struct leaf_maker *m = container_of(w, struct leaf_maker, waiter);

	if (result < 0) {
		m->made(m, result);
		return;
	}
	m->path[sizeof("blob/xx") - 1] = '/';
	m->op = (struct io_op){
	    .kind = IO_MKDIR, .fd = m->d->root_fd, .path = m->path, .done = leaf_made};
	io_submit(m->d->io, &m->op);
}

static void
parent_made(struct io_op *op)
{
	struct leaf_maker *m = container_of(op, struct leaf_maker, op);

	if (op->result < 0 && op->result != -EEXIST) {
		m->made(m, (int)op->result);
		return;
	}
	m->waiter.synced = top_synced;
	location_sync_dir(m->d, "blob", &m->waiter);
}

void
location_make_leaf(struct location_dir *d, unsigned leaf, struct leaf_maker *m)
{
	char name[BLOB_LEAF_SIZE];

	blob_leaf_name(leaf, name);
	m->d = d;
	(void)snprintf(m->path, sizeof m->path, "blob/%s", name);
	m->path[sizeof("blob/xx") - 1] = '\0'; /* the first half first */
	m->op = (struct io_op){
	    .kind = IO_MKDIR, .fd = d->root_fd, .path = m->path, .done = parent_made};
	io_submit(d->io, &m->op);
}
