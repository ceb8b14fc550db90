/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/tree.h"

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/op/service_mode.h"

enum {
	STEP_NODES = 512, /* in one go, before others have their turn */
	PAGE_ARENA = 64 * 1024 * 1024,
	SAVE_MS = 500, /* between two records of how far it is */
};

struct tree_frame {
	struct tree_frame *below;
	uint64_t id;
	enum node_type type;
	bool may; /* be changed itself */
	bool begun; /* `last` holds the last child seen */
	bool over; /* no more children */
	bool gone; /* it is not in the tree any more */
	bool failed; /* something below stays as it is */
	size_t last_n;
	char last[NODE_NAME_MAX];
};

static void advance(struct tree *t);

static void
end_with(struct tree *t, const struct job_outcome *outcome)
{
	arena_release(&t->page);
	arena_release(&t->groups_arena);
	job_run_end(t->run, outcome); /* the tree is gone with its arena */
}

static void
fail(struct tree *t, struct op_call *call, enum err err)
{
	struct errinfo why = call->why;

	if (why.code == ERR_OK)
		(void)errinfo_set(&why, err, "%s", err_text(err));
	end_with(t, &(struct job_outcome){.phase = JOB_ERROR,
			.fault = err_fault(err),
			.message = errinfo_text(&why)});
}

/* Counting */

static void
count_failure(struct tree *t, enum err err, const struct errinfo *why)
{
	t->failed++;
	if (t->first.code == ERR_OK)
		(void)errinfo_set(&t->first, err, "%s", errinfo_text(why));
}

static void
save(struct tree *t)
{
	uint64_t now = clock_mono_ms();

	if (now - t->saved_ms < SAVE_MS)
		return;
	t->saved_ms = now;
	job_run_progress(t->run, t->done, t->failed);
}

static void
finish(struct tree *t)
{
	struct bytes counts[2] = {
	    arena_format(&t->run->arena, "final:%llu", (unsigned long long)t->done),
	    arena_format(&t->run->arena, "final:%llu", (unsigned long long)t->failed),
	};
	const struct job_pair results[] = {
	    {BYTES("successcount"), counts[0]}, {BYTES("errorcount"), counts[1]}};
	struct job_outcome outcome = {.phase = JOB_COMPLETED,
	    .results = results,
	    .n_results = t->failed > 0 ? 2 : 1, /* no errorcount of 0 (client rule 18) */
	    .done = t->done,
	    .failed = t->failed};

	if (t->aborting || t->failed > 0)
		outcome.phase = JOB_ABORTED;
	if (!t->aborting && t->done == 0 && t->failed > 0) {
		outcome.phase = JOB_ERROR;
		outcome.n_results = 0;
		outcome.fault = err_fault(t->first.code);
		outcome.message = errinfo_text(&t->first);
	}
	end_with(t, &outcome);
}

/* Changes */

static void
item_done(struct change *change)
{
	struct tree_item *item = container_of(change, struct tree_item, request.change);
	struct tree *t = item->tree;

	if (change->err == ERR_OK)
		t->done++;
	else if (change->err == ERR_NOT_EMPTY)
		t->stayed++; /* for what is in it, which was counted if we saw it */
	else if (change->err != ERR_NODE_NOT_FOUND) /* somebody was faster */
		count_failure(t, change->err, &change->why);
	item->next = t->free;
	t->free = item;
	t->under_way--;
	if (t->under_way <= TREE_WINDOW / 2)
		advance(t);
}

static void
submit(struct tree *t, uint64_t id, enum node_type type)
{
	struct tree_item *item = t->free;

	CHECK(item != NULL);
	t->free = item->next;
	t->under_way++;
	item->request.change = (struct change){.loop = t->env->loop, .done = item_done};
	t->work->submit(t, item, id, type);
}

/* Containers entered */

static void
enter(struct tree *t, const struct node *container, bool may)
{
	struct tree_frame *f = t->spare;

	if (f != NULL)
		t->spare = f->below;
	else
		f = arena_alloc(&t->run->arena, sizeof *f);
	if (f == NULL) {
		struct errinfo why;

		(void)errinfo_set(&why, ERR_NO_MEMORY, "the tree is too deep");
		count_failure(t, ERR_NO_MEMORY, &why);
		if (t->top != NULL)
			t->top->failed = true;
		return;
	}
	*f = (struct tree_frame){
	    .below = t->top, .id = container->id, .type = container->type, .may = may};
	t->top = f;
}

/* All of it has been seen: its own turn. */
static void
leave(struct tree *t)
{
	struct tree_frame *f = t->top;
	bool stays = !f->gone && (f->failed || !f->may);

	t->top = f->below;
	if (f->may && !f->gone && !(f->failed && t->work->removes))
		submit(t, f->id, f->type);
	if (t->top != NULL && stays)
		t->top->failed = true;
	f->below = t->spare;
	t->spare = f;
}

/* A node's turn, or its children's first. */
static void
visit(struct tree *t, struct op_call *call, const struct node *node,
    const struct acl_facts *facts)
{
	enum err verdict = service_mode_check_change(call);
	bool enters;

	if (verdict == ERR_OK)
		verdict = t->work->judge(t, call, node, facts);
	enters = node->type == NODE_CONTAINER && t->work->enters(node, verdict);
	if (verdict != ERR_OK) {
		count_failure(t, verdict, &call->why);
		if (t->top != NULL)
			t->top->failed = true;
	}
	if (enters)
		enter(t, node, verdict == ERR_OK);
	else if (verdict == ERR_OK)
		submit(t, node->id, node->type);
}

/* Where the container is now. ERR_NODE_NOT_FOUND: not in the tree any more. */
static enum err
locate(struct tree *t, struct op_call *call, struct nodes_trail *trail, struct path *path)
{
	struct bytes *names;
	bool inside = false;
	enum err e = nodes_chain(t->env->reader, &t->page, t->top->id, trail, &call->why);

	if (e != ERR_OK)
		return e;
	names = arena_array(&t->page, struct bytes, trail->n);
	if (names == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "the path is too long");
	for (size_t i = 0; i < trail->n; i++) {
		if (i > 0)
			names[i - 1] = trail->node[i].name;
		inside |= trail->node[i].id == t->target_id;
	}
	*path = (struct path){names, trail->n - 1};
	return inside ? ERR_OK : ERR_NODE_NOT_FOUND;
}

/* The facts of the container with room for those of one child. */
static enum err
judge_container(struct tree *t, struct op_call *call, const struct nodes_trail *trail,
    struct path path, struct acl_facts *facts, struct acl_node **child)
{
	struct acl_node *nodes = arena_array(&t->page, struct acl_node, trail->n + 1);
	enum err e = op_judge(call, trail, path, facts);

	if (e != ERR_OK)
		return e;
	if (nodes == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "the path is too long");
	for (size_t i = 0; i < trail->n; i++)
		nodes[i] = facts->node[i];
	facts->node = nodes;
	facts->n++;
	*child = &nodes[trail->n];
	return ERR_OK;
}

static void
note_seen(struct tree_frame *f, struct bytes name)
{
	(void)memcpy(f->last, name.p, name.n);
	f->last_n = name.n;
	f->begun = true;
}

/* Some children, up to the first that is a container and is entered. */
static enum err
visit_children(struct tree *t, struct op_call *call, unsigned *seen)
{
	struct tree_frame *f = t->top;
	struct nodes_trail trail;
	struct nodes_page page;
	struct acl_facts facts, child_facts;
	struct acl_node *child = NULL;
	struct path path;
	bool makes_allocations;
	enum err e = locate(t, call, &trail, &path);

	if (e == ERR_OK)
		e = judge_container(t, call, &trail, path, &facts, &child);
	if (e == ERR_OK)
		e = nodes_page(t->env->reader, &t->page, f->id,
		    (struct bytes){f->last, f->last_n}, f->begun,
		    TREE_WINDOW - t->under_way, &page, &call->why);
	if (e != ERR_OK)
		return e;
	makes_allocations = op_is_allocation_parent(call, path);
	for (size_t i = 0; i < page.n && t->top == f; i++) {
		const struct node *node = &page.node[i];

		note_seen(f, node->name);
		e = caller_judge(call->caller, node, child, &call->why);
		if (e != ERR_OK)
			return e;
		child_facts = facts;
		if (makes_allocations && node->type == NODE_CONTAINER)
			child_facts.allocation = facts.n - 1;
		call->why = (struct errinfo){.code = ERR_OK};
		visit(t, call, node, &child_facts);
		(*seen)++;
	}
	f->over = t->top == f && !page.more;
	return ERR_OK;
}

/* One page of children, or the end of a container. */
static void
step(struct tree *t, unsigned *seen)
{
	struct job_call jc;
	enum err e;

	if (t->top->over) {
		leave(t);
		(*seen)++;
		return;
	}
	arena_clear(&t->page);
	e = job_call_init(&jc, t->run, &t->page);
	if (e == ERR_OK)
		e = visit_children(t, &jc.call, seen);
	if (e == ERR_NODE_NOT_FOUND) { /* removed, or moved away, by somebody else */
		t->top->over = true;
		t->top->gone = true;
	} else if (e != ERR_OK) { /* it will not go better further on */
		count_failure(t, e, &jc.call.why);
		t->top = NULL;
	}
}

static void
go_on(struct loop_job *job)
{
	struct tree *t = container_of(job, struct tree, again);

	t->posted = false;
	advance(t);
}

static void
groups_known(struct job_groups *g)
{
	struct tree *t = container_of(g, struct tree, groups);

	t->posted = false;
	advance(t);
}

/* It may go on for hours: longer than what a group service said is worth. */
static bool
asks_for_groups(struct tree *t)
{
	if (t->aborting || t->top == NULL || clock_mono_ms() < t->run->outside_until_ms)
		return false;
	arena_clear(&t->groups_arena);
	t->posted = true;
	t->groups = (struct job_groups){
	    .run = t->run, .arena = &t->groups_arena, .known = groups_known};
	job_groups_ask(&t->groups);
	return true;
}

static void
advance(struct tree *t)
{
	unsigned seen = 0;

	if (t->posted || asks_for_groups(t))
		return;
	while (!t->aborting && t->top != NULL && t->under_way < TREE_WINDOW &&
	       seen < STEP_NODES)
		step(t, &seen);
	if ((t->aborting || t->top == NULL) && t->under_way == 0) {
		if (t->failed == 0 && t->stayed > 0) {
			struct errinfo why;

			(void)errinfo_set(&why, ERR_NOT_EMPTY,
			    "something new was put into a container");
			count_failure(t, ERR_NOT_EMPTY, &why);
		}
		finish(t);
		return;
	}
	save(t);
	if (!t->aborting && t->top != NULL && t->under_way < TREE_WINDOW) {
		t->posted = true;
		t->again.run = go_on;
		loop_post(t->env->loop, &t->again);
	}
}

/* A tree that is gone after a restart was removed before it: the record was late. */
static bool
was_finished(const struct tree *t, enum err e)
{
	return e == ERR_NODE_NOT_FOUND && t->run->is_resumed && t->work->removes;
}

void
tree_start(
    struct tree *t, struct job_run *run, const struct tree_work *work, struct bytes uri)
{
	struct op_target target;
	struct job_call jc;
	struct path path;
	enum err e;

	t->run = run;
	t->work = work;
	t->env = run->env;
	t->done = work->removes ? run->job.done : 0;
	t->saved_ms = clock_mono_ms();
	arena_init(&t->page, PAGE_ARENA);
	arena_init(&t->groups_arena, PAGE_ARENA);
	for (size_t i = 0; i < TREE_WINDOW; i++) {
		t->items[i].tree = t;
		t->items[i].next = t->free;
		t->free = &t->items[i];
	}
	e = job_call_init(&jc, run, &t->page);
	if (e == ERR_OK)
		e = op_parse_uri(&jc.call, uri, &path);
	if (e == ERR_OK)
		e = op_resolve_existing(&jc.call, path, OP_LEAF_AS_IS, &target);
	if (e == ERR_OK) {
		t->target_id = op_leaf(&target)->id;
		visit(t, &jc.call, op_leaf(&target), &target.facts);
		advance(t);
	} else if (was_finished(t, e)) {
		finish(t);
	} else {
		fail(t, &jc.call, e);
	}
}

void
tree_abort(struct tree *t)
{
	t->aborting = true;
	if (!t->posted && t->under_way == 0)
		advance(t);
}
