/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELETE nodes/PATH (VOSpace 2.1 6.2.4): one node; a container must be empty
 * (async-delete is the recursive way, architecture D19). A link is deleted, not what it
 * points to.
 */
#include "service/op/ops.h"
#include "service/op/target.h"

struct state {
	struct op_call *call;
	struct nodes_delete remove;
};

static void
deleted(struct change *change)
{
	struct nodes_delete *remove = container_of(change, struct nodes_delete, change);
	struct state *s = container_of(remove, struct state, remove);

	if (change->err != ERR_OK) {
		s->call->why = change->why;
		op_fail(s->call, change->err);
		return;
	}
	op_reply_status(s->call, 200);
	op_finish(s->call);
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct op_target target;
	struct path path;
	enum err e = s == NULL ? ERR_NO_MEMORY : op_parse_path(call, call->rest, &path);

	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_AS_IS, &target);
	if (e == ERR_OK && target.path.n == 0)
		e = errinfo_set(&call->why, ERR_DENIED, "the root cannot be deleted");
	if (e == ERR_OK)
		e = op_authorize(call, ACL_DELETE, &target);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->remove.change = (struct change){.loop = call->env->loop, .done = deleted};
	s->remove.id = op_leaf(&target)->id;
	nodes_delete(call->env->store, &s->remove);
}

const struct op op_node_delete = {
    .name = "node-delete", .groups = true, .audit = "delete", .run = run};
