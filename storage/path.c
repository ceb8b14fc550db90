/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/path.h"

#include "service/core/encode.h"
#include "storage/node.h"

enum err
path_check_name(struct bytes name, struct errinfo *why)
{
	if (name.n == 0)
		return errinfo_set(why, ERR_INVALID_URI, "a path component is empty");
	if (name.n > NODE_NAME_MAX)
		return errinfo_set(why, ERR_INVALID_URI,
		    "a path component has %zu bytes, the limit is %d", name.n,
		    NODE_NAME_MAX);
	if (bytes_is(name, ".") || bytes_is(name, ".."))
		return errinfo_set(
		    why, ERR_INVALID_URI, "'%.*s' is not a name", BYTES_ARG(name));
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c == '/')
			return errinfo_set(
			    why, ERR_INVALID_URI, "a path component contains '/'");
		if (c == '\0')
			return errinfo_set(
			    why, ERR_INVALID_URI, "a path component contains NUL");
	}
	if (!utf8_valid(name))
		return errinfo_set(why, ERR_INVALID_URI, "a path component is not UTF-8");
	return ERR_OK;
}

enum err
path_parse(struct arena *a, struct bytes encoded, size_t depth_max, struct path *out,
    struct errinfo *why)
{
	struct bytes *parts;
	size_t n = 1, at = 0;

	if (encoded.n > 0 && encoded.p[0] == '/')
		encoded = bytes_skip(encoded, 1);
	if (encoded.n > 0 && encoded.p[encoded.n - 1] == '/')
		encoded.n--;
	if (encoded.n == 0) {
		*out = (struct path){NULL, 0};
		return ERR_OK;
	}
	for (size_t i = 0; i < encoded.n; i++)
		n += encoded.p[i] == '/';
	if (n > depth_max)
		return errinfo_set(why, ERR_INVALID_URI,
		    "the path has %zu components, the limit is %zu", n, depth_max);
	parts = arena_array(a, struct bytes, n);
	if (parts == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the path");
	for (size_t i = 0; i < n; i++) {
		struct bytes rest = bytes_skip(encoded, at), name;
		enum err e;

		rest.n = bytes_find(rest, '/');
		at += rest.n + 1;
		if (!pct_decode(a, rest, false, &name))
			return name.p == NULL
				   ? errinfo_set(
					 why, ERR_NO_MEMORY, "no memory for the path")
				   : errinfo_set(why, ERR_INVALID_URI,
					 "the path has a broken percent escape");
		e = path_check_name(name, why);
		if (e != ERR_OK)
			return e;
		parts[i] = name;
	}
	*out = (struct path){parts, n};
	return ERR_OK;
}

struct path
path_front(struct path p, size_t n)
{
	return (struct path){p.part, n < p.n ? n : p.n};
}

struct path
path_join(struct arena *a, struct path p, struct path tail)
{
	struct bytes *parts = arena_array(a, struct bytes, p.n + tail.n + 1);

	if (parts == NULL)
		return (struct path){NULL, 0};
	for (size_t i = 0; i < p.n; i++)
		parts[i] = p.part[i];
	for (size_t i = 0; i < tail.n; i++)
		parts[p.n + i] = tail.part[i];
	return (struct path){parts, p.n + tail.n};
}

struct path
path_child(struct arena *a, struct path p, struct bytes name)
{
	return path_join(a, p, (struct path){&name, 1});
}

struct bytes
path_name(struct path p)
{
	return p.n == 0 ? BYTES("") : p.part[p.n - 1];
}

void
path_encode_name(struct str *to, struct bytes name)
{
	pct_encode(to, name, "!$&*+,;=:@");
}

void
path_encode(struct str *to, struct path p)
{
	for (size_t i = 0; i < p.n; i++) {
		str_addc(to, '/');
		path_encode_name(to, p.part[i]);
	}
}

struct bytes
path_show(struct arena *a, struct path p)
{
	size_t n = 1, at = 0;
	char *text;

	for (size_t i = 0; i < p.n; i++)
		n += p.part[i].n + 1;
	text = arena_alloc(a, n);
	if (text == NULL)
		return BYTES("?");
	if (p.n == 0)
		text[at++] = '/';
	for (size_t i = 0; i < p.n; i++) {
		text[at++] = '/';
		(void)memcpy(text + at, p.part[i].p, p.part[i].n);
		at += p.part[i].n;
	}
	return (struct bytes){text, at};
}
