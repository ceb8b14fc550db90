/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"

enum {
	BACKLOG_LIMIT = 1024 * 1024, /* per output; lines beyond it are dropped */
	FLUSH_PERIOD_MS = 200,
	LINE_SIZE = 1024,
};

/* Where lines wait for the writing thread. */
struct output {
	struct str lines;
	uint64_t dropped;
	bool writing; /* somebody writes what was taken */
	int fd; /* -1: lines go nowhere */
	const char *what;
	char *path; /* NULL: no file of its own */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more; /* lines, to be written soon */
	pthread_cond_t written;
	pthread_t thread;
	bool open, stopping;
	enum log_level level;
	struct output messages, access, audit;
} the_log = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .more = PTHREAD_COND_INITIALIZER,
    .written = PTHREAD_COND_INITIALIZER,
    .level = LOG_LEVEL_INFO,
    .messages = {.fd = STDERR_FILENO},
    .access = {.fd = STDERR_FILENO, .what = "access log"},
    .audit = {.fd = -1, .what = "audit log"},
};

static void
write_all(int fd, struct bytes b)
{
	while (b.n > 0 && fd >= 0) {
		ssize_t n = write(fd, b.p, b.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere to complain */
		b = bytes_skip(b, (size_t)n);
	}
}

/*
 * Write what waits, without holding the lock meanwhile; one at a time, so that what was
 * taken before is on the disk when this returns. Called with the lock held.
 */
static void
flush_output(struct output *o)
{
	struct str lines;
	uint64_t dropped;
	int fd;

	while (o->writing)
		(void)pthread_cond_wait(&the_log.written, &the_log.lock);
	lines = o->lines;
	dropped = o->dropped;
	fd = o->fd;
	o->writing = true;
	str_init(&o->lines, BACKLOG_LIMIT);
	o->dropped = 0;
	(void)pthread_mutex_unlock(&the_log.lock);
	write_all(fd, str_bytes(&lines));
	str_release(&lines);
	if (dropped > 0) {
		char note[64];
		int n = snprintf(note, sizeof note, "log: %llu lines dropped\n",
		    (unsigned long long)dropped);

		write_all(fd, (struct bytes){note, (size_t)n});
	}
	(void)pthread_mutex_lock(&the_log.lock);
	o->writing = false;
	(void)pthread_cond_broadcast(&the_log.written);
}

static void
wait_for_lines(void)
{
	struct timespec until;

	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_nsec += FLUSH_PERIOD_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&the_log.more, &the_log.lock, &until);
}

static void *
write_lines(void *arg)
{
	bool is_last;

	(void)arg;
	(void)pthread_mutex_lock(&the_log.lock);
	do {
		is_last = the_log.stopping; /* then what came before it is written too */
		if (!is_last)
			wait_for_lines();
		flush_output(&the_log.messages);
		flush_output(&the_log.access);
		flush_output(&the_log.audit);
	} while (!is_last);
	(void)pthread_mutex_unlock(&the_log.lock);
	return NULL;
}

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* Lines go to the file from now on. */
static enum err
open_output(struct output *o, const char *path, struct errinfo *why)
{
	int fd = open_file(path);

	if (fd < 0)
		return errinfo_sys(
		    why, ERR_CONFIG, errno, "cannot open the %s %s", o->what, path);
	o->path = strdup(path);
	CHECK(o->path != NULL);
	o->fd = fd;
	return ERR_OK;
}

static void
close_output(struct output *o, int fd_after)
{
	if (o->path != NULL)
		(void)close(o->fd);
	o->fd = fd_after;
	free(o->path);
	o->path = NULL;
}

static void
close_outputs(void)
{
	close_output(&the_log.access, STDERR_FILENO);
	close_output(&the_log.audit, -1);
}

static enum err
open_outputs(const char *access_path, const char *audit_path, struct errinfo *why)
{
	enum err e = ERR_OK;

	if (access_path != NULL)
		e = open_output(&the_log.access, access_path, why);
	if (e == ERR_OK && audit_path != NULL)
		e = open_output(&the_log.audit, audit_path, why);
	if (e != ERR_OK)
		close_outputs();
	return e;
}

enum err
log_open(enum log_level level, const char *access_path, const char *audit_path,
    struct errinfo *why)
{
	int failed;
	enum err e;

	CHECK(!the_log.open);
	e = open_outputs(access_path, audit_path, why);
	if (e != ERR_OK)
		return e;
	the_log.level = level;
	str_init(&the_log.messages.lines, BACKLOG_LIMIT);
	str_init(&the_log.access.lines, BACKLOG_LIMIT);
	str_init(&the_log.audit.lines, BACKLOG_LIMIT);
	failed = pthread_create(&the_log.thread, NULL, write_lines, NULL);
	if (failed != 0) {
		close_outputs();
		return errinfo_sys(
		    why, ERR_INTERNAL, failed, "cannot start the log thread");
	}
	(void)pthread_setname_np(the_log.thread, "log");
	the_log.open = true;
	return ERR_OK;
}

static void
reopen(struct output *o)
{
	int fd;

	if (o->path == NULL)
		return;
	fd = open_file(o->path);
	if (fd < 0) {
		log_error("cannot reopen the %s %s: errno %d", o->what, o->path, errno);
		return;
	}
	(void)pthread_mutex_lock(&the_log.lock);
	flush_output(o);
	/* Nobody writes now: every line until here is in the old file, the rest comes into
	 * the new one, under the old number. */
	CHECK(dup3(fd, o->fd, O_CLOEXEC) == o->fd);
	(void)pthread_mutex_unlock(&the_log.lock);
	(void)close(fd);
}

void
log_reopen(void)
{
	if (!the_log.open)
		return;
	reopen(&the_log.access);
	reopen(&the_log.audit);
}

void
log_close(void)
{
	if (!the_log.open)
		return;
	(void)pthread_mutex_lock(&the_log.lock);
	the_log.stopping = true;
	(void)pthread_cond_signal(&the_log.more);
	(void)pthread_mutex_unlock(&the_log.lock);
	(void)pthread_join(the_log.thread, NULL);
	close_outputs();
	str_release(&the_log.messages.lines);
	str_release(&the_log.access.lines);
	str_release(&the_log.audit.lines);
	the_log.open = the_log.stopping = false;
}

static void
append(struct output *o, struct bytes line, bool urgent)
{
	if (!the_log.open) {
		write_all(o->fd, line);
		return;
	}
	(void)pthread_mutex_lock(&the_log.lock);
	if (o->lines.n + line.n > BACKLOG_LIMIT)
		o->dropped++;
	else
		str_add(&o->lines, line);
	if (urgent || o->lines.n > BACKLOG_LIMIT / 16)
		(void)pthread_cond_signal(&the_log.more);
	(void)pthread_mutex_unlock(&the_log.lock);
}

static void
count_dropped(struct output *o)
{
	(void)pthread_mutex_lock(&the_log.lock);
	o->dropped++;
	(void)pthread_mutex_unlock(&the_log.lock);
}

void
log_message(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char line[LINE_SIZE], when[ISOTIME_SIZE];
	size_t head, n;
	va_list ap;
	int got;

	if (level > the_log.level)
		return;
	isotime_format(clock_wall_ms(), when);
	head = (size_t)snprintf(line, sizeof line, "%sZ %s: ", when, names[level]);
	va_start(ap, fmt);
	got = vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
	va_end(ap);
	n = head + (got < 0 ? 0 : (size_t)got);
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	for (size_t i = head; i < n; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	line[n++] = '\n';
	append(&the_log.messages, (struct bytes){line, n}, level <= LOG_LEVEL_WARNING);
}

void
log_access(struct bytes line)
{
	char when[ISOTIME_SIZE];
	struct str whole;

	isotime_format(clock_wall_ms(), when);
	str_init(&whole, sizeof when + 2 + line.n);
	str_adds(&whole, when);
	str_adds(&whole, "Z ");
	str_add(&whole, line);
	str_addc(&whole, '\n');
	if (str_failed(&whole))
		count_dropped(&the_log.access);
	else
		append(&the_log.access, str_bytes(&whole), false);
	str_release(&whole);
}

bool
log_has_audit(void)
{
	return the_log.audit.path != NULL;
}

void
log_audit(struct bytes line)
{
	struct str whole;

	if (!log_has_audit())
		return;
	str_init(&whole, line.n + 1);
	str_add(&whole, line);
	str_addc(&whole, '\n');
	if (str_failed(&whole))
		count_dropped(&the_log.audit);
	else
		append(&the_log.audit, str_bytes(&whole), false);
	str_release(&whole);
}

void
log_quote(struct str *s, const char *key, struct bytes value)
{
	str_addf(s, " %s=\"", key);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '"' || c == '\\')
			str_addf(s, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			str_addf(s, "\\x%02x", c);
		else
			str_addc(s, (char)c);
	}
	str_addc(s, '"');
}
