/* SPDX-License-Identifier: Apache-2.0 */
#include "service/vosuri.h"

#include "service/core/encode.h"

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 3986 3.1: length of the scheme that `text` begins with, 0 if there is none. */
static size_t
scheme_length(struct bytes text)
{
	size_t n = bytes_find(text, ':');

	if (n == text.n || n == 0 || !is_alpha(text.p[0]))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (!is_alpha(text.p[i]) && !is_digit(text.p[i]) && text.p[i] != '+' &&
		    text.p[i] != '-' && text.p[i] != '.')
			return 0;
	return n;
}

static enum err
check_characters(struct bytes text, struct errinfo *why)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c <= 0x20 || c == 0x7f)
			return errinfo_set(why, ERR_INVALID_URI,
			    "the URI contains the unescaped character %02x", c);
	}
	return ERR_OK;
}

/* Up to and without the first of `stops`; *rest keeps what follows, stop included. */
static struct bytes
take_until(struct bytes *rest, const char *stops)
{
	struct bytes stop = bytes_of(stops), head = {rest->p, 0};

	while (head.n < rest->n && bytes_find(stop, rest->p[head.n]) == stop.n)
		head.n++;
	*rest = bytes_skip(*rest, head.n);
	return head;
}

/* One spelling for all characters that mean the same in an authority. */
static char
fold(char c)
{
	if (c == '!' || c == '/')
		return '~';
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static bool
begins_with_name(struct bytes text, struct bytes name)
{
	if (name.n == 0 || text.n < name.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (fold(text.p[i]) != fold(name.p[i]))
			return false;
	return text.n == name.n || text.p[name.n] == '/';
}

/* Length of the name of ours that `text` ("NAME" or "NAME/path") begins with, or 0. */
static size_t
our_name(struct bytes text, const struct vosuri_names *names)
{
	if (begins_with_name(text, names->authority))
		return names->authority.n;
	for (size_t i = 0; i < names->n_aliases; i++)
		if (begins_with_name(text, names->aliases[i]))
			return names->aliases[i].n;
	return 0;
}

/* `rest` is what stands behind "vos://" or "ivo://", without query and fragment. */
static enum err
parse_place(struct arena *a, struct bytes rest, const struct vosuri_names *names,
    size_t depth_max, struct vosuri *uri, struct errinfo *why)
{
	struct bytes authority = {rest.p, bytes_find(rest, '/')};
	bool is_vos = bytes_caseeq(uri->scheme, BYTES("vos"));
	size_t n;

	if (authority.n == 0)
		return errinfo_set(why, ERR_INVALID_URI, "the URI has no authority");
	/* A slash may stand for '~' in the id of an ivo URI only. */
	n = our_name(is_vos ? authority : rest, names);
	if (n == 0)
		return ERR_OK;
	uri->is_ours = true;
	return path_parse(a, bytes_skip(rest, n), depth_max, &uri->path, why);
}

enum err
vosuri_parse(struct arena *a, struct bytes text, const struct vosuri_names *names,
    size_t depth_max, struct vosuri *out, struct errinfo *why)
{
	struct vosuri uri = {.scheme = {text.p, scheme_length(text)}};
	struct bytes place, rest;
	enum err e = check_characters(text, why);

	if (e != ERR_OK)
		return e;
	if (uri.scheme.n == 0)
		return errinfo_set(
		    why, ERR_INVALID_URI, "not an absolute URI: %.*s", BYTES_ARG(text));
	rest = bytes_skip(text, uri.scheme.n + 1);
	place = take_until(&rest, "?#");
	if (rest.n > 0 && rest.p[0] == '?') {
		rest = bytes_skip(rest, 1);
		uri.query = take_until(&rest, "#");
	}
	if (bytes_caseeq(uri.scheme, BYTES("vos")) ||
	    bytes_caseeq(uri.scheme, BYTES("ivo"))) {
		if (!bytes_starts(place, BYTES("//")))
			return errinfo_set(why, ERR_INVALID_URI,
			    "the URI has no authority: %.*s", BYTES_ARG(text));
		e = parse_place(a, bytes_skip(place, 2), names, depth_max, &uri, why);
	}
	if (e == ERR_OK)
		*out = uri;
	return e;
}

void
vosuri_write(struct str *s, struct bytes authority, struct path path)
{
	str_add(s, BYTES("vos://"));
	str_add(s, authority);
	path_encode(s, path);
}

enum err
vosuri_from_resource_id(
    struct arena *a, struct bytes id, struct bytes *authority_out, struct errinfo *why)
{
	struct bytes name, tail = id;
	char *to;

	if (!vosuri_is_absolute(id) || take_until(&tail, "?#").n != id.n ||
	    !bytes_starts(id, BYTES("ivo://")))
		return errinfo_set(why, ERR_INVALID_URI,
		    "not a resource id (ivo://AUTHORITY/NAME): %.*s", BYTES_ARG(id));
	name = bytes_skip(id, strlen("ivo://"));
	if (bytes_find(name, '/') == 0 || bytes_find(name, '/') + 1 >= name.n ||
	    bytes_ends(name, BYTES("/")))
		return errinfo_set(why, ERR_INVALID_URI,
		    "a resource id needs an authority and a name: %.*s", BYTES_ARG(id));
	to = arena_text(a, name);
	if (to == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the authority");
	for (size_t i = 0; i < name.n; i++)
		if (to[i] == '/')
			to[i] = '~';
	*authority_out = (struct bytes){to, name.n};
	return ERR_OK;
}

/* True if a URI may contain `c`; '%' and '#' have rules of their own. */
static bool
is_uri_character(char c)
{
	static const struct bytes marks = {"-._~:/?[]@!$&'()*+,;=", 21};

	return is_alpha(c) || is_digit(c) || (unsigned char)c >= 0x80 ||
	       bytes_find(marks, c) < marks.n;
}

bool
vosuri_is_absolute(struct bytes text)
{
	size_t scheme = scheme_length(text);
	unsigned fragments = 0;

	if (scheme == 0 || scheme + 1 == text.n || !utf8_valid(text))
		return false;
	for (size_t i = scheme + 1; i < text.n; i++) {
		uint8_t byte;

		if (text.p[i] == '%') {
			if (text.n - i < 3 ||
			    !hex_decode((struct bytes){text.p + i + 1, 2}, &byte, 1))
				return false;
		} else if (text.p[i] == '#') {
			if (++fragments > 1)
				return false;
		} else if (!is_uri_character(text.p[i])) {
			return false;
		}
	}
	return true;
}
