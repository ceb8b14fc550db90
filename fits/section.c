/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/section.h"

enum {
	TEXT_MAX = 4096, /* 32 ranges of the longest numbers are shorter */
	SHOWN_MAX = 60, /* of a wrong text, in an error */
	RANGE_FIELDS = 3, /* first, last, step */
	EXT_FIELDS = 3, /* name, version, type */
};

static enum err
wrong(struct errinfo *why, struct bytes text, const char *what)
{
	int n = text.n < SHOWN_MAX ? (int)text.n : SHOWN_MAX;

	return errinfo_set(
	    why, ERR_INVALID_ARGUMENT, "'%.*s' is not %s", n, text.p, what);
}

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for the pixel section");
}

static bool
has(struct bytes b, char c)
{
	return bytes_find(b, c) < b.n;
}

/*
 * Splits `b` at each `separator` into trimmed fields, at most `room` of them: the count,
 * or 0 if there are more.
 */
static size_t
split(struct bytes b, char separator, struct bytes *field, size_t room)
{
	size_t n = 0;

	for (;;) {
		size_t end = bytes_find(b, separator);

		if (n == room)
			return 0;
		field[n++] = bytes_trim((struct bytes){b.p, end});
		if (end == b.n)
			return n;
		b = bytes_skip(b, end + 1);
	}
}

static bool
read_number(struct bytes b, int64_t *out)
{
	bool negative = b.n > 0 && b.p[0] == '-';
	uint64_t v;

	if (b.n > 0 && (b.p[0] == '-' || b.p[0] == '+'))
		b = bytes_skip(b, 1);
	if (!bytes_u64(b, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? -v : v); /* unsigned: the lowest has no opposite */
	return true;
}

static bool
read_step(struct bytes b, int64_t *out)
{
	return read_number(b, out) && *out >= 1;
}

/* An end of a range; nothing leaves it open. */
static bool
read_end(struct bytes b, int64_t *out, bool *open)
{
	*open = b.n == 0;
	return *open || read_number(b, out);
}

static bool
read_range(struct bytes text, struct pixel_range *r)
{
	struct bytes field[RANGE_FIELDS];
	size_t n = split(text, ':', field, RANGE_FIELDS);

	*r = (struct pixel_range){.step = 1};
	if (n == 0)
		return false;
	if (bytes_is(field[0], "*") || bytes_is(field[0], "-*")) {
		r->first_open = r->last_open = true;
		r->backwards = field[0].n == 2;
		return n == 1 || (n == 2 && read_step(field[1], &r->step));
	}
	if (n == 1) {
		if (!read_number(field[0], &r->first))
			return false;
		r->last = r->first;
		return true;
	}
	return read_end(field[0], &r->first, &r->first_open) &&
	       read_end(field[1], &r->last, &r->last_open) &&
	       (n == 2 || read_step(field[2], &r->step));
}

static enum err
read_section(struct arena *a, struct bytes inside, struct section *s, struct errinfo *why)
{
	struct bytes field[AXES_MAX];
	size_t n = split(inside, ',', field, AXES_MAX);

	if (n == 0)
		return wrong(why, inside, "a pixel section: it has more than 32 ranges");
	s->range = arena_array(a, struct pixel_range, n);
	if (s->range == NULL)
		return no_memory(why);
	for (size_t i = 0; i < n; i++)
		if (!read_range(field[i], &s->range[i]))
			return wrong(why, field[i], "a range of pixels");
	s->n_ranges = n;
	return ERR_OK;
}

/* Names of HDUs are printable; what other tools take as syntax is no name. */
static bool
is_name(struct bytes b)
{
	if (b.n == 0 || b.n > CARD_TEXT_MAX)
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < ' ' || b.p[i] > '~' || has(BYTES("()#;!@'\"%"), b.p[i]))
			return false;
	return true;
}

static bool
read_type(struct bytes b, enum section_type *out)
{
	static const struct {
		const char *name;
		enum section_type type;
	} types[] = {{"I", SECTION_IMAGE}, {"IMAGE", SECTION_IMAGE},
	    {"B", SECTION_BINTABLE}, {"BINTABLE", SECTION_BINTABLE}, {"T", SECTION_TABLE},
	    {"TABLE", SECTION_TABLE}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (bytes_caseeq(b, bytes_of(types[i].name))) {
			*out = types[i].type;
			return true;
		}
	return false;
}

static enum err
read_name(struct arena *a, struct bytes name, struct section *s, struct errinfo *why)
{
	char *copy;

	if (!is_name(name))
		return wrong(why, name, "the number or name of an extension");
	copy = arena_text(a, name);
	if (copy == NULL)
		return no_memory(why);
	for (size_t i = 0; i < name.n; i++)
		if (copy[i] >= 'a' && copy[i] <= 'z')
			copy[i] = (char)(copy[i] - 'a' + 'A');
	s->name = (struct bytes){copy, name.n};
	return ERR_OK;
}

static enum err
read_ext(struct arena *a, struct bytes inside, struct section *s, struct errinfo *why)
{
	struct bytes field[EXT_FIELDS];
	size_t n = split(inside, ',', field, EXT_FIELDS);

	if (n == 0)
		return wrong(why, inside, "the number or name of an extension");
	if (n == 1 && bytes_u64(field[0], &s->index))
		return ERR_OK;
	if (n > 1 && (!bytes_u64(field[1], &s->version) || s->version > INT64_MAX))
		return wrong(why, field[1], "the version of an extension");
	if (n > 1 && s->version == 0)
		s->version = 1;
	if (n > 2 && !read_type(field[2], &s->type))
		return wrong(why, field[2], "a type of extension");
	return read_name(a, field[0], s, why);
}

/* Takes "[...]" from the start of *rest; false if there is none. */
static bool
take_bracket(struct bytes *rest, struct bytes *inside)
{
	size_t end = bytes_find(*rest, ']');

	if (end == rest->n || rest->p[0] != '[')
		return false;
	*inside = (struct bytes){rest->p + 1, end - 1};
	*rest = bytes_trim(bytes_skip(*rest, end + 1));
	return !has(*inside, '[');
}

enum err
section_parse(
    struct arena *a, struct bytes text, struct section *out, struct errinfo *why)
{
	struct section s = {.range = NULL};
	struct bytes rest = bytes_trim(text), first, second;
	bool two;
	enum err e;

	if (text.n > TEXT_MAX)
		return wrong(why, text, "a pixel section: it is too long");
	if (!take_bracket(&rest, &first))
		return wrong(why, text, "of the form [extension][section]");
	two = rest.n > 0;
	if (two && (!take_bracket(&rest, &second) || rest.n > 0))
		return wrong(why, text, "of the form [extension][section]");
	if (!has(first, ':') && !has(first, '*'))
		e = read_ext(a, first, &s, why);
	else if (two)
		return wrong(why, first, "the number or name of an extension");
	else
		e = read_section(a, first, &s, why);
	if (e == ERR_OK && two)
		e = read_section(a, second, &s, why);
	if (e == ERR_OK)
		*out = s;
	return e;
}

static void
write_range(struct str *to, const struct pixel_range *r)
{
	if (r->first_open && r->last_open) {
		str_adds(to, r->backwards ? "-*" : "*");
	} else {
		if (!r->first_open)
			str_addf(to, "%lld", (long long)r->first);
		str_addc(to, ':');
		if (!r->last_open)
			str_addf(to, "%lld", (long long)r->last);
	}
	if (r->step != 1)
		str_addf(to, ":%lld", (long long)r->step);
}

void
section_write(struct str *to, const struct section *s)
{
	static const char *const types[] = {[SECTION_IMAGE] = "IMAGE",
	    [SECTION_BINTABLE] = "BINTABLE",
	    [SECTION_TABLE] = "TABLE"};

	str_addc(to, '[');
	str_add(to, s->name);
	if (s->name.p == NULL)
		str_addu(to, s->index);
	if (s->version != 0) {
		str_addc(to, ',');
		str_addu(to, s->version);
	}
	if (s->type != SECTION_ANY)
		str_addf(to, ",%s", types[s->type]);
	str_addc(to, ']');
	for (size_t i = 0; i < s->n_ranges; i++) {
		str_addc(to, i == 0 ? '[' : ',');
		write_range(to, &s->range[i]);
	}
	if (s->n_ranges > 0)
		str_addc(to, ']');
}

static bool
type_fits(enum section_type type, enum hdu_kind kind)
{
	switch (type) {
	case SECTION_IMAGE:
		return kind == HDU_IMAGE || kind == HDU_GROUPS || kind == HDU_COMPRESSED;
	case SECTION_BINTABLE:
		return kind == HDU_BINTABLE || kind == HDU_COMPRESSED;
	case SECTION_TABLE:
		return kind == HDU_TABLE;
	case SECTION_ANY:
		break;
	}
	return true;
}

bool
section_selects(const struct section *s, const struct hdu *hdu)
{
	if (s->name.p == NULL)
		return s->index == hdu->index;
	if (s->version != 0 && s->version != hdu->version)
		return false;
	if (!type_fits(s->type, hdu->kind))
		return false;
	return bytes_caseeq(s->name, bytes_of(hdu->name)) ||
	       bytes_caseeq(s->name, bytes_of(hdu->hdu_name)) ||
	       (hdu->index == 0 && bytes_is(s->name, "PRIMARY"));
}

/* False: `r` misses an axis of `size` pixels. */
static bool
clip(const struct pixel_range *r, uint64_t size, struct axis_cut *out)
{
	int64_t last_pixel = (int64_t)size;
	int64_t lo = r->first_open ? 1 : r->first;
	int64_t hi = r->last_open ? last_pixel : r->last;
	bool flipped = r->backwards;

	if (!r->first_open && !r->last_open && lo > hi) {
		lo = r->last;
		hi = r->first;
		flipped = true;
	}
	lo = lo < 1 ? 1 : lo;
	hi = hi > last_pixel ? last_pixel : hi;
	if (lo > hi)
		return false;
	*out = (struct axis_cut){
	    .first = (uint64_t)(flipped ? hi : lo),
	    .step = flipped ? -r->step : r->step,
	    .n = (uint64_t)((hi - lo) / r->step) + 1,
	};
	return true;
}

static enum err
check_image(const struct hdu *hdu, struct errinfo *why)
{
	if (hdu->kind == HDU_COMPRESSED)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "HDU %u is a tile-compressed image: it can be had whole, but pixel "
		    "sections of it are not supported",
		    hdu->index);
	if (hdu->kind != HDU_IMAGE)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "HDU %u is not an image", hdu->index);
	if (hdu->naxis == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "HDU %u has no pixels", hdu->index);
	return ERR_OK;
}

/* A range for an axis that the image has not got, but would have with one pixel. */
static bool
is_superfluous(const struct pixel_range *r)
{
	if (r->first_open && r->last_open)
		return true;
	return !r->first_open && !r->last_open && r->first == 1 && r->last == 1;
}

enum err
section_clip(const struct section *s, const struct hdu *hdu,
    struct axis_cut out[AXES_MAX], struct errinfo *why)
{
	static const struct pixel_range whole = {
	    .first_open = true, .last_open = true, .step = 1};
	enum err e = check_image(hdu, why);

	if (e != ERR_OK)
		return e;
	for (size_t i = hdu->naxis; i < s->n_ranges; i++)
		if (!is_superfluous(&s->range[i]))
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "HDU %u has %u axes, the section has %zu", hdu->index,
			    hdu->naxis, s->n_ranges);
	for (unsigned i = 0; i < hdu->naxis; i++) {
		const struct pixel_range *r = i < s->n_ranges ? &s->range[i] : &whole;

		if (!clip(r, hdu->axis[i], &out[i]))
			return errinfo_set(why, ERR_NO_OVERLAP, "No overlap found.");
	}
	return ERR_OK;
}
