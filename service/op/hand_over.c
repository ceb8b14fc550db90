/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/hand_over.h"

static enum err
find_account(struct op_call *call, struct bytes name, struct account *out)
{
	enum err e = accounts_find(call->env->reader, call->arena, name, out, &call->why);

	return e == ERR_NOT_FOUND
		   ? errinfo_set(&call->why, e, "no account '%.*s'", BYTES_ARG(name))
		   : e;
}

static enum err
take_ids(struct op_call *call, struct hand_over *h)
{
	uint64_t *ids = arena_array(call->arena, uint64_t, h->from.n_dns + 1);

	if (ids == NULL)
		return errinfo_set(
		    &call->why, ERR_NO_MEMORY, "no memory for an identity");
	ids[0] = h->from.id;
	for (size_t i = 0; i < h->from.n_dns; i++)
		ids[i + 1] = h->from.dn_ids[i];
	h->ids = ids;
	h->n_ids = h->from.n_dns + 1;
	return ERR_OK;
}

static enum err
check_parent(struct op_call *call, const struct hand_over *h, const struct node *node)
{
	for (size_t i = 0; i < h->n_ids; i++)
		if (node->owner == h->ids[i])
			return errinfo_set(&call->why, ERR_CONFLICT,
			    "'%.*s' owns '/%.*s', where allocations are made: only an "
			    "administrator takes that, and '%.*s' is none",
			    BYTES_ARG(h->from.name), BYTES_ARG(node->name),
			    BYTES_ARG(h->to.name));
	return ERR_OK;
}

/*
 * Whoever owns the root, or another parent of allocations, can remove and replace what
 * lies right in it (architecture D45).
 */
static enum err
check_parents(struct op_call *call, const struct hand_over *h)
{
	const struct space *space = call->env->space;
	struct nodes_trail trail;
	enum err e = nodes_walk(
	    call->env->reader, call->arena, (struct path){NULL, 0}, &trail, &call->why);

	if (e == ERR_OK)
		e = check_parent(call, h, &trail.node[0]);
	for (size_t i = 0; i < space->n_allocation_parents && e == ERR_OK; i++) {
		struct path path = space->allocation_parents[i];

		e = nodes_walk(call->env->reader, call->arena, path, &trail, &call->why);
		if (e == ERR_OK && trail.n == path.n + 1)
			e = check_parent(call, h, &trail.node[path.n]);
	}
	return e;
}

static enum err
check_taker(struct op_call *call, const struct hand_over *h)
{
	struct caller taker;
	enum err e;

	if (h->from.id == h->to.id)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "'%.*s' cannot take over what is its own", BYTES_ARG(h->to.name));
	caller_init(&taker, call->arena, call->env->reader, call->env->settings,
	    call->env->space->group_authority);
	e = caller_from_account(&taker, &h->to, &call->why);
	if (e == ERR_OK && taker.is_anonymous) /* it says which account, and why */
		e = errinfo_set(&call->why, ERR_CONFLICT,
		    "nothing can be handed over: %s", errinfo_text(&taker.refused));
	return e == ERR_OK && !taker.is_admin ? check_parents(call, h) : e;
}

enum err
hand_over_find(
    struct op_call *call, struct bytes from, struct bytes to, struct hand_over *out)
{
	enum err e = find_account(call, from, &out->from);

	if (e == ERR_OK)
		e = find_account(call, to, &out->to);
	if (e == ERR_OK)
		e = take_ids(call, out);
	return e == ERR_OK ? check_taker(call, out) : e;
}
