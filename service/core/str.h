/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - text that grows while it is written.
 *
 * Order: str_init -> str_add* -> look at str_failed once -> use p, n -> str_release.
 * Failure is sticky: after the limit or the memory is used up every further str_add is a
 * no-op, so a writer checks once at its end. Memory: the heap, owned by the struct.
 * Thread: one at a time.
 */
#ifndef QUARTET_CORE_STR_H
#define QUARTET_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"

struct str {
	char *p; /* n bytes, then a NUL; NULL while nothing was added */
	size_t n;
	size_t room;
	size_t limit_bytes;
	bool failed;
};

void str_init(struct str *s, size_t limit_bytes);
/* Empty again, keeping the memory. */
void str_clear(struct str *s);
void str_release(struct str *s);
/* Forget what is behind the first n bytes; a failure stays. */
void str_cut(struct str *s, size_t n);

void str_add(struct str *s, struct bytes b);
void str_adds(struct str *s, const char *text);
void str_addc(struct str *s, char c);
void str_addu(struct str *s, uint64_t number);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for n more bytes, to be written in place and then counted with str_grow. */
char *str_reserve(struct str *s, size_t n);
void str_grow(struct str *s, size_t n);

static inline bool
str_failed(const struct str *s)
{
	return s->failed;
}

static inline struct bytes
str_bytes(const struct str *s)
{
	return (struct bytes){s->p, s->n};
}

#endif
