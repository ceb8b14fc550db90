/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/op.h"

#include "service/core/encode.h"
#include "service/op/form_data.h"

struct bytes
op_header(const struct op_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_headers; i++)
		if (bytes_caseeq(call->headers[i].name, bytes_of(name)))
			return call->headers[i].value;
	return (struct bytes){NULL, 0};
}

struct bytes
op_cookie(const struct op_call *call, const char *name)
{
	struct bytes text = op_header(call, "cookie");

	while (text.p != NULL && text.n > 0) {
		struct bytes one = {text.p, bytes_find(text, ';')};
		struct bytes pair = bytes_trim(one);

		if (bytes_starts(pair, bytes_of(name)))
			return bytes_skip(pair, strlen(name));
		text = bytes_skip(text, one.n < text.n ? one.n + 1 : one.n);
	}
	return (struct bytes){NULL, 0};
}

struct bytes
op_param(const struct op_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_params; i++)
		if (bytes_caseeq(call->params[i].name, bytes_of(name)))
			return call->params[i].value;
	return (struct bytes){NULL, 0};
}

size_t
op_param_count(const struct op_call *call, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < call->n_params; i++)
		n += bytes_caseeq(call->params[i].name, bytes_of(name));
	return n;
}

enum err
op_params_once(struct op_call *call, const char *const names[])
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (op_param_count(call, names[i]) > 1)
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "%s is given more than once", names[i]);
	return ERR_OK;
}

bool
op_has_form(const struct op_call *call)
{
	struct bytes type = op_header(call, "content-type");
	struct bytes form = BYTES("application/x-www-form-urlencoded");

	return form_data_is(type) ||
	       (type.n >= form.n && bytes_caseeq((struct bytes){type.p, form.n}, form));
}

enum err
op_parse_params(struct arena *a, struct bytes text, const struct op_param **out,
    size_t *n_out, struct errinfo *why)
{
	struct op_param *params;
	struct bytes item;
	size_t room = 1;

	*n_out = 0;
	*out = NULL;
	for (size_t i = 0; i < text.n; i++)
		room += text.p[i] == '&';
	params = arena_array(a, struct op_param, room);
	if (params == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "too many parameters");
	while (bytes_token(&text, "&", &item)) {
		size_t equals = bytes_find(item, '=');
		struct bytes name = {item.p, equals}, value = {"", 0};
		struct op_param *p = &params[(*n_out)++];

		if (equals < item.n)
			value = bytes_skip(item, equals + 1);
		if (!pct_decode(a, name, true, &p->name) ||
		    !pct_decode(a, value, true, &p->value))
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "the parameter '%.*s' has a broken percent escape",
			    BYTES_ARG(name));
	}
	*out = params;
	return ERR_OK;
}

void
op_reply_status(struct op_call *call, int status)
{
	call->reply.status = status;
}

void
op_reply_field(struct op_call *call, const char *name, struct bytes value)
{
	str_adds(&call->reply.fields, name);
	str_adds(&call->reply.fields, ": ");
	/* Nothing in a value can begin another header. */
	for (size_t i = 0; i < value.n; i++)
		str_addc(&call->reply.fields,
		    (unsigned char)value.p[i] < ' ' ? ' ' : value.p[i]);
	str_adds(&call->reply.fields, "\r\n");
}

void
op_reply_text(struct op_call *call, int status, const char *type, struct bytes text)
{
	op_reply_status(call, status);
	op_reply_field(call, "Content-Type", bytes_of(type));
	call->reply.text = text;
	call->reply.length = text.n;
}

enum err
op_reply_str(struct op_call *call, int status, const char *type, struct str *text)
{
	struct bytes copy = {NULL, 0};

	if (!str_failed(text))
		copy = arena_copy(call->arena, str_bytes(text));
	str_release(text);
	if (copy.p == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY,
		    "the answer is larger than a request may be");
	op_reply_text(call, status, type, copy);
	return ERR_OK;
}

void
op_finish_str(struct op_call *call, int status, const char *type, struct str *text)
{
	enum err e = op_reply_str(call, status, type, text);

	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}

void
op_see_other(struct op_call *call, struct bytes url)
{
	op_reply_status(call, 303);
	op_reply_field(call, "Location", url);
	op_finish(call);
}
