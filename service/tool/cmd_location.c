/* SPDX-License-Identifier: Apache-2.0 */
/* quartet location. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/tool/tool.h"

#define USAGE                                                                            \
	"location replace NUMBER [--root DIR] [--force] | drain | readonly | offline | " \
	"online NUMBER [--force]"

enum { FIELDS_MAX = 4 };

static void
print_state(const char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, 0, &error);
	const char *path = json_string_value(json_object_get(root, "path"));
	const char *state = json_string_value(json_object_get(root, "state"));
	const char *reason = json_string_value(json_object_get(root, "reason"));

	(void)printf("location %d (%s) is %s",
	    (int)json_integer_value(json_object_get(root, "number")),
	    path == NULL ? "" : path, state == NULL ? "" : state);
	if (reason != NULL && reason[0] != '\0')
		(void)printf(": %s", reason);
	(void)putchar('\n');
	json_decref(root);
}

/* The words as fields of a form; -1: wrong. `root` has room for PATH_MAX. */
static int
parse(const struct tool_call *call, struct tool_field field[FIELDS_MAX], char *root)
{
	bool is_replace = strcmp(call->word[0], "replace") == 0;
	int n = 2;

	field[0] = (struct tool_field){"action", call->word[0]};
	field[1] = (struct tool_field){"location", call->word[1]};
	for (int i = 2; i < call->n; i++) {
		const char *word = call->word[i];

		if (n == FIELDS_MAX)
			return -1;
		if (strcmp(word, "--force") == 0) {
			field[n++] = (struct tool_field){"force", "yes"};
		} else if (strcmp(word, "--root") == 0 && is_replace && i + 1 < call->n) {
			/* The server may be in another directory; what is not there it says. */
			if (realpath(call->word[++i], root) == NULL)
				(void)snprintf(root, PATH_MAX, "%s", call->word[i]);
			field[n++] = (struct tool_field){"root", root};
		} else {
			return -1;
		}
	}
	return n;
}

static bool
is_action(const char *word)
{
	static const char *const actions[] = {
	    "replace", "drain", "readonly", "offline", "online"};

	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(word, actions[i]) == 0)
			return true;
	return false;
}

int
cmd_location(const struct tool_call *call)
{
	char root[PATH_MAX];
	struct tool_field field[FIELDS_MAX];
	struct tool_answer answer;
	bool is_right = call->n >= 2 && is_action(call->word[0]);
	int n = is_right ? parse(call, field, root) : -1;

	if (n < 0)
		return tool_wrong_usage(USAGE);
	/* All records may have to be looked through first. */
	if (!tool_ask_patiently(call->settings, "/admin/location", field, n, &answer)) {
		(void)fprintf(stderr, "quartet: %s\n", answer.text);
		tool_answer_release(&answer);
		return TOOL_UNKNOWN;
	}
	if (answer.status != 200)
		(void)fprintf(stderr, "quartet: %s\n", answer.text);
	else if (call->json)
		(void)puts(answer.text);
	else
		print_state(answer.text);
	n = answer.status == 200 ? 0 : 1;
	tool_answer_release(&answer);
	return n;
}
