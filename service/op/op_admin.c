/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/op_admin_private.h"

#include <stdlib.h>

#include "service/core/encode.h"

void
admin_reply(struct op_call *call, int status, json_t *object)
{
	char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
	struct bytes copy = {NULL, 0};

	json_decref(object);
	if (text != NULL)
		copy = arena_copy(call->arena, bytes_of(text));
	free(text);
	if (copy.p == NULL) {
		op_fail(call,
		    errinfo_set(&call->why, ERR_NO_MEMORY, "the answer is too large"));
		return;
	}
	op_reply_text(call, status, "application/json", copy);
	op_finish(call);
}

json_t *
admin_text(struct bytes text)
{
	json_t *string = text.p == NULL ? NULL : json_stringn(text.p, text.n);

	return string != NULL ? string : json_null();
}

enum err
admin_param(struct op_call *call, const char *name, struct bytes *out)
{
	*out = op_param(call, name);
	return out->p != NULL && out->n > 0
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "%s is missing", name);
}

enum err
admin_locations(struct op_call *call, location_map *out)
{
	struct bytes text = op_param(call, "location");
	unsigned n = call->env->mirror->n;
	uint64_t number;

	*out = (location_map)((1U << n) - 1);
	if (text.p == NULL)
		return ERR_OK;
	if (!bytes_u64(text, &number) || number < 1 || number > n)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "location: '%.*s' is not a number from 1 to %u", BYTES_ARG(text), n);
	*out = (location_map)(1U << (number - 1));
	return ERR_OK;
}

enum err
admin_name(struct op_call *call, struct bytes *out)
{
	struct bytes rest = call->rest;

	*out = BYTES("");
	if (rest.n > 0)
		rest = bytes_skip(rest, 1);
	if (rest.n == 0)
		return ERR_OK;
	return pct_decode(call->arena, rest, false, out)
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			 "the name has a broken escape");
}
