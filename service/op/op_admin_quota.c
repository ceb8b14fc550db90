/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/quota: GET ?path= shows, POST path=, bytes= (a number, or "none") sets the limit
 * on everything below a container.
 */
#include "service/core/check.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/target.h"

struct state {
	struct op_call *call;
	struct op_target target;
	struct nodes_update update;
};

static void
show(struct op_call *call, uint64_t id)
{
	struct node node;
	enum err e = nodes_get(call->env->reader, call->arena, id, &node, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	op_reply_json(call, 200,
	    json_pack("{s:I,s:I,s:o}", "bytes", (json_int_t)node.total_bytes, "files",
		(json_int_t)node.total_files, "quota",
		node.quota == NODE_NO_QUOTA ? json_null()
					    : json_integer((json_int_t)node.quota)));
}

static void
updated(struct change *change)
{
	struct nodes_update *u = container_of(change, struct nodes_update, change);
	struct state *s = container_of(u, struct state, update);

	if (change->err == ERR_OK) {
		show(s->call, u->id);
		return;
	}
	s->call->why = change->why;
	op_fail(s->call, change->err);
}

static enum err
parse_bytes(struct op_call *call, struct bytes text, uint64_t *out)
{
	*out = NODE_NO_QUOTA;
	if (bytes_is(text, "none") || (bytes_u64(text, out) && *out != NODE_NO_QUOTA))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "bytes: '%.*s' is neither a number nor none", BYTES_ARG(text));
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct bytes text, bytes = op_param(call, "bytes");
	struct path path;
	enum err e = s == NULL ? ERR_NO_MEMORY : admin_param(call, "path", &text);

	if (e == ERR_OK)
		e = op_parse_path(call, text, &path);
	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_AS_IS, &s->target);
	if (e == ERR_OK && op_leaf(&s->target)->type != NODE_CONTAINER)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "%.*s is not a container", BYTES_ARG(text));
	if (e == ERR_OK && bytes.p != NULL)
		e = parse_bytes(call, bytes, &s->update.patch.quota);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	if (bytes.p == NULL) {
		show(call, op_leaf(&s->target)->id);
		return;
	}
	s->call = call;
	s->update.change = (struct change){.loop = call->env->loop, .done = updated};
	s->update.id = op_leaf(&s->target)->id;
	s->update.properties_max = SIZE_MAX;
	s->update.patch.set_quota = true;
	nodes_update(call->env->store, &s->update);
}

const struct op op_admin_quota = {
    .name = "admin-quota", .check = admin_check, .run = run};
