/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - the error table and the detail that travels with a failure.
 *
 * A function that can fail returns `enum err`. What exactly was wrong goes into a
 * `struct errinfo` the caller owns; passing NULL means the caller does not care. The
 * lower layer explains, the top decides; nothing below service/reply.c knows HTTP.
 *
 * Thread: any. Memory: an errinfo holds its text by value and owns nothing.
 */
#ifndef QUARTET_CORE_ERR_H
#define QUARTET_CORE_ERR_H

#include <stddef.h>

enum err {
	ERR_OK = 0,
#define ERR(code, http, fault, text) code,
#include "service/core/err.def"
#undef ERR
	ERR_COUNT
};

/* Every function that returns an `enum err` is declared with this. */
#define ERR_CHECKED __attribute__((warn_unused_result))

enum { ERRINFO_TEXT_SIZE = 400 };

struct errinfo {
	enum err code;
	int sys; /* errno, 0 when none */
	char text[ERRINFO_TEXT_SIZE];
};

/* The VOSpace fault word of a code, and its default text. Never NULL. */
const char *err_fault(enum err code);
const char *err_text(enum err code);

/* The code whose fault word is `word`, compared exactly; ERR_OK if there is none. */
enum err err_from_fault(const char *word);

/* HTTP status of the table. For service/reply.c only. */
int err_http_status(enum err code);

/*
 * Fill `why` (may be NULL) and return `code`, so that a failing line reads
 * `return errinfo_set(why, ERR_X, "...")`. Too long a text is cut.
 */
enum err errinfo_set(struct errinfo *why, enum err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(sys)>" appended and `sys` remembered. */
enum err errinfo_sys(struct errinfo *why, enum err code, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The text of `why`, or the default text of its code when it has none. */
const char *errinfo_text(const struct errinfo *why);

#endif
