/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The location's thread: takes calls from its queue, starts them on its engine, and
 * sleeps in the engine until an operation is done or another call arrives.
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
#include "service/core/clock.h"
#include "service/core/digest.h"
#include "service/core/encode.h"

static void
reply_on_loop(struct loop_job *job)
{
	struct location_call *call = container_of(job, struct location_call, job);

	call->done(call);
}

void
location_reply(struct location_dir *d, struct location_call *call, enum err err)
{
	d->calls--;
	d->location.out--;
	call->err = err;
	call->finished_us = clock_mono_us();
	location_count(&d->location.counts, call);
	if (call->loop == NULL) {
		call->done(call);
		return;
	}
	call->job.run = reply_on_loop;
	loop_post(call->loop, &call->job);
}

void
location_reply_errno(
    struct location_dir *d, struct location_call *call, int sys, const char *what)
{
	enum err e = ERR_IO;

	if (sys == ENOSPC || sys == EDQUOT)
		e = ERR_NO_SPACE;
	else if (sys == ENOENT)
		e = ERR_NOT_FOUND;
	else if (sys == ENOMEM)
		e = ERR_NO_MEMORY;
	location_reply(d, call, errinfo_sys(&call->why, e, sys, "%s: %s", d->root, what));
}

static void
fd_closed(struct io_op *op)
{
	free(op);
}

void
location_close_fd(struct location_dir *d, int fd)
{
	struct io_op *op = malloc(sizeof *op);

	if (op == NULL) {
		(void)close(fd);
		return;
	}
	*op = (struct io_op){.kind = IO_CLOSE, .fd = fd, .done = fd_closed};
	io_submit(d->io, op);
}

void
location_tmp_path(uint64_t id, char out[LOCATION_PATH_SIZE])
{
	(void)snprintf(out, LOCATION_PATH_SIZE, "tmp/%016llx", (unsigned long long)id);
}

void
location_blob_path(uint64_t id, const uint8_t md5[MD5_SIZE], char out[LOCATION_PATH_SIZE])
{
	char leaf[BLOB_LEAF_SIZE], name[BLOB_NAME_SIZE];

	blob_leaf_name(blob_leaf(id), leaf);
	blob_name(id, md5, name);
	(void)snprintf(out, LOCATION_PATH_SIZE, "blob/%s/%s", leaf, name);
}

/* Removal: all unlinks at once, then one fsync for each directory they were in. */

struct victim_op {
	struct removal *removal;
	char path[LOCATION_PATH_SIZE];
	char bad_path[LOCATION_PATH_SIZE];
	struct io_op op;
	struct dir_waiter waiter;
};

struct removal {
	struct location_dir *d;
	struct location_remove *remove;
	size_t left;
	int failed;
	const char *what;
	struct victim_op victim[];
};

static void
removal_step(struct removal *r, int result, const char *what)
{
	struct location_dir *d = r->d;
	struct location_call *call = &r->remove->call;
	int failed;

	if (result < 0 && r->failed == 0) {
		r->failed = -result;
		r->what = what;
	}
	if (--r->left > 0)
		return;
	failed = r->failed;
	what = r->what;
	free(r);
	if (failed != 0)
		location_reply_errno(d, call, failed, what);
	else
		location_reply(d, call, ERR_OK);
}

static void
victim_synced(struct dir_waiter *w, int result)
{
	struct victim_op *v = container_of(w, struct victim_op, waiter);

	removal_step(v->removal, result, "fsync of the directory");
}

static void
victim_unlinked(struct io_op *op)
{
	struct victim_op *v = container_of(op, struct victim_op, op);
	char *slash;

	if (op->result == -EEXIST && op->kind == IO_RENAME) {
		/* An earlier bad copy of the blob lies in bad/: that one will do. */
		op->kind = IO_UNLINK;
		io_submit(v->removal->d->io, op);
		return;
	}
	if (op->result < 0) {
		removal_step(
		    v->removal, op->result == -ENOENT ? 0 : (int)op->result, "unlink");
		return;
	}
	slash = strrchr(v->path, '/');
	*slash = '\0';
	v->waiter.synced = victim_synced;
	location_sync_dir(v->removal->d, v->path, &v->waiter);
}

static void
start_remove(struct location_dir *d, struct location_remove *remove)
{
	struct removal *r = calloc(1, sizeof *r + remove->n * sizeof(struct victim_op));

	CHECK(remove->n > 0);
	if (r == NULL) {
		location_reply_errno(d, &remove->call, ENOMEM, "unlink");
		return;
	}
	*r = (struct removal){.d = d, .remove = remove, .left = remove->n};
	for (size_t i = 0; i < remove->n; i++) {
		struct victim_op *v = &r->victim[i];

		v->removal = r;
		if (remove->tmp) {
			location_tmp_path(remove->victim[i].id, v->path);
		} else {
			location_blob_path(
			    remove->victim[i].id, remove->victim[i].md5, v->path);
			location_forget_files(d, remove->victim[i].id);
		}
		v->op = (struct io_op){.kind = IO_UNLINK,
		    .fd = d->root_fd,
		    .path = v->path,
		    .done = victim_unlinked};
		if (remove->quarantine) {
			(void)snprintf(v->bad_path, sizeof v->bad_path, "bad/%s",
			    strrchr(v->path, '/') + 1);
			v->op.kind = IO_RENAME;
			v->op.to_path = v->bad_path;
		}
		io_submit(d->io, &v->op);
	}
}

/* A leaf directory for a block of ids. */

struct leaf_run {
	struct location_leaf *leaf;
	struct leaf_maker maker;
};

static void
leaf_made(struct leaf_maker *m, int result)
{
	struct leaf_run *run = container_of(m, struct leaf_run, maker);
	struct location_call *call = &run->leaf->call;
	struct location_dir *d = m->d;

	free(run);
	if (result < 0)
		location_reply_errno(d, call, -result, "mkdir");
	else
		location_reply(d, call, ERR_OK);
}

static void
start_leaf(struct location_dir *d, struct location_leaf *leaf)
{
	struct leaf_run *run = calloc(1, sizeof *run);

	if (run == NULL) {
		location_reply_errno(d, &leaf->call, ENOMEM, "mkdir");
		return;
	}
	run->leaf = leaf;
	run->maker.made = leaf_made;
	location_make_leaf(d, leaf->leaf, &run->maker);
}

/* Listing, blocking. */

static bool
trailer_names_store(struct location_dir *d, int dir_fd, const char *name)
{
	_Alignas(8) uint8_t page[BLOB_PAGE];
	struct blob_trailer trailer;
	struct stat st;
	bool ok = false;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size >= BLOB_PAGE &&
	    pread(fd, page, sizeof page, st.st_size - BLOB_PAGE) == BLOB_PAGE &&
	    blob_trailer_read(page, &trailer, NULL) == ERR_OK)
		ok = memcmp(trailer.store, d->store, sizeof trailer.store) == 0;
	(void)close(fd);
	return ok;
}

/* What a name in a listing is; false: none of ours. */
static bool
parse_entry(
    const struct location_list *list, const char *name, struct location_found *out)
{
	struct bytes text = bytes_of(name);
	uint8_t id[8];

	*out = (struct location_found){0};
	if (!list->tmp)
		return blob_name_parse(text, &out->id, out->md5);
	if (!hex_decode(text, id, sizeof id))
		return false;
	for (size_t i = 0; i < sizeof id; i++)
		out->id = out->id << 8 | id[i];
	return true;
}

struct listing {
	struct location_dir *d;
	struct location_list *list;
	int fd; /* of the directory */
	size_t room, passed;
};

/* What there is to know of a file; 0, or an errno. */
static int
look_at(struct listing *l, const char *name, struct location_found *found)
{
	struct stat st;

	if (!l->list->sizes) {
		found->trailer_ok =
		    !l->list->tmp && trailer_names_store(l->d, l->fd, name);
		return 0;
	}
	if (fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno;
	found->size = (uint64_t)st.st_size;
	return 0;
}

static int
add_entry(struct listing *l, const char *name)
{
	struct location_list *list = l->list;
	struct location_found found;
	int failed;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (!parse_entry(list, name, &found)) {
		list->strangers++;
		return 0;
	}
	if (l->passed++ < list->skip)
		return 0;
	list->more = list->most > 0 && l->passed > list->skip + list->most;
	if (list->more)
		return 0;
	failed = look_at(l, name, &found);
	if (failed != 0)
		return failed == ENOENT ? 0 : failed; /* removed meanwhile */
	if (list->n == l->room) {
		size_t bigger = l->room == 0 ? 64 : l->room * 2;
		struct location_found *p = realloc(list->found, bigger * sizeof *p);

		if (p == NULL)
			return ENOMEM;
		list->found = p;
		l->room = bigger;
	}
	list->found[list->n++] = found;
	return 0;
}

static int
list_directory(struct location_dir *d, struct location_list *list, const char *path)
{
	int fd = openat(d->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct listing l = {.d = d, .list = list, .fd = fd};
	struct dirent *entry;
	int failed = 0;

	if (dir == NULL) {
		failed = errno;
		if (fd >= 0)
			(void)close(fd);
		return failed;
	}
	while (failed == 0 && !list->more) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			failed = errno;
			break;
		}
		failed = add_entry(&l, entry->d_name);
	}
	(void)closedir(dir);
	return failed;
}

static void
start_list(struct location_dir *d, struct location_list *list)
{
	char path[LOCATION_PATH_SIZE] = "tmp", leaf[BLOB_LEAF_SIZE];
	int failed;

	list->found = NULL;
	list->n = list->strangers = 0;
	list->more = false;
	if (!list->tmp) {
		blob_leaf_name(list->leaf, leaf);
		(void)snprintf(path, sizeof path, "blob/%s", leaf);
	}
	failed = list_directory(d, list, path);
	if (failed != 0 && !(failed == ENOENT && !list->tmp)) {
		free(list->found);
		list->found = NULL;
		list->n = 0;
		location_reply_errno(d, &list->call, failed, "list");
		return;
	}
	location_reply(d, &list->call, ERR_OK);
}

static void
start(struct location_dir *d, struct location_call *call)
{
	d->calls++;
	call->why = (struct errinfo){.code = ERR_OK};
	if (d->root_fd < 0 && call->verb != LOCATION_PROBE &&
	    call->verb != LOCATION_FORMAT) {
		if (call->verb == LOCATION_PUT)
			location_put_detached(
			    d, container_of(call, struct location_put, call));
		location_reply(d, call,
		    errinfo_set(
			&call->why, ERR_LOCATION_DOWN, "%s is not there", d->root));
		return;
	}
	switch (call->verb) {
	case LOCATION_PUT:
		location_put_start(d, container_of(call, struct location_put, call));
		break;
	case LOCATION_READ:
		location_read_start(d, container_of(call, struct location_read, call));
		break;
	case LOCATION_REMOVE:
		start_remove(d, container_of(call, struct location_remove, call));
		break;
	case LOCATION_LEAF:
		start_leaf(d, container_of(call, struct location_leaf, call));
		break;
	case LOCATION_LIST:
		start_list(d, container_of(call, struct location_list, call));
		break;
	case LOCATION_PROBE:
		location_probe_start(d, container_of(call, struct location_probe, call));
		break;
	case LOCATION_META_WRITE:
		location_meta_write_start(
		    d, container_of(call, struct location_meta_write, call));
		break;
	case LOCATION_META_READ:
		location_meta_read_start(
		    d, container_of(call, struct location_meta_read, call));
		break;
	case LOCATION_META_LIST:
		location_meta_list_start(
		    d, container_of(call, struct location_meta_list, call));
		break;
	case LOCATION_META_REMOVE:
		location_meta_remove_start(
		    d, container_of(call, struct location_meta_remove, call));
		break;
	case LOCATION_FORMAT:
		location_format_start(
		    d, container_of(call, struct location_format, call));
		break;
	}
}

void
location_let_go(struct location_dir *d)
{
	location_forget_files(d, 0);
	location_forget_dirs(d);
	if (d->retired_fd >= 0)
		location_close_fd(d, d->retired_fd);
	d->retired_fd = -1;
}

static bool
should_end(struct location_dir *d)
{
	bool stopping;

	(void)pthread_mutex_lock(&d->lock);
	stopping = d->stopping;
	(void)pthread_mutex_unlock(&d->lock);
	if (!stopping || d->calls > 0)
		return false;
	location_let_go(d); /* starts closes, which come back */
	return d->io->out == 0;
}

static void *
serve(void *arg)
{
	struct location_dir *d = arg;
	struct queue_item *next;

	for (;;) {
		for (struct queue_item *i = queue_take(&d->queue); i != NULL; i = next) {
			next = i->next;
			start(d, container_of(i, struct location_call, item));
		}
		if (d->retired_fd >= 0 && d->calls == 0)
			location_let_go(d);
		if (should_end(d))
			break;
		io_wait(d->io);
	}
	if (d->root_fd >= 0)
		(void)close(d->root_fd);
	(void)pthread_mutex_lock(&d->lock);
	d->ended = true;
	(void)pthread_cond_signal(&d->changed);
	(void)pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void
dir_submit(struct location *location, struct location_call *call)
{
	struct location_dir *d = container_of(location, struct location_dir, location);

	location->out++;
	call->submitted_us = clock_mono_us();
	if (call->quiet)
		queue_push_quietly(&d->queue, &call->item);
	else
		queue_push(&d->queue, &call->item);
}

static void
dir_wake(struct location *location)
{
	struct location_dir *d = container_of(location, struct location_dir, location);

	queue_wake(&d->queue);
}

static bool
wait_for_end(struct location_dir *d, uint64_t wait_ms)
{
	struct timespec until;
	bool ended;

	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_mutex_lock(&d->lock);
	d->stopping = true;
	queue_wake(&d->queue);
	while (!d->ended && pthread_cond_timedwait(&d->changed, &d->lock, &until) == 0)
		continue;
	ended = d->ended;
	(void)pthread_mutex_unlock(&d->lock);
	return ended;
}

static void
free_dir(struct location_dir *d)
{
	io_free(d->io);
	queue_release(&d->queue);
	(void)pthread_cond_destroy(&d->changed);
	(void)pthread_mutex_destroy(&d->lock);
	for (unsigned i = 0; i < d->n_old_roots; i++)
		free(d->old_roots[i]);
	free(d->root);
	free(d);
}

static bool
dir_close(struct location *location, uint64_t wait_ms)
{
	struct location_dir *d = container_of(location, struct location_dir, location);

	if (!wait_for_end(d, wait_ms)) {
		(void)pthread_detach(d->thread);
		return false;
	}
	(void)pthread_join(d->thread, NULL);
	free_dir(d);
	return true;
}

static const struct location_ops ops = {
    .submit = dir_submit, .wake = dir_wake, .close = dir_close};

enum err
location_dir_open(
    const struct location_dir_config *config, struct location **out, struct errinfo *why)
{
	struct location_dir *d = calloc(1, sizeof *d);
	struct io_config io = {.engine = config->engine,
	    .depth = config->depth,
	    .threads = config->threads,
	    .location = config->index + 1};
	char name[16];
	enum err e;
	int failed;

	if (d == NULL || (d->root = strdup(config->root)) == NULL) {
		free(d);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a location");
	}
	d->location =
	    (struct location){.ops = &ops, .index = config->index, .name = d->root};
	(void)memcpy(d->store, config->store, sizeof d->store);
	d->root_fd = d->retired_fd = -1;
	CHECK(pthread_mutex_init(&d->lock, NULL) == 0);
	CHECK(pthread_cond_init(&d->changed, NULL) == 0);
	e = queue_init(&d->queue, why);
	if (e != ERR_OK) {
		free(d->root);
		free(d);
		return e;
	}
	io.wake = &d->queue;
	e = io_new(&io, &d->io, why);
	if (e != ERR_OK) {
		free_dir(d);
		return e;
	}
	failed = pthread_create(&d->thread, NULL, serve, d);
	if (failed != 0) {
		free_dir(d);
		return errinfo_sys(
		    why, ERR_INTERNAL, failed, "cannot start a location's thread");
	}
	(void)snprintf(name, sizeof name, "location-%u", config->index + 1);
	(void)pthread_setname_np(d->thread, name);
	*out = &d->location;
	return ERR_OK;
}

const char *
location_dir_engine(const struct location *location)
{
	const struct location_dir *d =
	    (const struct location_dir *)(const void *)location;

	return d->io->engine->name;
}
