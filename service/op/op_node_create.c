/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT nodes/PATH (VOSpace 2.1 6.2.1): a new node. Its container must exist; a link on the
 * way is followed. The right to create is decided before the document is accepted.
 *
 *   check: container, right ─► run: document ─► (owner known?) ─► nodes_create ─► 201
 */
#include "service/op/node_reply.h"
#include "service/op/ops.h"
#include "service/op/owner.h"

struct state {
	struct path asked; /* as in the URL, and in the document */
	struct op_target parent; /* where it will be */
	struct op_target target;
	struct owner_ask owner;
	struct nodes_create create;
	struct op_call *call;
};

/* A missing way to the node is a missing container. */
static enum err
as_container(struct op_call *call, enum err e, struct path path)
{
	return e == ERR_NODE_NOT_FOUND ? op_fail_uri(call, ERR_CONTAINER_NOT_FOUND, path)
				       : e;
}

/* Containers right below an allocation parent are the administrator's to make (D45). */
static enum err
check_create(struct op_call *call, const struct state *s)
{
	if (op_is_allocation_parent(call, s->parent.path) && call->caller->is_admin)
		return op_leaf(&s->parent)->is_locked == NODE_TRUE
			   ? op_fail_uri(call, ERR_PARENT_LOCKED, s->asked)
			   : ERR_OK;
	return op_authorize_new(call, &s->target);
}

static void
check(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct path path;
	enum err e =
	    s == NULL ? ERR_NO_MEMORY : op_parse_path(call, call->rest, &s->asked);

	if (e == ERR_OK && s->asked.n == 0)
		e = op_fail_uri(call, ERR_DUPLICATE_NODE, s->asked);
	if (e == ERR_OK) {
		path = s->asked;
		e = op_settle_name(call, &path);
	}
	if (e == ERR_OK)
		e = as_container(
		    call, op_resolve(call, path, OP_LEAF_AS_IS, &s->target), s->asked);
	if (e == ERR_OK) {
		s->parent = op_parent(&s->target);
		/* "Exists" comes before "not allowed", for who may see it
		 * (server-contract 3.2). */
		if (s->target.exists) {
			e = op_authorize(call, ACL_STAT, &s->target);
			if (e == ERR_OK)
				e = op_fail_uri(call, ERR_DUPLICATE_NODE, s->asked);
		} else {
			e = check_create(call, s);
		}
	}
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	call->state = s;
	op_pass(call);
}

static enum err
check_uri(struct op_call *call, struct bytes uri, struct path asked)
{
	struct path path;
	enum err e = op_parse_uri(call, uri, &path);
	bool same = e == ERR_OK && path.n == asked.n;

	for (size_t i = 0; same && i < path.n; i++)
		same = bytes_eq(path.part[i], asked.part[i]);
	if (e != ERR_OK || same)
		return e;
	return op_fail_mismatch(call, ERR_INVALID_URI, uri, asked);
}

static enum err
node_of(struct op_call *call, const struct node_doc *doc, const struct state *s,
    struct node *out)
{
	struct nodes_patch patch;
	bool grants;
	enum err e = props_to_patch(call, doc, doc->type, &patch, &grants);

	if (e != ERR_OK)
		return e;
	*out = (struct node){
	    .name = path_name(s->target.path),
	    .type = doc->type,
	    .is_public = patch.is_public,
	    .is_locked = patch.is_locked,
	    .inherits = patch.inherits,
	    .group_read = patch.group_read,
	    .group_write = patch.group_write,
	    .content_type = patch.content_type,
	    .content_encoding = patch.content_encoding,
	    .quota = patch.set_quota ? patch.quota : NODE_NO_QUOTA,
	};
	if (doc->type == NODE_CONTAINER && out->inherits == NODE_UNSET &&
	    op_is_allocation_parent(call, s->parent.path) &&
	    call->env->settings->inherit_homes)
		out->inherits = NODE_TRUE;
	if (patch.n_properties > 0) { /* none of them is a removal of anything */
		struct node_property *kept =
		    arena_array(call->arena, struct node_property, patch.n_properties);

		if (kept == NULL)
			return errinfo_set(
			    &call->why, ERR_NO_MEMORY, "too many properties");
		for (size_t i = 0; i < patch.n_properties; i++)
			if (patch.properties[i].value.p != NULL)
				kept[out->n_properties++] = patch.properties[i];
		out->properties = kept;
	}
	if (doc->type != NODE_LINK)
		return ERR_OK;
	out->target = doc->target;
	return target_as_stored(call, &out->target);
}

static void
created(struct change *change)
{
	struct nodes_create *create = container_of(change, struct nodes_create, change);
	struct state *s = container_of(create, struct state, create);
	struct op_call *call = s->call;

	if (change->err == ERR_OK) {
		node_reply_fresh(call, 201, s->target.path, create->id_out);
		return;
	}
	call->why = change->why;
	if (change->err == ERR_DUPLICATE_NODE || change->err == ERR_CONTAINER_NOT_FOUND)
		op_fail(call, op_fail_uri(call, change->err, s->asked));
	else
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
	s->create.node.owner = ask->id_out;
	nodes_create(s->call->env->store, &s->create);
}

static void
run(struct op_call *call)
{
	struct state *s = call->state;
	struct node_doc doc;
	enum err e = node_parse(call, &doc);

	if (e == ERR_OK)
		e = check_uri(call, doc.uri, s->asked);
	if (e == ERR_OK)
		e = node_of(call, &doc, s, &s->create.node);
	if (e == ERR_OK && doc.type == NODE_CONTAINER && !call->caller->is_admin &&
	    op_is_allocation_parent(call, s->parent.path))
		e = errinfo_set(&call->why, ERR_DENIED, "self-allocate is not enabled");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->create.change = (struct change){.loop = call->env->loop, .done = created};
	s->create.parent_id = op_leaf(&s->parent)->id;
	if (call->caller->is_admin && op_is_allocation_parent(call, s->parent.path))
		op_log_admin(call, "makes", s->target.path);
	s->owner.creator =
	    call->caller->is_admin ? props_creator(&doc) : (struct bytes){NULL, 0};
	owner_find(call, &s->owner, owner_known);
}

const struct op op_node_create = {
    .name = "node-create", .groups = true, .check = check, .run = run};
