/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an asynchronous transfer does (VOSpace 2.1 6.2.2, 6.4): a move is one change of
 * the catalogue; push and pull are negotiated, and the rest is the client's. Copies and
 * transfers with other services are not offered, and say so.
 */
#include "service/core/check.h"
#include "service/op/file.h"
#include "service/op/job_call.h"
#include "service/op/runners.h"
#include "service/op/transfer.h"

struct state {
	struct job_run *run;
	struct job_call jc;
	struct transfer_doc doc;
	struct op_target source;
	struct path to; /* where the node will be */
	struct nodes_move move;
};

static void
fail(struct state *s, enum err err)
{
	job_call_fail(s->run, &s->jc, err);
}

/* Negotiation */

static void
negotiate(struct state *s)
{
	struct op_call *call = &s->jc.call;
	struct negotiation n;
	struct job job = {.n_results = 0};
	enum err e = negotiate_check(call, &s->doc, &n);

	if (e == ERR_OK)
		e = transfer_results(call, &s->doc, &n, &job);
	if (e != ERR_OK) {
		fail(s, e);
		return;
	}
	job_run_end(s->run, &(struct job_outcome){.phase = JOB_EXECUTING,
				.results = job.results,
				.n_results = job.n_results});
}

/* Move */

static void
moved(struct change *change)
{
	struct nodes_move *move = container_of(change, struct nodes_move, change);
	struct state *s = container_of(move, struct state, move);
	struct op_call *call = &s->jc.call;
	struct job_pair result = {BYTES("destination"), op_uri(call, s->to)};
	enum err e = change->err;

	if (e == ERR_OK) {
		job_run_end(s->run,
		    &(struct job_outcome){
			.phase = JOB_COMPLETED, .results = &result, .n_results = 1});
		return;
	}
	call->why = change->why;
	if (e == ERR_DUPLICATE_NODE || e == ERR_CONTAINER_NOT_FOUND)
		e = op_fail_uri(call, e, s->to);
	else if (e == ERR_NODE_NOT_FOUND)
		e = op_fail_uri(call, e, s->source.path);
	fail(s, e);
}

/* The allocation that holds a target's last node; 0: none does. */
static uint64_t
allocation_of(const struct op_target *t)
{
	return t->facts.allocation == 0 ? 0 : t->trail.node[t->facts.allocation].id;
}

/* The container a node goes to, and the name it gets there. */
static enum err
find_destination(struct state *s, struct op_target *container, struct bytes *name)
{
	struct op_call *call = &s->jc.call;
	struct op_target there;
	struct path path;
	enum err e = op_parse_uri(call, s->doc.direction, &path);

	if (e == ERR_OK)
		e = op_resolve(call, path, OP_LEAF_FOLLOW, &there);
	if (e != ERR_OK)
		return e;
	if (there.exists && op_leaf(&there)->type != NODE_CONTAINER)
		return op_fail_uri(call, ERR_DUPLICATE_NODE, there.path);
	if (there.exists) {
		*container = there;
		*name = path_name(s->source.path);
	} else {
		*container = op_parent(&there);
		*name = path_name(there.path);
	}
	s->to = path_child(call->arena, container->path, *name);
	return s->to.part == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "the path is too long")
		   : op_check_new_name(call, s->to);
}

static enum err
check_move(struct state *s, struct op_target *container)
{
	struct op_call *call = &s->jc.call;
	struct op_target there;
	enum err e = op_authorize(call, ACL_LEAVE, &s->source);

	if (e == ERR_OK)
		e = op_authorize(call, ACL_ENTER, container);
	if (e == ERR_OK && allocation_of(&s->source) != allocation_of(container) &&
	    !acl_may_change_allocation(&s->source.facts))
		e = op_fail_uri(call,
		    call->caller->is_anonymous ? ERR_NOT_AUTHENTICATED : ERR_DENIED,
		    s->source.path);
	for (size_t i = 0; e == ERR_OK && i < container->trail.n; i++)
		if (container->trail.node[i].id == op_leaf(&s->source)->id)
			e = errinfo_set(&call->why, ERR_CYCLE, "%s", err_text(ERR_CYCLE));
	if (e == ERR_OK)
		e = op_resolve(call, s->to, OP_LEAF_AS_IS, &there);
	if (e == ERR_OK && there.exists)
		e = op_fail_uri(call, ERR_DUPLICATE_NODE, s->to);
	return e;
}

static void
move(struct state *s)
{
	struct op_call *call = &s->jc.call;
	struct op_target container;
	struct path path;
	struct bytes name;
	enum err e = op_parse_uri(call, s->doc.targets[0], &path);

	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_AS_IS, &s->source);
	if (e == ERR_OK && s->source.path.n == 0)
		e = errinfo_set(&call->why, ERR_DENIED, "the root cannot be moved");
	if (e == ERR_OK)
		e = find_destination(s, &container, &name);
	if (e == ERR_OK)
		e = check_move(s, &container);
	if (e != ERR_OK) {
		fail(s, e);
		return;
	}
	s->move = (struct nodes_move){
	    .change = {.loop = call->env->loop, .done = moved},
	    .id = op_leaf(&s->source)->id,
	    .parent_id = op_leaf(&container)->id,
	    .name = name,
	};
	nodes_move(call->env->store, &s->move);
}

/* Which of them */

static void
refuse(struct state *s, const char *what)
{
	fail(s, errinfo_set(&s->jc.call.why, ERR_OPERATION_NOT_SUPPORTED,
		    "%s is not offered", what));
}

static void
run_document(struct state *s)
{
	switch (negotiate_direction(s->doc.direction)) {
	case NEGOTIATE_PULL:
	case NEGOTIATE_PUSH:
		negotiate(s);
		break;
	case NEGOTIATE_MOVE:
		if (s->doc.keep_bytes)
			refuse(s, "copyNode");
		else if (s->doc.n_targets != 1)
			fail(s, errinfo_set(&s->jc.call.why, ERR_INVALID_ARGUMENT,
				    "one target is needed, not %zu", s->doc.n_targets));
		else
			move(s);
		break;
	case NEGOTIATE_OTHER:
		if (bytes_caseeq(s->doc.direction, BYTES("pullToVoSpace")))
			refuse(s, "pullToVoSpace");
		else if (bytes_caseeq(s->doc.direction, BYTES("pushFromVoSpace")))
			refuse(s, "pushFromVoSpace");
		else
			fail(s,
			    errinfo_set(&s->jc.call.why, ERR_INVALID_ARGUMENT,
				"'%.*s' is no direction", BYTES_ARG(s->doc.direction)));
		break;
	}
}

static void
start(struct job_run *run)
{
	struct state *s = arena_new(&run->arena, struct state);
	struct op_env *env = run->env;
	enum err e;

	if (s == NULL) {
		job_run_end(run, &(struct job_outcome){.phase = JOB_ERROR,
				     .fault = err_fault(ERR_NO_MEMORY),
				     .message = err_text(ERR_NO_MEMORY)});
		return;
	}
	s->run = run;
	run->state = s;
	e = job_call_init(&s->jc, run, &run->arena);
	if (e == ERR_OK)
		e = transfer_xml_parse(&run->arena, run->job.input,
		    4 * env->settings->transfer_xml_max, &s->doc, &s->jc.call.why);
	if (e != ERR_OK)
		fail(s, e);
	else
		run_document(s);
}

const struct job_runner run_transfer = {.start = start};
