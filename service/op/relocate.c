/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/relocate.h"

#include "service/core/check.h"
#include "service/op/owner.h"
#include "service/op/target.h"

/* Who copies, for the writer's thread. */
struct copier {
	struct caller caller; /* its groups are known, its reader is its own */
	bool owns_allocation; /* that the source lies in */
};

struct state {
	struct job_run *run;
	struct op_call *call;
	struct job_call *jc;
	const struct transfer_doc *doc;
	struct op_target source;
	struct op_target container; /* the one the node goes to */
	struct path to; /* where it will be */
	union {
		struct nodes_move move;
		struct nodes_copy copy;
	} change;
	struct owner_ask owner;
	struct copier copier;
};

/* The end */

static void
release(struct state *s)
{
	store_reader_free(s->copier.caller.reader);
	s->copier.caller.reader = NULL;
}

static void
fail(struct state *s, enum err err)
{
	release(s);
	job_call_fail(s->run, s->jc, err);
}

static void
end(struct state *s, const struct change *change)
{
	struct job_pair result = {BYTES("destination"), op_uri(s->call, s->to)};
	enum err e = change->err;

	if (e == ERR_OK) {
		release(s);
		job_run_end(s->run,
		    &(struct job_outcome){
			.phase = JOB_COMPLETED, .results = &result, .n_results = 1});
		return;
	}
	s->call->why = change->why;
	if (e == ERR_DUPLICATE_NODE || e == ERR_CONTAINER_NOT_FOUND)
		e = op_fail_uri(s->call, e, s->to);
	else if (e == ERR_NODE_NOT_FOUND)
		e = op_fail_uri(s->call, e, s->source.path);
	fail(s, e);
}

/* Where to */

/*
 * What the destination means. A link is followed to a container; any other link is in the
 * way, and one that leads nowhere says so.
 */
static enum err
resolve_destination(struct state *s, struct path path, struct op_target *out)
{
	struct op_target link;
	enum err e = op_resolve(s->call, path, OP_LEAF_AS_IS, out);

	if (e != ERR_OK || !out->exists || op_leaf(out)->type != NODE_LINK)
		return e;
	link = *out;
	e = op_resolve(s->call, path, OP_LEAF_FOLLOW, out);
	if (e == ERR_NODE_NOT_FOUND || (e == ERR_OK && !out->exists))
		return op_fail_uri(s->call, ERR_UNREADABLE_LINK, link.path);
	if (e == ERR_INVALID_ARGUMENT) /* it leads out of the space */
		return op_fail_uri(s->call, ERR_DUPLICATE_NODE, link.path);
	return e;
}

static enum err
find_destination(struct state *s)
{
	struct op_target there;
	struct path path;
	struct bytes name;
	enum err e = op_parse_uri(s->call, s->doc->direction, &path);

	if (e == ERR_OK && path.n > 0 && bytes_is(path_name(path), NAME_AUTO))
		e = op_settle_name(s->call, &path);
	if (e == ERR_OK)
		e = resolve_destination(s, path, &there);
	if (e != ERR_OK)
		return e;
	if (there.exists && op_leaf(&there)->type != NODE_CONTAINER)
		return op_fail_uri(s->call, ERR_DUPLICATE_NODE, there.path);
	s->container = there.exists ? there : op_parent(&there);
	name = path_name(there.exists ? s->source.path : there.path);
	s->to = path_child(s->call->arena, s->container.path, name);
	return s->to.part == NULL
		   ? errinfo_set(&s->call->why, ERR_NO_MEMORY, "the path is too long")
		   : op_check_new_name(s->call, s->to);
}

static enum err
check_free(struct state *s)
{
	struct op_target there;
	enum err e = op_resolve(s->call, s->to, OP_LEAF_AS_IS, &there);

	return e == ERR_OK && there.exists
		   ? op_fail_uri(s->call, ERR_DUPLICATE_NODE, s->to)
		   : e;
}

static enum err
check_acyclic(struct state *s, const char *verb)
{
	for (size_t i = 0; i < s->container.trail.n; i++)
		if (s->container.trail.node[i].id == op_leaf(&s->source)->id)
			return errinfo_set(&s->call->why, ERR_CYCLE,
			    "Cannot %s container node into its descendants", verb);
	return ERR_OK;
}

/* Move */

static void
moved(struct change *change)
{
	end(container_of(change, struct state, change.move.change), change);
}

/* The allocation that holds a target's last node; 0: none does. */
static uint64_t
allocation_of(const struct op_target *t)
{
	return t->facts.allocation == 0 ? 0 : t->trail.node[t->facts.allocation].id;
}

static enum err
check_move(struct state *s)
{
	struct op_call *call = s->call;
	enum err e = op_authorize(call, ACL_LEAVE, &s->source);

	if (e == ERR_OK)
		e = op_authorize(call, ACL_ENTER, &s->container);
	if (e == ERR_OK && allocation_of(&s->source) != allocation_of(&s->container) &&
	    !acl_may_change_allocation(&s->source.facts))
		e = op_fail_uri(call,
		    call->caller->is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED,
		    s->source.path);
	if (e == ERR_OK)
		e = check_acyclic(s, "move");
	return e == ERR_OK ? check_free(s) : e;
}

static void
move(struct state *s)
{
	struct op_env *env = s->call->env;
	enum err e = check_move(s);

	if (e != ERR_OK) {
		fail(s, e);
		return;
	}
	s->change.move = (struct nodes_move){
	    .change = {.loop = env->loop, .done = moved},
	    .id = op_leaf(&s->source)->id,
	    .parent_id = op_leaf(&s->container)->id,
	    .name = path_name(s->to),
	};
	nodes_move(env->store, &s->change.move);
}

/* Copy */

static enum err
judge(struct nodes_copy *r, const struct node *node, struct errinfo *why)
{
	struct copier *by = &container_of(r, struct state, change.copy)->copier;
	bool can;
	enum err e = op_can_read_below(&by->caller, by->owns_allocation, node, &can, why);

	if (e != ERR_OK || can)
		return e;
	return errinfo_set(why,
	    by->caller.is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED,
	    "'%.*s' cannot be read", BYTES_ARG(node->name));
}

static enum err
make_copier(struct state *s)
{
	struct node_groups none = {.n = 0};
	struct store_reader *reader = NULL;
	enum membership member;
	enum err e = caller_in_groups(s->call->caller, &none, &member, &s->call->why);

	if (e == ERR_OK)
		e = store_reader_new(s->call->env->store, &reader, &s->call->why);
	s->copier.caller = *s->call->caller;
	s->copier.caller.reader = reader;
	s->copier.owns_allocation = op_owns_allocation(&s->source);
	return e;
}

static enum err
check_copy(struct state *s)
{
	static const enum acl_action reading[] = {
	    [NODE_CONTAINER] = ACL_LIST,
	    [NODE_DATA] = ACL_READ,
	    [NODE_LINK] = ACL_STAT,
	    [NODE_STRUCTURED_DATA] = ACL_READ,
	    [NODE_UNSTRUCTURED_DATA] = ACL_READ,
	};
	enum err e =
	    op_authorize(s->call, reading[op_leaf(&s->source)->type], &s->source);

	if (e == ERR_OK)
		e = op_authorize(s->call, ACL_ENTER, &s->container);
	if (e == ERR_OK)
		e = check_acyclic(s, "copy");
	if (e == ERR_OK)
		e = check_free(s);
	return e == ERR_OK ? make_copier(s) : e;
}

static void
copied(struct change *change)
{
	end(container_of(change, struct state, change.copy.change), change);
}

static void
owner_known(struct owner_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, owner);
	struct op_env *env = s->call->env;

	if (err != ERR_OK) {
		fail(s, err);
		return;
	}
	s->change.copy = (struct nodes_copy){
	    .change = {.loop = env->loop, .done = copied},
	    .id = op_leaf(&s->source)->id,
	    .parent_id = op_leaf(&s->container)->id,
	    .name = path_name(s->to),
	    .owner = ask->id_out,
	    .nodes_max = env->settings->copy_nodes_max,
	    .judge = judge,
	};
	nodes_copy(env->store, &s->change.copy);
}

static void
copy(struct state *s)
{
	enum err e = check_copy(s);

	if (e != ERR_OK)
		fail(s, e);
	else
		owner_find(s->call, &s->owner, owner_known);
}

/* Both */

static enum err
find_both(struct state *s)
{
	struct op_call *call = s->call;
	struct path path;
	enum err e;

	if (s->doc->n_targets != 1)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "one target is needed, not %zu", s->doc->n_targets);
	e = op_parse_uri(call, s->doc->targets[0], &path);
	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_AS_IS, &s->source);
	if (e == ERR_OK && s->source.path.n == 0)
		e = errinfo_set(&call->why, ERR_DENIED, "the root cannot be %s",
		    s->doc->keep_bytes ? "copied" : "moved");
	return e == ERR_OK ? find_destination(s) : e;
}

void
relocate(struct job_run *run, struct job_call *jc, const struct transfer_doc *doc)
{
	struct state *s = arena_new(&run->arena, struct state);
	enum err e;

	if (s == NULL) {
		job_call_fail(run, jc, ERR_NO_MEMORY);
		return;
	}
	s->run = run;
	s->jc = jc;
	s->call = &jc->call;
	s->doc = doc;
	e = find_both(s);
	if (e != ERR_OK)
		fail(s, e);
	else if (doc->keep_bytes)
		copy(s);
	else
		move(s);
}
