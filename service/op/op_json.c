/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/op_json_private.h"

#include <stdlib.h>

void
op_reply_json(struct op_call *call, int status, json_t *object)
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
op_json_text(struct bytes text)
{
	json_t *string = text.p == NULL ? NULL : json_stringn(text.p, text.n);

	return string != NULL ? string : json_null();
}
