/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/companion.h"

#include "fits/keyword.h"

enum { NOTES_MAX = 2 * COMPANIONS_MAX };

/* What the cards say about one companion, in whatever order they come. */
struct note {
	struct companion c;
	enum keyword_word record; /* the word its version is under */
	unsigned axis, alternate;
	bool is_named; /* else only the version was seen */
};

struct notes {
	struct note note[NOTES_MAX];
	size_t n;
};

/* The note of an axis and alternate; NULL if there are too many. */
static struct note *
note_of(struct notes *notes, enum keyword_word record, const struct keyword *k)
{
	struct note *note;

	for (size_t i = 0; i < notes->n; i++) {
		note = &notes->note[i];
		if (note->record == record && note->axis == k->i &&
		    note->alternate == k->alternate)
			return note;
	}
	if (notes->n == NOTES_MAX)
		return NULL;
	note = &notes->note[notes->n++];
	*note = (struct note){
	    .record = record, .axis = k->i, .alternate = k->alternate, .c.version = 1};
	return note;
}

/* The version in the string 'EXTVER: 2.0', a field of a record. */
static bool
read_record(const struct card *card, uint64_t *out)
{
	static const struct bytes start = {"EXTVER:", 7};
	char text[CARD_TEXT_MAX + 1];
	struct bytes b;

	if (!card_string(card, text) || !bytes_starts(bytes_of(text), start))
		return false;
	b = bytes_trim(bytes_skip(bytes_of(text), start.n));
	b.n = bytes_find(b, '.');
	return bytes_u64(b, out);
}

static void
note_lookup(struct notes *notes, const struct keyword *k, const struct card *card,
    enum keyword_word record)
{
	bool dp = record == KEYWORD_DP;
	struct note *note = note_of(notes, record, k);
	char type[CARD_TEXT_MAX + 1];

	if (note == NULL)
		return;
	if (k->word == record) {
		(void)read_record(card, &note->c.version);
		return;
	}
	if (!card_string(card, type) || !bytes_caseeq(bytes_of(type), BYTES("LOOKUP")))
		return;
	note->is_named = true;
	note->c.kind = COMPANION_LOOKUP;
	note->c.axis = note->axis;
	(void)snprintf(
	    note->c.name, sizeof note->c.name, "%s", dp ? "WCSDVARR" : "D2IMARR");
	(void)snprintf(note->c.record, sizeof note->c.record, "%s%u", dp ? "DP" : "D2IM",
	    note->axis);
}

static void
note_table(struct notes *notes, const struct keyword *k, const struct card *card)
{
	struct note *note = note_of(notes, KEYWORD_PS, k);
	int64_t version;

	if (note == NULL)
		return;
	if (k->word == KEYWORD_PS) {
		note->is_named = card_string(card, note->c.name);
		note->c.kind = COMPANION_TABLE;
	} else if (card_integer(card, &version) && version > 0) {
		note->c.version = (uint64_t)version;
	}
}

static void
note_card(struct notes *notes, const char *text)
{
	struct keyword k;
	struct card card;

	if (!keyword_read(card_key(text), &k))
		return;
	card = card_read(text);
	if (k.word == KEYWORD_CPDIS || k.word == KEYWORD_DP)
		note_lookup(notes, &k, &card, KEYWORD_DP);
	else if (k.word == KEYWORD_D2IMDIS || k.word == KEYWORD_D2IM)
		note_lookup(notes, &k, &card, KEYWORD_D2IM);
	else if ((k.word == KEYWORD_PS && k.j == 0) || (k.word == KEYWORD_PV && k.j == 1))
		note_table(notes, &k, &card);
}

size_t
companion_read(struct bytes cards, struct companion out[COMPANIONS_MAX])
{
	struct notes notes = {.n = 0};
	size_t n = 0;

	for (size_t at = 0; at + CARD_SIZE <= cards.n; at += CARD_SIZE)
		note_card(&notes, cards.p + at);
	for (size_t i = 0; i < notes.n && n < COMPANIONS_MAX; i++)
		if (notes.note[i].is_named)
			out[n++] = notes.note[i].c;
	return n;
}

bool
companion_is(const struct companion *c, const struct hdu *hdu)
{
	enum hdu_kind kind = c->kind == COMPANION_LOOKUP ? HDU_IMAGE : HDU_BINTABLE;

	return hdu->index > 0 && hdu->kind == kind && hdu->version == c->version &&
	       bytes_caseeq(bytes_of(hdu->name), bytes_of(c->name));
}

bool
companion_is_record(const char *card, const char *record)
{
	struct card c;
	uint64_t version;

	if (!bytes_is(card_key(card), record))
		return false;
	c = card_read(card);
	return read_record(&c, &version);
}

/* The cards of a lookup that follow a cut, as far as they were seen. */
enum follower { CRVAL1, CRVAL2, CDELT1, CDELT2, BSCALE, BZERO, EXTVER, FOLLOWERS };

static const char *const follower_keys[FOLLOWERS] = {
    "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "BSCALE", "BZERO", "EXTVER"};

/* What a lookup has without the card. */
static const double follower_defaults[FOLLOWERS] = {0, 0, 1, 1, 1, 0, 0};

struct move {
	struct str *to;
	const struct companion *c;
	const struct companion_place *place;
};

static struct axis_cut
cut_of(const struct companion_place *place, unsigned axis)
{
	bool known = axis >= 1 && axis <= place->naxis;

	return known ? place->cut[axis - 1] : (struct axis_cut){.first = 1, .step = 1};
}

/* Values count pixels of one axis: fewer when they are wider, negative when flipped. */
static double
value_scale(const struct move *m)
{
	return 1 / (double)cut_of(m->place, m->c->axis).step;
}

/*
 * CRVALj is the pixel of the image that CRPIXj stands for, CDELTj the pixels between.
 * The pipelines that write lookups, and astropy that reads them, count pixels from 0
 * here, other than Paper IV: it makes a difference as soon as the step is not 1.
 */
static double
follow(const struct move *m, enum follower which, double v)
{
	unsigned axis = which == CRVAL2 || which == CDELT2 ? 2 : 1;
	struct axis_cut cut = cut_of(m->place, axis);

	switch (which) {
	case CRVAL1:
	case CRVAL2:
		return (v - (double)(cut.first - 1)) / (double)cut.step;
	case CDELT1:
	case CDELT2:
		return v / (double)cut.step;
	case BSCALE:
	case BZERO:
		return v * value_scale(m);
	case EXTVER:
		return (double)m->place->version;
	case FOLLOWERS:
		break;
	}
	return v;
}

static enum follower
follower_of(struct bytes key)
{
	enum follower f = 0;

	while (f < FOLLOWERS && !bytes_is(key, follower_keys[f]))
		f++;
	return f;
}

static void
put_follower(const struct move *m, enum follower which, double v, struct bytes comment)
{
	struct bytes key = bytes_of(follower_keys[which]);

	if (which == EXTVER)
		card_put_integer(m->to, key, (int64_t)m->place->version, comment);
	else
		card_put_real(m->to, key, v, comment);
}

/* Returns which of the followers the card was. */
static enum follower
move_card(const struct move *m, const char *text)
{
	struct card card = card_read(text);
	enum follower which = follower_of(card.key);
	double v, moved;

	if (bytes_is(card.key, "CHECKSUM"))
		return which;
	if (value_scale(m) != 1 &&
	    (bytes_is(card.key, "DATAMIN") || bytes_is(card.key, "DATAMAX")))
		return which;
	if (which == FOLLOWERS || !card_real(&card, &v)) {
		card_put(m->to, (struct bytes){text, CARD_SIZE});
		return which;
	}
	moved = follow(m, which, v);
	if (moved == v)
		card_put(m->to, (struct bytes){text, CARD_SIZE});
	else
		put_follower(m, which, moved, card.comment);
	return which;
}

void
companion_move(struct str *to, struct bytes cards, const struct companion *c,
    const struct companion_place *place)
{
	const struct move m = {.to = to, .c = c, .place = place};
	const char *end = cards.p + cards.n - CARD_SIZE;
	bool seen[FOLLOWERS + 1] = {false};

	for (const char *at = cards.p; at < end; at += CARD_SIZE)
		seen[move_card(&m, at)] = true;
	for (enum follower f = 0; f < FOLLOWERS; f++) {
		double v = follow(&m, f, follower_defaults[f]);

		if (!seen[f] && v != follower_defaults[f])
			put_follower(&m, f, v, BYTES(""));
	}
	card_put(to, BYTES("END"));
	card_pad(to);
}
