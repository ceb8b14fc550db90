/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/name.h"

#include "service/core/str.h"

enum { SPEC_MAX = 64 * 1024 };

/* What every file system and shell takes; '_' for the rest. */
static char
plain(char c)
{
	bool kept = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '+';

	if (!kept)
		return '_';
	return c;
}

static bool
cut_ending(struct bytes *name, const char *ending)
{
	struct bytes e = bytes_of(ending);

	if (name->n < e.n || !bytes_caseeq(bytes_skip(*name, name->n - e.n), e))
		return false;
	name->n -= e.n;
	return true;
}

/* The name without what marks it as a FITS file; true if it was marked compressed. */
static bool
cut_endings(struct bytes *name)
{
	bool compressed = cut_ending(name, ".fz");

	if (!cut_ending(name, ".fits") && !cut_ending(name, ".fit"))
		(void)cut_ending(name, ".fts");
	return compressed;
}

/* At most `max` bytes, no character of UTF-8 divided. */
static struct bytes
shorten(struct bytes b, size_t max)
{
	if (b.n <= max)
		return b;
	while (max > 0 && ((unsigned char)b.p[max] & 0xc0) == 0x80)
		max--;
	return (struct bytes){b.p, max};
}

static void
add_bound(struct str *to, bool open, int64_t v)
{
	if (!open)
		str_addf(to, "%lld", (long long)v);
	str_addc(to, '_');
}

static void
add_range(struct str *to, const struct pixel_range *r)
{
	if (r->backwards)
		str_addc(to, '-');
	add_bound(to, r->first_open, r->first);
	add_bound(to, r->last_open, r->last);
	if (r->step != 1)
		str_addf(to, "%lld_", (long long)r->step);
}

static void
add_plain(struct str *to, struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		str_addc(to, plain(name.p[i]));
}

static void
add_section(struct str *to, const struct section *s)
{
	if (s->name.p == NULL)
		str_addu(to, s->index);
	else
		add_plain(to, s->name);
	if (s->version != 0) {
		str_addc(to, '_');
		str_addu(to, s->version);
	}
	str_adds(to, "__");
	for (size_t i = 0; i < s->n_ranges; i++)
		add_range(to, &s->range[i]);
}

/* As much of "base.spec" as leaves room for the ending. */
static const char *
join(struct arena *a, struct bytes base, struct bytes spec, const char *ending)
{
	size_t room = NAME_MAX_BYTES - strlen(ending);

	if (base.n == 0)
		base = BYTES("cutout");
	base = shorten(base, room);
	spec = shorten(spec, base.n + 1 < room ? room - base.n - 1 : 0);
	while (spec.n > 0 && spec.p[spec.n - 1] == '_')
		spec.n--;
	return arena_format(a, "%.*s%s%.*s%s", BYTES_ARG(base), spec.n > 0 ? "." : "",
	    BYTES_ARG(spec), ending)
	    .p;
}

const char *
name_of_cutout(struct arena *a, struct bytes file_name, const struct section *s, size_t n,
    bool compressed)
{
	bool marked = cut_endings(&file_name);
	struct str spec;
	const char *name;

	str_init(&spec, SPEC_MAX);
	for (size_t i = 0; i < n && spec.n < NAME_MAX_BYTES; i++) {
		if (i > 0)
			str_adds(&spec, "__");
		add_section(&spec, &s[i]);
	}
	name = join(
	    a, file_name, str_bytes(&spec), compressed && marked ? ".fits.fz" : ".fits");
	str_release(&spec);
	return name;
}

const char *
name_of_shape(struct arena *a, struct bytes file_name, struct bytes spec)
{
	struct str text;
	const char *name;

	(void)cut_endings(&file_name);
	str_init(&text, SPEC_MAX);
	spec = shorten(spec, NAME_MAX_BYTES);
	for (size_t i = 0; i < spec.n; i++)
		str_addc(&text, plain(bytes_lower(spec.p[i])));
	name = join(a, file_name, str_bytes(&text), ".fits");
	str_release(&text);
	return name;
}

const char *
name_of_headers(struct arena *a, struct bytes file_name)
{
	return join(a, file_name, BYTES(""), ".txt");
}
