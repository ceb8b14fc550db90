/* SPDX-License-Identifier: Apache-2.0 */
#include "service/letter/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/core/str.h"

enum {
	WAITING = 100,
	LETTER_MAX = 64 * 1024,
	HOUR_MS = 3600000,
	LOOK_MS = 20, /* whether the program has ended */
	ADDRESS_MAX = 254, /* RFC 5321 4.5.3.1.3 */
};

struct letter {
	struct letter *next;
	struct str text;
};

struct letters {
	const struct settings *settings;
	char **argv;
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t changed;
	struct letter *first, **last;
	unsigned n;
	bool stopping;
	uint64_t hour, in_hour;
};

/* Handing over */

/* The letter into the program's standard input; false: it does not take it. */
static bool
write_all(int fd, struct bytes text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			text = bytes_skip(text, (size_t)n);
	}
	return true;
}

/* Its exit status; it is killed when its time is over: -1. */
static int
wait_for(const struct letters *l, pid_t pid)
{
	uint64_t end = clock_mono_ms() + l->settings->mail_timeout;
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	int status;

	while (clock_mono_ms() < end) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (done < 0 && errno != EINTR)
			return -1;
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return -1;
}

/* With the signals as a program expects them, the pipe as its input, and nothing else. */
static int
spawn(const struct letters *l, int input, pid_t *pid_out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {path, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, standard;
	int failed;

	(void)sigemptyset(&none);
	(void)sigfillset(&standard);
	CHECK(posix_spawn_file_actions_init(&files) == 0 &&
	      posix_spawnattr_init(&how) == 0);
	(void)posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	(void)posix_spawn_file_actions_addopen(
	    &files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(
	    &files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawnattr_setsigmask(&how, &none);
	(void)posix_spawnattr_setsigdefault(&how, &standard);
	(void)posix_spawnattr_setflags(
	    &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	failed = posix_spawn(pid_out, l->argv[0], &files, &how, l->argv, environment);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&how);
	return failed;
}

static void
hand_over(const struct letters *l, const struct letter *letter)
{
	int ends[2], failed, status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		log_error("a letter is not sent: no pipe: %s", strerror(errno));
		return;
	}
	/* A letter fits: nobody has to read before it is written. */
	(void)fcntl(ends[1], F_SETPIPE_SZ, LETTER_MAX);
	failed = spawn(l, ends[0], &pid);
	(void)close(ends[0]);
	if (failed != 0) {
		(void)close(ends[1]);
		log_error("a letter is not sent: %s: %s", l->argv[0], strerror(failed));
		return;
	}
	if (!write_all(ends[1], str_bytes(&letter->text)))
		log_warning("%s does not read the letter it is given", l->argv[0]);
	(void)close(ends[1]);
	status = wait_for(l, pid);
	if (status != 0)
		log_error("a letter may not have been sent: %s ended with %d", l->argv[0],
		    status);
}

static struct letter *
next_letter(struct letters *l)
{
	struct letter *letter;

	(void)pthread_mutex_lock(&l->lock);
	while (l->first == NULL && !l->stopping)
		(void)pthread_cond_wait(&l->changed, &l->lock);
	letter = l->first;
	if (letter != NULL) {
		l->first = letter->next;
		if (l->first == NULL)
			l->last = &l->first;
		l->n--;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return letter;
}

static void
free_letter(struct letter *letter)
{
	str_release(&letter->text);
	free(letter);
}

static void *
run(void *arg)
{
	struct letters *l = arg;
	struct letter *letter;

	while ((letter = next_letter(l)) != NULL) {
		hand_over(l, letter);
		free_letter(letter);
	}
	return NULL;
}

/* Writing */

/* One address, which is nothing but that. */
static bool
is_address(struct bytes to)
{
	size_t at = bytes_find(to, '@');

	if (at == 0 || at + 1 >= to.n || to.n > ADDRESS_MAX || to.p[0] == '-')
		return false;
	for (size_t i = 0; i < to.n; i++)
		if (to.p[i] <= ' ' || to.p[i] > '~' ||
		    bytes_find(BYTES("\"(),:;<>[\\]"), to.p[i]) <
			sizeof("\"(),:;<>[\\]") - 1)
			return false;
	return true;
}

static bool
is_line(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return true;
}

static enum err
take(struct letters *l, struct letter *letter, struct errinfo *why)
{
	uint64_t hour = clock_mono_ms() / HOUR_MS;
	bool room;

	(void)pthread_mutex_lock(&l->lock);
	if (l->hour != hour) {
		l->hour = hour;
		l->in_hour = 0;
	}
	room = l->n < WAITING && l->in_hour < l->settings->letters_per_hour;
	if (room) {
		*l->last = letter;
		l->last = &letter->next;
		l->n++;
		l->in_hour++;
		(void)pthread_cond_signal(&l->changed);
	}
	(void)pthread_mutex_unlock(&l->lock);
	return room ? ERR_OK : errinfo_set(why, ERR_BUSY, "too many letters");
}

enum err
letter_send(struct letters *l, struct bytes to, struct bytes subject, struct bytes text,
    struct errinfo *why)
{
	struct letter *letter;
	enum err e;

	if (!is_address(to) || !is_line(subject))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "'%.*s' is no address letters go to", BYTES_ARG(to));
	letter = calloc(1, sizeof *letter);
	if (letter == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a letter");
	str_init(&letter->text, LETTER_MAX);
	str_addf(&letter->text,
	    "From: %s\nTo: %.*s\nSubject: %.*s\nAuto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n",
	    l->settings->mail_from, BYTES_ARG(to), BYTES_ARG(subject));
	str_add(&letter->text, text);
	e = str_failed(&letter->text)
		? errinfo_set(why, ERR_NO_MEMORY, "no memory for a letter")
		: take(l, letter, why);
	if (e != ERR_OK)
		free_letter(letter);
	return e;
}

/* Begin and end */

enum err
letters_new(const struct settings *settings, struct letters **out, struct errinfo *why)
{
	const struct settings_list *command = &settings->mail_command;
	struct letters *l;

	if (command->items[0][0] != '/')
		return errinfo_set(why, ERR_CONFIG,
		    "mail_command: '%s' is no absolute path", command->items[0]);
	if (!is_address(bytes_of(settings->mail_from)))
		return errinfo_set(why, ERR_CONFIG, "mail_from: '%s' is no address",
		    settings->mail_from);
	l = calloc(1, sizeof *l);
	if (l != NULL)
		l->argv = calloc(command->n + 1, sizeof *l->argv);
	if (l == NULL || l->argv == NULL) {
		free(l);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for letters");
	}
	for (size_t i = 0; i < command->n; i++)
		l->argv[i] = command->items[i];
	l->settings = settings;
	l->last = &l->first;
	CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
	CHECK(pthread_cond_init(&l->changed, NULL) == 0);
	CHECK(pthread_create(&l->thread, NULL, run, l) == 0);
	*out = l;
	return ERR_OK;
}

void
letters_free(struct letters *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->stopping = true;
	(void)pthread_cond_signal(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
	(void)pthread_join(l->thread, NULL);
	(void)pthread_cond_destroy(&l->changed);
	(void)pthread_mutex_destroy(&l->lock);
	free(l->argv);
	free(l);
}
