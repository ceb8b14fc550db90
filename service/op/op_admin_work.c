/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/repair, /admin/gc: GET shows what is due and what was done since the start at
 * each location, POST action= stop lets nothing more begin, start lets it go on. A stop
 * holds until the next start of the server: one that is forgotten does no lasting harm.
 */
#include "replication/gc.h"
#include "replication/repair.h"
#include "service/core/log.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

/* Of the two, what differs. */
struct work {
	const char *name;
	void (*hold)(struct mirror *m, bool held);
	bool (*is_held)(const struct mirror *m);
	uint64_t (*due)(const struct store_facts *facts);
	json_t *(*location)(struct mirror *m, unsigned i);
};

static void
show(struct op_call *call, const struct work *work)
{
	struct mirror *m = call->env->mirror;
	struct store_facts facts;
	json_t *locations;
	enum err e = store_facts(call->env->reader, &facts, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	locations = json_array();
	for (unsigned i = 0; i < m->n; i++)
		(void)json_array_append_new(locations, work->location(m, i));
	op_reply_json(call, 200,
	    json_pack("{s:s,s:I,s:o}", "state", work->is_held(m) ? "stopped" : "running",
		"due", (json_int_t)work->due(&facts), "locations", locations));
}

static void
run_work(struct op_call *call, const struct work *work)
{
	struct bytes action = op_param(call, "action");
	bool is_stop = bytes_is(action, "stop");

	if (!call->is_get) {
		if (!is_stop && !bytes_is(action, "start")) {
			op_fail(call, errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
					  "action: '%.*s' is not start or stop",
					  BYTES_ARG(action)));
			return;
		}
		work->hold(call->env->mirror, is_stop);
		log_info("%s was told to %s", work->name, is_stop ? "stop" : "go on");
	}
	show(call, work);
}

/* repair */

static void
hold_repair(struct mirror *m, bool held)
{
	repair_hold(m->repair, held);
}

static bool
repair_held(const struct mirror *m)
{
	return repair_is_held(m->repair);
}

static uint64_t
repairs_due(const struct store_facts *facts)
{
	return facts->repairs_due;
}

static json_t *
repair_location(struct mirror *m, unsigned i)
{
	struct repair_facts f;

	repair_facts(m->repair, i, &f);
	return json_pack("{s:i,s:o,s:I,s:I,s:o}", "number", (int)i + 1, "path",
	    op_json_text(bytes_of(m->location[i]->name)), "done", (json_int_t)f.made,
	    "failed", (json_int_t)f.failed, "blob",
	    f.id == 0 ? json_null() : json_integer((json_int_t)f.id));
}

static void
run_repair(struct op_call *call)
{
	static const struct work work = {
	    "repair", hold_repair, repair_held, repairs_due, repair_location};

	run_work(call, &work);
}

const struct op op_admin_repair = {
    .name = "admin-repair", .check = admin_check, .run = run_repair};

/* gc */

static void
hold_gc(struct mirror *m, bool held)
{
	gc_hold(m->gc, held);
}

static bool
gc_held(const struct mirror *m)
{
	return gc_is_held(m->gc);
}

static uint64_t
removals_due(const struct store_facts *facts)
{
	return facts->removals_due;
}

static json_t *
gc_location(struct mirror *m, unsigned i)
{
	return json_pack("{s:i,s:o,s:I}", "number", (int)i + 1, "path",
	    op_json_text(bytes_of(m->location[i]->name)), "done",
	    (json_int_t)gc_removed(m->gc, i));
}

static void
run_gc(struct op_call *call)
{
	static const struct work work = {
	    "gc", hold_gc, gc_held, removals_due, gc_location};

	run_work(call, &work);
}

const struct op op_admin_gc = {.name = "admin-gc", .run = run_gc};
