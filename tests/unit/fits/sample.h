/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample - small FITS files, made card by card. The str given owns the bytes.
 */
#ifndef QUARTET_TESTS_FITS_SAMPLE_H
#define QUARTET_TESTS_FITS_SAMPLE_H

#include <string.h>

#include "fits/card.h"
#include "fits/header.h"
#include "service/core/str.h"

#define BLOCKS(n) ((uint64_t)(n)*FITS_BLOCK)

enum { SAMPLE_MAX = 64 * 1024 * 1024 };

static inline void
sample_card(struct str *s, const char *text)
{
	card_put(s, bytes_of(text));
}

static inline void
sample_int(struct str *s, const char *key, int64_t v)
{
	card_put_integer(s, bytes_of(key), v, BYTES(""));
}

static inline void
sample_end(struct str *s)
{
	sample_card(s, "END");
	card_pad(s);
}

/* Fills up the block with `c`. */
static inline void
sample_pad(struct str *s, char c)
{
	while (s->n % FITS_BLOCK != 0)
		str_addc(s, c);
}

/* The mandatory cards of an image, as primary or extension, without END. */
static inline void
sample_image(struct str *s, bool primary, int bitpix, size_t n, const int64_t *axis)
{
	sample_card(s, primary ? "SIMPLE  =                    T / a comment"
			       : "XTENSION= 'IMAGE   '           / a comment");
	sample_int(s, "BITPIX", bitpix);
	sample_int(s, "NAXIS", (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		char key[32];

		(void)snprintf(key, sizeof key, "NAXIS%zu", i + 1);
		sample_int(s, key, axis[i]);
	}
	if (!primary) {
		sample_int(s, "PCOUNT", 0);
		sample_int(s, "GCOUNT", 1);
	}
}

/* `n` bytes 0, 1, 2, ... 250, 0, 1, ... and padding. */
static inline void
sample_bytes(struct str *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addc(s, (char)(i % 251));
	sample_pad(s, '\0');
}

/* The card of `key` in `header`, NULL if there is none. */
static inline const char *
sample_find(struct bytes header, const char *key)
{
	for (size_t at = 0; at + CARD_SIZE <= header.n; at += CARD_SIZE)
		if (bytes_is(card_key(header.p + at), key))
			return header.p + at;
	return NULL;
}

#endif
