/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_io - stands between a location and its engine and does to single file operations
 * what the test says: fail them with any errno, cut them short, or hold them back.
 *
 * A program that includes this is linked with --wrap=io_new. The k-th engine made after
 * fake_io_reset is fake_ios[k]: that of location k of a mirror.
 *
 * Order: fake_io_reset -> locations are opened -> fake_io_rule* -> operations ->
 * fake_io_release of everything held before the locations are closed. A rule counts the
 * operations it is about, and acts on those from number `from` on, `times` of them.
 * Thread: rules and counts are for any; operations are the location thread's.
 */
#ifndef QUARTET_TESTS_FAKE_IO_H
#define QUARTET_TESTS_FAKE_IO_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"
#include "storage/io.h"
#include "tests/support/check.h"

/* What a rule is about; an fsync is that of a file or of a directory. */
enum fake_io_kind {
	FAKE_IO_OPEN = 1 << IO_OPEN,
	FAKE_IO_CLOSE = 1 << IO_CLOSE,
	FAKE_IO_READ = 1 << IO_READ,
	FAKE_IO_WRITE = 1 << IO_WRITE,
	FAKE_IO_FSYNC = 1 << IO_FSYNC,
	FAKE_IO_FDATASYNC = 1 << IO_FDATASYNC,
	FAKE_IO_RENAME = 1 << IO_RENAME,
	FAKE_IO_UNLINK = 1 << IO_UNLINK,
	FAKE_IO_MKDIR = 1 << IO_MKDIR,
	FAKE_IO_FSYNC_DIR = 1 << 10,
	FAKE_IO_ALL = (1 << 10) - 1 + FAKE_IO_FSYNC_DIR,
};

enum fake_io_act {
	FAKE_IO_FAIL, /* not done; -sys */
	FAKE_IO_SHORT, /* half of it is done */
	FAKE_IO_HOLD, /* done when it is released */
};

struct fake_io_rule {
	unsigned kinds;
	const char *path; /* only where this is a part of the path; NULL: anywhere */
	unsigned from; /* counted from 1; 0 is 1 */
	unsigned times; /* 0: all that come */
	enum fake_io_act act;
	int sys;
	int only_with_flags; /* opens with one of these; 0: all */
	unsigned seen, acted;
};

/* An operation that was changed or is held; the location thread's. */
struct fake_io_op {
	struct fake_io_op *next;
	struct io_op *op;
	struct io_op was;
	struct fake_io_rule rule;
};

enum { FAKE_IO_RULES_MAX = 8, FAKE_IOS_MAX = 16 };

struct fake_io {
	_Atomic(struct io *) io; /* NULL: not in use */
	struct io_engine engine;
	const struct io_engine *real;
	struct queue *wake;
	struct fake_io_op *changed, *held;
	pthread_mutex_t lock; /* of what follows */
	struct fake_io_rule rule[FAKE_IO_RULES_MAX];
	unsigned n_rules;
	unsigned count[11]; /* operations by number of their bit */
	unsigned n_held;
	bool released;
};

static struct fake_io fake_ios[FAKE_IOS_MAX];
static unsigned fake_ios_n;
/* Whose operations are being answered on this thread. */
static _Thread_local struct fake_io *fake_io_waiting;

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier) */
enum err __real_io_new(
    const struct io_config *config, struct io **out, struct errinfo *why) ERR_CHECKED;
enum err __wrap_io_new(
    const struct io_config *config, struct io **out, struct errinfo *why) ERR_CHECKED;
/* NOLINTEND(bugprone-reserved-identifier) */

static inline struct fake_io *
fake_io_of(struct io *io)
{
	for (unsigned i = 0; i < FAKE_IOS_MAX; i++)
		if (fake_ios[i].io == io)
			return &fake_ios[i];
	CHECK(false); /* an engine that was not made here */
	return NULL;
}

static inline unsigned
fake_io_bit(const struct io_op *op)
{
	struct stat st;

	if (op->kind == IO_FSYNC && fstat(op->fd, &st) == 0 && S_ISDIR(st.st_mode))
		return 10;
	return op->kind;
}

static inline bool
fake_io_path_has(const struct io_op *op, const char *part)
{
	char link[64], path[512];
	ssize_t n;

	if (op->path != NULL)
		return strstr(op->path, part) != NULL;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", op->fd);
	n = readlink(link, path, sizeof path - 1);
	path[n < 0 ? 0 : n] = '\0';
	return strstr(path, part) != NULL;
}

/* The rule that acts on this operation, by value; kinds 0 when there is none. */
static inline struct fake_io_rule
fake_io_match(struct fake_io *f, const struct io_op *op)
{
	unsigned bit = fake_io_bit(op);
	struct fake_io_rule found = {0};

	(void)pthread_mutex_lock(&f->lock);
	f->count[bit]++;
	for (unsigned i = 0; i < f->n_rules; i++) {
		struct fake_io_rule *r = &f->rule[i];

		if (!(r->kinds >> bit & 1) ||
		    (r->path != NULL && !fake_io_path_has(op, r->path)) ||
		    (r->only_with_flags != 0 && !(op->flags & r->only_with_flags)))
			continue;
		r->seen++;
		if (found.kinds != 0 || r->seen < (r->from == 0 ? 1 : r->from) ||
		    (r->times != 0 && r->acted == r->times))
			continue;
		r->acted++;
		found = *r;
	}
	(void)pthread_mutex_unlock(&f->lock);
	return found;
}

static inline void
fake_io_done(struct io_op *op)
{
	struct fake_io_op **at = &fake_io_waiting->changed, *o;

	while ((*at)->op != op)
		at = &(*at)->next;
	o = *at;
	*at = o->next;
	o->was.result = o->rule.act == FAKE_IO_FAIL ? -o->rule.sys : op->result;
	*op = o->was;
	free(o);
	op->done(op);
}

/* Give the engine something else in its place. */
static inline void
fake_io_change(struct fake_io *f, struct io_op *op, const struct fake_io_rule *rule)
{
	struct fake_io_op *o = malloc(sizeof *o);

	CHECK(o != NULL);
	*o = (struct fake_io_op){.next = f->changed, .op = op, .was = *op, .rule = *rule};
	f->changed = o;
	if (rule->act == FAKE_IO_FAIL) {
		op->kind = IO_CLOSE;
		op->fd = -1;
	} else {
		op->n = op->n / 2 / 4096 * 4096;
	}
	op->done = fake_io_done;
	f->real->submit(f->io, op);
}

static inline void
fake_io_hold(struct fake_io *f, struct io_op *op, const struct fake_io_rule *rule)
{
	struct fake_io_op *o = malloc(sizeof *o), **at = &f->held;

	CHECK(o != NULL);
	*o = (struct fake_io_op){.op = op, .rule = *rule};
	while (*at != NULL)
		at = &(*at)->next;
	*at = o;
	(void)pthread_mutex_lock(&f->lock);
	f->n_held++;
	(void)pthread_mutex_unlock(&f->lock);
}

static inline void
fake_io_submit(struct io *io, struct io_op *op)
{
	struct fake_io *f = fake_io_of(io);
	struct fake_io_rule rule;

	if (op->sync) {
		io_submit_in_two(io, op);
		return;
	}
	rule = fake_io_match(f, op);
	if (rule.kinds == 0)
		f->real->submit(io, op);
	else if (rule.act == FAKE_IO_HOLD)
		fake_io_hold(f, op, &rule);
	else
		fake_io_change(f, op, &rule);
}

static inline void
fake_io_wait(struct io *io)
{
	struct fake_io *f = fake_io_of(io);
	struct fake_io_op *o, *next;
	bool released;

	fake_io_waiting = f;
	f->real->wait(io);
	(void)pthread_mutex_lock(&f->lock);
	released = f->released;
	f->released = false;
	if (released)
		f->n_held = 0;
	(void)pthread_mutex_unlock(&f->lock);
	if (!released)
		return;
	o = f->held;
	f->held = NULL;
	for (; o != NULL; o = next) {
		next = o->next;
		f->real->submit(io, o->op);
		free(o);
	}
}

static inline void
fake_io_free(struct io *io)
{
	struct fake_io *f = fake_io_of(io);

	CHECK(f->changed == NULL && f->held == NULL);
	io->engine = f->real;
	f->io = NULL;
	(void)pthread_mutex_destroy(&f->lock);
	f->real->free(io);
}

enum err
__wrap_io_new(const struct io_config *config, struct io **out, struct errinfo *why)
{
	enum err e = __real_io_new(config, out, why);
	struct fake_io *f = &fake_ios[fake_ios_n];

	if (e != ERR_OK)
		return e;
	CHECK(fake_ios_n < FAKE_IOS_MAX && f->io == NULL);
	fake_ios_n++;
	f->real = (*out)->engine;
	f->engine = (struct io_engine){.name = f->real->name,
	    .submit = fake_io_submit,
	    .wait = fake_io_wait,
	    .free = fake_io_free};
	f->wake = config->wake;
	f->changed = f->held = NULL;
	f->n_rules = f->n_held = 0;
	f->released = false;
	(void)memset(f->count, 0, sizeof f->count);
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
	f->io = *out;
	(*out)->engine = &f->engine;
	return ERR_OK;
}

/* The next engine is fake_ios[0] again; the earlier ones must be gone. */
static inline void
fake_io_reset(void)
{
	fake_ios_n = 0;
}

static inline void
fake_io_rule(unsigned k, struct fake_io_rule rule)
{
	struct fake_io *f = &fake_ios[k];

	(void)pthread_mutex_lock(&f->lock);
	CHECK(f->n_rules < FAKE_IO_RULES_MAX);
	f->rule[f->n_rules++] = rule;
	(void)pthread_mutex_unlock(&f->lock);
}

/* No rule any more, and all counts from 0; what is held stays so. */
static inline void
fake_io_calm(unsigned k)
{
	struct fake_io *f = &fake_ios[k];

	(void)pthread_mutex_lock(&f->lock);
	f->n_rules = 0;
	(void)memset(f->count, 0, sizeof f->count);
	(void)pthread_mutex_unlock(&f->lock);
}

/* Operations on which the first rule acted. */
static inline unsigned
fake_io_acted(unsigned k)
{
	struct fake_io *f = &fake_ios[k];
	unsigned n;

	(void)pthread_mutex_lock(&f->lock);
	n = f->rule[0].acted;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

/* Operations of these kinds since the last calm. */
static inline unsigned
fake_io_count(unsigned k, unsigned kinds)
{
	struct fake_io *f = &fake_ios[k];
	unsigned n = 0;

	(void)pthread_mutex_lock(&f->lock);
	for (unsigned bit = 0; bit < sizeof f->count / sizeof f->count[0]; bit++)
		n += kinds >> bit & 1 ? f->count[bit] : 0;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

static inline unsigned
fake_io_held(unsigned k)
{
	struct fake_io *f = &fake_ios[k];
	unsigned n;

	(void)pthread_mutex_lock(&f->lock);
	n = f->n_held;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

static inline void
fake_io_release(unsigned k)
{
	struct fake_io *f = &fake_ios[k];

	(void)pthread_mutex_lock(&f->lock);
	f->released = true;
	(void)pthread_mutex_unlock(&f->lock);
	queue_wake(f->wake);
}

#endif
