/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reply.h"

enum { RETRY_AFTER_S = 5 };

/* With a body on its way: never a status that makes the client repeat itself. */
static int
status_after_body(int status)
{
	switch (status) {
	case 503:
	case 504:
		return 500;
	case 408:
	case 402:
		return 400;
	default:
		return status;
	}
}

static struct bytes
fault_text(struct op_call *call, enum err err, int status)
{
	/* A fault word is read by clients: ServiceBusy would contradict a 500. */
	const char *word = status == 500 ? err_fault(ERR_INTERNAL) : err_fault(err);
	const char *detail = errinfo_text(&call->why);

	if (status >= 500)
		return arena_format(call->arena, "%s: %s (request %.*s)", word, detail,
		    BYTES_ARG(call->request_id));
	return arena_format(call->arena, "%s: %s", word, detail);
}

void
reply_fault(struct op_call *call, enum err err, bool body_begun)
{
	int status = err_http_status(err);
	struct bytes text;

	if (body_begun)
		status = status_after_body(status);
	if (call->why.code == ERR_OK)
		(void)errinfo_set(&call->why, err, "%s", err_text(err));
	text = fault_text(call, err, status);
	if (text.p == NULL)
		text = bytes_of(err_fault(err));
	/* Content-Range of a 416 and Allow of a 405 were put there by who knew them. */
	if (status != 416 && status != 405)
		str_clear(&call->reply.fields);
	if (status == 503)
		op_reply_field(call, "Retry-After",
		    arena_format(call->arena, "%d", (int)RETRY_AFTER_S));
	call->reply.source = NULL;
	op_reply_text(call, status, "text/plain", text);
}
