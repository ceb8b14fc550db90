/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/home.h"

#include "service/core/check.h"

static void
created(struct change *change)
{
	struct nodes_create *create = container_of(change, struct nodes_create, change);
	struct home *h = container_of(create, struct home, create);

	if (change->err == ERR_DUPLICATE_NODE) {
		h->done(h, ERR_OK);
		return;
	}
	if (change->err != ERR_OK)
		h->call->why = change->why;
	h->done(h, change->err);
}

static enum err
find_parent(struct op_call *call, uint64_t *id_out)
{
	const struct space *space = call->env->space;
	struct nodes_trail trail;
	struct path path = {NULL, 0};
	enum err e;

	if (space->n_allocation_parents > 0)
		path = space->allocation_parents[0];
	e = nodes_walk(call->env->reader, call->arena, path, &trail, &call->why);
	if (e != ERR_OK)
		return e;
	if (trail.n != path.n + 1 || trail.node[trail.n - 1].type != NODE_CONTAINER)
		return errinfo_set(&call->why, ERR_CONTAINER_NOT_FOUND,
		    "there is no container for homes (allocation_parents)");
	*id_out = trail.node[trail.n - 1].id;
	return ERR_OK;
}

void
home_make(struct home *h, struct op_call *call, struct bytes name, uint64_t owner,
    void (*done)(struct home *h, enum err err))
{
	const struct settings *s = call->env->settings;
	enum err e;

	*h = (struct home){
	    .call = call,
	    .done = done,
	    .create =
		{
		    .change = {.loop = call->env->loop, .done = created},
		    .node =
			{
			    .name = name,
			    .type = NODE_CONTAINER,
			    .owner = owner,
			    .inherits = s->inherit_homes ? NODE_TRUE : NODE_UNSET,
			    .quota = s->home_quota > 0 ? s->home_quota : NODE_NO_QUOTA,
			},
		},
	};
	e = find_parent(call, &h->create.parent_id);
	if (e == ERR_OK)
		nodes_create(call->env->store, &h->create);
	else
		done(h, e);
}
