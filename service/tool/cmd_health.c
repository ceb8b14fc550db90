/* SPDX-License-Identifier: Apache-2.0 */
/* quartet health, quartet locations. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "service/tool/tool.h"

/*
 * A loop of the server that has fallen silent says nothing to those it has let in; the
 * watchdog answers for it after some seconds, to those who come then.
 */
enum { HEALTH_TRIES = 3, HEALTH_WAIT_S = 4 };

static json_t *
ask_health(const struct tool_call *call, struct tool_answer *answer)
{
	json_error_t error;
	bool has_answered = false;

	for (int i = 0; i < HEALTH_TRIES && !has_answered; i++) {
		if (i > 0)
			tool_answer_release(answer);
		has_answered = tool_ask_within(
		    call->settings, "/admin/health", HEALTH_WAIT_S, answer);
	}
	return has_answered && answer->status == 200 ? json_loads(answer->text, 0, &error)
						     : NULL;
}

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static json_int_t
number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* "4 of 4 locations online", or the notes. */
static void
print_line(json_t *root)
{
	json_t *notes = json_object_get(root, "notes");
	json_t *locations = json_object_get(root, "locations"), *location;
	size_t i, online = 0;

	json_array_foreach(locations, i, location) online +=
	    strcmp(text_of(location, "state"), "online") == 0;
	(void)printf("%s: %zu of %zu locations online", text_of(root, "status"), online,
	    json_array_size(locations));
	for (i = 0; i < json_array_size(notes); i++) {
		const char *note = json_string_value(json_array_get(notes, i));

		(void)printf("; %s", note == NULL ? "" : note);
	}
	(void)putchar('\n');
}

int
cmd_health(const struct tool_call *call)
{
	struct tool_answer answer;
	json_t *root = ask_health(call, &answer);
	int code;

	if (call->n != 0)
		return tool_wrong_usage("health");
	if (root == NULL) {
		(void)printf("UNKNOWN: %s\n", answer.text);
		tool_answer_release(&answer);
		return TOOL_UNKNOWN;
	}
	code = (int)number_of(root, "code");
	if (call->json)
		(void)puts(answer.text);
	else
		print_line(root);
	json_decref(root);
	tool_answer_release(&answer);
	return code;
}

static void
print_location(json_t *l)
{
	double total = (double)number_of(l, "total_bytes");
	double free_bytes = (double)number_of(l, "free_bytes");

	(void)printf("%2" JSON_INTEGER_FORMAT "  %-9s %5.1f%% of %8.1f GiB free  %-8s %s",
	    number_of(l, "number"), text_of(l, "state"),
	    total > 0.0 ? 100.0 * free_bytes / total : 0.0,
	    total / (1024.0 * 1024.0 * 1024.0), text_of(l, "engine"), text_of(l, "path"));
	if (text_of(l, "reason")[0] != '\0')
		(void)printf("  (%s)", text_of(l, "reason"));
	if (number_of(l, "missing") > 0)
		(void)printf(
		    "  %" JSON_INTEGER_FORMAT " copies to make", number_of(l, "missing"));
	(void)putchar('\n');
}

int
cmd_locations(const struct tool_call *call)
{
	struct tool_answer answer;
	json_t *root, *location;
	size_t i;

	if (call->n != 0)
		return tool_wrong_usage("locations");
	root = ask_health(call, &answer);
	if (root == NULL) {
		(void)fprintf(stderr, "quartet: %s\n", answer.text);
		tool_answer_release(&answer);
		return TOOL_UNKNOWN;
	}
	if (call->json)
		(void)puts(answer.text);
	else
		json_array_foreach(json_object_get(root, "locations"), i, location)
		    print_location(location);
	json_decref(root);
	tool_answer_release(&answer);
	return 0;
}
