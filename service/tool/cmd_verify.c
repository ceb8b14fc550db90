/* SPDX-License-Identifier: Apache-2.0 */
/* quartet verify. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "service/tool/tool.h"

static const char *
text_of(json_t *copy, const char *key)
{
	const char *text = json_string_value(json_object_get(copy, key));

	return text == NULL ? "" : text;
}

static void
print_copy(json_t *copy)
{
	const char *reason = text_of(copy, "reason");
	bool is_counted = json_is_true(json_object_get(copy, "counted"));

	(void)printf("%2" JSON_INTEGER_FORMAT "  %-7s  %s",
	    json_integer_value(json_object_get(copy, "number")), text_of(copy, "result"),
	    text_of(copy, "path"));
	if (strcmp(text_of(copy, "result"), "missing") != 0 && reason[0] != '\0')
		(void)printf("  (%s)", reason);
	(void)puts(is_counted ? "" : "  (the catalogue does not count it)");
}

/* All are good and counted, some are good, none is. */
static int
status_of(json_t *copies)
{
	size_t i, n = json_array_size(copies), good = 0, counted = 0;
	json_t *copy;

	json_array_foreach(copies, i, copy)
	{
		bool is_good = strcmp(text_of(copy, "result"), "good") == 0;

		good += is_good;
		counted += is_good && json_is_true(json_object_get(copy, "counted"));
	}
	if (counted == n)
		return TOOL_OK;
	return good > 0 ? TOOL_WARNING : TOOL_CRITICAL;
}

int
cmd_verify(const struct tool_call *call)
{
	struct tool_answer answer;
	json_error_t error;
	json_t *root, *copies, *copy;
	size_t i;
	int status;

	if (call->n != 1)
		return tool_wrong_usage("verify PATH");
	if (!tool_ask_patiently(call->settings, "/admin/verify",
		&(struct tool_field){"path", call->word[0]}, 1, &answer) ||
	    answer.status != 200) {
		(void)fprintf(stderr, "quartet: %s\n", answer.text);
		tool_answer_release(&answer);
		return TOOL_UNKNOWN;
	}
	root = json_loads(answer.text, 0, &error);
	copies = json_object_get(root, "copies");
	if (call->json)
		(void)puts(answer.text);
	else
		json_array_foreach(copies, i, copy) print_copy(copy);
	status = status_of(copies);
	json_decref(root);
	tool_answer_release(&answer);
	return status;
}
