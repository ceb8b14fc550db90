/* SPDX-License-Identifier: Apache-2.0 */
/* quartet repair, quartet gc. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "service/tool/tool.h"

static json_int_t
number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static void
print_work(const char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, 0, &error), *location;
	size_t i;

	(void)printf("%s, %" JSON_INTEGER_FORMAT " due\n", text_of(root, "state"),
	    number_of(root, "due"));
	json_array_foreach(json_object_get(root, "locations"), i, location)
	{
		(void)printf("%2" JSON_INTEGER_FORMAT "  %10" JSON_INTEGER_FORMAT
			     " done since the start",
		    number_of(location, "number"), number_of(location, "done"));
		if (number_of(location, "failed") > 0)
			(void)printf(", %" JSON_INTEGER_FORMAT " attempts failed",
			    number_of(location, "failed"));
		(void)printf("  %s\n", text_of(location, "path"));
	}
	json_decref(root);
}

static int
run(const struct tool_call *call, const char *path, const char *usage)
{
	const char *action = call->n == 1 ? call->word[0] : "";
	bool is_status = strcmp(action, "status") == 0;
	struct tool_answer answer;
	int status;

	if (!is_status && strcmp(action, "start") != 0 && strcmp(action, "stop") != 0)
		return tool_wrong_usage(usage);
	status = tool_ask_or_fail(call, path, &(struct tool_field){"action", action},
	    is_status ? 0 : 1, &answer);
	if (status != 0)
		return status;
	if (call->json)
		(void)puts(answer.text);
	else
		print_work(answer.text);
	tool_answer_release(&answer);
	return 0;
}

int
cmd_repair(const struct tool_call *call)
{
	return run(call, "/admin/repair", "repair status | start | stop");
}

int
cmd_gc(const struct tool_call *call)
{
	return run(call, "/admin/gc", "gc status | start | stop");
}
