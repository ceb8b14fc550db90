/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - what the server tells its operator: messages, and one line per request.
 *
 * Lines are collected in memory and written by a thread of the log's own, so that a slow
 * disk never stops a loop; when it falls too far behind, lines are dropped and counted.
 * Messages go to stderr (the journal), access lines to a file of their own or along with
 * the messages, audit lines to a file of their own or nowhere. Lower layers do not log: they return errinfo.
 *
 * Order: log_open once at start (before it, messages go straight to stderr) -> log_*
 * from any thread -> log_reopen after rotation -> log_close.
 * No secrets: callers never pass tokens, passwords, keys or bodies.
 */
#ifndef QUARTET_CORE_LOG_H
#define QUARTET_CORE_LOG_H

#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `access_path` NULL: access lines go to stderr too. `audit_path` NULL: none are kept. */
enum err log_open(enum log_level level, const char *access_path, const char *audit_path,
    struct errinfo *why) ERR_CHECKED;
/* Every line logged before is in the file that was open, every later one in the new. */
void log_reopen(void);
/* Write out what is collected. */
void log_close(void);

/* One line: time, level, text. A newline inside is written as a blank. */
void log_message(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* One access line, without its newline; the time is put in front. */
void log_access(struct bytes line);

/* One line of the audit log, without its newline, written as it is. */
bool log_has_audit(void);
void log_audit(struct bytes line);

/* key="value" for client text: quotes, backslashes and control bytes escaped. */
void log_quote(struct str *s, const char *key, struct bytes value);

#endif
