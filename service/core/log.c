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
	int fd;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more; /* lines, to be written soon */
	pthread_cond_t written;
	pthread_t thread;
	bool open, stopping;
	enum log_level level;
	struct output messages, access;
	char *access_path;
} the_log = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .more = PTHREAD_COND_INITIALIZER,
    .written = PTHREAD_COND_INITIALIZER,
    .level = LOG_LEVEL_INFO,
    .messages = {.fd = STDERR_FILENO},
    .access = {.fd = STDERR_FILENO},
};

static void
write_all(int fd, struct bytes b)
{
	while (b.n > 0) {
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
	} while (!is_last);
	(void)pthread_mutex_unlock(&the_log.lock);
	return NULL;
}

static int
open_access(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void
close_access(void)
{
	if (the_log.access.fd != STDERR_FILENO)
		(void)close(the_log.access.fd);
	the_log.access.fd = STDERR_FILENO;
	free(the_log.access_path);
	the_log.access_path = NULL;
}

enum err
log_open(enum log_level level, const char *access_path, struct errinfo *why)
{
	int fd = STDERR_FILENO, failed;

	CHECK(!the_log.open);
	if (access_path != NULL) {
		fd = open_access(access_path);
		if (fd < 0)
			return errinfo_sys(why, ERR_CONFIG, errno,
			    "cannot open the access log %s", access_path);
		the_log.access_path = strdup(access_path);
		CHECK(the_log.access_path != NULL);
	}
	the_log.level = level;
	the_log.access.fd = fd;
	str_init(&the_log.messages.lines, BACKLOG_LIMIT);
	str_init(&the_log.access.lines, BACKLOG_LIMIT);
	failed = pthread_create(&the_log.thread, NULL, write_lines, NULL);
	if (failed != 0) {
		close_access();
		return errinfo_sys(
		    why, ERR_INTERNAL, failed, "cannot start the log thread");
	}
	(void)pthread_setname_np(the_log.thread, "log");
	the_log.open = true;
	return ERR_OK;
}

void
log_reopen(void)
{
	int fd, old;

	if (!the_log.open || the_log.access_path == NULL)
		return;
	fd = open_access(the_log.access_path);
	if (fd < 0) {
		log_error("cannot reopen the access log %s: errno %d",
		    the_log.access_path, errno);
		return;
	}
	(void)pthread_mutex_lock(&the_log.lock);
	flush_output(&the_log.access);
	old = the_log.access.fd;
	/* Nobody writes now: every line until here is in the old file, the rest comes into
	 * the new one, under the old number. */
	CHECK(dup3(fd, old, O_CLOEXEC) == old);
	(void)pthread_mutex_unlock(&the_log.lock);
	(void)close(fd);
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
	close_access();
	str_release(&the_log.messages.lines);
	str_release(&the_log.access.lines);
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
