/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/core/check.h"

struct row {
	int http;
	const char *fault;
	const char *text;
};

static const struct row rows[ERR_COUNT] = {
    [ERR_OK] = {200, "", "ok"},
#define ERR(code, http, fault, text) [code] = {http, fault, text},
#include "service/core/err.def"
#undef ERR
};

static const struct row *
row_of(enum err code)
{
	CHECK(code < ERR_COUNT);
	return &rows[code];
}

const char *
err_fault(enum err code)
{
	return row_of(code)->fault;
}

const char *
err_text(enum err code)
{
	return row_of(code)->text;
}

int
err_http_status(enum err code)
{
	return row_of(code)->http;
}

enum err
err_from_fault(const char *word)
{
	for (enum err code = ERR_OK + 1; code < ERR_COUNT; code++)
		if (strcmp(rows[code].fault, word) == 0)
			return code;
	return ERR_OK;
}

enum err
errinfo_set(struct errinfo *why, enum err code, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return code;
	why->code = code;
	why->sys = 0;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof why->text, fmt, ap); /* cut is fine */
	va_end(ap);
	return code;
}

enum err
errinfo_sys(struct errinfo *why, enum err code, int sys, const char *fmt, ...)
{
	char reason[64];
	size_t used;
	va_list ap;

	if (why == NULL)
		return code;
	why->code = code;
	why->sys = sys;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	used = strlen(why->text);
	(void)snprintf(why->text + used, sizeof why->text - used, ": %s",
	    strerror_r(sys, reason, sizeof reason));
	return code;
}

const char *
errinfo_text(const struct errinfo *why)
{
	return why->text[0] != '\0' ? why->text : err_text(why->code);
}
