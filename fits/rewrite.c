/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes over the cards. The first notes, for each description of coordinates, which
 * keywords it has, since what a step scales depends on the form of the linear part:
 *
 *   CD          columns of CD; CDELT beside it is obsolete and follows
 *   PC          columns of PC, or CDELT where PC does not mix the axis with others
 *   CDELT only  CDELT (CROTA turns after it: nothing to do for any step or flip)
 *
 * The second copies, changes or drops each card; what was only implied is added last.
 */
#include "fits/rewrite.h"

#include <math.h>

#include "fits/companion.h"
#include "fits/keyword.h"

/* What the cards of one description of coordinates say; one bit for each axis. */
struct coords {
	uint32_t named; /* by CTYPE, CRVAL, CDELT, CD or PC */
	uint32_t crpix, cdelt, pc_diagonal; /* have a card */
	uint32_t mixed; /* PC has another element in row or column */
	bool has_cd, has_pc;
};

struct job {
	struct str *to;
	const struct hdu *hdu;
	const struct rewrite *how;
	struct coords coords[ALTERNATES];
	uint32_t ltv, ltm; /* axes with a card */
	bool has_extend, has_nextend, has_pcount, has_gcount;
};

static uint32_t
bit(unsigned axis)
{
	return axis >= 1 && axis <= AXES_MAX ? UINT32_C(1) << (axis - 1) : 0;
}

/* The step of a pixel axis; 1 for axes the image has not got. */
static double
step_of(const struct job *j, unsigned axis)
{
	bool known = j->how->cut != NULL && axis >= 1 && axis <= j->hdu->naxis;

	return known ? (double)j->how->cut[axis - 1].step : 1;
}

static double
first_of(const struct job *j, unsigned axis)
{
	bool known = j->how->cut != NULL && axis >= 1 && axis <= j->hdu->naxis;

	return known ? (double)j->how->cut[axis - 1].first : 1;
}

static bool
is_scaled(const struct job *j, unsigned axis)
{
	return step_of(j, axis) != 1;
}

static bool
is_moved(const struct job *j, unsigned axis)
{
	return is_scaled(j, axis) || first_of(j, axis) != 1;
}

/* The new place of pixel coordinate `p`. */
static double
moved(const struct job *j, unsigned axis, double p)
{
	return (p - first_of(j, axis)) / step_of(j, axis) + 1;
}

/* With PC, CDELT can take the step as long as nothing else lies in its row or column. */
static bool
scales_cdelt(const struct coords *c, unsigned axis)
{
	if (c->has_pc && !c->has_cd)
		return (c->cdelt & bit(axis)) != 0 && (c->mixed & bit(axis)) == 0;
	return true;
}

static void
note_keyword(struct job *j, const struct keyword *k, const char *text)
{
	struct coords *c = &j->coords[k->alternate];
	struct card card;
	double v;

	switch (k->word) {
	case KEYWORD_CRPIX:
		c->crpix |= bit(k->i);
		break;
	case KEYWORD_CDELT:
		c->cdelt |= bit(k->i);
		c->named |= bit(k->i);
		break;
	case KEYWORD_CTYPE:
	case KEYWORD_CRVAL:
		c->named |= bit(k->i);
		break;
	case KEYWORD_CD:
		c->has_cd = true;
		c->named |= bit(k->i) | bit(k->j);
		break;
	case KEYWORD_PC:
		card = card_read(text);
		c->has_pc = true;
		c->named |= bit(k->i) | bit(k->j);
		if (k->i == k->j)
			c->pc_diagonal |= bit(k->i);
		else if (card_real(&card, &v) && v != 0)
			c->mixed |= bit(k->i) | bit(k->j);
		break;
	case KEYWORD_LTV:
		j->ltv |= bit(k->i);
		break;
	case KEYWORD_LTM:
		j->ltm |= bit(k->i);
		break;
	case KEYWORD_SIP_1:
	case KEYWORD_SIP_2:
	case KEYWORD_SIP_1_MAX:
	case KEYWORD_SIP_2_MAX:
	case KEYWORD_CNPIX:
	case KEYWORD_AMD:
	case KEYWORD_PS:
	case KEYWORD_PV:
	case KEYWORD_CPDIS:
	case KEYWORD_DP:
	case KEYWORD_D2IMDIS:
	case KEYWORD_D2IM:
		break;
	}
}

static void
note(struct job *j, const char *text)
{
	struct bytes key = card_key(text);
	struct keyword k;

	j->has_extend = j->has_extend || bytes_is(key, "EXTEND");
	j->has_nextend = j->has_nextend || bytes_is(key, "NEXTEND");
	if (j->hdu->index > 0) {
		j->has_pcount = j->has_pcount || bytes_is(key, "PCOUNT");
		j->has_gcount = j->has_gcount || bytes_is(key, "GCOUNT");
	}
	if (keyword_read(key, &k))
		note_keyword(j, &k, text);
}

static void
copy(struct job *j, const char *text)
{
	str_add(j->to, (struct bytes){text, CARD_SIZE});
}

/* `v` instead of the value of the card; it stays an integer if it was one and can. */
static void
put_number(struct job *j, const struct card *c, double v)
{
	if (c->type == CARD_INTEGER && v == rint(v) && fabs(v) < 1e15)
		card_put_integer(j->to, c->key, (int64_t)v, c->comment);
	else
		card_put_real(j->to, c->key, v, c->comment);
}

/* The factor on the coefficient of u^p v^q in a correction of pixel axis `axis`. */
static double
sip_factor(const struct job *j, const struct keyword *k, unsigned axis)
{
	return pow(step_of(j, 1), k->i) * pow(step_of(j, 2), k->j) / step_of(j, axis);
}

static bool
is_subsampled(const struct job *j)
{
	return is_scaled(j, 1) || is_scaled(j, 2);
}

/* The new value of `k`, now `v`. */
static double
new_value(const struct job *j, const struct keyword *k, double v)
{
	const struct coords *c = &j->coords[k->alternate];

	switch (k->word) {
	case KEYWORD_CRPIX:
	case KEYWORD_LTV:
		return moved(j, k->i, v);
	case KEYWORD_CDELT:
		return scales_cdelt(c, k->i) ? v * step_of(j, k->i) : v;
	case KEYWORD_CD:
		return v * step_of(j, k->j);
	case KEYWORD_PC:
		return scales_cdelt(c, k->j) ? v : v * step_of(j, k->j);
	case KEYWORD_LTM:
		return v / step_of(j, k->i);
	case KEYWORD_SIP_1:
		return v * sip_factor(j, k, 1);
	case KEYWORD_SIP_2:
		return v * sip_factor(j, k, 2);
	case KEYWORD_SIP_1_MAX:
		return v / fabs(step_of(j, 1));
	case KEYWORD_SIP_2_MAX:
		return v / fabs(step_of(j, 2));
	case KEYWORD_CNPIX:
		return v + first_of(j, k->i) - 1;
	case KEYWORD_CTYPE:
	case KEYWORD_CRVAL:
	case KEYWORD_AMD:
	case KEYWORD_PS:
	case KEYWORD_PV:
	case KEYWORD_CPDIS:
	case KEYWORD_DP:
	case KEYWORD_D2IMDIS:
	case KEYWORD_D2IM:
		break;
	}
	return v;
}

static void
change_keyword(struct job *j, const struct keyword *k, const char *text)
{
	struct card c = card_read(text);
	double v, changed;

	/* The plate solution of the DSS knows no other pixels than its own. */
	if ((k->word == KEYWORD_CNPIX || k->word == KEYWORD_AMD) && is_subsampled(j))
		return;
	if (!card_real(&c, &v)) {
		copy(j, text);
		return;
	}
	changed = new_value(j, k, v);
	if (changed == v)
		copy(j, text);
	else
		put_number(j, &c, changed);
}

/* Cards that would be wrong, or out of place, in the result. */
static bool
is_dropped(const struct job *j, struct bytes key)
{
	static const struct {
		const char *key;
		bool cut, to_primary, to_extension, from_primary;
	} table[] = {
	    {"CHECKSUM", .cut = true, .to_primary = true, .to_extension = true},
	    {"DATASUM", .cut = true, .to_primary = true, .to_extension = true},
	    {"ZHECKSUM", .cut = true, .to_primary = true, .to_extension = true},
	    {"ZDATASUM", .cut = true, .to_primary = true, .to_extension = true},
	    {"DATAMIN", .cut = true},
	    {"DATAMAX", .cut = true},
	    {"INHERIT", .to_primary = true},
	    {"PCOUNT", .to_primary = true, .from_primary = true},
	    {"GCOUNT", .to_primary = true, .from_primary = true},
	    {"EXTEND", .to_extension = true},
	    {"NEXTEND", .to_extension = true},
	    {"GROUPS", .to_extension = true},
	    {"BLOCKED", .to_extension = true},
	};
	bool to_primary = j->how->role == ROLE_PRIMARY;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (bytes_is(key, table[i].key))
			return (table[i].cut && j->how->cut != NULL) ||
			       (table[i].to_primary && to_primary) ||
			       (table[i].to_extension && !to_primary) ||
			       (table[i].from_primary && j->hdu->index == 0);
	return false;
}

/* EXTEND and NEXTEND of a primary. */
static void
change_extend(struct job *j, const char *text)
{
	struct card c = card_read(text);

	if (j->how->n_extensions == 0)
		return;
	if (bytes_is(c.key, "EXTEND"))
		card_put_logical(j->to, c.key, true, c.comment);
	else
		card_put_integer(j->to, c.key, (int64_t)j->how->n_extensions, c.comment);
}

/* The lookup that `text` numbers, if it gets another number. */
static const struct renumber *
find_renumber(const struct job *j, const char *text)
{
	for (size_t i = 0; i < j->how->n_renumber; i++)
		if (companion_is_record(text, j->how->renumber[i].record))
			return &j->how->renumber[i];
	return NULL;
}

static void
put_record(struct job *j, const char *text, uint64_t version)
{
	struct card c = card_read(text);
	char value[CARD_TEXT_MAX];

	(void)snprintf(
	    value, sizeof value, "EXTVER: %llu.0", (unsigned long long)version);
	card_put_string(j->to, c.key, value, c.comment);
}

static void
change(struct job *j, const char *text)
{
	const struct renumber *renumber = find_renumber(j, text);
	struct bytes key = card_key(text);
	struct keyword k;

	if (is_dropped(j, key))
		return;
	if (bytes_is(key, "EXTEND") || bytes_is(key, "NEXTEND"))
		change_extend(j, text);
	else if (renumber != NULL)
		put_record(j, text, renumber->version);
	else if (j->how->cut != NULL && keyword_read(key, &k))
		change_keyword(j, &k, text);
	else
		copy(j, text);
}

static void
put_first(struct job *j, const char *text)
{
	bool was_primary = j->hdu->index == 0;

	if (was_primary == (j->how->role == ROLE_PRIMARY))
		copy(j, text);
	else if (was_primary)
		card_put(
		    j->to, BYTES("XTENSION= 'IMAGE   '           / image extension"));
	else
		card_put(j->to,
		    BYTES("SIMPLE  =                    T / conforms to FITS standard"));
}

/* NAXIS1 and so on. */
static void
put_axes(struct job *j, const char *text)
{
	for (unsigned i = 0; i < j->hdu->naxis; i++, text += CARD_SIZE) {
		struct card c = card_read(text);

		if (j->how->cut == NULL || j->how->cut[i].n == j->hdu->axis[i])
			copy(j, text);
		else
			card_put_integer(
			    j->to, c.key, (int64_t)j->how->cut[i].n, c.comment);
	}
}

/* What the standard wants behind the axes, as far as it does not follow anyway. */
static void
put_role(struct job *j)
{
	if (j->how->role == ROLE_EXTENSION) {
		if (!j->has_pcount)
			card_put_integer(j->to, BYTES("PCOUNT"), 0, BYTES(""));
		if (!j->has_gcount)
			card_put_integer(j->to, BYTES("GCOUNT"), 1, BYTES(""));
	} else if (j->how->n_extensions > 0) {
		if (!j->has_extend)
			card_put_logical(j->to, BYTES("EXTEND"), true, BYTES(""));
		if (!j->has_nextend)
			card_put_integer(j->to, BYTES("NEXTEND"),
			    (int64_t)j->how->n_extensions,
			    BYTES("/ number of extensions"));
	}
}

static void
put_axis_value(
    struct job *j, const char *start, unsigned axis, unsigned alternate, double v)
{
	char key[24];
	int n = snprintf(key, sizeof key, "%s%u", start, axis);

	if (alternate > 0)
		key[n++] = (char)('A' + alternate - 1);
	card_put_real(j->to, (struct bytes){key, (size_t)n}, v, BYTES(""));
}

static void
put_matrix_value(
    struct job *j, const char *start, unsigned axis, unsigned alternate, double v)
{
	char key[24];

	(void)snprintf(key, sizeof key, "%s%u_", start, axis);
	put_axis_value(j, key, axis, alternate, v);
}

/* What was implied by the absence of a card and does not hold any more. */
static void
put_implied(struct job *j, unsigned axis, unsigned alternate)
{
	const struct coords *c = &j->coords[alternate];
	uint32_t b = bit(axis);

	if ((c->named & b) != 0 && (c->crpix & b) == 0)
		put_axis_value(j, "CRPIX", axis, alternate, moved(j, axis, 0));
	if (((c->named | c->crpix) & b) == 0 || !is_scaled(j, axis) || c->has_cd)
		return;
	if (!c->has_pc) {
		if ((c->cdelt & b) == 0)
			put_axis_value(j, "CDELT", axis, alternate, step_of(j, axis));
	} else if (!scales_cdelt(c, axis) && (c->pc_diagonal & b) == 0) {
		put_matrix_value(j, "PC", axis, alternate, step_of(j, axis));
	}
}

static void
put_implied_ltm(struct job *j, unsigned axis)
{
	uint32_t b = bit(axis);

	if ((j->ltm & b) != 0 && (j->ltv & b) == 0)
		put_axis_value(j, "LTV", axis, 0, moved(j, axis, 0));
	if ((j->ltv & b) != 0 && (j->ltm & b) == 0 && is_scaled(j, axis))
		put_matrix_value(j, "LTM", axis, 0, 1 / step_of(j, axis));
}

void
rewrite_header(
    struct str *to, struct bytes cards, const struct hdu *hdu, const struct rewrite *how)
{
	struct job j = {.to = to, .hdu = hdu, .how = how};
	const char *axes = cards.p + (size_t)3 * CARD_SIZE;
	const char *rest = axes + (size_t)hdu->naxis * CARD_SIZE;
	const char *end = cards.p + cards.n - CARD_SIZE;

	for (const char *at = rest; at < end; at += CARD_SIZE)
		note(&j, at);
	put_first(&j, cards.p);
	copy(&j, cards.p + CARD_SIZE);
	copy(&j, cards.p + (size_t)2 * CARD_SIZE);
	put_axes(&j, axes);
	put_role(&j);
	for (const char *at = rest; at < end; at += CARD_SIZE)
		change(&j, at);
	for (unsigned axis = 1; axis <= hdu->naxis; axis++) {
		if (!is_moved(&j, axis))
			continue;
		for (unsigned i = 0; i < ALTERNATES; i++)
			put_implied(&j, axis, i);
		put_implied_ltm(&j, axis);
	}
	card_put(to, BYTES("END"));
	card_pad(to);
}

void
rewrite_minimal_primary(struct str *to)
{
	card_put(to, BYTES("SIMPLE  =                    T / conforms to FITS standard"));
	card_put_integer(to, BYTES("BITPIX"), 8, BYTES("/ array data type"));
	card_put_integer(to, BYTES("NAXIS"), 0, BYTES("/ number of array dimensions"));
	card_put_logical(to, BYTES("EXTEND"), true, BYTES(""));
	card_put(to, BYTES("END"));
	card_pad(to);
}
