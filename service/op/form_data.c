/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/form_data.h"

#include "service/op/op.h"

enum { BOUNDARY_MAX = 70 /* RFC 2046 5.1.1 */ };

struct form_reader {
	struct arena *a;
	struct errinfo *why;
	struct bytes delimiter; /* CRLF, "--" and the boundary */
	struct bytes rest; /* of the body */
};

static enum err
broken(struct errinfo *why, const char *what)
{
	return errinfo_set(why, ERR_INVALID_ARGUMENT, "multipart/form-data: %s", what);
}

static struct bytes
front(struct bytes b, char end)
{
	return (struct bytes){b.p, bytes_find(b, end)};
}

/* Headers: "word; name=token; name="quoted \" string"" */

/* False: a quoted string without end, or no memory. */
static bool
take_quoted(struct arena *a, struct bytes *rest, struct bytes *out)
{
	size_t end = 1, n = 0;
	char *text;

	while (end < rest->n && rest->p[end] != '"')
		end += rest->p[end] == '\\' ? 2 : 1;
	text = arena_array(a, char, end);
	if (end >= rest->n || text == NULL)
		return false;
	for (size_t i = 1; i < end; i++) {
		/* Only these two: some clients write a Windows path as it is. */
		if (rest->p[i] == '\\' &&
		    (rest->p[i + 1] == '"' || rest->p[i + 1] == '\\'))
			i++;
		text[n++] = rest->p[i];
	}
	*rest = bytes_skip(*rest, end + 1);
	*out = (struct bytes){text, n};
	return true;
}

static bool
take_value(struct arena *a, struct bytes *rest, struct bytes *out)
{
	if (rest->n > 0 && rest->p[0] == '"')
		return take_quoted(a, rest, out);
	*out = front(*rest, ';');
	*rest = bytes_skip(*rest, out->n);
	*out = bytes_trim(*out);
	return true;
}

/* A parameter of a header's value; .p NULL: it is not there, or cannot be read. */
static struct bytes
header_param(struct arena *a, struct bytes header, const char *wanted)
{
	static const struct bytes absent = {NULL, 0};
	struct bytes rest = bytes_skip(header, bytes_find(header, ';')), name, value;

	while (rest.n > 0) {
		rest = bytes_skip(rest, 1);
		name = front(rest, '=');
		if (name.n == rest.n)
			return absent;
		rest = bytes_trim(bytes_skip(rest, name.n + 1));
		if (!take_value(a, &rest, &value))
			return absent;
		if (bytes_caseeq(bytes_trim(name), bytes_of(wanted)))
			return value;
		rest = bytes_skip(rest, bytes_find(rest, ';'));
	}
	return absent;
}

/* Between delimiters */

/* What may stand behind a delimiter: "--" at the last one, blanks, a line end. */
static bool
ends_line(struct bytes after, size_t *n_out, bool *last_out)
{
	size_t i = after.n >= 2 && after.p[0] == '-' && after.p[1] == '-' ? 2 : 0;

	*last_out = i > 0;
	while (i < after.n && (after.p[i] == ' ' || after.p[i] == '\t'))
		i++;
	if (i + 1 < after.n && after.p[i] == '\r' && after.p[i + 1] == '\n')
		i += 2;
	else if (i < after.n || !*last_out)
		return false;
	*n_out = i;
	return true;
}

/* Pass the next delimiter; what stood before it is given. False: there is none. */
static bool
take_to_delimiter(struct form_reader *r, struct bytes *before_out, bool *last_out)
{
	struct bytes ahead = r->rest;
	const char *hit;
	size_t n;

	while ((hit = memmem(ahead.p, ahead.n, r->delimiter.p, r->delimiter.n)) != NULL) {
		ahead = bytes_skip(ahead, (size_t)(hit - ahead.p) + r->delimiter.n);
		if (ends_line(ahead, &n, last_out)) {
			*before_out =
			    (struct bytes){r->rest.p, (size_t)(hit - r->rest.p)};
			r->rest = bytes_skip(ahead, n);
			return true;
		}
	}
	return false;
}

/* The first delimiter may be the first line: there is no line end before it then. */
static bool
take_first_delimiter(struct form_reader *r, bool *last_out)
{
	struct bytes line = bytes_skip(r->delimiter, 2), before;
	size_t n;

	if (bytes_starts(r->rest, line) &&
	    ends_line(bytes_skip(r->rest, line.n), &n, last_out)) {
		r->rest = bytes_skip(r->rest, line.n + n);
		return true;
	}
	return take_to_delimiter(r, &before, last_out);
}

/* Parts */

static bool
is_plain(struct bytes encoding)
{
	return bytes_caseeq(encoding, BYTES("7bit")) ||
	       bytes_caseeq(encoding, BYTES("8bit")) ||
	       bytes_caseeq(encoding, BYTES("binary"));
}

static enum err
take_header(struct form_reader *r, struct bytes line, struct bytes *name)
{
	struct bytes field = front(line, ':'), value;

	if (field.n == line.n)
		return broken(r->why, "a header without a colon");
	value = bytes_trim(bytes_skip(line, field.n + 1));
	field = bytes_trim(field);
	if (bytes_caseeq(field, BYTES("Content-Transfer-Encoding")) && !is_plain(value))
		return broken(r->why, "fields are sent as they are, not encoded");
	if (!bytes_caseeq(field, BYTES("Content-Disposition")))
		return ERR_OK;
	if (!bytes_caseeq(bytes_trim(front(value, ';')), BYTES("form-data")))
		return broken(r->why, "a part that is no form-data");
	*name = header_param(r->a, value, "name");
	return name->p != NULL ? ERR_OK : broken(r->why, "a field without a name");
}

static enum err
take_part(struct form_reader *r, struct bytes part, struct op_param *out)
{
	struct bytes name = {NULL, 0};
	enum err e = ERR_OK;

	while (e == ERR_OK) {
		const char *end = part.n == 0 ? NULL : memmem(part.p, part.n, "\r\n", 2);
		struct bytes line;

		if (end == NULL)
			return broken(r->why, "a part without content");
		line = (struct bytes){part.p, (size_t)(end - part.p)};
		part = bytes_skip(part, line.n + 2);
		if (line.n == 0)
			break;
		e = take_header(r, line, &name);
	}
	if (e == ERR_OK && name.p == NULL)
		e = broken(r->why, "a field without a name");
	*out = (struct op_param){name, part};
	return e;
}

static size_t
count_delimiters(const struct form_reader *r)
{
	struct bytes ahead = r->rest;
	const char *hit;
	size_t n = 1; /* the first one may lack its line end */

	while (ahead.n > 0 &&
	       (hit = memmem(ahead.p, ahead.n, r->delimiter.p, r->delimiter.n)) != NULL) {
		ahead = bytes_skip(ahead, (size_t)(hit - ahead.p) + r->delimiter.n);
		n++;
	}
	return n;
}

bool
form_data_is(struct bytes content_type)
{
	return bytes_caseeq(
	    bytes_trim(front(content_type, ';')), BYTES("multipart/form-data"));
}

enum err
form_data_parse(struct arena *a, struct bytes content_type, struct bytes body,
    const struct op_param **out, size_t *n_out, struct errinfo *why)
{
	struct bytes boundary = header_param(a, content_type, "boundary"), part;
	struct form_reader r = {.a = a, .why = why, .rest = body};
	struct op_param *params;
	bool last = false;
	size_t n = 0;
	enum err e = ERR_OK;

	if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
		return broken(why, "a boundary of 1 to 70 characters is needed");
	r.delimiter = arena_format(a, "\r\n--%.*s", BYTES_ARG(boundary));
	params = r.delimiter.p == NULL
		     ? NULL
		     : arena_array(a, struct op_param, count_delimiters(&r));
	if (params == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "too many parameters");
	if (body.n == 0 || !take_first_delimiter(&r, &last))
		return broken(why, "the boundary is not in the body");
	while (e == ERR_OK && !last) {
		if (!take_to_delimiter(&r, &part, &last))
			return broken(why, "the body does not end with its boundary");
		e = take_part(&r, part, &params[n++]);
	}
	if (e == ERR_OK) {
		*out = params;
		*n_out = n;
	}
	return e;
}
