/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/mode: GET shows, POST mode= and reason= sets what the service does. It holds
 * when it is durable.
 */
#include "service/core/check.h"
#include "service/core/log.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/service_mode.h"
#include "service/op/service_mode_private.h"

struct state {
	struct op_call *call;
	struct store_note note;
	enum service_mode mode;
};

static void
show(struct op_call *call)
{
	op_reply_json(call, 200,
	    json_pack("{s:s,s:o}", "mode",
		service_mode_name((enum service_mode)call->env->space->mode), "reason",
		op_json_text(service_mode_reason(call))));
}

static void
saved(struct change *change)
{
	struct store_note *note = container_of(change, struct store_note, change);
	struct state *s = container_of(note, struct state, note);
	struct op_call *call = s->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	call->env->space->mode = (int)s->mode;
	log_info("the service is %s now", service_mode_name(s->mode));
	show(call);
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct bytes name = op_param(call, "mode"), reason = op_param(call, "reason");
	enum err e = s == NULL ? ERR_NO_MEMORY : ERR_OK;

	if (e == ERR_OK && name.p == NULL) {
		show(call);
		return;
	}
	if (e == ERR_OK && !service_mode_parse(name, &s->mode))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "mode: '%.*s' is not read-write, read-only or offline",
		    BYTES_ARG(name));
	if (e == ERR_OK) {
		s->note.value = arena_format(
		    call->arena, "%.*s %.*s", BYTES_ARG(name), BYTES_ARG(reason));
		if (s->note.value.p == NULL || s->note.value.n > MODE_NOTE_MAX)
			e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "the reason is longer than %d bytes", MODE_NOTE_MAX / 2);
	}
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->note.change = (struct change){.loop = call->env->loop, .done = saved};
	s->note.name = MODE_NOTE;
	store_note(call->env->store, &s->note);
}

const struct op op_admin_mode = {.name = "admin-mode", .run = run};
