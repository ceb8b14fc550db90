/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool - quartet, the operator's program: what its commands share.
 *
 * A command is a row of tool.def with a function that gets the settings and its words.
 * Most ask the running server through its admin socket (architecture D77); those that
 * work on the stores themselves refuse while a server runs. A command prints its answer
 * to stdout, faults to stderr, and returns the exit status.
 */
#ifndef QUARTET_TOOL_TOOL_H
#define QUARTET_TOOL_TOOL_H

#include "conf/settings.h"
#include "replication/meta_copy.h"
#include "service/core/bytes.h"

/* Nagios' exit statuses; other commands use 0 and 1. */
enum {
	TOOL_OK = 0,
	TOOL_WARNING = 1,
	TOOL_CRITICAL = 2,
	TOOL_UNKNOWN = 3,
	TOOL_USAGE = 64
};

struct tool_call {
	const struct settings *settings;
	const char *config; /* the file they are from */
	const char *const *word; /* behind the command's name */
	int n;
	bool json; /* --json: print what the server said as it is */
};

/* One field of a form. */
struct tool_field {
	const char *name, *value;
};

/* What the server answered. */
struct tool_answer {
	long status; /* 0: no answer; then `text` says why */
	char *text; /* owned: tool_answer_release */
	size_t n;
};

/*
 * Ask the server: GET without fields, POST of a form with them (n >= 0). False: it could
 * not be asked.
 */
bool tool_ask(const struct settings *settings, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out);
/* GET; no answer within `seconds` is none. */
bool tool_ask_within(const struct settings *settings, const char *path, long seconds,
    struct tool_answer *out);
/* The same as tool_ask, for as long as it takes. */
bool tool_ask_patiently(const struct settings *settings, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out);
void tool_answer_release(struct tool_answer *a);

/* Ask, and print the fault if there is one; 0 with the answer left in *out. */
int tool_ask_or_fail(const struct tool_call *call, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out);

/* Ask for something to be done; prints nothing but faults. */
int tool_do(const struct tool_call *call, const char *path,
    const struct tool_field *fields, int n_fields);

/* Is a server answering at the admin socket? */
bool tool_server_runs(const struct settings *settings);

/* A name as part of a path of the admin interface; caller frees. */
char *tool_path(const char *prefix, const char *name);

int tool_wrong_usage(const char *usage);

/* The words of `user` that begin with "hand-over". */
int tool_hand_over(const struct tool_call *call);

#define COMMAND(name, function, usage, help) int function(const struct tool_call *call);
#include "service/tool/tool.def"
#undef COMMAND

/* This program, to look through a copy of the metadata in a process of its own. */
void tool_checker(
    const struct tool_call *call, const char *checker[META_COPY_ARGUMENTS_MAX]);

#endif
