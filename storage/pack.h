/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack - numbers and texts as bytes of a record, little-endian, and back.
 *
 * Writing appends to a str, whose failure is sticky. Reading moves a pack_in forward; a
 * read beyond the end sets `failed`, yields zeros and never touches memory outside, so a
 * decoder checks once at its end. Thread: any.
 */
#ifndef QUARTET_STORAGE_PACK_H
#define QUARTET_STORAGE_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

static inline void
pack_store(uint8_t *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static inline uint64_t
pack_load(const uint8_t *from, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

static inline void
pack_number(struct str *s, uint64_t v, size_t n)
{
	char *at = str_reserve(s, n);

	if (at == NULL)
		return;
	pack_store((uint8_t *)at, v, n);
	str_grow(s, n);
}

#define pack_u8(s, v)  pack_number((s), (v), 1)
#define pack_u16(s, v) pack_number((s), (v), 2)
#define pack_u32(s, v) pack_number((s), (v), 4)
#define pack_u64(s, v) pack_number((s), (v), 8)

/* Length in four bytes, then the text. */
static inline void
pack_text(struct str *s, struct bytes b)
{
	pack_u32(s, b.n);
	str_add(s, b);
}

struct pack_in {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct pack_in
pack_open(struct bytes b)
{
	const uint8_t *p = (const uint8_t *)b.p;

	return (struct pack_in){p, p + b.n, false};
}

static inline size_t
pack_left(const struct pack_in *in)
{
	return (size_t)(in->end - in->at);
}

static inline struct bytes
unpack_bytes(struct pack_in *in, size_t n)
{
	struct bytes b = {(const char *)in->at, n};

	if (n > pack_left(in)) {
		in->failed = true;
		in->at = in->end;
		return (struct bytes){"", 0};
	}
	in->at += n;
	return b;
}

static inline uint64_t
unpack_number(struct pack_in *in, size_t n)
{
	struct bytes b = unpack_bytes(in, n);

	return in->failed ? 0 : pack_load((const uint8_t *)b.p, n);
}

#define unpack_u8(in)  ((uint8_t)unpack_number((in), 1))
#define unpack_u16(in) ((uint16_t)unpack_number((in), 2))
#define unpack_u32(in) ((uint32_t)unpack_number((in), 4))
#define unpack_u64(in) unpack_number((in), 8)

static inline struct bytes
unpack_text(struct pack_in *in)
{
	return unpack_bytes(in, unpack_u32(in));
}

#endif
