/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card - one 80-column line of a FITS header (FITS standard 4.0, section 4.1 and 4.2).
 *
 * A card is read where it lies: `struct card` points into the 80 bytes it came from.
 * Reading never fails; a card whose value does not follow the standard is CARD_OTHER and
 * gives no number or text. Writing appends whole cards to a str, numbers in fixed format.
 * Thread: any; these are values.
 */
#ifndef QUARTET_FITS_CARD_H
#define QUARTET_FITS_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

enum {
	FITS_BLOCK = 2880, /* headers and data are padded to whole blocks */
	CARD_SIZE = 80,
	CARD_TEXT_MAX = 68, /* characters of a string value */
};

enum card_type {
	CARD_COMMENTARY, /* COMMENT, HISTORY, HIERARCH, CONTINUE, END, blank */
	CARD_STRING,
	CARD_LOGICAL,
	CARD_INTEGER,
	CARD_REAL,
	CARD_OTHER, /* undefined, complex, or malformed */
};

struct card {
	struct bytes key; /* without trailing blanks */
	enum card_type type;
	struct bytes value; /* as written; a string with its quotes */
	struct bytes
	    comment; /* from its '/' on, without trailing blanks; empty if none */
};

/* `text` has CARD_SIZE bytes. */
struct card card_read(const char *text);

/* Columns 1 to 8 alone; cheaper than card_read. */
struct bytes card_key(const char *text);

/* False if the card has another type of value, or one out of range. */
bool card_integer(const struct card *c, int64_t *out);
bool card_logical(const struct card *c, bool *out);
/* A finite real or integer. */
bool card_real(const struct card *c, double *out);
/* Without quotes and trailing blanks. */
bool card_string(const struct card *c, char out[CARD_TEXT_MAX + 1]);

/* `text` padded with blanks to one card; what does not fit is cut. */
void card_put(struct str *to, struct bytes text);
/* `comment` begins with its '/' or is empty. */
void card_put_logical(struct str *to, struct bytes key, bool v, struct bytes comment);
void card_put_integer(struct str *to, struct bytes key, int64_t v, struct bytes comment);
/* `text` without quotes inside. */
void card_put_string(
    struct str *to, struct bytes key, const char *text, struct bytes comment);
/* In the fewest digits, 15 or 17, that read back as `v`. */
void card_put_real(struct str *to, struct bytes key, double v, struct bytes comment);

/* Blanks up to the next block. */
void card_pad(struct str *to);

/* `n` rounded up to whole blocks; n must be at most INT64_MAX. */
static inline uint64_t
fits_padded(uint64_t n)
{
	return (n + FITS_BLOCK - 1) / FITS_BLOCK * FITS_BLOCK;
}

#endif
