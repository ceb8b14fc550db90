/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/xml_out.h"

#include "service/core/encode.h"
#include "service/core/isotime.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes to be looked at one by one; all others are copied in runs. */
static const bool special_in_text[256] = {
    [0x00 ... 0x08] = true,
    [0x0b ... 0x1f] = true, /* with CR, which a parser would turn into LF */
    ['&'] = true,
    ['<'] = true,
    ['>'] = true, /* for "]]>" */
    [0x80 ... 0xff] = true,
};

static const bool special_in_attr[256] = {
    [0x00 ... 0x1f] = true, /* a parser turns line breaks and tabs into blanks */
    ['&'] = true,
    ['<'] = true,
    ['>'] = true,
    ['"'] = true,
    [0x80 ... 0xff] = true,
};

/* The ASCII characters that have an escape; NULL for the rest. */
static const char *
escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

/* The special character that `b` begins with; returns its length. */
static size_t
add_special(struct str *s, struct bytes b)
{
	const char *escape = escape_of(b.p[0]);
	size_t n = utf8_sequence(b);
	struct bytes c = {b.p, n};

	if (escape != NULL)
		str_adds(s, escape);
	else if (n < 2 || bytes_is(c, "\xef\xbf\xbe") || bytes_is(c, "\xef\xbf\xbf"))
		str_adds(s, REPLACEMENT);
	else
		str_add(s, c);
	return n > 0 ? n : 1;
}

static void
add_escaped(struct str *s, struct bytes b, const bool special[256])
{
	for (;;) {
		size_t run = 0;

		while (run < b.n && !special[(unsigned char)b.p[run]])
			run++;
		str_add(s, (struct bytes){b.p, run});
		if (run == b.n)
			return;
		b = bytes_skip(b, run);
		b = bytes_skip(b, add_special(s, b));
	}
}

void
xml_out_declaration(struct str *s)
{
	str_adds(s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void
xml_out_text(struct str *s, struct bytes text)
{
	add_escaped(s, text, special_in_text);
}

void
xml_out_attr(struct str *s, const char *name, struct bytes value)
{
	str_addc(s, ' ');
	str_adds(s, name);
	str_adds(s, "=\"");
	add_escaped(s, value, special_in_attr);
	str_addc(s, '"');
}

void
xml_out_leaf(struct str *s, const char *name, struct bytes text)
{
	str_addc(s, '<');
	str_adds(s, name);
	str_addc(s, '>');
	add_escaped(s, text, special_in_text);
	str_adds(s, "</");
	str_adds(s, name);
	str_addc(s, '>');
}

void
xml_out_time(struct str *s, const char *name, int64_t ms)
{
	char text[ISOTIME_SIZE + 1];
	size_t n;

	isotime_format(ms, text);
	n = strlen(text);
	text[n] = 'Z';
	xml_out_leaf(s, name, (struct bytes){text, n + 1});
}
