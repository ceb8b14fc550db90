/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/keyword.h"

enum { NUMBER_MAX = 99 }; /* axes and powers have one or two digits */

/* What follows the first letters of a keyword. */
enum form { NOTHING, ONE, ONE_ALTERNATE, TWO, TWO_ALTERNATE };

static const struct {
	const char *start;
	enum form form;
	enum keyword_word word;
} table[] = {
    {"CRPIX", ONE_ALTERNATE, KEYWORD_CRPIX},
    {"CTYPE", ONE_ALTERNATE, KEYWORD_CTYPE},
    {"CRVAL", ONE_ALTERNATE, KEYWORD_CRVAL},
    {"CDELT", ONE_ALTERNATE, KEYWORD_CDELT},
    {"CD", TWO_ALTERNATE, KEYWORD_CD},
    {"PC", TWO_ALTERNATE, KEYWORD_PC},
    {"LTV", ONE, KEYWORD_LTV},
    {"LTM", TWO, KEYWORD_LTM},
    {"A_", TWO, KEYWORD_SIP_1},
    {"AP_", TWO, KEYWORD_SIP_1},
    {"B_", TWO, KEYWORD_SIP_2},
    {"BP_", TWO, KEYWORD_SIP_2},
    {"A_DMAX", NOTHING, KEYWORD_SIP_1_MAX},
    {"B_DMAX", NOTHING, KEYWORD_SIP_2_MAX},
    {"CNPIX", ONE, KEYWORD_CNPIX},
    {"AMDX", ONE, KEYWORD_AMD},
    {"AMDY", ONE, KEYWORD_AMD},
    {"PS", TWO_ALTERNATE, KEYWORD_PS},
    {"PV", TWO_ALTERNATE, KEYWORD_PV},
    {"CPDIS", ONE, KEYWORD_CPDIS},
    {"DP", ONE, KEYWORD_DP},
    {"D2IMDIS", ONE, KEYWORD_D2IMDIS},
    {"D2IM", ONE, KEYWORD_D2IM},
};

/* Takes a number without leading zero from the start of *rest. */
static bool
take_number(struct bytes *rest, unsigned *out)
{
	unsigned v = 0;
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9' && v <= NUMBER_MAX)
		v = v * 10 + (unsigned)(rest->p[n++] - '0');
	if (n == 0 || v > NUMBER_MAX || (n > 1 && rest->p[0] == '0'))
		return false;
	*rest = bytes_skip(*rest, n);
	*out = v;
	return true;
}

static bool
read_form(enum form form, struct bytes rest, struct keyword *k)
{
	if (form == NOTHING)
		return rest.n == 0;
	if (!take_number(&rest, &k->i))
		return false;
	if (form == TWO || form == TWO_ALTERNATE) {
		if (rest.n == 0 || rest.p[0] != '_')
			return false;
		rest = bytes_skip(rest, 1);
		if (!take_number(&rest, &k->j))
			return false;
	}
	if ((form == ONE_ALTERNATE || form == TWO_ALTERNATE) && rest.n == 1 &&
	    rest.p[0] >= 'A' && rest.p[0] <= 'Z') {
		k->alternate = (unsigned)(rest.p[0] - 'A') + 1;
		return true;
	}
	return rest.n == 0;
}

bool
keyword_read(struct bytes key, struct keyword *out)
{
	for (size_t i = 0; i < sizeof table / sizeof *table && key.n > 0; i++) {
		struct keyword k = {.word = table[i].word};
		struct bytes start;

		/* Rules out most cards, of which a header may have 50,000. */
		if (key.p[0] != table[i].start[0])
			continue;
		start = bytes_of(table[i].start);
		if (!bytes_starts(key, start) ||
		    !read_form(table[i].form, bytes_skip(key, start.n), &k))
			continue;
		*out = k;
		return true;
	}
	return false;
}
