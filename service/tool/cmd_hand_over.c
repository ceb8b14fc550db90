/* SPDX-License-Identifier: Apache-2.0 */
/* quartet user hand-over: what one account owns becomes another's. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/tool/tool.h"

#define PATH "/admin/hand-over"

enum {
	LOOK_MS = 200, /* between two looks at how far it is */
	SAY_LOOKS = 25, /* looks between two lines about it */
};

static const char usage[] = "user hand-over NAME TO [--no-wait] | hand-over-show JOB | "
			    "hand-over-abort JOB";

static const char *
text_of(json_t *job, const char *key)
{
	const char *text = json_string_value(json_object_get(job, key));

	return text == NULL ? "" : text;
}

static json_int_t
number_of(json_t *job, const char *key)
{
	return json_integer_value(json_object_get(job, key));
}

static bool
is_phase(json_t *job, const char *phase)
{
	return strcmp(text_of(job, "phase"), phase) == 0;
}

static bool
is_over(json_t *job)
{
	return !is_phase(job, "PENDING") && !is_phase(job, "QUEUED") &&
	       !is_phase(job, "EXECUTING");
}

static void
print_job(json_t *job)
{
	const char *message = text_of(job, "message");

	(void)printf("%s  %s  from %s to %s  %" JSON_INTEGER_FORMAT
		     " nodes  %" JSON_INTEGER_FORMAT " groups  %" JSON_INTEGER_FORMAT
		     " failed%s%s\n",
	    text_of(job, "id"), text_of(job, "phase"), text_of(job, "from"),
	    text_of(job, "to"), number_of(job, "nodes"), number_of(job, "groups"),
	    number_of(job, "failed"), message[0] == '\0' ? "" : ": ", message);
}

static void
warn(json_t *job)
{
	const char *warning = text_of(job, "warning");

	if (warning[0] != '\0')
		(void)fprintf(stderr, "quartet: %s\n", warning);
}

/* The job as the server shows it; NULL with *status_out set, after a fault. */
static json_t *
ask(const struct tool_call *call, const char *path, const struct tool_field *fields,
    int n, int *status_out)
{
	struct tool_answer answer;
	json_error_t error;
	json_t *job;

	*status_out = tool_ask_or_fail(call, path, fields, n, &answer);
	if (*status_out != 0)
		return NULL;
	job = json_loads(answer.text, 0, &error);
	tool_answer_release(&answer);
	if (job == NULL) {
		(void)fprintf(stderr, "quartet: the server's answer cannot be read\n");
		*status_out = TOOL_UNKNOWN;
	}
	return job;
}

/* Prints the job, which is released. */
static int
end(const struct tool_call *call, json_t *job, int status)
{
	if (call->json) {
		(void)json_dumpf(job, stdout, JSON_COMPACT);
		(void)puts("");
	} else {
		print_job(job);
	}
	json_decref(job);
	return status;
}

/* Until it has ended; NULL as above. */
static json_t *
follow(const struct tool_call *call, json_t *job, int *status_out)
{
	char *path = tool_path(PATH "/", text_of(job, "id"));

	for (int looks = 0; job != NULL && !is_over(job); looks++) {
		if (looks % SAY_LOOKS == 0)
			(void)fprintf(stderr,
			    "quartet: job %s: %" JSON_INTEGER_FORMAT " nodes\n",
			    text_of(job, "id"), number_of(job, "nodes"));
		(void)usleep(LOOK_MS * 1000);
		json_decref(job);
		job = ask(call, path, NULL, 0, status_out);
	}
	free(path);
	return job;
}

static int
begin(const struct tool_call *call, bool wait)
{
	const struct tool_field fields[] = {
	    {"from", call->word[1]}, {"to", call->word[2]}};
	int status;
	json_t *job = ask(call, PATH, fields, 2, &status);

	if (job == NULL)
		return status;
	warn(job);
	if (!wait)
		return end(call, job, 0);
	job = follow(call, job, &status);
	return job == NULL ? status : end(call, job, is_phase(job, "COMPLETED") ? 0 : 1);
}

static int
look(const struct tool_call *call, bool abort)
{
	const struct tool_field action = {"action", "abort"};
	char *path = tool_path(PATH "/", call->word[1]);
	int status;
	json_t *job = ask(call, path, &action, abort ? 1 : 0, &status);

	free(path);
	return job == NULL ? status : end(call, job, 0);
}

int
tool_hand_over(const struct tool_call *call)
{
	bool is_begin = strcmp(call->word[0], "hand-over") == 0;

	if (is_begin && call->n == 3)
		return begin(call, true);
	if (is_begin && call->n == 4 && strcmp(call->word[3], "--no-wait") == 0)
		return begin(call, false);
	if (!is_begin && call->n == 2)
		return look(call, strcmp(call->word[0], "hand-over-abort") == 0);
	return tool_wrong_usage(usage);
}
