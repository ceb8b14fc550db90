/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes - a borrowed run of bytes: pointer and length, not NUL-terminated.
 *
 * Parsed text is passed around as `struct bytes` pointing into whoever owns it (an arena,
 * a request head, a constant). Thread: any; these are values.
 */
#ifndef QUARTET_CORE_BYTES_H
#define QUARTET_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const char *p;
	size_t n;
};

/* A string literal; the zeroed value means "absent" (p == NULL), which is also empty. */
#define BYTES(literal) ((struct bytes){("" literal), sizeof(literal) - 1})
/* For printf: "%.*s" takes BYTES_ARG(b). */
#define BYTES_ARG(b) (int)(b).n, (b).p

static inline struct bytes
bytes_of(const char *s)
{
	return (struct bytes){s, s != NULL ? strlen(s) : 0};
}

static inline bool
bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
bytes_is(struct bytes a, const char *s)
{
	return bytes_eq(a, bytes_of(s));
}

/* `from` up to the end; `from` may be at most n. */
static inline struct bytes
bytes_skip(struct bytes b, size_t from)
{
	return from == 0 ? b : (struct bytes){b.p + from, b.n - from};
}

/* ASCII only: names of headers, parameters, keywords, never names of nodes. */
bool bytes_caseeq(struct bytes a, struct bytes b);

/* One character; anything but an ASCII capital is left as it is. */
char bytes_lower(char c);

/* As memcmp, a shorter prefix first. */
int bytes_cmp(struct bytes a, struct bytes b);

bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_ends(struct bytes b, struct bytes suffix);

/* Position of the first `c`, or b.n when there is none. */
size_t bytes_find(struct bytes b, char c);

/* True if `needle` occurs in `b`; case-sensitive. */
bool bytes_contains(struct bytes b, struct bytes needle);

/* Without blanks and tabs (and CR, LF) at both ends. */
struct bytes bytes_trim(struct bytes b);

/*
 * The next token of *rest separated by any character of `separators`; *rest moves on.
 * Empty tokens are skipped. False when nothing is left.
 */
bool bytes_token(struct bytes *rest, const char *separators, struct bytes *token_out);

/* Decimal digits only, no sign or blank; false on overflow, emptiness or other bytes. */
bool bytes_u64(struct bytes b, uint64_t *out);

#endif
