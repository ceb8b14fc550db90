/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name is read in three strokes: the text into a flat list of parts in the order
 * written, the list into RDNs most specific first, each RDN sorted. Values are unescaped
 * and folded into two buffers as long as the text, which neither can outgrow.
 */
#include "auth/dn.h"

#include <stdlib.h>

#include "service/core/digest.h"
#include "service/core/encode.h"

/* Which end of a name an attribute belongs to. */
enum level { LEVEL_TOP, LEVEL_ANY, LEVEL_LEAF };

struct attribute {
	const char *keyword;
	const char *aliases; /* separated by blanks */
	const char *oid;
	enum level level;
};

/* RFC 4519, and what certificates hold besides; keywords as RFC 2253 has them. */
static const struct attribute attributes[] = {
    {"CN", "COMMONNAME", "2.5.4.3", LEVEL_LEAF},
    {"SN", "SURNAME", "2.5.4.4", LEVEL_LEAF},
    {"SERIALNUMBER", "", "2.5.4.5", LEVEL_LEAF},
    {"C", "COUNTRY COUNTRYNAME", "2.5.4.6", LEVEL_TOP},
    {"L", "LOCALITY LOCALITYNAME", "2.5.4.7", LEVEL_ANY},
    {"ST", "S STATE STATEORPROVINCENAME", "2.5.4.8", LEVEL_ANY},
    {"STREET", "STREETADDRESS", "2.5.4.9", LEVEL_ANY},
    {"O", "ORGANIZATION ORGANIZATIONNAME", "2.5.4.10", LEVEL_ANY},
    {"OU", "ORGANIZATIONALUNIT ORGANIZATIONALUNITNAME", "2.5.4.11", LEVEL_ANY},
    {"TITLE", "T", "2.5.4.12", LEVEL_LEAF},
    {"DESCRIPTION", "", "2.5.4.13", LEVEL_ANY},
    {"BUSINESSCATEGORY", "", "2.5.4.15", LEVEL_ANY},
    {"POSTALCODE", "", "2.5.4.17", LEVEL_ANY},
    {"NAME", "", "2.5.4.41", LEVEL_LEAF},
    {"GIVENNAME", "G GN", "2.5.4.42", LEVEL_LEAF},
    {"INITIALS", "", "2.5.4.43", LEVEL_LEAF},
    {"GENERATIONQUALIFIER", "", "2.5.4.44", LEVEL_LEAF},
    {"DNQUALIFIER", "DNQ", "2.5.4.46", LEVEL_ANY},
    {"PSEUDONYM", "", "2.5.4.65", LEVEL_LEAF},
    {"ORGANIZATIONIDENTIFIER", "", "2.5.4.97", LEVEL_ANY},
    {"UID", "USERID", "0.9.2342.19200300.100.1.1", LEVEL_LEAF},
    {"DC", "DOMAINCOMPONENT", "0.9.2342.19200300.100.1.25", LEVEL_TOP},
    {"EMAILADDRESS", "E EMAIL", "1.2.840.113549.1.9.1", LEVEL_LEAF},
};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

struct written_part {
	struct dn_part part;
	bool joined; /* by '+' to the part before */
};

struct parser {
	struct arena *arena;
	struct bytes rest; /* not read yet */
	struct written_part *parts; /* room for DN_PARTS_MAX and the one being read */
	size_t n; /* whole ones */
	char *values, *folds; /* room left in the two buffers */
	struct errinfo *why;
};

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for a distinguished name");
}

/* The part being read. */
static struct dn_part *
current(const struct parser *p)
{
	return &p->parts[p->n].part;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_type_char(char c)
{
	return is_digit(c) || is_letter(c) || c == '.' || c == '-';
}

static bool
is_one_of(char c, const char *set)
{
	struct bytes b = bytes_of(set);

	return bytes_find(b, c) < b.n;
}

static void
skip_blanks(struct parser *p)
{
	while (p->rest.n > 0 && p->rest.p[0] == ' ')
		p->rest = bytes_skip(p->rest, 1);
}

static const struct attribute *
attribute_of(struct bytes name)
{
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		struct bytes aliases = bytes_of(attributes[i].aliases), alias;

		if (bytes_caseeq(name, bytes_of(attributes[i].keyword)) ||
		    bytes_is(name, attributes[i].oid))
			return &attributes[i];
		while (bytes_token(&aliases, " ", &alias))
			if (bytes_caseeq(name, alias))
				return &attributes[i];
	}
	return NULL;
}

/* Two numbers at least, none with a leading zero: one OID has one spelling. */
static bool
is_oid(struct bytes name)
{
	size_t numbers = 0;

	for (;;) {
		size_t n = bytes_find(name, '.');

		if (n == 0 || (n > 1 && name.p[0] == '0'))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!is_digit(name.p[i]))
				return false;
		numbers++;
		if (n == name.n)
			return numbers > 1;
		name = bytes_skip(name, n + 1);
	}
}

/* "type=" and the blanks around both. */
static enum err
read_type(struct parser *p)
{
	struct bytes *type = &current(p)->type;
	const struct attribute *attribute;
	struct bytes name;
	size_t n = 0;

	skip_blanks(p);
	while (n < p->rest.n && is_type_char(p->rest.p[n]))
		n++;
	name = (struct bytes){p->rest.p, n};
	p->rest = bytes_skip(p->rest, n);
	skip_blanks(p);
	if (name.n == 0)
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "an attribute type is missing in the distinguished name");
	if (p->rest.n == 0 || p->rest.p[0] != '=')
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "no '=' behind '%.*s' in the distinguished name", BYTES_ARG(name));
	p->rest = bytes_skip(p->rest, 1);
	if (name.n > 4 && bytes_caseeq((struct bytes){name.p, 4}, BYTES("OID.")))
		name = bytes_skip(name, 4);
	attribute = attribute_of(name);
	if (attribute != NULL)
		*type = bytes_of(attribute->keyword);
	else if (is_oid(name))
		*type = arena_copy(p->arena, name);
	else
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "unknown attribute type '%.*s' in the distinguished name",
		    BYTES_ARG(name));
	return type->p == NULL ? no_memory(p->why) : ERR_OK;
}

/* The byte that a backslash at the front of p->rest stands for. */
static enum err
read_escape(struct parser *p, bool slash_form, char *out)
{
	struct bytes digits = bytes_skip(p->rest, 1);
	uint8_t byte;

	if (slash_form && digits.n > 0 && digits.p[0] == 'x')
		digits = bytes_skip(digits, 1);
	else if (digits.n > 0 && is_one_of(digits.p[0], " ,=+<>#;\"\\/")) {
		*out = digits.p[0];
		p->rest = bytes_skip(digits, 1);
		return ERR_OK;
	}
	if (digits.n < 2 || !hex_decode((struct bytes){digits.p, 2}, &byte, 1))
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "a backslash escapes nothing in the distinguished name");
	*out = (char)byte;
	p->rest = bytes_skip(digits, 2);
	return ERR_OK;
}

/* Text between quotes, the first of which is at the front of p->rest. */
static enum err
read_quoted(struct parser *p)
{
	char *to = p->values;

	p->rest = bytes_skip(p->rest, 1);
	while (p->rest.n > 0 && p->rest.p[0] != '"') {
		if (p->rest.p[0] == '\\') {
			enum err e = read_escape(p, false, to);

			if (e != ERR_OK)
				return e;
			to++;
			continue;
		}
		*to++ = p->rest.p[0];
		p->rest = bytes_skip(p->rest, 1);
	}
	if (p->rest.n == 0)
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "a quote is not closed in the distinguished name");
	p->rest = bytes_skip(p->rest, 1);
	current(p)->value = (struct bytes){p->values, (size_t)(to - p->values)};
	return ERR_OK;
}

/*
 * The content of a DER string (X.690) whose characters are UTF-8 or a part of it. The
 * shortest form of the length is not insisted on: the text alone counts.
 */
static bool
der_text(struct bytes der, struct bytes *out)
{
	enum {
		UTF8 = 0x0c,
		NUMERIC = 0x12,
		PRINTABLE = 0x13,
		IA5 = 0x16,
		VISIBLE = 0x1a
	};
	const uint8_t *p = (const uint8_t *)der.p;
	size_t head = 2, n;

	if (der.n < 2 || (p[0] != UTF8 && p[0] != NUMERIC && p[0] != PRINTABLE &&
			     p[0] != IA5 && p[0] != VISIBLE))
		return false;
	n = p[1];
	if (n == 0x81 && der.n > 2) {
		n = p[2];
		head = 3;
	} else if (n == 0x82 && der.n > 3) {
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (n >= 0x80) {
		return false;
	}
	if (der.n - head != n)
		return false;
	*out = bytes_skip(der, head);
	return true;
}

/* "#" and the hex digits of a DER value: how a type without keyword is written. */
static enum err
read_hex(struct parser *p)
{
	struct bytes digits = bytes_skip(p->rest, 1);
	size_t n = 0;

	while (n < digits.n && (is_digit(digits.p[n]) || is_letter(digits.p[n])))
		n++;
	p->rest = bytes_skip(digits, n);
	digits.n = n;
	if (!hex_decode(digits, (uint8_t *)p->values, n / 2))
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "the value of %.*s begins with '#' but is not hexadecimal",
		    BYTES_ARG(current(p)->type));
	if (!der_text((struct bytes){p->values, n / 2}, &current(p)->value))
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "the value of %.*s is hexadecimal but no text",
		    BYTES_ARG(current(p)->type));
	return ERR_OK;
}

/* Up to an unescaped separator, blanks in front of it left out. */
static enum err
read_plain(struct parser *p)
{
	char *to = p->values, *keep = to; /* where trailing blanks may begin */

	while (p->rest.n > 0 && !is_one_of(p->rest.p[0], ",;+")) {
		char c = p->rest.p[0];

		if (c == '\\') {
			enum err e = read_escape(p, false, to);

			if (e != ERR_OK)
				return e;
			keep = ++to;
			continue;
		}
		if (is_one_of(c, "\"<>"))
			return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
			    "the value of %.*s has an unescaped '%c'",
			    BYTES_ARG(current(p)->type), c);
		*to++ = c;
		if (c != ' ')
			keep = to;
		p->rest = bytes_skip(p->rest, 1);
	}
	current(p)->value = (struct bytes){p->values, (size_t)(keep - p->values)};
	return ERR_OK;
}

/* True if `text` begins with '/' and "type=". */
static bool
begins_part(struct bytes text)
{
	size_t n = 1;

	while (n < text.n && is_type_char(text.p[n]))
		n++;
	return text.p[0] == '/' && n > 1 && n < text.n && text.p[n] == '=';
}

/* Up to the next "/type=". */
static enum err
read_slashed(struct parser *p)
{
	char *to = p->values;

	while (p->rest.n > 0 && !begins_part(p->rest)) {
		if (p->rest.p[0] == '\\') {
			enum err e = read_escape(p, true, to);

			if (e != ERR_OK)
				return e;
			to++;
			continue;
		}
		*to++ = p->rest.p[0];
		p->rest = bytes_skip(p->rest, 1);
	}
	current(p)->value = (struct bytes){p->values, (size_t)(to - p->values)};
	return ERR_OK;
}

static struct bytes
fold(char *to, struct bytes value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == ' ' && (n == 0 || to[n - 1] == ' '))
			continue;
		to[n++] = bytes_lower(value.p[i]);
	}
	if (n > 0 && to[n - 1] == ' ')
		n--;
	return (struct bytes){to, n};
}

/* Check the value read for the current part, and count that part. */
static enum err
end_part(struct parser *p)
{
	struct dn_part *part = current(p);
	struct bytes type = part->type, value = part->value;

	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
			return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
			    "the value of %.*s has the control character %02x",
			    BYTES_ARG(type), (unsigned char)value.p[i]);
	if (!utf8_valid(value))
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "the value of %.*s is not UTF-8", BYTES_ARG(type));
	part->folded = fold(p->folds, value);
	if (part->folded.n == 0)
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "the value of %.*s is empty", BYTES_ARG(type));
	if (p->n == DN_PARTS_MAX)
		return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
		    "the distinguished name has more than %d parts", DN_PARTS_MAX);
	p->values += (value.p - p->values) + (ptrdiff_t)value.n;
	p->folds += part->folded.n;
	p->n++;
	return ERR_OK;
}

/* A value in the comma form. */
static enum err
read_value(struct parser *p)
{
	skip_blanks(p);
	if (p->rest.n > 0 && p->rest.p[0] == '"')
		return read_quoted(p);
	if (p->rest.n > 0 && p->rest.p[0] == '#')
		return read_hex(p);
	return read_plain(p);
}

static enum err
read_comma_form(struct parser *p)
{
	for (;;) {
		enum err e = read_type(p);

		if (e == ERR_OK)
			e = read_value(p);
		if (e == ERR_OK)
			e = end_part(p);
		skip_blanks(p);
		if (e != ERR_OK || p->rest.n == 0)
			return e;
		if (!is_one_of(p->rest.p[0], ",;+"))
			return errinfo_set(p->why, ERR_INVALID_ARGUMENT,
			    "a separator is missing in the distinguished name");
		p->parts[p->n].joined = p->rest.p[0] == '+';
		p->rest = bytes_skip(p->rest, 1);
	}
}

static enum err
read_slash_form(struct parser *p)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && p->rest.n > 0) {
		p->rest = bytes_skip(p->rest, 1);
		e = read_type(p);
		if (e == ERR_OK)
			e = read_slashed(p);
		if (e == ERR_OK)
			e = end_part(p);
	}
	return e;
}

static int
part_order(const struct dn_part *x, const struct dn_part *y)
{
	int order = bytes_cmp(x->type, y->type);

	return order != 0 ? order : bytes_cmp(x->folded, y->folded);
}

/* For qsort: parts that are equal have an order too, so that a name has one text. */
static int
written_order(const void *a, const void *b)
{
	const struct dn_part *x = a, *y = b;
	int order = part_order(x, y);

	return order != 0 ? order : bytes_cmp(x->value, y->value);
}

/* The parts, in the order written, as RDNs; NULL when there is no memory. */
static struct dn_rdn *
group_parts(const struct parser *p, size_t *n_out)
{
	struct dn_part *part = arena_array(p->arena, struct dn_part, p->n);
	struct dn_rdn *rdn = arena_array(p->arena, struct dn_rdn, p->n);
	size_t n = 0;

	if (part == NULL || rdn == NULL)
		return NULL;
	for (size_t i = 0; i < p->n;) {
		size_t first = i;

		do {
			part[i] = p->parts[i].part;
			i++;
		} while (i < p->n && p->parts[i].joined);
		qsort(part + first, i - first, sizeof part[0], written_order);
		rdn[n++] = (struct dn_rdn){part + first, i - first};
	}
	*n_out = n;
	return rdn;
}

static void
reverse(struct dn_rdn *rdn, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct dn_rdn swap = rdn[i];

		rdn[i] = rdn[n - 1 - i];
		rdn[n - 1 - i] = swap;
	}
}

static enum level
level_of(struct dn_rdn rdn)
{
	enum level level = LEVEL_TOP;

	for (size_t i = 0; i < rdn.n; i++) {
		const struct attribute *attribute = attribute_of(rdn.part[i].type);
		enum level l = attribute != NULL ? attribute->level : LEVEL_ANY;

		if (l > level)
			level = l;
	}
	return level;
}

enum err
dn_parse(struct arena *a, struct bytes text, struct dn *out, struct errinfo *why)
{
	struct parser p = {.arena = a, .rest = text, .why = why};
	bool slash_form;
	struct dn_rdn *rdn;
	size_t n;
	enum err e;

	skip_blanks(&p);
	if (p.rest.n == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the distinguished name is empty");
	if (p.rest.n > DN_TEXT_MAX)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the distinguished name has more than %d bytes", DN_TEXT_MAX);
	p.parts = arena_array(a, struct written_part, DN_PARTS_MAX + 1);
	p.values = arena_alloc(a, p.rest.n);
	p.folds = arena_alloc(a, p.rest.n);
	if (p.parts == NULL || p.values == NULL || p.folds == NULL)
		return no_memory(why);
	slash_form = p.rest.p[0] == '/';
	e = slash_form ? read_slash_form(&p) : read_comma_form(&p);
	if (e != ERR_OK)
		return e;
	rdn = group_parts(&p, &n);
	if (rdn == NULL)
		return no_memory(why);
	if (slash_form)
		reverse(rdn, n);
	if (level_of(rdn[0]) < level_of(rdn[n - 1]))
		reverse(rdn, n);
	*out = (struct dn){rdn, n};
	return ERR_OK;
}

/* Append `value` to `to` (room for twice its length) as RFC 2253 2.4 escapes it. */
static char *
write_value(char *to, struct bytes value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (is_one_of(c, ",+\"\\<>;") || (c == '#' && i == 0) ||
		    (c == ' ' && (i == 0 || i == value.n - 1)))
			*to++ = '\\';
		*to++ = c;
	}
	return to;
}

enum spelling { AS_WRITTEN, FOLDED };

static char *
write_rdn(char *to, struct dn_rdn rdn, enum spelling spelling)
{
	for (size_t i = 0; i < rdn.n; i++) {
		const struct dn_part *part = &rdn.part[i];

		if (i > 0)
			*to++ = '+';
		for (size_t k = 0; k < part->type.n; k++, to++) {
			*to = part->type.p[k];
			if (spelling == FOLDED)
				*to = bytes_lower(*to);
		}
		*to++ = '=';
		to = write_value(to, spelling == FOLDED ? part->folded : part->value);
	}
	return to;
}

static struct bytes
write_dn(struct arena *a, const struct dn *dn, enum spelling spelling, bool backwards)
{
	size_t room = 0;
	char *text, *to;

	for (size_t i = 0; i < dn->n; i++)
		for (size_t k = 0; k < dn->rdn[i].n; k++)
			room += dn->rdn[i].part[k].type.n +
				2 * dn->rdn[i].part[k].value.n + 2;
	text = to = arena_alloc(a, room);
	if (text == NULL)
		return (struct bytes){NULL, 0};
	for (size_t i = 0; i < dn->n; i++) {
		if (i > 0)
			*to++ = ',';
		to = write_rdn(to, dn->rdn[backwards ? dn->n - 1 - i : i], spelling);
	}
	return (struct bytes){text, (size_t)(to - text)};
}

struct bytes
dn_canonical(struct arena *a, const struct dn *dn)
{
	return write_dn(a, dn, AS_WRITTEN, false);
}

static bool
rdn_equal(struct dn_rdn a, struct dn_rdn b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (part_order(&a.part[i], &b.part[i]) != 0)
			return false;
	return true;
}

bool
dn_equal(const struct dn *a, const struct dn *b)
{
	bool same = a->n == b->n, mirrored = same;

	for (size_t i = 0; i < a->n && (same || mirrored); i++) {
		same = same && rdn_equal(a->rdn[i], b->rdn[i]);
		mirrored = mirrored && rdn_equal(a->rdn[i], b->rdn[b->n - 1 - i]);
	}
	return same || mirrored;
}

/* A hash begins with '#', which no attribute type does: it is nobody else's name. */
static struct bytes
hashed_key(struct arena *a, struct bytes key)
{
	uint8_t hash[SHA256_SIZE];
	char *text = arena_alloc(a, 1 + 2 * SHA256_SIZE + 1);

	if (text == NULL || !sha256_of(key.p, key.n, hash))
		return (struct bytes){NULL, 0};
	text[0] = '#';
	hex_encode(hash, sizeof hash, text + 1);
	return (struct bytes){text, 1 + 2 * SHA256_SIZE};
}

struct bytes
dn_key(struct arena *a, const struct dn *dn)
{
	struct bytes key = write_dn(a, dn, FOLDED, false);

	/* Where the ends do not tell the order, the one that sorts first stands for both.
	 */
	if (key.p != NULL && level_of(dn->rdn[0]) == level_of(dn->rdn[dn->n - 1])) {
		struct bytes back = write_dn(a, dn, FOLDED, true);

		if (back.p == NULL || bytes_cmp(back, key) < 0)
			key = back;
	}
	return key.n > DN_KEY_MAX ? hashed_key(a, key) : key;
}

struct bytes
dn_type_oid(struct bytes type)
{
	for (size_t i = 0; i < ATTRIBUTES; i++)
		if (bytes_is(type, attributes[i].keyword))
			return bytes_of(attributes[i].oid);
	return type;
}

struct bytes
dn_common_name(const struct dn *dn)
{
	for (size_t i = 0; i < dn->n; i++)
		for (size_t k = 0; k < dn->rdn[i].n; k++)
			if (bytes_is(dn->rdn[i].part[k].type, "CN"))
				return dn->rdn[i].part[k].value;
	return (struct bytes){NULL, 0};
}
