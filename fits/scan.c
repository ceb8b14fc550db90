/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/scan.h"

#include <stdlib.h>

#include "service/core/check.h"

/* How the first card of an HDU begins. */
static const struct bytes primary_start = {"SIMPLE  =", 9};
static const struct bytes extension_start = {"XTENSION=", 9};
static const struct bytes gzip_start = {"\x1f\x8b", 2};

enum err
scan_init(struct scan *s, uint64_t file_bytes, uint64_t header_max, uint64_t hdus_max,
    struct errinfo *why)
{
	*s = (struct scan){.file_bytes = file_bytes, .hdus_max = hdus_max};
	str_init(&s->cards, (size_t)header_max);
	s->window = malloc(SCAN_WINDOW);
	if (s->window == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to read FITS headers");
	return ERR_OK;
}

void
scan_release(struct scan *s)
{
	free(s->window);
	s->window = NULL;
	str_release(&s->cards);
}

uint8_t *
scan_room(struct scan *s)
{
	return s->window;
}

void
scan_fed(struct scan *s)
{
	s->window_at = s->want_at;
	s->window_n = s->want_n;
}

static enum scan_result
damaged(struct errinfo *why, const struct scan *s, const char *what)
{
	(void)errinfo_set(
	    why, ERR_FITS_DAMAGED, "damaged FITS file: HDU %u: %s", s->n_hdus, what);
	return SCAN_FAILED;
}

/* What the window holds from `at` on; empty if nothing. */
static struct bytes
seen_from(const struct scan *s, uint64_t at)
{
	if (at < s->window_at || at >= s->window_at + s->window_n)
		return (struct bytes){NULL, 0};
	return bytes_skip((struct bytes){(const char *)s->window, s->window_n},
	    (size_t)(at - s->window_at));
}

/* At the start of an HDU: SCAN_HDU if one is there. */
static enum scan_result
look_at_start(const struct scan *s, struct bytes seen, struct errinfo *why)
{
	if (s->n_hdus > 0)
		return bytes_starts(seen, extension_start) ? SCAN_HDU : SCAN_END;
	if (bytes_starts(seen, primary_start))
		return SCAN_HDU;
	(void)errinfo_set(why, ERR_NOT_FITS, "not a FITS file%s",
	    bytes_starts(seen, gzip_start) ? ": it is compressed with gzip" : "");
	return SCAN_FAILED;
}

/* Moves whole blocks from `seen` to the header; true when its END card was among them. */
static bool
take_blocks(struct scan *s, struct bytes seen)
{
	for (; seen.n >= FITS_BLOCK && !str_failed(&s->cards);
	     seen = bytes_skip(seen, FITS_BLOCK)) {
		for (size_t at = 0; at < FITS_BLOCK; at += CARD_SIZE) {
			if (!bytes_is(card_key(seen.p + at), "END"))
				continue;
			str_add(&s->cards, (struct bytes){seen.p, at + CARD_SIZE});
			return true;
		}
		str_add(&s->cards, (struct bytes){seen.p, FITS_BLOCK});
	}
	return false;
}

static enum scan_result
ask(struct scan *s, uint64_t at)
{
	uint64_t left = s->file_bytes - at;

	s->want_at = at;
	s->want_n = left < SCAN_WINDOW ? (size_t)left : SCAN_WINDOW;
	return SCAN_READ;
}

/* The header is whole: read it and get ready for the one behind its data. */
static enum scan_result
take_hdu(struct scan *s, struct hdu *out, struct errinfo *why)
{
	struct bytes end = str_bytes(&s->cards);

	end = bytes_trim(bytes_skip(end, end.n - CARD_SIZE));
	if (!bytes_is(end, "END"))
		return damaged(why, s, "END is not alone on its card");
	if (header_read(str_bytes(&s->cards), s->n_hdus, s->header_at, &s->hdu, why) !=
	    ERR_OK)
		return SCAN_FAILED;
	s->begun = false;
	s->n_hdus++;
	s->header_at = hdu_end(&s->hdu);
	*out = s->hdu;
	return SCAN_HDU;
}

/* Whether to look for one more HDU: SCAN_HDU if so. */
static enum scan_result
begin(struct scan *s, struct errinfo *why)
{
	if (s->n_hdus > 0 && s->hdu.data_at + s->hdu.data_bytes > s->file_bytes) {
		(void)errinfo_set(why, ERR_FITS_DAMAGED,
		    "damaged FITS file: the data of HDU %u end beyond the file's end",
		    s->hdu.index);
		return SCAN_FAILED;
	}
	if (s->n_hdus > 0 && s->header_at + extension_start.n > s->file_bytes)
		return SCAN_END;
	if (s->n_hdus >= s->hdus_max) {
		(void)errinfo_set(why, ERR_TOO_LARGE, "the file has more than %llu HDUs",
		    (unsigned long long)s->hdus_max);
		return SCAN_FAILED;
	}
	str_clear(&s->cards);
	s->begun = true;
	return SCAN_HDU;
}

/* The header did not end within the blocks seen so far. */
static enum scan_result
go_on(struct scan *s, struct errinfo *why)
{
	uint64_t at = s->header_at + s->cards.n;

	if (s->cards.n + FITS_BLOCK > s->cards.limit_bytes)
		return damaged(why, s, "the header is too large or has no END card");
	if (str_failed(&s->cards)) {
		(void)errinfo_set(why, ERR_NO_MEMORY, "no memory for a FITS header");
		return SCAN_FAILED;
	}
	if (at + FITS_BLOCK > s->file_bytes)
		return damaged(why, s, "the file ends before the END card of the header");
	return ask(s, at);
}

enum scan_result
scan_next(struct scan *s, struct hdu *out, struct errinfo *why)
{
	enum scan_result r;
	struct bytes seen;
	uint64_t at;

	if (!s->begun) {
		r = begin(s, why);
		if (r != SCAN_HDU)
			return r;
	}
	at = s->header_at + s->cards.n;
	seen = seen_from(s, at);
	if (seen.n == 0 && at < s->file_bytes)
		return ask(s, at);
	if (s->cards.n == 0) {
		r = look_at_start(s, seen, why);
		if (r != SCAN_HDU)
			return r;
	}
	return take_blocks(s, seen) ? take_hdu(s, out, why) : go_on(s, why);
}
