/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet export [FILE]  the metadata as text (storage/dump.h); while a server runs or not
 * quartet import FILE    the metadata anew, from such a text and the journals at the
 *                        locations; while no server runs
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/meta_copy.h"
#include "replication/meta_restore.h"
#include "service/tool/tool.h"
#include "storage/db.h"
#include "storage/dump.h"

enum { PATH_SIZE = 4096 };

static int
fail(const char *what, const struct errinfo *why)
{
	(void)fprintf(stderr, "quartet: %s: %s\n", what, errinfo_text(why));
	return 1;
}

static enum err
write_export(const struct settings *s, FILE *to, uint64_t *rows, struct errinfo *why)
{
	struct store_config config = {
	    .dir = s->meta_dir, .map_bytes = s->meta_map_size, .readers_max = 4};
	struct store_reader *reader = NULL;
	struct store *store;
	enum err e = store_open_to_read(&config, &store, why);

	if (e != ERR_OK)
		return e;
	e = store_reader_new(store, &reader, why);
	if (e == ERR_OK)
		e = dump_write(reader, to, rows, why);
	store_reader_free(reader);
	store_close(store);
	if (e == ERR_OK && to != stdout && fsync(fileno(to)) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "fsync");
	return e;
}

int
cmd_export(const struct tool_call *call)
{
	const char *name = call->n == 0 ? "standard output" : call->word[0];
	struct errinfo why = {.code = ERR_OK};
	uint64_t rows = 0;
	FILE *to = stdout;
	enum err e;

	if (call->n > 1)
		return tool_wrong_usage("export [FILE]");
	if (call->n == 1)
		to = fopen(name, "wxe");
	if (to == NULL) {
		(void)errinfo_sys(&why, ERR_IO, errno, "cannot make it");
		return fail(name, &why);
	}
	if (to != stdout)
		(void)fchmod(fileno(to), 0600); /* it has the hashes of passwords */
	e = write_export(call->settings, to, &rows, &why);
	if (to != stdout)
		(void)fclose(to);
	if (e != ERR_OK)
		return fail(name, &why);
	(void)fprintf(stderr, "%" PRIu64 " rows\n", rows);
	return 0;
}

static void
tell(void *arg, const char *text)
{
	(void)arg;
	(void)printf("%s\n", text);
}

/* From a store in `dir`, as from a backup. */
static enum err
take_place(const struct tool_call *call, const char *dir, struct errinfo *why)
{
	const char *checker[META_COPY_ARGUMENTS_MAX];
	struct meta_restore_config config = {
	    .settings = call->settings, .checker = checker, .from = dir, .tell = tell};
	struct journal_recovered done;
	enum err e;

	tool_checker(call, checker);
	config.accept_loss = call->n == 2;
	e = meta_restore(&config, &done, why);
	if (e == ERR_OK)
		(void)printf("%" PRIu64 " changes were taken from %u journals\n",
		    done.applied, done.at_hand);
	return e;
}

static void
remove_store(const char *dir)
{
	static const char *const names[] = {DB_FILE_NAME, "lock.mdb"};
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static enum err
load(const struct tool_call *call, FILE *from, struct errinfo *why)
{
	const struct settings *s = call->settings;
	char dir[PATH_SIZE];
	uint64_t rows;
	enum err e;

	if (mkdir(s->meta_dir, 0700) != 0 && errno != EEXIST)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", s->meta_dir);
	(void)snprintf(dir, sizeof dir, "%s/import-XXXXXX", s->meta_dir);
	if (mkdtemp(dir) == NULL)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", dir);
	e = dump_load(from, dir, s->meta_map_size, &rows, why);
	if (e == ERR_OK) {
		(void)printf("%" PRIu64 " rows\n", rows);
		e = take_place(call, dir, why);
	}
	remove_store(dir);
	return e;
}

int
cmd_import(const struct tool_call *call)
{
	struct errinfo why = {.code = ERR_OK};
	FILE *from;
	enum err e;

	if (call->n < 1 || call->n > 2 ||
	    (call->n == 2 && strcmp(call->word[1], "--accept-loss") != 0))
		return tool_wrong_usage("import FILE [--accept-loss]");
	if (tool_server_runs(call->settings)) {
		(void)fprintf(stderr, "quartet: a server runs: stop it first\n");
		return 1;
	}
	from = fopen(call->word[0], "re");
	if (from == NULL) {
		(void)errinfo_sys(&why, ERR_IO, errno, "cannot open it");
		return fail(call->word[0], &why);
	}
	e = load(call, from, &why);
	(void)fclose(from);
	return e == ERR_OK ? 0 : fail(call->word[0], &why);
}
