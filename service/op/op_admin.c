/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/op_admin_private.h"

#include "service/core/encode.h"
#include "service/core/log.h"

void
admin_check(struct op_call *call)
{
	const struct caller *caller = call->caller;

	if (caller->is_admin && caller_has_all_rights(caller)) {
		if (!call->is_get && !call->is_head)
			log_info("request %.*s: %.*s: %s %.*s",
			    BYTES_ARG(call->request_id), BYTES_ARG(caller->name),
			    call->op->name, BYTES_ARG(call->url_path));
		op_pass(call);
	} else if (caller->is_anonymous)
		op_fail(call, ERR_NOT_AUTHENTICATED);
	else
		op_fail(call, errinfo_set(&call->why, ERR_DENIED,
				  "only an administrator does that"));
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
