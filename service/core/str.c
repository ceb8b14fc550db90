/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/core/check.h"

/* No room beyond it, so that sizes can be added and doubled. */
#define ROOM_MAX (SIZE_MAX / 4)

void
str_init(struct str *s, size_t limit_bytes)
{
	*s = (struct str){.limit_bytes = limit_bytes < ROOM_MAX ? limit_bytes : ROOM_MAX};
}

void
str_clear(struct str *s)
{
	s->n = 0;
	s->failed = false;
	if (s->p != NULL)
		s->p[0] = '\0';
}

void
str_cut(struct str *s, size_t n)
{
	CHECK(n <= s->n);
	s->n = n;
	if (s->p != NULL)
		s->p[n] = '\0';
}

void
str_release(struct str *s)
{
	free(s->p);
	str_init(s, 0);
}

char *
str_reserve(struct str *s, size_t n)
{
	size_t room;
	char *p;

	if (s->failed || n > s->limit_bytes || s->n > s->limit_bytes - n) {
		s->failed = true;
		return NULL;
	}
	if (s->p != NULL && s->n + n + 1 <= s->room)
		return s->p + s->n;
	room = s->room < 256 ? 256 : s->room * 2;
	while (room < s->n + n + 1)
		room *= 2;
	p = realloc(s->p, room);
	if (p == NULL) {
		s->failed = true;
		return NULL;
	}
	p[s->n] = '\0';
	s->p = p;
	s->room = room;
	return p + s->n;
}

void
str_grow(struct str *s, size_t n)
{
	CHECK(s->n + n < s->room);
	s->n += n;
	s->p[s->n] = '\0';
}

void
str_add(struct str *s, struct bytes b)
{
	char *at = str_reserve(s, b.n);

	if (at == NULL)
		return;
	if (b.n > 0)
		(void)memcpy(at, b.p, b.n);
	str_grow(s, b.n);
}

void
str_adds(struct str *s, const char *text)
{
	str_add(s, bytes_of(text));
}

void
str_addc(struct str *s, char c)
{
	str_add(s, (struct bytes){&c, 1});
}

void
str_addu(struct str *s, uint64_t number)
{
	char digits[20];
	size_t i = sizeof digits;

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	str_add(s, (struct bytes){digits + i, sizeof digits - i});
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	char *at;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	at = n < 0 ? NULL : str_reserve(s, (size_t)n);
	if (at == NULL) {
		s->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	str_grow(s, (size_t)n);
}
