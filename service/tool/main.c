/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "service/tool/tool.h"

struct command {
	const char *name;
	int (*run)(const struct tool_call *call);
	const char *usage, *help;
};

static const struct command commands[] = {
#define COMMAND(name, function, usage, help) {name, function, usage, help},
#include "service/tool/tool.def"
#undef COMMAND
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void
print_usage(FILE *to)
{
	(void)fputs(
	    "usage: quartet [-c FILE] [--json] COMMAND ...\n"
	    "  -c FILE  the server's configuration (default /etc/quartet/quartet.conf)\n"
	    "  --json   print the server's answer as it is\n\ncommands:\n",
	    to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(to, "  %s %s\n      %s\n", commands[i].name,
		    commands[i].usage, commands[i].help);
}

int
tool_wrong_usage(const char *usage)
{
	(void)fprintf(stderr, "usage: quartet [-c FILE] %s\n", usage);
	return TOOL_USAGE;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
run_command(const struct command *command, const char *config, struct tool_call *call)
{
	struct settings settings;
	struct errinfo why = {.code = ERR_OK};
	int status;

	if (settings_load(config, &settings, &why) != ERR_OK) {
		(void)fprintf(stderr, "quartet: %s\n", errinfo_text(&why));
		return TOOL_UNKNOWN;
	}
	call->settings = &settings;
	call->config = config;
	status = command->run(call);
	settings_release(&settings);
	return status;
}

int
main(int argc, char **argv)
{
	const char *config = "/etc/quartet/quartet.conf";
	struct tool_call call = {.n = 0};
	const struct command *command;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			config = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			call.json = true;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			print_usage(stdout);
			return 0;
		} else if (strcmp(argv[i], "--version") == 0) {
			(void)puts("quartet " QUARTET_VERSION);
			return 0;
		} else {
			print_usage(stderr);
			return TOOL_USAGE;
		}
	}
	command = i < argc ? find_command(argv[i]) : NULL;
	if (command == NULL) {
		print_usage(stderr);
		return TOOL_USAGE;
	}
	call.word = (const char *const *)(argv + i + 1);
	call.n = argc - i - 1;
	return run_command(command, config, &call);
}
