/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/service_mode.h"

#include "service/op/ops.h"
#include "service/op/service_mode_private.h"

static const char *const names[] = {
    [MODE_READ_WRITE] = "read-write",
    [MODE_READ_ONLY] = "read-only",
    [MODE_OFFLINE] = "offline",
};

const char *
service_mode_name(enum service_mode mode)
{
	return names[mode];
}

bool
service_mode_parse(struct bytes text, enum service_mode *out)
{
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (bytes_is(text, names[i])) {
			*out = (enum service_mode)i;
			return true;
		}
	return false;
}

static enum err
refuse(struct op_call *call, enum err e)
{
	struct bytes reason = service_mode_reason(call);

	return errinfo_set(&call->why, e, "%s%s%.*s", err_text(e),
	    reason.n > 0 ? ": " : "", BYTES_ARG(reason));
}

enum err
service_mode_check(struct op_call *call)
{
	if (call->env->space->mode != MODE_OFFLINE || call->op == &op_capabilities ||
	    call->op == &op_availability || call->op == &op_registry ||
	    call->op == &op_metrics)
		return ERR_OK;
	return refuse(call, ERR_OFFLINE);
}

enum err
service_mode_check_change(struct op_call *call)
{
	switch ((enum service_mode)call->env->space->mode) {
	case MODE_READ_WRITE:
		break;
	case MODE_READ_ONLY:
		return refuse(call, ERR_READ_ONLY);
	case MODE_OFFLINE:
		return refuse(call, ERR_OFFLINE);
	}
	return ERR_OK;
}

/* The note: the mode's name, a blank, the reason. */
static struct bytes
read_note(struct store_reader *reader, char *to, struct errinfo *why)
{
	size_t n = 0;
	enum err e = store_get_note(reader, MODE_NOTE, to, MODE_NOTE_MAX, &n, why);

	return e == ERR_OK ? (struct bytes){to, n < MODE_NOTE_MAX ? n : MODE_NOTE_MAX}
			   : (struct bytes){NULL, 0};
}

struct bytes
service_mode_reason(struct op_call *call)
{
	struct errinfo why;
	char text[MODE_NOTE_MAX];
	struct bytes note = call->env->reader == NULL
				? (struct bytes){NULL, 0}
				: read_note(call->env->reader, text, &why);
	size_t blank = bytes_find(note, ' ');

	if (call->env->space->mode == MODE_READ_WRITE || blank >= note.n)
		return BYTES("");
	return arena_copy(call->arena, bytes_skip(note, blank + 1));
}

enum err
service_mode_load(struct space *space, struct store_reader *reader, struct errinfo *why)
{
	char text[MODE_NOTE_MAX];
	struct bytes note = read_note(reader, text, why);
	enum service_mode mode = MODE_READ_WRITE;

	if (note.p != NULL)
		note.n = bytes_find(note, ' ');
	if (note.p != NULL && !service_mode_parse(note, &mode))
		return errinfo_set(why, ERR_DAMAGED, "the service mode cannot be read");
	space->mode = (int)mode;
	return ERR_OK;
}
