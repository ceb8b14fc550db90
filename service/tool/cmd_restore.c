/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet backup DIR      a copy of the metadata, looked through, in a folder; while a
 *                         server runs or not
 * quartet restore         the metadata anew from the copies and journals at the locations,
 *                         or from a backup and the journals; while no server runs
 * quartet check-copy DIR  look through a backup, in this process: it may end badly
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/meta_copy.h"
#include "replication/meta_restore.h"
#include "service/core/clock.h"
#include "service/tool/tool.h"
#include "storage/store.h"

enum { PATH_SIZE = 4096 };

static int
fail(const struct errinfo *why)
{
	(void)fprintf(stderr, "quartet: %s\n", errinfo_text(why));
	return 1;
}

int
cmd_check_copy(const struct tool_call *call)
{
	if (call->n != 1)
		return tool_wrong_usage("check-copy");
	return meta_copy_look(call->word[0]);
}

static enum err
write_backup(struct store *store, const char *dir, struct errinfo *why)
{
	char path[PATH_SIZE];
	enum err e;
	int fd;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", dir);
	(void)snprintf(path, sizeof path, "%s/data.mdb", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", path);
	e = store_copy(store, fd, why);
	if (e == ERR_OK && fsync(fd) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "fsync of %s", path);
	(void)close(fd);
	return e;
}

int
cmd_backup(const struct tool_call *call)
{
	const struct settings *s = call->settings;
	struct store_config config = {.dir = s->meta_dir, .map_bytes = s->meta_map_size};
	const char *checker[META_COPY_ARGUMENTS_MAX];
	struct errinfo why = {.code = ERR_OK};
	struct store *store;
	enum err e;

	if (call->n != 1)
		return tool_wrong_usage("backup");
	e = store_open_to_read(&config, &store, &why);
	if (e != ERR_OK)
		return fail(&why);
	e = write_backup(store, call->word[0], &why);
	store_close(store);
	tool_checker(call, checker);
	if (e == ERR_OK)
		e = meta_copy_check(checker, call->word[0], &why);
	if (e != ERR_OK)
		return fail(&why);
	(void)printf("%s has a good copy of the metadata\n", call->word[0]);
	return 0;
}

static void
tell(void *arg, const char *text)
{
	(void)arg;
	(void)printf("%s\n", text);
}

/* On the writer's thread; store_close waits for it. */
static void
released(struct change *change)
{
	(void)change;
}

static int
release_unknown(const struct settings *s)
{
	struct store_config config = {.dir = s->meta_dir,
	    .map_bytes = s->meta_map_size,
	    .readers_max = 16,
	    .batch_max = 1};
	struct store_note note = {.change = {.done = released}};
	struct errinfo why = {.code = ERR_OK};
	struct store *store;

	if (store_open(&config, &store, &why) != ERR_OK)
		return fail(&why);
	store_release_unknown(store, &note);
	store_close(store);
	if (note.change.err != ERR_OK)
		return fail(&note.change.why);
	(void)puts(
	    "files that the metadata do not know are removed after the next start");
	return 0;
}

int
cmd_restore(const struct tool_call *call)
{
	struct meta_restore_config config = {.settings = call->settings, .tell = tell};
	const char *checker[META_COPY_ARGUMENTS_MAX];
	struct journal_recovered done;
	struct errinfo why = {.code = ERR_OK};
	uint64_t began = clock_mono_ms();
	bool release = false;

	for (int i = 0; i < call->n; i++) {
		if (strcmp(call->word[i], "--accept-loss") == 0)
			config.accept_loss = true;
		else if (strcmp(call->word[i], "--from") == 0 && i + 1 < call->n)
			config.from = call->word[++i];
		else if (strcmp(call->word[i], "--release-unknown") == 0)
			release = true;
		else
			return tool_wrong_usage("restore");
	}
	if (tool_server_runs(call->settings)) {
		(void)fprintf(stderr, "quartet: a server runs: stop it first\n");
		return 1;
	}
	if (release)
		return release_unknown(call->settings);
	tool_checker(call, checker);
	config.checker = checker;
	if (meta_restore(&config, &done, &why) != ERR_OK)
		return fail(&why);
	(void)printf("%llu changes were taken from %u journals; %llu ms\n",
	    (unsigned long long)done.applied, done.at_hand,
	    (unsigned long long)(clock_mono_ms() - began));
	return 0;
}
