/* SPDX-License-Identifier: Apache-2.0 */
/* quartet scrub. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "service/tool/tool.h"

#define USAGE                                                                            \
	"scrub status | start | stop [--location N] [--deep | --shallow] "               \
	"[--report-only]"

enum { FIELDS_MAX = 4 };

static double
number_of(json_t *pass, const char *key)
{
	return (double)json_integer_value(json_object_get(pass, key));
}

static const char *
text_of(json_t *pass, const char *key, const char *without)
{
	const char *text = json_string_value(json_object_get(pass, key));

	return text == NULL ? without : text;
}

/* How much of the pass under way is done; between two passes nothing is. */
static void
print_share(json_t *pass)
{
	double done = number_of(pass, "done"), total = number_of(pass, "total");

	if (strcmp(text_of(pass, "state", ""), "idle") == 0 || total <= 0.0)
		(void)printf("     ");
	else
		(void)printf(" %3.0f%%", done < total ? 100.0 * done / total : 100.0);
}

/* Copies that were looked at, and what of them was read. */
static void
print_sum(json_t *pass, const char *kind)
{
	(void)printf("  %10.0f copies", number_of(pass, "files"));
	if (strcmp(kind, "deep") == 0)
		(void)printf(" of %.0f, %.1f GiB", number_of(pass, "total"),
		    number_of(pass, "bytes") / (1024.0 * 1024.0 * 1024.0));
}

static void
print_pass(json_t *location, const char *kind)
{
	json_t *pass = json_object_get(location, kind);

	(void)printf("%2.0f  %-7s  %-7s", number_of(location, "number"), kind,
	    text_of(pass, "state", ""));
	print_share(pass);
	print_sum(pass, kind);
	(void)printf("  %.0f bad  %.0f missing  %.0f found  last full %s%s\n",
	    number_of(pass, "bad"), number_of(pass, "missing"), number_of(pass, "found"),
	    text_of(pass, "last_full", "never"),
	    json_is_true(json_object_get(pass, "report_only")) ? " (report only)" : "");
}

static void
print_status(const char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, 0, &error), *location;
	size_t i;

	json_array_foreach(json_object_get(root, "locations"), i, location)
	{
		print_pass(location, "shallow");
		print_pass(location, "deep");
		if (number_of(location, "bytes_per_second") > 0.0)
			(void)printf("%2.0f  reads %.1f MiB/s\n",
			    number_of(location, "number"),
			    number_of(location, "bytes_per_second") / (1024.0 * 1024.0));
	}
	json_decref(root);
}

/* The words behind the action as fields of a form; -1: wrong. */
static int
parse(const struct tool_call *call, struct tool_field field[FIELDS_MAX])
{
	int n = 1;

	field[0] = (struct tool_field){"action", call->word[0]};
	for (int i = 1; i < call->n; i++) {
		const char *word = call->word[i];

		if (n == FIELDS_MAX)
			return -1;
		if (strcmp(word, "--location") == 0 && i + 1 < call->n)
			field[n++] = (struct tool_field){"location", call->word[++i]};
		else if (strcmp(word, "--deep") == 0 || strcmp(word, "--shallow") == 0)
			field[n++] = (struct tool_field){"kind", word + 2};
		else if (strcmp(word, "--report-only") == 0)
			field[n++] = (struct tool_field){"report_only", "yes"};
		else
			return -1;
	}
	return n;
}

int
cmd_scrub(const struct tool_call *call)
{
	struct tool_field field[FIELDS_MAX];
	struct tool_answer answer;
	bool is_status = call->n == 1 && strcmp(call->word[0], "status") == 0;
	bool is_order = call->n > 0 && (strcmp(call->word[0], "start") == 0 ||
					   strcmp(call->word[0], "stop") == 0);
	int n = is_order ? parse(call, field) : 0, status;

	if (n < 0 || (!is_order && !is_status))
		return tool_wrong_usage(USAGE);
	status = tool_ask_or_fail(call, "/admin/scrub", field, n, &answer);
	if (status != 0)
		return status;
	if (call->json)
		(void)puts(answer.text);
	else
		print_status(answer.text);
	tool_answer_release(&answer);
	return 0;
}
