/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gms/gms_answer.h"

#include <stdlib.h>

#include "service/xml/xml_in.h"

enum { NAME_MAX_BYTES = 255, DEPTH_MAX = 16, ELEMENTS_MAX = 200000, ATTRIBUTES_MAX = 16 };

/* Standards GM-1: what the standard and OpenCADC's own parser allow together. */
static bool
is_name(struct bytes name)
{
	static const struct bytes marks = {",-._~/", 6};

	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!plain && bytes_find(marks, c) == marks.n)
			return false;
	}
	return true;
}

static int
compare(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static struct gms_names
in_order(struct bytes *names, size_t n)
{
	struct gms_names out = {.name = names};

	if (n > 0)
		qsort(names, n, sizeof *names, compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !bytes_eq(names[i], names[out.n - 1]))
			names[out.n++] = names[i];
	return out;
}

static enum err
read_lines(struct arena *a, struct bytes text, struct gms_names *out, struct errinfo *why)
{
	size_t lines = 0, n = 0;
	struct bytes *names;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the last line of its answer has no end");
	text = arena_copy(a, text);
	names = arena_array(a, struct bytes, lines + 1);
	if (text.p == NULL || names == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for groups");
	while (text.n > 0) {
		struct bytes line = {text.p, bytes_find(text, '\n')};

		text = bytes_skip(text, line.n + 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!is_name(line))
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "line %zu of its answer is no name of a group", n + 1);
		names[n++] = line;
	}
	*out = in_order(names, n);
	return ERR_OK;
}

/* The name, if it is a group of the service that is asked; .p NULL: of another one. */
static enum err
read_uri(const struct settings *settings, struct bytes uri, struct bytes *out,
    struct errinfo *why)
{
	struct bytes scheme = BYTES("ivo://"), rest = uri;
	size_t question;

	if (bytes_starts(uri, scheme))
		rest = bytes_skip(uri, scheme.n);
	question = bytes_find(rest, '?');
	if (rest.n == uri.n || question == rest.n ||
	    !is_name(bytes_skip(rest, question + 1)))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "a group in its answer has no uri of a group");
	*out = settings_is_outside_group(settings, (struct bytes){rest.p, question})
		   ? bytes_skip(rest, question + 1)
		   : (struct bytes){NULL, 0};
	return ERR_OK;
}

static enum err
read_document(struct arena *a, const struct settings *settings, struct bytes text,
    struct gms_names *out, struct errinfo *why)
{
	const struct xml_limits limits = {.bytes = text.n,
	    .depth = DEPTH_MAX,
	    .elements = ELEMENTS_MAX,
	    .attributes = ATTRIBUTES_MAX};
	const struct xml_elem *root, *e;
	struct bytes *names;
	size_t room = 0, n = 0;
	enum err err = xml_parse(a, text, &limits, &root, why);

	if (err != ERR_OK)
		return err;
	if (!xml_is(root, "", "groups"))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the document it answers is no list of groups");
	for (e = root->children; e != NULL; e = e->next)
		room++;
	names = arena_array(a, struct bytes, room + 1);
	if (names == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for groups");
	for (e = root->children; e != NULL && err == ERR_OK; e = e->next) {
		if (!xml_is(e, "", "group"))
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "the list it answers holds something that is no group");
		err = read_uri(settings, xml_attr(e, "", "uri"), &names[n], why);
		if (err == ERR_OK && names[n].p != NULL)
			n++;
	}
	*out = in_order(names, n);
	return err;
}

enum err
gms_answer_parse(struct arena *a, const struct settings *settings, struct bytes type,
    struct bytes text, struct gms_names *out, struct errinfo *why)
{
	struct bytes media = bytes_trim((struct bytes){type.p, bytes_find(type, ';')});

	if (bytes_caseeq(media, BYTES("text/plain")) ||
	    (media.n == 0 && text.n == 0)) /* nothing has no type */
		return read_lines(a, text, out, why);
	if (bytes_caseeq(media, BYTES("text/xml")) ||
	    bytes_caseeq(media, BYTES("application/xml")))
		return read_document(a, settings, text, out, why);
	return errinfo_set(
	    why, ERR_INVALID_ARGUMENT, "its answer is neither text/plain nor text/xml");
}

enum err
gms_answer_join(struct arena *a, const struct gms_names *lists, size_t n,
    struct gms_names *out, struct errinfo *why)
{
	struct bytes *names;
	size_t used = 0, room = 0;

	for (size_t i = 0; i < n; i++)
		room += lists[i].n;
	names = arena_array(a, struct bytes, room + 1);
	if (names == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for groups");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < lists[i].n; k++)
			names[used++] = lists[i].name[k];
	*out = in_order(names, used);
	return ERR_OK;
}
