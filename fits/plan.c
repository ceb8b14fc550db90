/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three steps: each pick is placed (its section resolved to pixels), then companions are
 * chosen, since the first header already tells how many HDUs follow, then everything is
 * laid out in its order.
 */
#include "fits/plan.h"

#include "fits/companion.h"
#include "fits/rewrite.h"

enum {
	PARTS_PER_HDU = 3, /* header, data, padding */
	HEADER_GROWTH = 256 * 1024, /* more than all cards a rewrite can add */
	HEADERS_MAX = 32 * 1024 * 1024, /* of one result: they are kept in memory */
};

/* A pick on its way into the plan. */
struct placed {
	const struct pick *pick;
	bool is_cut;
	struct axis_cut cut[AXES_MAX];
	struct companion companion[COMPANIONS_MAX];
	size_t n_companions;
	struct renumber renumber[COMPANIONS_MAX];
	size_t n_renumber;
};

/* A companion on its way into the plan. */
struct extra {
	const struct pick *hdu;
	const struct placed *moved_for; /* NULL: copied as it stands */
	const struct companion *companion; /* of that one */
	uint64_t version;
};

struct layout {
	struct arena *arena;
	const struct plan_input *in;
	struct placed *placed; /* one for each pick */
	struct extra *extra;
	size_t n_extras;
	bool has_front; /* a primary without data goes before everything */
	size_t header_bytes; /* planned so far */
	struct plan plan;
	struct errinfo *why;
};

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory to plan the cutout");
}

/* --- placing ----------------------------------------------------------------------- */

static enum err
place(struct placed *placed, const struct pick *pick, struct errinfo *why)
{
	placed->pick = pick;
	placed->is_cut = pick->section->n_ranges > 0;
	if (pick->hdu.kind == HDU_IMAGE)
		placed->n_companions = companion_read(pick->cards, placed->companion);
	if (!placed->is_cut)
		return ERR_OK;
	return section_clip(pick->section, &pick->hdu, placed->cut, why);
}

/* Whether the first pick cannot be, or is better not, the primary of the result. */
static bool
needs_front(const struct plan_input *in)
{
	const struct hdu *first = &in->pick[0].hdu;

	if (first->index == 0)
		return false;
	return first->kind != HDU_IMAGE ||
	       (in->n_picks > 1 && !hdu_has_data(&in->primary->hdu));
}

/* --- companions -------------------------------------------------------------------- */

/* Whether a cut changes the pixels that a lookup is a function of. */
static bool
is_moved(const struct placed *p, const struct companion *c, const struct hdu *lookup)
{
	if (!p->is_cut || c->kind != COMPANION_LOOKUP)
		return false;
	for (unsigned i = 0; i < p->pick->hdu.naxis; i++) {
		bool counts = i < lookup->naxis || i + 1 == c->axis;

		if (counts && (p->cut[i].first != 1 || p->cut[i].step != 1))
			return true;
	}
	return false;
}

/* NULL if the file has not got it, or not all of it. */
static const struct pick *
find_companion(const struct plan_input *in, const struct companion *c)
{
	for (size_t i = 0; i < in->n_companions; i++) {
		const struct hdu *hdu = &in->companion[i].hdu;

		if (companion_is(c, hdu) &&
		    hdu->data_at + hdu->data_bytes <= in->file_bytes)
			return &in->companion[i];
	}
	return NULL;
}

/* Whether the result has `hdu` already as it stands. */
static bool
has_whole(const struct layout *l, const struct hdu *hdu)
{
	for (size_t i = 0; i < l->in->n_picks; i++)
		if (l->in->pick[i].hdu.index == hdu->index && !l->placed[i].is_cut)
			return true;
	for (size_t i = 0; i < l->n_extras; i++)
		if (l->extra[i].hdu->hdu.index == hdu->index &&
		    l->extra[i].moved_for == NULL)
			return true;
	return false;
}

static bool
is_used(const struct layout *l, struct bytes name, uint64_t version)
{
	for (size_t i = 0; i < l->in->n_picks; i++)
		if (l->in->pick[i].hdu.version == version &&
		    bytes_caseeq(bytes_of(l->in->pick[i].hdu.name), name))
			return true;
	for (size_t i = 0; i < l->n_extras; i++)
		if (l->extra[i].version == version &&
		    bytes_caseeq(bytes_of(l->extra[i].hdu->hdu.name), name))
			return true;
	return false;
}

static void
add_shared(struct layout *l, const struct placed *placed, const struct companion *c)
{
	const struct pick *hdu = find_companion(l->in, c);

	if (hdu == NULL || has_whole(l, &hdu->hdu) || is_moved(placed, c, &hdu->hdu))
		return;
	l->extra[l->n_extras++] = (struct extra){.hdu = hdu, .version = hdu->hdu.version};
}

static void
add_moved(struct layout *l, struct placed *placed, const struct companion *c)
{
	const struct pick *hdu = find_companion(l->in, c);
	uint64_t version = c->version;

	if (hdu == NULL || !is_moved(placed, c, &hdu->hdu))
		return;
	for (uint64_t next = 1; is_used(l, bytes_of(hdu->hdu.name), version); next++)
		version = next;
	l->extra[l->n_extras++] = (struct extra){
	    .hdu = hdu, .moved_for = placed, .companion = c, .version = version};
	if (version != c->version)
		placed->renumber[placed->n_renumber++] =
		    (struct renumber){c->record, version};
}

/* Those copied as they stand keep their version, so they come first. */
static void
choose_companions(struct layout *l)
{
	for (size_t i = 0; i < l->in->n_picks; i++)
		for (size_t c = 0; c < l->placed[i].n_companions; c++)
			add_shared(l, &l->placed[i], &l->placed[i].companion[c]);
	for (size_t i = 0; i < l->in->n_picks; i++)
		for (size_t c = 0; c < l->placed[i].n_companions; c++)
			add_moved(l, &l->placed[i], &l->placed[i].companion[c]);
}

/* --- laying out -------------------------------------------------------------------- */

static void
add_part(struct layout *l, struct part part)
{
	if (part.length == 0)
		return;
	l->plan.part[l->plan.n_parts++] = part;
	if (__builtin_add_overflow(l->plan.length, part.length, &l->plan.length))
		l->plan.length = UINT64_MAX;
}

static void
add_padding(struct layout *l, char byte, uint64_t n)
{
	add_part(l, (struct part){.kind = PART_PADDING, .length = n, .padding = byte});
}

static enum err
add_grid(struct layout *l, const struct hdu *hdu, struct grid grid)
{
	if (grid_end(&grid) > l->in->file_bytes)
		return errinfo_set(l->why, ERR_FITS_DAMAGED,
		    "damaged FITS file: what is asked of HDU %u lies beyond the file's "
		    "end",
		    hdu->index);
	add_part(
	    l, (struct part){.kind = PART_GRID, .length = grid.length, .grid = grid});
	return ERR_OK;
}

/* The data of an image, its padding renewed. */
static enum err
add_pixels(struct layout *l, const struct hdu *hdu, struct grid grid)
{
	enum err e = grid.length > 0 ? add_grid(l, hdu, grid) : ERR_OK;

	if (e == ERR_OK)
		add_padding(l, '\0', fits_padded(grid.length) - grid.length);
	return e;
}

/* Takes over a header written to `s`. */
static enum err
add_header(struct layout *l, struct str *s)
{
	struct bytes text = {NULL, 0};

	l->header_bytes += s->n;
	if (!str_failed(s) && l->header_bytes <= HEADERS_MAX)
		text = arena_copy(l->arena, str_bytes(s));
	str_release(s);
	if (l->header_bytes > HEADERS_MAX)
		return errinfo_set(l->why, ERR_TOO_LARGE,
		    "the headers of the cutout are too large together");
	if (text.p == NULL)
		return no_memory(l->why);
	add_part(l, (struct part){.kind = PART_TEXT, .length = text.n, .text = text});
	return ERR_OK;
}

/* Of HDUs behind the first of the result. */
static size_t
count_extensions(const struct layout *l)
{
	return l->in->n_picks - (l->has_front ? 0 : 1) + l->n_extras;
}

/* A primary without data: the file's own if it has none. */
static enum err
add_front(struct layout *l)
{
	const struct pick *primary = l->in->primary;
	struct rewrite how = {.role = ROLE_PRIMARY, .n_extensions = count_extensions(l)};
	struct str s;

	str_init(&s, primary->cards.n + HEADER_GROWTH);
	if (hdu_has_data(&primary->hdu))
		rewrite_minimal_primary(&s);
	else
		rewrite_header(&s, primary->cards, &primary->hdu, &how);
	return add_header(l, &s);
}

static enum err
add_image(struct layout *l, const struct placed *placed, enum hdu_role role)
{
	const struct pick *pick = placed->pick;
	struct rewrite how = {.role = role,
	    .n_extensions = count_extensions(l),
	    .cut = placed->is_cut ? placed->cut : NULL,
	    .renumber = placed->renumber,
	    .n_renumber = placed->n_renumber};
	struct grid grid = placed->is_cut
			       ? grid_of_pixels(&pick->hdu, placed->cut)
			       : grid_of_bytes(pick->hdu.data_at, pick->hdu.data_bytes);
	struct str s;
	enum err e;

	str_init(&s, pick->cards.n + HEADER_GROWTH);
	rewrite_header(&s, pick->cards, &pick->hdu, &how);
	e = add_header(l, &s);
	return e == ERR_OK ? add_pixels(l, &pick->hdu, grid) : e;
}

/* The HDU as it stands; only padding that the file lacks at its end is added. */
static enum err
add_verbatim(struct layout *l, const struct hdu *hdu)
{
	uint64_t data_end = hdu->data_at + hdu->data_bytes, end = hdu_end(hdu);
	uint64_t present = end < l->in->file_bytes ? end : l->in->file_bytes;
	enum err e;

	if (present < data_end)
		present = data_end;
	e = add_grid(l, hdu, grid_of_bytes(hdu->header_at, present - hdu->header_at));
	if (e == ERR_OK)
		add_padding(l, hdu->kind == HDU_TABLE ? ' ' : '\0', end - present);
	l->plan.has_compressed |= hdu->kind == HDU_COMPRESSED;
	return e;
}

static enum err
add_placed(struct layout *l, const struct placed *placed, enum hdu_role role)
{
	const struct hdu *hdu = &placed->pick->hdu;
	bool moves = hdu->index == 0 || role == ROLE_PRIMARY;

	if (placed->is_cut || (hdu->kind == HDU_IMAGE && moves))
		return add_image(l, placed, role);
	if (hdu->index == 0 && role == ROLE_EXTENSION)
		return errinfo_set(l->why, ERR_INVALID_ARGUMENT,
		    "HDU 0 is not an image: it cannot be an extension of the result");
	return add_verbatim(l, hdu);
}

static enum err
add_extra(struct layout *l, const struct extra *extra)
{
	const struct placed *image = extra->moved_for;
	const struct pick *pick = extra->hdu;
	struct companion_place place;
	struct str s;
	enum err e;

	if (image == NULL)
		return add_verbatim(l, &pick->hdu);
	place = (struct companion_place){.cut = image->cut,
	    .naxis = image->pick->hdu.naxis,
	    .version = extra->version};
	str_init(&s, pick->cards.n + HEADER_GROWTH);
	companion_move(&s, pick->cards, extra->companion, &place);
	e = add_header(l, &s);
	if (e != ERR_OK)
		return e;
	return add_pixels(
	    l, &pick->hdu, grid_of_bytes(pick->hdu.data_at, pick->hdu.data_bytes));
}

static enum err
lay_out(struct layout *l)
{
	size_t n_hdus = 1 + l->in->n_picks + l->n_extras;
	enum err e = ERR_OK;

	l->plan.part = arena_array(l->arena, struct part, n_hdus * PARTS_PER_HDU);
	if (l->plan.part == NULL)
		return no_memory(l->why);
	if (l->has_front)
		e = add_front(l);
	for (size_t i = 0; i < l->in->n_picks && e == ERR_OK; i++)
		e = add_placed(l, &l->placed[i],
		    i == 0 && !l->has_front ? ROLE_PRIMARY : ROLE_EXTENSION);
	for (size_t i = 0; i < l->n_extras && e == ERR_OK; i++)
		e = add_extra(l, &l->extra[i]);
	if (e == ERR_OK && l->plan.length > l->in->output_max)
		return errinfo_set(l->why, ERR_TOO_LARGE,
		    "the cutout would have %llu bytes, the limit is %llu",
		    (unsigned long long)l->plan.length,
		    (unsigned long long)l->in->output_max);
	return e;
}

enum err
plan_cutout(
    struct arena *a, const struct plan_input *in, struct plan *out, struct errinfo *why)
{
	struct layout l = {
	    .arena = a, .in = in, .has_front = needs_front(in), .why = why};
	size_t n_companions = 0;
	enum err e = ERR_OK;

	l.placed = arena_array(a, struct placed, in->n_picks);
	if (l.placed == NULL)
		return no_memory(why);
	for (size_t i = 0; i < in->n_picks && e == ERR_OK; i++) {
		e = place(&l.placed[i], &in->pick[i], why);
		n_companions += l.placed[i].n_companions;
	}
	if (e != ERR_OK)
		return e;
	l.extra = arena_array(a, struct extra, n_companions + 1);
	if (l.extra == NULL)
		return no_memory(why);
	choose_companions(&l);
	e = lay_out(&l);
	if (e == ERR_OK)
		*out = l.plan;
	return e;
}

enum err
plan_text(struct arena *a, struct bytes text, struct plan *out, struct errinfo *why)
{
	struct layout l = {.arena = a, .why = why};

	l.plan.part = arena_array(a, struct part, 1);
	if (l.plan.part == NULL)
		return no_memory(why);
	add_part(&l, (struct part){.kind = PART_TEXT, .length = text.n, .text = text});
	*out = l.plan;
	return ERR_OK;
}
