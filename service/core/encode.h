/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode - bytes as text and back: hex, base64 (RFC 4648), percent-encoding (RFC 3986).
 *
 * Decoders are strict: wrong characters, lengths or stray bits are refused, so that one
 * value has one spelling. Thread: any.
 */
#ifndef QUARTET_CORE_ENCODE_H
#define QUARTET_CORE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/str.h"

/* Lower-case; `out` takes 2n characters and a NUL. */
void hex_encode(const uint8_t *p, size_t n, char *out);
/* Either case; exactly 2n digits. */
bool hex_decode(struct bytes text, uint8_t *out, size_t n);

/* Room for n encoded bytes and a NUL. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* RFC 4648 section 4, padded. */
void base64_encode(const uint8_t *p, size_t n, char *out);
/* Padded; exactly `n` bytes must come out. */
bool base64_decode(struct bytes text, uint8_t *out, size_t n);

/* RFC 4648 section 5 (URL-safe), no padding. */
void base64url_encode(const uint8_t *p, size_t n, char *out);
/* At most `room` bytes; unused bits must be zero. */
bool base64url_decode(struct bytes text, uint8_t *out, size_t room, size_t *n_out);

/*
 * Append `b` with everything but unreserved characters escaped (RFC 3986 2.3), plus those
 * of `also` left as they are: "/" keeps a path's separators.
 */
void pct_encode(struct str *s, struct bytes b, const char *also);

/*
 * Decode %XX into the arena. With `plus_is_blank` a '+' becomes a blank (query and form
 * values). False: a broken escape, or no memory (then out->p is NULL).
 */
bool pct_decode(struct arena *a, struct bytes b, bool plus_is_blank, struct bytes *out);

/* True if `b` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(struct bytes b);

/* Bytes of the well-formed UTF-8 sequence that `b` begins with, 0 if there is none. */
size_t utf8_sequence(struct bytes b);

#endif
