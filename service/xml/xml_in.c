/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxml2 reads the markup and calls the handlers below (its SAX2 interface), which build
 * the tree; its own tree, validation and input layers are not used.
 *
 * Whatever is wrong is kept in builder.err and ends the parser at the next event. It is
 * never ended from within an error report: libxml2 2.9 goes on using the buffer that
 * stopping frees.
 */
#include "service/xml/xml_in.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>

#include "service/core/check.h"
#include "service/core/encode.h"
#include "service/xml/names.h"

/* An element whose end tag is still to come. */
struct open_elem {
	struct xml_elem *elem;
	const struct xml_elem **tail; /* where its next child is hung in */
	char *text;
	size_t text_room;
};

struct builder {
	xmlParserCtxt *parser;
	struct arena *arena;
	const struct xml_limits *limits;
	struct open_elem *open; /* limits->depth of them, `depth` in use */
	size_t depth, elements;
	const struct xml_elem *root;
	enum err err;
	struct errinfo *why;
};

/* At an event: false, and the parser ends, after something went wrong. */
static bool
going_on(struct builder *b)
{
	if (b->err != ERR_OK)
		xmlStopParser(b->parser);
	return b->err == ERR_OK;
}

static void
no_memory(struct builder *b)
{
	b->err = errinfo_set(b->why, ERR_NO_MEMORY, "no memory for the document");
}

static struct bytes
text_of(const xmlChar *s)
{
	return bytes_of((const char *)s);
}

/* The namespace bound to `prefix` at `e`; false if there is none. */
static bool
find_binding(const struct xml_elem *e, struct bytes prefix, struct bytes *ns_out)
{
	for (; e != NULL; e = e->parent)
		for (size_t i = 0; i < e->n_bindings; i++)
			if (bytes_eq(e->bindings[i].prefix, prefix)) {
				*ns_out = e->bindings[i].ns;
				return true;
			}
	*ns_out = bytes_is(prefix, "xml") ? BYTES(XML_NS) : BYTES("");
	return ns_out->n > 0 || prefix.n == 0;
}

/* libxml2 hands over pairs: prefix (NULL for the default), namespace. */
static bool
copy_bindings(struct builder *b, struct xml_elem *e, const xmlChar **from, size_t n)
{
	struct xml_binding *to;

	if (n == 0)
		return true;
	to = arena_array(b->arena, struct xml_binding, n);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		to[i].prefix = arena_copy(b->arena, text_of(from[2 * i]));
		to[i].ns = arena_copy(b->arena, text_of(from[2 * i + 1]));
		if (to[i].prefix.p == NULL || to[i].ns.p == NULL)
			return false;
	}
	e->bindings = to;
	e->n_bindings = n;
	return true;
}

/* libxml2 hands over fives: name, prefix, namespace, begin and end of the value. */
static bool
copy_attrs(struct builder *b, struct xml_elem *e, const xmlChar **from, size_t n)
{
	struct xml_attr *to;

	if (n == 0)
		return true;
	to = arena_array(b->arena, struct xml_attr, n);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < n; i++, from += 5) {
		struct bytes value = {(const char *)from[3], (size_t)(from[4] - from[3])};

		if (from[1] != NULL)
			(void)find_binding(e, text_of(from[1]), &to[i].ns);
		to[i].name = arena_copy(b->arena, text_of(from[0]));
		to[i].value = arena_copy(b->arena, value);
		if (to[i].name.p == NULL || to[i].value.p == NULL)
			return false;
	}
	e->attrs = to;
	e->n_attrs = n;
	return true;
}

static bool
copy_name(
    struct builder *b, struct xml_elem *e, const xmlChar *name, const xmlChar *prefix)
{
	(void)find_binding(e, text_of(prefix), &e->ns);
	e->name = arena_copy(b->arena, text_of(name));
	return e->name.p != NULL;
}

/* One more element below the innermost open one, itself open now. */
static struct xml_elem *
push_elem(struct builder *b)
{
	struct xml_elem *e = arena_new(b->arena, struct xml_elem);

	if (e == NULL)
		return NULL;
	e->text = BYTES("");
	if (b->depth > 0) {
		struct open_elem *parent = &b->open[b->depth - 1];

		e->parent = parent->elem;
		*parent->tail = e;
		parent->tail = &e->next;
	} else {
		b->root = e;
	}
	b->open[b->depth++] = (struct open_elem){.elem = e, .tail = &e->children};
	b->elements++;
	return e;
}

/* False, and the parser ends, if one more element would be too many. */
static bool
has_room(struct builder *b)
{
	if (b->depth == b->limits->depth)
		b->err = errinfo_set(b->why, ERR_INVALID_ARGUMENT,
		    "XML elements are nested deeper than %zu", b->limits->depth);
	else if (b->elements == b->limits->elements)
		b->err = errinfo_set(b->why, ERR_TOO_LARGE,
		    "the document has more than %zu elements", b->limits->elements);
	return going_on(b);
}

static void
on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns,
    int n_bindings, const xmlChar **bindings, int n_attrs, int n_defaulted,
    const xmlChar **attrs)
{
	struct builder *b = arg;
	struct xml_elem *e;

	(void)ns; /* the text of a binding, which is copied once */
	(void)n_defaulted; /* there is no DTD they could come from */
	if (!going_on(b) || !has_room(b))
		return;
	e = push_elem(b);
	if (e == NULL || !copy_bindings(b, e, bindings, (size_t)n_bindings) ||
	    !copy_attrs(b, e, attrs, (size_t)n_attrs) || !copy_name(b, e, name, prefix))
		no_memory(b);
	(void)going_on(b);
}

static void
on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns)
{
	struct builder *b = arg;

	(void)name; /* libxml2 has compared it with the start tag's */
	(void)prefix;
	(void)ns;
	if (going_on(b) && b->depth > 0)
		b->depth--;
}

/* Text comes in pieces, split where a reference or a comment stood, or anywhere. */
static void
on_text(void *arg, const xmlChar *p, int n)
{
	struct builder *b = arg;
	struct open_elem *open;
	size_t have, need;

	if (!going_on(b) || b->depth == 0)
		return;
	open = &b->open[b->depth - 1];
	have = open->elem->text.n;
	need = have + (size_t)n;
	if (need > open->text_room) {
		size_t room = need > 2 * open->text_room ? need : 2 * open->text_room;
		char *text = arena_alloc(b->arena, room);

		if (text == NULL) {
			no_memory(b);
			(void)going_on(b);
			return;
		}
		if (have > 0)
			(void)memcpy(text, open->text, have);
		open->text = text;
		open->text_room = room;
	}
	if (n > 0)
		(void)memcpy(open->text + have, p, (size_t)n);
	open->elem->text = (struct bytes){open->text, need};
}

static void
on_doctype(
    void *arg, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
	struct builder *b = arg;

	(void)name;
	(void)external_id;
	(void)system_id;
	if (b->err == ERR_OK)
		b->err = errinfo_set(b->why, ERR_INVALID_ARGUMENT,
		    "a document with a DOCTYPE is not accepted");
	(void)going_on(b);
}

/* Only the first report counts: what follows are mostly its consequences. */
static void
on_error(void *arg, xmlError *report)
{
	struct builder *b = arg;
	struct bytes text;

	if (b->err != ERR_OK || report->level < XML_ERR_ERROR)
		return;
	if (report->code == XML_ERR_NO_MEMORY) {
		no_memory(b);
		return;
	}
	text = bytes_trim(bytes_of(report->message));
	b->err = errinfo_set(b->why, ERR_INVALID_ARGUMENT,
	    "not well-formed XML, line %d: %.*s", report->line, BYTES_ARG(text));
}

/*
 * Quoted values between the '<' before `tag` and the '>' that ends the tag. Whatever
 * libxml2 takes for the attributes of one start tag is counted here; what only looks
 * like a tag, in a comment or CDATA section, is too.
 */
static size_t
count_values(struct bytes tag)
{
	size_t n = 0;

	for (size_t i = 0; i < tag.n && tag.p[i] != '>'; i++) {
		if (tag.p[i] != '"' && tag.p[i] != '\'')
			continue;
		n++;
		i += 1 + bytes_find(bytes_skip(tag, i + 1), tag.p[i]);
	}
	return n;
}

/*
 * libxml2 2.9 compares every attribute of a tag with all others of it before it calls
 * us (64,000 of them: 1.3 s), so they are counted before it sees them.
 */
static bool
tags_are_small(struct bytes text, size_t attributes_max)
{
	size_t at = bytes_find(text, '<');

	while (at < text.n) {
		struct bytes tag = bytes_skip(text, at + 1);

		tag.n = bytes_find(tag, '<');
		if (count_values(tag) > attributes_max)
			return false;
		at += 1 + tag.n;
	}
	return true;
}

/* Each byte is the character of that number. */
static struct bytes
utf8_from_latin1(struct arena *a, struct bytes text)
{
	char *to = arena_alloc(a, 2 * text.n + 1);
	size_t n = 0;

	if (to == NULL)
		return (struct bytes){NULL, 0};
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 0x80) {
			to[n++] = (char)c;
		} else {
			to[n++] = (char)(0xc0 | c >> 6);
			to[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	return (struct bytes){to, n};
}

/* What can be said before the markup is looked at. *text becomes UTF-8. */
static enum err
prepare(struct arena *a, struct bytes *text, const struct xml_limits *limits,
    struct errinfo *why)
{
	CHECK(limits->bytes <= XML_BYTES_MAX);
	if (text->n > limits->bytes)
		return errinfo_set(why, ERR_TOO_LARGE,
		    "the document has %zu bytes, the limit is %zu", text->n,
		    limits->bytes);
	if (bytes_trim(*text).n == 0)
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "no document was sent");
	/* Also keeps libxml2 from taking it for UTF-16. */
	if (bytes_find(*text, '\0') < text->n)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the document contains a NUL byte");
	if (!tags_are_small(*text, limits->attributes))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "an XML element has more than %zu attributes", limits->attributes);
	if (!utf8_valid(*text))
		*text = utf8_from_latin1(a, *text);
	if (text->p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the document");
	return ERR_OK;
}

static void
run_parser(struct builder *b, struct bytes text)
{
	static pthread_once_t library = PTHREAD_ONCE_INIT;

	(void)pthread_once(&library, xmlInitParser);
	b->parser = xmlCreateMemoryParserCtxt(text.p, (int)text.n);
	if (b->parser == NULL) {
		no_memory(b);
		return;
	}
	*b->parser->sax = (xmlSAXHandler){
	    .initialized = XML_SAX2_MAGIC,
	    .internalSubset = on_doctype,
	    .startElementNs = on_start,
	    .endElementNs = on_end,
	    .characters = on_text,
	    .ignorableWhitespace = on_text,
	    .cdataBlock = on_text,
	    .serror = on_error,
	};
	b->parser->userData = b;
	/*
	 * RECOVER: events come after an error too, and the first of them ends it.
	 * NOENT: without it "&amp;" in an attribute is left half-way, as "&#38;".
	 */
	(void)xmlCtxtUseOptions(b->parser,
	    XML_PARSE_RECOVER | XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	(void)xmlParseDocument(b->parser);
	if (b->err == ERR_OK && (b->root == NULL || !b->parser->wellFormed))
		b->err = errinfo_set(b->why, ERR_INVALID_ARGUMENT, "not well-formed XML");
	xmlFreeParserCtxt(b->parser);
}

enum err
xml_parse(struct arena *a, struct bytes text, const struct xml_limits *limits,
    const struct xml_elem **root_out, struct errinfo *why)
{
	struct builder b = {.arena = a, .limits = limits, .why = why};
	enum err e = prepare(a, &text, limits, why);

	if (e != ERR_OK)
		return e;
	b.open = arena_array(a, struct open_elem, limits->depth);
	if (b.open == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the document");
	run_parser(&b, text);
	if (b.err == ERR_OK)
		*root_out = b.root;
	return b.err;
}

bool
xml_is(const struct xml_elem *e, const char *ns, const char *name)
{
	return bytes_is(e->name, name) && bytes_is(e->ns, ns);
}

/* `e` or the first after it among its siblings that has that name. */
static const struct xml_elem *
find_from(const struct xml_elem *e, const char *ns, const char *name)
{
	while (e != NULL && !xml_is(e, ns, name))
		e = e->next;
	return e;
}

const struct xml_elem *
xml_child(const struct xml_elem *e, const char *ns, const char *name)
{
	return find_from(e->children, ns, name);
}

size_t
xml_count(const struct xml_elem *e, const char *ns, const char *name)
{
	size_t n = 0;

	for (const struct xml_elem *c = xml_child(e, ns, name); c != NULL;
	     c = find_from(c->next, ns, name))
		n++;
	return n;
}

struct bytes
xml_attr(const struct xml_elem *e, const char *ns, const char *name)
{
	for (size_t i = 0; i < e->n_attrs; i++)
		if (bytes_is(e->attrs[i].name, name) && bytes_is(e->attrs[i].ns, ns))
			return e->attrs[i].value;
	return (struct bytes){NULL, 0};
}

bool
xml_true(struct bytes text)
{
	text = bytes_trim(text);
	return bytes_is(text, "true") || bytes_is(text, "1");
}

bool
xml_qname(const struct xml_elem *e, struct bytes text, struct bytes *ns_out,
    struct bytes *name_out)
{
	struct bytes prefix = {"", 0};
	size_t colon;

	text = bytes_trim(text);
	colon = bytes_find(text, ':');
	if (colon < text.n) {
		prefix = (struct bytes){text.p, colon};
		text = bytes_skip(text, colon + 1);
		if (prefix.n == 0)
			return false;
	}
	if (text.n == 0 || bytes_find(text, ':') < text.n)
		return false;
	if (!find_binding(e, prefix, ns_out))
		return false;
	*name_out = text;
	return true;
}
