/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/survey.h"

#include "fits/companion.h"
#include "fits/coordinates.h"

enum {
	KEPT_MAX = 32 * 1024 * 1024, /* bytes of headers kept for the plan */
	TEXT_MAX = 64 * 1024 * 1024, /* bytes of the text of all headers */
	WANTS_MAX = 64, /* companions of all images asked for */
};

struct survey_want {
	struct companion companion;
	bool found;
};

enum err
survey_init(struct survey *s, struct arena *a, const struct section *section,
    size_t n_sections, uint64_t file_bytes, uint64_t text_max, struct errinfo *why)
{
	*s = (struct survey){.arena = a,
	    .wants_text = section == NULL,
	    .section = section,
	    .n_sections = n_sections,
	    .picks_room = n_sections + 1,
	    .file_bytes = file_bytes};
	str_init(&s->text, text_max < TEXT_MAX ? (size_t)text_max : TEXT_MAX);
	s->pick = arena_array(a, struct pick, n_sections + 1);
	s->found = arena_array(a, bool, n_sections + 1);
	s->companion = arena_array(a, struct pick, WANTS_MAX);
	s->want = arena_array(a, struct survey_want, WANTS_MAX);
	if (s->pick == NULL || s->found == NULL || s->companion == NULL ||
	    s->want == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a list of HDUs");
	return ERR_OK;
}

enum err
survey_init_sky(
    struct survey *s, struct arena *a, uint64_t file_bytes, struct errinfo *why)
{
	enum err e = survey_init(s, a, NULL, 0, file_bytes, 0, why);

	s->wants_text = false;
	s->wants_sky = true;
	return e;
}

void
survey_release(struct survey *s)
{
	str_release(&s->text);
}

/* A header for the plan. */
static enum err
keep(struct survey *s, struct bytes cards, struct bytes *out, struct errinfo *why)
{
	s->kept_bytes += cards.n;
	if (s->kept_bytes > KEPT_MAX)
		return errinfo_set(
		    why, ERR_TOO_LARGE, "the headers asked for are too large together");
	*out = arena_copy(s->arena, cards);
	if (out->p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a FITS header");
	return ERR_OK;
}

static enum err
add_text(struct survey *s, const struct hdu *hdu, struct bytes cards, struct errinfo *why)
{
	if (hdu->index > 0)
		str_addc(&s->text, '\n');
	for (; cards.n > 0; cards = bytes_skip(cards, CARD_SIZE)) {
		struct bytes line = {cards.p, CARD_SIZE};

		while (line.n > 0 && line.p[line.n - 1] == ' ')
			line.n--;
		str_add(&s->text, line);
		str_addc(&s->text, '\n');
	}
	if (str_failed(&s->text))
		return errinfo_set(why, ERR_TOO_LARGE,
		    "the headers have more than %zu bytes together", s->text.limit_bytes);
	return ERR_OK;
}

static bool
is_wanted(const struct survey *s, const struct companion *c)
{
	for (size_t i = 0; i < s->n_wants; i++) {
		const struct companion *other = &s->want[i].companion;

		if (other->kind == c->kind && other->version == c->version &&
		    bytes_caseeq(bytes_of(other->name), bytes_of(c->name)))
			return true;
	}
	return false;
}

static void
want_companions(struct survey *s, struct bytes cards)
{
	struct companion c[COMPANIONS_MAX];
	size_t n = companion_read(cards, c);

	for (size_t i = 0; i < n && s->n_wants < WANTS_MAX; i++)
		if (!is_wanted(s, &c[i]))
			s->want[s->n_wants++] = (struct survey_want){.companion = c[i]};
}

static enum err
take_companion(
    struct survey *s, const struct hdu *hdu, struct bytes cards, struct errinfo *why)
{
	for (size_t i = 0; i < s->n_wants; i++) {
		struct survey_want *want = &s->want[i];
		struct pick *pick = &s->companion[s->n_companions];

		if (want->found || !companion_is(&want->companion, hdu))
			continue;
		want->found = true;
		pick->hdu = *hdu;
		s->n_companions++;
		return keep(s, cards, &pick->cards, why);
	}
	return ERR_OK;
}

static enum err
add_pick(struct survey *s, const struct pick *pick, struct errinfo *why)
{
	if (s->n_picks == s->picks_room) {
		struct pick *more = arena_array(s->arena, struct pick, 2 * s->n_picks);

		if (more == NULL)
			return errinfo_set(
			    why, ERR_NO_MEMORY, "no memory for a list of HDUs");
		memcpy(more, s->pick, s->n_picks * sizeof *more);
		s->pick = more;
		s->picks_room = 2 * s->n_picks;
	}
	s->pick[s->n_picks++] = *pick;
	return ERR_OK;
}

static enum err
take_sky(struct survey *s, const struct hdu *hdu, struct bytes cards, struct errinfo *why)
{
	uint64_t axis[AXES_MAX];
	bool on_sky =
	    coordinates_axes(hdu, cards, axis) > 0 && coordinates_are_sky(cards);
	struct pick pick = {.hdu = *hdu};
	enum err e = ERR_OK;

	if (on_sky || (hdu->index == 0 && hdu->kind == HDU_IMAGE))
		e = keep(s, cards, &pick.cards, why);
	if (hdu->index == 0)
		s->primary = pick;
	if (e != ERR_OK || !on_sky)
		return e;
	if (hdu->kind == HDU_IMAGE)
		want_companions(s, pick.cards);
	return add_pick(s, &pick, why);
}

static enum err
take_picks(
    struct survey *s, const struct hdu *hdu, struct bytes cards, struct errinfo *why)
{
	struct pick pick = {.hdu = *hdu};
	bool kept = hdu->kind != HDU_IMAGE; /* of others the plan needs no header */
	enum err e = ERR_OK;

	if (hdu->index == 0) {
		if (!kept)
			e = keep(s, cards, &pick.cards, why);
		kept = true;
		s->primary = pick;
	}
	for (size_t i = 0; i < s->n_sections && e == ERR_OK; i++) {
		if (s->found[i] || !section_selects(&s->section[i], hdu))
			continue;
		if (!kept)
			e = keep(s, cards, &pick.cards, why);
		kept = true;
		pick.section = &s->section[i];
		s->pick[s->n_picks++] = pick;
		s->found[i] = true;
		want_companions(s, pick.cards);
	}
	return e;
}

enum err
survey_take(
    struct survey *s, const struct hdu *hdu, struct bytes cards, struct errinfo *why)
{
	enum err e;

	s->cut_off = hdu->data_at + hdu->data_bytes > s->file_bytes;
	if (s->wants_text)
		return add_text(s, hdu, cards, why);
	e = take_companion(s, hdu, cards, why);
	if (e != ERR_OK)
		return e;
	return s->wants_sky ? take_sky(s, hdu, cards, why)
			    : take_picks(s, hdu, cards, why);
}

bool
survey_is_enough(const struct survey *s)
{
	if (s->wants_sky)
		return false;
	return s->wants_text ? s->cut_off : s->n_picks == s->n_sections;
}

bool
survey_is_complete(const struct survey *s)
{
	return survey_is_enough(s) && s->n_companions == s->n_wants;
}

enum err
survey_check(const struct survey *s, struct errinfo *why)
{
	struct str text;
	size_t i = 0;

	while (i < s->n_sections && s->found[i])
		i++;
	if (i == s->n_sections)
		return ERR_OK;
	str_init(&text, sizeof why->text);
	section_write(&text, &s->section[i]);
	(void)errinfo_set(why, ERR_INVALID_ARGUMENT, "the file has no HDU for %.*s",
	    BYTES_ARG(str_bytes(&text)));
	str_release(&text);
	return ERR_INVALID_ARGUMENT;
}
