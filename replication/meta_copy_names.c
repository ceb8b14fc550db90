/* SPDX-License-Identifier: Apache-2.0 */
/* meta_copy: names, the choice of those that go, and the check. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "replication/meta_copy.h"
#include "service/core/check.h"
#include "storage/catalogue_check.h"

enum { DAY_MS = 86400000, MAP_AT_LEAST = 1 << 30, WINDOW = 16 << 20 };

void
meta_copy_name(uint64_t seq, int64_t time_ms, char out[META_COPY_NAME_SIZE])
{
	(void)snprintf(out, META_COPY_NAME_SIZE, "copy-%016llx-%016llx",
	    (unsigned long long)seq, (unsigned long long)time_ms);
}

bool
meta_copy_name_parse(struct bytes name, uint64_t *seq_out, int64_t *time_out)
{
	uint64_t time;

	/* What is behind "copy-" has the form of a journal's name. */
	if (!bytes_starts(name, BYTES("copy-")) ||
	    !journal_name_parse(bytes_skip(name, 5), seq_out, &time) || time > INT64_MAX)
		return false;
	*time_out = (int64_t)time;
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct meta_copy_seen *x = a, *y = b;

	return x->made_ms < y->made_ms ? -1 : x->made_ms > y->made_ms;
}

void
meta_copy_choose(struct meta_copy_seen *copy, size_t n, unsigned newest, unsigned days)
{
	int64_t day, last = -1, first_day;

	if (n == 0)
		return;
	qsort(copy, n, sizeof *copy, by_time);
	first_day = copy[n - 1].made_ms / DAY_MS - days;
	for (size_t i = 0; i < n; i++) {
		day = copy[i].made_ms / DAY_MS;
		copy[i].remove = n - i > newest && (day == last || day <= first_day);
		last = day;
	}
}

static void
say(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", text);
}

static void
keep_quiet(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)what;
	(void)done;
	(void)total;
}

int
meta_copy_look(const char *dir)
{
	struct store_config config = {.dir = dir, .map_bytes = MAP_AT_LEAST};
	struct catalogue_check check = {
	    .window = WINDOW, .found = say, .progress = keep_quiet};
	struct errinfo why = {.code = ERR_OK};
	struct store *store = NULL;
	enum err e = store_open_to_read(&config, &store, &why);

	if (e == ERR_OK)
		e = store_reader_new(store, &check.reader, &why);
	if (e == ERR_OK)
		e = catalogue_check(&check, &why);
	if (e != ERR_OK)
		say(NULL, errinfo_text(&why));
	store_reader_free(check.reader);
	store_close(store);
	return e == ERR_OK && check.faults == check.lost ? 0 : 1;
}

extern char **environ;

enum err
meta_copy_check(const char *const *checker, const char *dir, struct errinfo *why)
{
	char *argv[META_COPY_ARGUMENTS_MAX + 2];
	int status, failed;
	size_t n = 0;
	pid_t pid;

	for (; checker[n] != NULL; n++) {
		CHECK(n < META_COPY_ARGUMENTS_MAX);
		argv[n] = (char *)(uintptr_t)checker[n];
	}
	argv[n++] = (char *)(uintptr_t)dir;
	argv[n] = NULL;
	failed = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (failed != 0)
		return errinfo_sys(why, ERR_INTERNAL, failed, "cannot start the check");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errinfo_sys(why, ERR_INTERNAL, errno, "waitpid");
	if (WIFSIGNALED(status))
		return errinfo_set(why, ERR_DAMAGED,
		    "%s cannot be read: it ended its reader with signal %d", dir,
		    WTERMSIG(status));
	return WEXITSTATUS(status) == 0
		   ? ERR_OK
		   : errinfo_set(why, ERR_DAMAGED, "%s is not as it should be", dir);
}
