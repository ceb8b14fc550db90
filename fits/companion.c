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

/* One card of a lookup. CRVALj is the pixel of the image that CRPIXj stands for. */
static void
move_card(struct str *to, const char *text, const struct axis_cut *cut, unsigned naxis,
    uint64_t version)
{
	struct card c = card_read(text);
	struct keyword k;
	double v;

	if (bytes_is(c.key, "CHECKSUM"))
		return;
	if (bytes_is(c.key, "EXTVER"))
		card_put_integer(to, c.key, (int64_t)version, c.comment);
	else if (keyword_read(c.key, &k) && k.word == KEYWORD_CRVAL && k.alternate == 0 &&
		 k.i >= 1 && k.i <= naxis && card_real(&c, &v))
		card_put_real(to, c.key, v - (double)(cut[k.i - 1].first - 1), c.comment);
	else
		card_put(to, (struct bytes){text, CARD_SIZE});
}

void
companion_move(struct str *to, struct bytes cards, const struct axis_cut *cut,
    unsigned naxis, uint64_t version)
{
	const char *end = cards.p + cards.n - CARD_SIZE;
	bool has_version = false;

	for (const char *at = cards.p; at < end; at += CARD_SIZE) {
		has_version = has_version || bytes_is(card_key(at), "EXTVER");
		move_card(to, at, cut, naxis, version);
	}
	if (!has_version)
		card_put_integer(to, BYTES("EXTVER"), (int64_t)version, BYTES(""));
	card_put(to, BYTES("END"));
	card_pad(to);
}
