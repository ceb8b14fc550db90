/* SPDX-License-Identifier: Apache-2.0 */
/* quartet mode. */
#include <jansson.h>
#include <stdio.h>

#include "service/tool/tool.h"

static void
print_mode(const char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, 0, &error);
	const char *mode = json_string_value(json_object_get(root, "mode"));
	const char *reason = json_string_value(json_object_get(root, "reason"));

	if (mode != NULL)
		(void)printf("%s%s%s\n", mode,
		    reason != NULL && reason[0] != '\0' ? ": " : "",
		    reason != NULL ? reason : "");
	json_decref(root);
}

int
cmd_mode(const struct tool_call *call)
{
	struct tool_answer answer;
	int status;

	if (call->n > 2)
		return tool_wrong_usage("mode [MODE [REASON]]");
	if (call->n > 0)
		return tool_do(call, "/admin/mode",
		    (struct tool_field[]){{"mode", call->word[0]},
			{"reason", call->n == 2 ? call->word[1] : ""}},
		    2);
	status = tool_ask_or_fail(call, "/admin/mode", NULL, 0, &answer);
	if (status != 0)
		return status;
	if (call->json)
		(void)puts(answer.text);
	else
		print_mode(answer.text);
	tool_answer_release(&answer);
	return 0;
}
