/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/header.h"

#include <stdio.h>

/* Cards 1 to 3 are SIMPLE or XTENSION, BITPIX, NAXIS; then come NAXIS1, NAXIS2, ... */
enum { BITPIX_CARD = 1, NAXIS_CARD = 2, FIRST_AXIS_CARD = 3 };

/* A header while it is read, and what is only needed to size its data. */
struct parse {
	struct bytes cards;
	struct errinfo *why;
	struct hdu *hdu;
	int64_t pcount, gcount;
	bool groups, compressed;
};

static enum err
damaged(const struct parse *p, const char *key, const char *what)
{
	(void)errinfo_set(p->why, ERR_FITS_DAMAGED, "damaged FITS file: HDU %u: %s %s",
	    p->hdu->index, key, what);
	return ERR_FITS_DAMAGED;
}

/* The integer of the card at `place`, which must be `key` and between lo and hi. */
static enum err
mandatory(const struct parse *p, size_t place, const char *key, int64_t lo, int64_t hi,
    int64_t *out)
{
	struct card c;

	if ((place + 1) * CARD_SIZE > p->cards.n)
		return damaged(p, key, "is missing");
	c = card_read(p->cards.p + place * CARD_SIZE);
	if (!bytes_is(c.key, key))
		return damaged(p, key, "is missing or not at its place");
	if (!card_integer(&c, out))
		return damaged(p, key, "is not an integer");
	if (*out < lo || *out > hi)
		return damaged(p, key, "is out of range");
	return ERR_OK;
}

/* What the first card makes of the HDU. */
static enum err
read_first(struct parse *p)
{
	static const struct {
		const char *name;
		enum hdu_kind kind;
	} kinds[] = {{"IMAGE", HDU_IMAGE}, {"IUEIMAGE", HDU_IMAGE}, {"TABLE", HDU_TABLE},
	    {"BINTABLE", HDU_BINTABLE}, {"A3DTABLE", HDU_BINTABLE}};
	char name[CARD_TEXT_MAX + 1];
	struct card c = card_read(p->cards.p);
	bool simple;

	if (p->hdu->index == 0) {
		p->hdu->kind = HDU_IMAGE;
		if (!bytes_is(c.key, "SIMPLE") || !card_logical(&c, &simple))
			return damaged(p, "SIMPLE", "is not a logical value");
		return ERR_OK;
	}
	if (!bytes_is(c.key, "XTENSION") || !card_string(&c, name))
		return damaged(p, "XTENSION", "is not a string");
	p->hdu->kind = HDU_OTHER;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (bytes_is(bytes_of(name), kinds[i].name))
			p->hdu->kind = kinds[i].kind;
	return ERR_OK;
}

static enum err
read_shape(struct parse *p)
{
	struct hdu *hdu = p->hdu;
	int64_t v;
	enum err e = mandatory(p, BITPIX_CARD, "BITPIX", -64, 64, &v);

	if (e != ERR_OK)
		return e;
	if (v != 8 && v != 16 && v != 32 && v != 64 && v != -32 && v != -64)
		return damaged(p, "BITPIX", "is none of 8, 16, 32, 64, -32, -64");
	hdu->element_bytes = (unsigned)((v < 0 ? -v : v) / 8);
	e = mandatory(p, NAXIS_CARD, "NAXIS", 0, AXES_MAX, &v);
	hdu->naxis = e == ERR_OK ? (unsigned)v : 0;
	for (unsigned i = 0; i < hdu->naxis && e == ERR_OK; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "NAXIS%u", i + 1);
		e = mandatory(p, FIRST_AXIS_CARD + i, key, 0, INT64_MAX, &v);
		hdu->axis[i] = (uint64_t)v;
	}
	return e;
}

static bool
is_axis_key(const struct hdu *hdu, struct bytes key)
{
	uint64_t n;

	return bytes_starts(key, BYTES("NAXIS")) && bytes_u64(bytes_skip(key, 5), &n) &&
	       n >= 1 && n <= hdu->naxis;
}

static enum err
read_count(const struct parse *p, const struct card *c, const char *key, int64_t lo,
    int64_t *out)
{
	if (!card_integer(c, out))
		return damaged(p, key, "is not an integer");
	return *out < lo ? damaged(p, key, "is out of range") : ERR_OK;
}

/* One of the cards behind the mandatory ones. A repeated name keeps its first value. */
static enum err
read_other(struct parse *p, const char *text)
{
	struct hdu *hdu = p->hdu;
	struct bytes key = card_key(text);
	struct card c;
	int64_t v;

	if (bytes_is(key, "BITPIX") || bytes_is(key, "NAXIS") || is_axis_key(hdu, key)) {
		char name[16];

		(void)snprintf(name, sizeof name, "%.*s", BYTES_ARG(key));
		return damaged(p, name, "occurs twice");
	}
	c = card_read(text);
	if (bytes_is(key, "PCOUNT"))
		return read_count(p, &c, "PCOUNT", 0, &p->pcount);
	if (bytes_is(key, "GCOUNT"))
		return read_count(p, &c, "GCOUNT", 1, &p->gcount);
	if (bytes_is(key, "GROUPS"))
		(void)card_logical(&c, &p->groups);
	else if (bytes_is(key, "ZIMAGE"))
		(void)card_logical(&c, &p->compressed);
	else if (bytes_is(key, "EXTNAME") && hdu->name[0] == '\0')
		(void)card_string(&c, hdu->name);
	else if (bytes_is(key, "HDUNAME") && hdu->hdu_name[0] == '\0')
		(void)card_string(&c, hdu->hdu_name);
	else if (bytes_is(key, "EXTVER") && card_integer(&c, &v) && v > 0)
		hdu->version = (uint64_t)v;
	return ERR_OK;
}

/* |BITPIX| / 8 * GCOUNT * (PCOUNT + product of the axes); without axes no data. */
static bool
size_data(const struct parse *p, uint64_t *out)
{
	const struct hdu *hdu = p->hdu;
	uint64_t pixels = 1, bytes, end;

	*out = 0;
	if (hdu->naxis == 0)
		return true;
	for (unsigned i = hdu->kind == HDU_GROUPS; i < hdu->naxis; i++)
		if (__builtin_mul_overflow(pixels, hdu->axis[i], &pixels))
			return false;
	if (__builtin_add_overflow(pixels, (uint64_t)p->pcount, &bytes) ||
	    __builtin_mul_overflow(bytes, (uint64_t)p->gcount, &bytes) ||
	    __builtin_mul_overflow(bytes, (uint64_t)hdu->element_bytes, &bytes) ||
	    __builtin_add_overflow(bytes, hdu->data_at + FITS_BLOCK, &end))
		return false;
	*out = bytes;
	return end <= INT64_MAX;
}

/* The kind, as far as it depends on more than the first card. */
static void
settle_kind(struct parse *p)
{
	struct hdu *hdu = p->hdu;

	if (hdu->index == 0 && p->groups && hdu->naxis > 0 && hdu->axis[0] == 0)
		hdu->kind = HDU_GROUPS;
	else if (hdu->kind == HDU_IMAGE && (p->pcount != 0 || p->gcount != 1))
		hdu->kind = HDU_OTHER;
	else if (hdu->kind == HDU_BINTABLE && p->compressed)
		hdu->kind = HDU_COMPRESSED;
}

enum err
header_read(struct bytes cards, unsigned index, uint64_t header_at, struct hdu *out,
    struct errinfo *why)
{
	struct hdu hdu = {.index = index,
	    .version = 1,
	    .header_at = header_at,
	    .data_at = header_at + fits_padded(cards.n)};
	struct parse p = {.cards = cards, .why = why, .hdu = &hdu, .gcount = 1};
	enum err e = read_first(&p);

	if (e == ERR_OK)
		e = read_shape(&p);
	for (size_t at = (size_t)(FIRST_AXIS_CARD + hdu.naxis) * CARD_SIZE;
	     at < cards.n && e == ERR_OK; at += CARD_SIZE)
		e = read_other(&p, cards.p + at);
	if (e != ERR_OK)
		return e;
	settle_kind(&p);
	if (!size_data(&p, &hdu.data_bytes))
		return damaged(
		    &p, "NAXISn, PCOUNT, GCOUNT", "overflow the size of a file");
	*out = hdu;
	return ERR_OK;
}
