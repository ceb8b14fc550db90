/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST nodes/PATH (VOSpace 2.1 6.3.2): change properties. What the document does not name
 * stays; nil removes; the date moves even if nothing else changes. Locks do not matter
 * here, since this is also how a node is unlocked. A link at the end is not followed.
 */
#include "service/op/node_reply.h"
#include "service/op/ops.h"
#include "service/op/owner.h"
#include "service/op/props.h"

struct state {
	struct op_target target;
	struct path asked;
	struct owner_ask owner;
	struct nodes_update update;
	struct op_call *call;
};

static void
check(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e =
	    s == NULL ? ERR_NO_MEMORY : op_parse_path(call, call->rest, &s->asked);

	if (e == ERR_OK)
		e = op_resolve_existing(call, s->asked, OP_LEAF_AS_IS, &s->target);
	if (e == ERR_OK)
		e = op_authorize(call, ACL_SET, &s->target);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	call->state = s;
	op_pass(call);
}

static enum err
check_document(struct op_call *call, const struct node_doc *doc, const struct state *s)
{
	const struct node *node = op_leaf(&s->target);
	struct path path;
	enum err e = op_parse_uri(call, doc->uri, &path);
	bool same = e == ERR_OK && path.n == s->asked.n;

	for (size_t i = 0; same && i < path.n; i++)
		same = bytes_eq(path.part[i], s->asked.part[i]);
	if (e == ERR_OK && !same)
		e = op_fail_mismatch(call, ERR_INVALID_ARGUMENT, doc->uri, s->asked);
	if (e == ERR_OK && doc->type_given && doc->type != node->type)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "invalid input: cannot change type of node %.*s from %s to %s",
		    BYTES_ARG(call->rest), node_xml_type_name(node->type),
		    node_xml_type_name(doc->type));
	return e;
}

static enum err
patch_of(struct op_call *call, const struct node_doc *doc, struct state *s)
{
	const struct node *node = op_leaf(&s->target);
	struct nodes_patch *patch = &s->update.patch;
	bool grants;
	enum err e = props_to_patch(call, doc, node->type, patch, &grants);

	if (e == ERR_OK && grants && props_change_permissions(patch, node)) {
		call->audit = "permissions";
		e = op_authorize(call, ACL_GRANT, &s->target);
	}
	if (e != ERR_OK || node->type != NODE_LINK || !doc->has_target)
		return e;
	patch->set_target = true;
	patch->target = doc->target;
	return target_as_stored(call, &patch->target);
}

static void
updated(struct change *change)
{
	struct nodes_update *update = container_of(change, struct nodes_update, change);
	struct state *s = container_of(update, struct state, update);
	struct op_call *call = s->call;

	if (change->err == ERR_OK) {
		node_reply_fresh(call, 200, s->target.path, update->id);
		return;
	}
	call->why = change->why;
	op_fail(call, change->err);
}

static void
owner_known(struct owner_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, owner);

	if (err != ERR_OK) {
		op_fail(s->call, err);
		return;
	}
	op_log_admin(s->call, "sets the owner of", s->target.path);
	s->update.patch.set_owner = true;
	s->update.patch.owner = ask->id_out;
	nodes_update(s->call->env->store, &s->update);
}

/* An administrator gives a node to somebody else (D46); posting back the name does
 * nothing. */
static bool
owner_changes(struct op_call *call, struct state *s, const struct node_doc *doc)
{
	struct bytes creator = props_creator(doc);
	struct identity_facts facts;

	if (!call->caller->is_admin || creator.p == NULL || bytes_trim(creator).n == 0)
		return false;
	if (accounts_identity(call->env->reader, call->arena, op_leaf(&s->target)->owner,
		&facts, NULL) == ERR_OK &&
	    bytes_eq(facts.name, bytes_trim(creator)))
		return false;
	s->owner.creator = creator;
	return true;
}

static void
run(struct op_call *call)
{
	struct state *s = call->state;
	struct node_doc doc;
	enum err e = node_parse(call, &doc);

	if (e == ERR_OK)
		e = check_document(call, &doc, s);
	if (e == ERR_OK)
		e = patch_of(call, &doc, s);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->update.change = (struct change){.loop = call->env->loop, .done = updated};
	s->update.id = op_leaf(&s->target)->id;
	s->update.properties_max = call->env->settings->properties_max;
	if (s->update.patch.set_quota)
		op_log_admin(call, "sets the quota of", s->target.path);
	if (owner_changes(call, s, &doc))
		owner_find(call, &s->owner, owner_known);
	else
		nodes_update(call->env->store, &s->update);
}

const struct op op_node_set = {
    .name = "node-set", .groups = true, .check = check, .run = run};
