/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/coordinates.h"

#include "fits/companion.h"
#include "fits/keyword.h"

enum { DIGIT_FOLLOWS = '#' };

/*
 * How the keywords begin that wcslib may want: of WCS, SIP, TPV, TNX, distortions by
 * record, the plate solution of the DSS. '#' stands for a digit.
 */
static const char *const starts[] = {"CTYPE", "CRVAL", "CRPIX", "CDELT", "CROTA", "CUNIT",
    "CD#", "PC#", "PV#", "PS#", "PROJP#", "LONPOLE", "LATPOLE", "RADESYS", "RADECSYS",
    "EQUINOX", "EPOCH", "WCSAXES", "A_", "B_", "AP_", "BP_", "WAT#", "CPDIS#", "CPERR#",
    "CQDIS#", "CQERR#", "DP#", "DQ#", "DVERR#", "CNPIX#", "PPO#", "AMDX#", "AMDY#",
    "XPIXEL", "YPIXEL", "PLT"};

static bool
begins(struct bytes key, const char *start)
{
	for (size_t i = 0; start[i] != '\0'; i++) {
		bool digit = i < key.n && key.p[i] >= '0' && key.p[i] <= '9';

		if (i >= key.n ||
		    (start[i] == DIGIT_FOLLOWS ? !digit : key.p[i] != start[i]))
			return false;
	}
	return true;
}

static bool
matters(struct bytes key)
{
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (begins(key, starts[i]))
			return true;
	return false;
}

/* "RA---TAN", "DEC--TAN", "GLON-CAR", "HPLN-TAN": without a projection it is no sky. */
static bool
is_sky(struct bytes type)
{
	static const char *const names[] = {"RA--", "DEC-"};
	struct bytes four = {type.p, 4};

	if (type.n <= four.n)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (bytes_is(four, names[i]))
			return true;
	return bytes_is(bytes_skip(four, 1), "LON") ||
	       bytes_is(bytes_skip(four, 1), "LAT") ||
	       bytes_is(bytes_skip(four, 2), "LN") || bytes_is(bytes_skip(four, 2), "LT");
}

/* The value of CTYPE of any axis and description. */
static bool
read_type(const char *text, char type[CARD_TEXT_MAX + 1])
{
	struct keyword k;
	struct card card;

	if (!keyword_read(card_key(text), &k) || k.word != KEYWORD_CTYPE)
		return false;
	card = card_read(text);
	return card_string(&card, type);
}

bool
coordinates_are_sky(struct bytes cards)
{
	char type[CARD_TEXT_MAX + 1];

	for (; cards.n >= CARD_SIZE; cards = bytes_skip(cards, CARD_SIZE))
		if (read_type(cards.p, type) && is_sky(bytes_of(type)))
			return true;
	return false;
}

const char *
coordinates_fault(struct bytes cards)
{
	struct companion c[COMPANIONS_MAX];
	char type[CARD_TEXT_MAX + 1];
	size_t n = companion_read(cards, c);

	for (size_t i = 0; i < n; i++)
		if (c[i].kind == COMPANION_LOOKUP)
			return "its coordinates need tables of distortions (CPDIS, "
			       "D2IMDIS)";
	for (; cards.n >= CARD_SIZE; cards = bytes_skip(cards, CARD_SIZE))
		if (read_type(cards.p, type) && is_sky(bytes_of(type)) &&
		    bytes_ends(bytes_of(type), BYTES("-TAB")))
			return "its coordinates need a table (-TAB)";
	return NULL;
}

size_t
coordinates_pick(struct str *to, struct bytes cards)
{
	size_t n = 0;

	for (; cards.n >= CARD_SIZE; cards = bytes_skip(cards, CARD_SIZE))
		if (matters(card_key(cards.p))) {
			str_add(to, (struct bytes){cards.p, CARD_SIZE});
			n++;
		}
	return n;
}

/* n of "ZNAXISn", 0 of "ZNAXIS"; false: another keyword. */
static bool
read_znaxis(struct bytes key, uint64_t *n)
{
	static const struct bytes word = {"ZNAXIS", 6};

	*n = 0;
	if (!bytes_starts(key, word))
		return false;
	return key.n == word.n ||
	       (bytes_u64(bytes_skip(key, word.n), n) && *n >= 1 && *n <= AXES_MAX);
}

static unsigned
compressed_axes(struct bytes cards, uint64_t axis[AXES_MAX])
{
	unsigned naxis = 0;

	memset(axis, 0, AXES_MAX * sizeof *axis);
	for (; cards.n >= CARD_SIZE; cards = bytes_skip(cards, CARD_SIZE)) {
		struct card card;
		int64_t v;
		uint64_t n;

		if (!read_znaxis(card_key(cards.p), &n))
			continue;
		card = card_read(cards.p);
		if (!card_integer(&card, &v) || v < 0)
			continue;
		if (n > 0)
			axis[n - 1] = (uint64_t)v;
		else if (v <= AXES_MAX)
			naxis = (unsigned)v;
	}
	return naxis;
}

unsigned
coordinates_axes(const struct hdu *hdu, struct bytes cards, uint64_t axis[AXES_MAX])
{
	unsigned n = 0;

	if (hdu->kind == HDU_COMPRESSED) {
		n = compressed_axes(cards, axis);
	} else if (hdu->kind == HDU_IMAGE) {
		n = hdu->naxis;
		memcpy(axis, hdu->axis, sizeof hdu->axis);
	}
	for (unsigned i = 0; i < n; i++)
		if (axis[i] == 0)
			return 0;
	return n;
}
