/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/scrub: GET shows how far the checking of copies is at each location; POST
 * action= start or stop, location= one of them (default: all), kind= deep or shallow
 * (default: both), report_only= yes.
 */
#include "replication/scrub.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

struct state {
	struct op_call *call;
	struct scrub_order order;
};

static json_t *
time_of(int64_t ms)
{
	char text[ISOTIME_SIZE];

	if (ms == 0 || ms == INT64_MAX)
		return json_null();
	isotime_format(ms, text);
	return json_string(text);
}

static json_t *
pass_object(const struct scrub_facts *facts, enum scrub_kind kind)
{
	const struct scrub_pass *p = &facts->pass[kind];
	uint64_t done = kind == SCRUB_SHALLOW ? p->at : p->files;

	return json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "state",
	    scrub_state_name(p->state), "report_only", (int)p->report_only, "done",
	    (json_int_t)done, "total", (json_int_t)facts->total[kind], "files",
	    (json_int_t)p->files, "bytes", (json_int_t)p->bytes, "bad",
	    (json_int_t)p->bad, "missing", (json_int_t)p->missing, "found",
	    (json_int_t)p->found, "unknown", (json_int_t)p->unknown, "began",
	    time_of(p->began_ms), "last_full", time_of(p->ended_ms), "oldest",
	    time_of(facts->oldest_ms[kind]));
}

static void
show(struct op_call *call)
{
	struct mirror *m = call->env->mirror;
	json_t *locations = json_array();

	for (unsigned i = 0; i < m->n; i++) {
		struct scrub_facts facts;

		scrub_facts(m->scrub, i, &facts);
		(void)json_array_append_new(
		    locations, json_pack("{s:i,s:o,s:I,s:o,s:o}", "number", (int)i + 1,
				   "path", op_json_text(bytes_of(m->location[i]->name)),
				   "bytes_per_second", (json_int_t)facts.bytes_per_second,
				   "shallow", pass_object(&facts, SCRUB_SHALLOW), "deep",
				   pass_object(&facts, SCRUB_DEEP)));
	}
	op_reply_json(call, 200, json_pack("{s:o}", "locations", locations));
}

static void
obeyed(struct scrub_order *order)
{
	show(container_of(order, struct state, order)->call);
}

static enum err
parse_kind(struct op_call *call, bool kinds[SCRUB_KINDS])
{
	struct bytes kind = op_param(call, "kind");
	bool is_deep = bytes_is(kind, "deep"), is_shallow = bytes_is(kind, "shallow");

	kinds[SCRUB_DEEP] = kind.p == NULL || is_deep;
	kinds[SCRUB_SHALLOW] = kind.p == NULL || is_shallow;
	return kind.p == NULL || is_deep || is_shallow
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			 "kind: '%.*s' is not deep or shallow", BYTES_ARG(kind));
}

static enum err
parse_order(struct op_call *call, struct scrub_order *order)
{
	static const char *const once[] = {
	    "action", "location", "kind", "report_only", NULL};
	struct bytes action = op_param(call, "action");
	enum err e = op_params_once(call, once);

	if (e == ERR_OK)
		e = admin_locations(call, &order->locations);

	order->verb = bytes_is(action, "stop") ? SCRUB_STOP : SCRUB_START;
	order->report_only = bytes_is(op_param(call, "report_only"), "yes");
	if (e == ERR_OK && order->verb == SCRUB_START && !bytes_is(action, "start"))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "action: '%.*s' is not start or stop", BYTES_ARG(action));
	return e == ERR_OK ? parse_kind(call, order->kinds) : e;
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : ERR_OK;

	if (e == ERR_OK && call->is_get) {
		show(call);
		return;
	}
	if (e == ERR_OK)
		e = parse_order(call, &s->order);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->order.loop = call->env->loop;
	s->order.done = obeyed;
	scrub_order(call->env->mirror->scrub, &s->order);
}

const struct op op_admin_scrub = {
    .name = "admin-scrub", .check = admin_check, .run = run};
