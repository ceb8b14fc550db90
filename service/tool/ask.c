/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the running server: HTTP over its Unix socket, by libcurl.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/encode.h"
#include "service/core/str.h"
#include "service/tool/tool.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, TIMEOUT_S = 60, FORM_MAX = 64 * 1024 };

static size_t
receive(char *p, size_t size, size_t n, void *arg)
{
	struct str *text = arg;

	str_add(text, (struct bytes){p, size * n});
	return str_failed(text) ? 0 : size * n;
}

static void
encode_form(struct str *form, const struct tool_field *fields, int n)
{
	str_init(form, FORM_MAX);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			str_addc(form, '&');
		pct_encode(form, bytes_of(fields[i].name), "");
		str_addc(form, '=');
		pct_encode(form, bytes_of(fields[i].value), "");
	}
}

static void
fail(struct tool_answer *out, const char *text)
{
	out->status = 0;
	out->text = strdup(text);
	CHECK(out->text != NULL);
	out->n = strlen(text);
}

static CURLcode
perform(CURL *curl, const struct settings *settings, const char *url, const char *form,
    long timeout_s, struct str *text)
{
	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, settings->admin_socket);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (form != NULL)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
	return curl_easy_perform(curl);
}

/* timeout_s 0: none. */
static bool
ask(const struct settings *settings, const char *path, const struct tool_field *fields,
    int n_fields, long timeout_s, struct tool_answer *out)
{
	CURL *curl = curl_easy_init();
	struct str text, form, url;
	CURLcode code;

	*out = (struct tool_answer){.status = 0};
	if (curl == NULL) {
		fail(out, "out of memory");
		return false;
	}
	str_init(&text, ANSWER_MAX);
	str_init(&url, FORM_MAX);
	str_addf(&url, "http://quartet%s", path);
	encode_form(&form, fields, n_fields);
	code = perform(
	    curl, settings, url.p, n_fields > 0 ? form.p : NULL, timeout_s, &text);
	if (code == CURLE_OK) {
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
		str_addc(&text, '\0');
		out->n = text.n - 1;
		out->text = text.p;
	} else {
		str_clear(&text);
		str_addf(&text, "cannot ask the server at %s: %s", settings->admin_socket,
		    curl_easy_strerror(code));
		fail(out, text.p);
		str_release(&text);
	}
	str_release(&form);
	str_release(&url);
	curl_easy_cleanup(curl);
	return code == CURLE_OK;
}

bool
tool_ask(const struct settings *settings, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out)
{
	return ask(settings, path, fields, n_fields, TIMEOUT_S, out);
}

bool
tool_ask_within(const struct settings *settings, const char *path, long seconds,
    struct tool_answer *out)
{
	return ask(settings, path, NULL, 0, seconds, out);
}

bool
tool_ask_patiently(const struct settings *settings, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out)
{
	return ask(settings, path, fields, n_fields, 0, out);
}

void
tool_answer_release(struct tool_answer *a)
{
	free(a->text);
	*a = (struct tool_answer){.status = 0};
}

int
tool_ask_or_fail(const struct tool_call *call, const char *path,
    const struct tool_field *fields, int n_fields, struct tool_answer *out)
{
	bool asked = tool_ask(call->settings, path, fields, n_fields, out);

	if (asked && out->status >= 200 && out->status < 300)
		return 0;
	(void)fprintf(stderr, "quartet: %s\n", out->text);
	tool_answer_release(out);
	return asked ? 1 : TOOL_UNKNOWN;
}

int
tool_do(const struct tool_call *call, const char *path, const struct tool_field *fields,
    int n_fields)
{
	struct tool_answer answer;
	int status = tool_ask_or_fail(call, path, fields, n_fields, &answer);

	if (status == 0)
		tool_answer_release(&answer);
	return status;
}

bool
tool_server_runs(const struct settings *settings)
{
	struct tool_answer answer;
	bool runs = tool_ask(settings, "/admin/health", NULL, 0, &answer);

	tool_answer_release(&answer);
	return runs;
}

void
tool_checker(const struct tool_call *call, const char *checker[META_COPY_ARGUMENTS_MAX])
{
	checker[0] = "/proc/self/exe";
	checker[1] = "-c";
	checker[2] = call->config;
	checker[3] = "check-copy";
	checker[4] = NULL;
}

char *
tool_path(const char *prefix, const char *name)
{
	struct str path;

	str_init(&path, FORM_MAX);
	str_adds(&path, prefix);
	pct_encode(&path, bytes_of(name), "");
	CHECK(!str_failed(&path));
	return path.p;
}
