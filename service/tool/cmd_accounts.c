/* SPDX-License-Identifier: Apache-2.0 */
/* quartet user, quartet group, quartet quota. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/tool/tool.h"

#define USERS  "/admin/users"
#define GROUPS "/admin/groups"

enum { FIELDS_MAX = 64 };

static const char user_usage[] =
    "user list | show NAME | add NAME [--dn DN]... [--home] | "
    "dn-add NAME DN | dn-remove NAME DN | password NAME | "
    "describe NAME DISPLAY-NAME [E-MAIL] | home NAME | "
    "enable NAME | disable NAME | token NAME [DAYS] | "
    "revoke NAME | hand-over NAME TO [--no-wait] | hand-over-show JOB | "
    "hand-over-abort JOB";
static const char group_usage[] = "group list | show NAME | create NAME [OWNER] | remove "
				  "NAME | add NAME MEMBER... | drop "
				  "NAME MEMBER...";
static const char quota_usage[] = "quota PATH [BYTES | none]";

static bool
is(const struct tool_call *call, int at, const char *word)
{
	return at < call->n && strcmp(call->word[at], word) == 0;
}

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static void
print_list(json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		(void)printf("    %s\n", text == NULL ? "?" : text);
	}
}

static void
print_user(json_t *user)
{
	const char *display = text_of(user, "display"), *email = text_of(user, "email");

	(void)printf("%s (%s)", text_of(user, "name"), text_of(user, "state"));
	if (*display != '\0')
		(void)printf(" %s", display);
	if (*email != '\0')
		(void)printf(" <%s>", email);
	(void)printf("\n");
	print_list(json_object_get(user, "dns"));
}

static void
print_group(json_t *group)
{
	(void)printf(
	    "%s, owned by %s\n", text_of(group, "name"), text_of(group, "owner"));
	print_list(json_object_get(group, "members"));
}

/* Ask at `path`, or post fields there, and print each object of the answer. */
static int
ask_and_print(const struct tool_call *call, const char *path,
    const struct tool_field *fields, int n, void (*print)(json_t *object))
{
	struct tool_answer answer;
	json_error_t error;
	json_t *root, *object;
	size_t i;
	int status = tool_ask_or_fail(call, path, fields, n, &answer);

	if (status != 0)
		return status;
	root = json_loads(answer.text, 0, &error);
	if (call->json)
		(void)puts(answer.text);
	else if (json_is_array(root))
		json_array_foreach(root, i, object) print(object);
	else if (root != NULL)
		print(root);
	json_decref(root);
	tool_answer_release(&answer);
	return 0;
}

static int
show(const struct tool_call *call, const char *path, void (*print)(json_t *object))
{
	return ask_and_print(call, path, NULL, 0, print);
}

static int
show_named(
    const struct tool_call *call, const char *prefix, void (*print)(json_t *object))
{
	char *path = tool_path(prefix, call->word[1]);
	int status = show(call, path, print);

	free(path);
	return status;
}

static int
do_named(const struct tool_call *call, const char *prefix,
    const struct tool_field *fields, int n)
{
	char *path = tool_path(prefix, call->word[1]);
	int status = tool_do(call, path, fields, n);

	free(path);
	return status;
}

static int
user_add(const struct tool_call *call)
{
	struct tool_field fields[FIELDS_MAX] = {{"name", call->word[1]}};
	int n = 1;

	for (int i = 2; i < call->n; i++) {
		if (n == FIELDS_MAX)
			return tool_wrong_usage(user_usage);
		if (is(call, i, "--home"))
			fields[n++] = (struct tool_field){"home", "yes"};
		else if (is(call, i, "--dn") && i + 1 < call->n)
			fields[n++] = (struct tool_field){"dn", call->word[++i]};
		else
			return tool_wrong_usage(user_usage);
	}
	return tool_do(call, USERS, fields, n);
}

static int
user_set(const struct tool_call *call, const char *field, const char *value)
{
	return do_named(call, USERS "/", &(struct tool_field){field, value}, 1);
}

static int
user_describe(const struct tool_call *call)
{
	struct tool_field fields[] = {
	    {"display", call->word[2]}, {"email", call->n == 4 ? call->word[3] : ""}};

	return do_named(call, USERS "/", fields, call->n == 4 ? 2 : 1);
}

/* The one time its text is told. */
static void
print_token(json_t *user)
{
	(void)puts(text_of(user, "token"));
}

static int
user_token(const struct tool_call *call)
{
	struct tool_field fields[] = {{"token", "made by the operator"},
	    {"days", call->n == 3 ? call->word[2] : ""}};
	char *path = tool_path(USERS "/", call->word[1]);
	int status = ask_and_print(call, path, fields, call->n == 3 ? 2 : 1, print_token);

	free(path);
	return status;
}

/* From standard input, so that it is in no list of processes. */
static int
user_password(const struct tool_call *call)
{
	char line[1100];
	struct tool_field field = {"password", line};

	if (fgets(line, sizeof line, stdin) == NULL) {
		(void)fprintf(
		    stderr, "quartet: the password is read from standard input\n");
		return 1;
	}
	line[strcspn(line, "\n")] = '\0';
	return do_named(call, USERS "/", &field, 1);
}

int
cmd_user(const struct tool_call *call)
{
	if (is(call, 0, "list") && call->n == 1)
		return show(call, USERS, print_user);
	if (call->n < 2)
		return tool_wrong_usage(user_usage);
	if (is(call, 0, "show") && call->n == 2)
		return show_named(call, USERS "/", print_user);
	if (is(call, 0, "add"))
		return user_add(call);
	if (is(call, 0, "hand-over") || is(call, 0, "hand-over-show") ||
	    is(call, 0, "hand-over-abort"))
		return tool_hand_over(call);
	if ((is(call, 0, "dn-add") || is(call, 0, "dn-remove")) && call->n == 3)
		return do_named(call, USERS "/",
		    &(struct tool_field){call->word[0], call->word[2]}, 1);
	if (is(call, 0, "password") && call->n == 2)
		return user_password(call);
	if (is(call, 0, "describe") && (call->n == 3 || call->n == 4))
		return user_describe(call);
	if (is(call, 0, "home") && call->n == 2)
		return user_set(call, "home", "yes");
	if (is(call, 0, "token") && call->n <= 3)
		return user_token(call);
	if (is(call, 0, "revoke") && call->n == 2)
		return user_set(call, "revoke", "yes");
	if (is(call, 0, "enable") && call->n == 2)
		return user_set(call, "state", "active");
	if (is(call, 0, "disable") && call->n == 2)
		return user_set(call, "state", "disabled");
	return tool_wrong_usage(user_usage);
}

static int
group_members(const struct tool_call *call)
{
	struct tool_field fields[FIELDS_MAX];
	int n = 0;

	for (int i = 2; i < call->n && n < FIELDS_MAX; i++)
		fields[n++] = (struct tool_field){call->word[0], call->word[i]};
	return n == 0 ? tool_wrong_usage(group_usage)
		      : do_named(call, GROUPS "/", fields, n);
}

int
cmd_group(const struct tool_call *call)
{
	if (is(call, 0, "list") && call->n == 1)
		return show(call, GROUPS, print_group);
	if (call->n < 2)
		return tool_wrong_usage(group_usage);
	if (is(call, 0, "show") && call->n == 2)
		return show_named(call, GROUPS "/", print_group);
	if (is(call, 0, "create") && call->n <= 3)
		return tool_do(call, GROUPS,
		    (struct tool_field[]){{"name", call->word[1]},
			{"owner", call->n == 3 ? call->word[2] : ""}},
		    call->n == 3 ? 2 : 1);
	if (is(call, 0, "remove") && call->n == 2)
		return do_named(
		    call, GROUPS "/", &(struct tool_field){"remove", "yes"}, 1);
	if (is(call, 0, "add") || is(call, 0, "drop"))
		return group_members(call);
	return tool_wrong_usage(group_usage);
}

static void
print_quota(json_t *q)
{
	json_t *quota = json_object_get(q, "quota");

	(void)printf("%" JSON_INTEGER_FORMAT " bytes in %" JSON_INTEGER_FORMAT " files",
	    json_integer_value(json_object_get(q, "bytes")),
	    json_integer_value(json_object_get(q, "files")));
	if (json_is_integer(quota))
		(void)printf(
		    ", quota %" JSON_INTEGER_FORMAT "\n", json_integer_value(quota));
	else
		(void)puts(", no quota");
}

int
cmd_quota(const struct tool_call *call)
{
	char *path;
	int status;

	if (call->n == 2)
		return tool_do(call, "/admin/quota",
		    (struct tool_field[]){
			{"path", call->word[0]}, {"bytes", call->word[1]}},
		    2);
	if (call->n != 1)
		return tool_wrong_usage(quota_usage);
	path = tool_path("/admin/quota?path=", call->word[0]);
	status = show(call, path, print_quota);
	free(path);
	return status;
}
