/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet fsck - the catalogue beside itself, and the disks beside the catalogue. It reads
 * both by itself, whether a server runs or not, and changes nothing.
 *
 * A damaged page of the catalogue ends the process that reads it: that is a child's, whose
 * end is told like any other finding.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "service/tool/fsck.h"
#include "service/tool/tool.h"
#include "storage/catalogue_check.h"

enum {
	TELL_MAX = 1000, /* lines */
	WINDOW = 16 * 1024 * 1024, /* 64 MiB of counters */
	PROGRESS_MS = 2000,
};

void
fsck_tell(struct fsck *f, const char *fmt, ...)
{
	va_list ap;

	if (f->told++ == TELL_MAX)
		(void)puts("... and more");
	if (f->told > TELL_MAX)
		return;
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

void
fsck_progress(struct fsck *f, const char *what, uint64_t done, uint64_t total)
{
	int64_t now = (int64_t)clock_mono_ms();

	if (now - f->spoke_ms < PROGRESS_MS)
		return;
	f->spoke_ms = now;
	(void)fprintf(stderr, "quartet: %s: %llu of %llu\n", what,
	    (unsigned long long)done, (unsigned long long)total);
}

static void
found(void *arg, const char *text)
{
	struct fsck *f = arg;

	f->contradictions++;
	fsck_tell(f, "catalogue: %s", text);
}

static void
progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	fsck_progress(arg, what, done, total);
}

static int
status_of(const struct fsck *f)
{
	if (f->contradictions > 0)
		return TOOL_CRITICAL;
	if (f->away > 0)
		return TOOL_UNKNOWN;
	return f->differences > 0 ? TOOL_WARNING : TOOL_OK;
}

static void
print_end(const struct tool_call *call, const struct fsck *f,
    const struct catalogue_check *check)
{
	char *text;
	json_t *root;

	if (!call->json) {
		(void)printf("%llu nodes, %llu blobs, %llu copies (%llu missing): %llu "
			     "contradictions, %llu differences\n",
		    (unsigned long long)check->nodes, (unsigned long long)check->blobs,
		    (unsigned long long)f->copies, (unsigned long long)check->missing,
		    (unsigned long long)f->contradictions,
		    (unsigned long long)f->differences);
		return;
	}
	root = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:i}", "nodes",
	    (json_int_t)check->nodes, "blobs", (json_int_t)check->blobs, "copies",
	    (json_int_t)f->copies, "missing", (json_int_t)check->missing,
	    "contradictions", (json_int_t)f->contradictions, "differences",
	    (json_int_t)f->differences, "locations_away", (int)f->away);
	text = json_dumps(root, JSON_COMPACT);
	if (text != NULL)
		(void)puts(text);
	free(text);
	json_decref(root);
}

static int
look(const struct tool_call *call, struct store *store)
{
	struct fsck f = {
	    .settings = call->settings, .spoke_ms = (int64_t)clock_mono_ms()};
	struct catalogue_check check = {
	    .window = WINDOW, .found = found, .progress = progress, .arg = &f};
	struct errinfo why;
	enum err e = store_reader_new(store, &f.reader, &why);

	check.reader = f.reader;
	if (e == ERR_OK)
		e = catalogue_check(&check, &why);
	if (e == ERR_OK)
		e = fsck_disks(&f, &why);
	store_reader_free(f.reader);
	if (e != ERR_OK) {
		(void)fprintf(stderr, "quartet: %s\n", errinfo_text(&why));
		return TOOL_UNKNOWN;
	}
	print_end(call, &f, &check);
	return status_of(&f);
}

static int
open_and_look(const struct tool_call *call)
{
	const struct settings *s = call->settings;
	struct store_config config = {.dir = s->meta_dir, .map_bytes = s->meta_map_size};
	struct store *store;
	struct errinfo why;
	int status;

	if (store_open_to_read(&config, &store, &why) != ERR_OK) {
		(void)fprintf(stderr, "quartet: %s\n", errinfo_text(&why));
		return TOOL_UNKNOWN;
	}
	status = look(call, store);
	store_close(store);
	return status;
}

/* How the child ended. */
static int
wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		(void)fprintf(stderr, "quartet: no process to look with\n");
		return TOOL_UNKNOWN;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	(void)printf("catalogue: it is damaged: reading it ended with signal %d (%s)\n",
	    WTERMSIG(status), strsignal(WTERMSIG(status)));
	return TOOL_CRITICAL;
}

/* Missing copies get their repair rows by the shallow scrub of the running server. */
static int
ask_for_repair(const struct tool_call *call)
{
	return tool_do(call, "/admin/scrub",
	    (struct tool_field[]){{"action", "start"}, {"kind", "shallow"}}, 2);
}

int
cmd_fsck(const struct tool_call *call)
{
	bool repair = call->n == 1 && strcmp(call->word[0], "--repair") == 0;
	int status;
	pid_t pid;

	if (call->n > 1 || (call->n == 1 && !repair))
		return tool_wrong_usage("fsck [--repair]");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		status = open_and_look(call);
		(void)fflush(NULL);
		_exit(status);
	}
	status = wait_for(pid);
	if (status == TOOL_WARNING && repair && ask_for_repair(call) != 0)
		(void)fprintf(stderr, "quartet: nothing was queued for repair\n");
	return status;
}
