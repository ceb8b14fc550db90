/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/listing_walk.h"

#include <stdlib.h>
#include <string.h>

#include "service/op/group_ask.h"
#include "service/vosuri.h"

enum {
	PAGE = 256, /* children read at once */
	DEEP_PAGE = 32, /* the same, where a container among them ends the page */
	PAGE_ARENA = 16 * 1024 * 1024,
	URI_MAX = 16 * 1024 * 1024,
};

/* A container whose children are being given. */
struct listing_level {
	uint64_t id;
	size_t allocation; /* as acl_facts has it, of its children */
	bool makes_allocations; /* its containers are allocations */
	bool after; /* `last` has been given */
	size_t uri_n; /* of the walk's URI: up to and with the level's own '/' */
	size_t last_n;
	char last[NODE_NAME_MAX];
};

static enum err
no_memory(struct listing_walk *w)
{
	return errinfo_set(&w->call->why, ERR_NO_MEMORY, "no memory for a listing");
}

static void
drop_page(struct listing_walk *w)
{
	w->page.n = w->at = 0;
	w->read = false;
}

static void
set_last(struct listing_level *level, struct bytes name, bool after)
{
	level->after = after;
	level->last_n = name.n;
	if (name.n > 0)
		(void)memcpy(level->last, name.p, name.n);
}

/* The caller's facts about a node of this level, and its URI. */
static enum err
place(struct listing_walk *w, const struct listing_level *level, const struct node *node,
    struct listing_entry *out)
{
	const struct acl_facts *top = &w->target->facts;
	size_t at = top->n + (size_t)(level - w->level);
	enum err e = caller_judge(w->call->caller, node, &w->chain[at], &w->call->why);

	if (e != ERR_OK)
		return e;
	w->uri.n = level->uri_n;
	path_encode_name(&w->uri, node->name);
	if (str_failed(&w->uri))
		return no_memory(w);
	*out = (struct listing_entry){
	    .node = node, .uri = str_bytes(&w->uri), .facts = *top};
	out->facts.node = w->chain;
	out->facts.n = at + 1;
	out->facts.allocation = level->allocation;
	if (level->allocation == 0 && level->makes_allocations &&
	    node->type == NODE_CONTAINER)
		out->facts.allocation = at;
	return ERR_OK;
}

/* Into the container that was placed last. */
static void
enter(struct listing_walk *w, const struct listing_entry *container)
{
	struct listing_level *level = &w->level[w->n];
	size_t parts = w->target->path.n + w->n;

	if (w->n > 0) { /* its name stays where it is as long as it is the path's */
		const struct listing_level *above = level - 1;

		w->part[parts - 1] = (struct bytes){above->last, above->last_n};
	}
	*level = (struct listing_level){
	    .id = container->node->id,
	    .allocation = container->facts.allocation,
	    .makes_allocations =
		op_is_allocation_parent(w->call, (struct path){w->part, parts}),
	};
	str_addc(&w->uri, '/');
	level->uri_n = w->uri.n;
	w->n++;
	drop_page(w);
}

static void
leave(struct listing_walk *w)
{
	w->n--;
	drop_page(w);
}

/* ERR_GROUPS: who knows? What is in it must not be missing without a word. */
static enum err
is_entered(struct listing_walk *w, const struct listing_entry *entry, bool *out)
{
	enum err e = ERR_DENIED;

	if (w->n < w->depth && entry->node->type == NODE_CONTAINER)
		e = acl_decide(ACL_LIST, &entry->facts, NULL);
	*out = e == ERR_OK;
	return e == ERR_GROUPS ? group_ask_refusal(w->call, entry->uri) : ERR_OK;
}

/* The child of that name at the innermost level, NULL if there is none. */
static enum err
find_child(struct listing_walk *w, struct bytes name, const struct node **out)
{
	enum err e;

	arena_clear(&w->arena);
	e = nodes_page(w->call->env->reader, &w->arena, w->level[w->n - 1].id, name,
	    false, 1, &w->page, &w->call->why);
	*out = e == ERR_OK && w->page.n == 1 && bytes_eq(w->page.node[0].name, name)
		   ? &w->page.node[0]
		   : NULL;
	return e;
}

/* Stand before `start`: inside all containers on the way to it that can be entered. */
static enum err
seek(struct listing_walk *w, struct path start)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < start.n && e == ERR_OK; i++) {
		struct listing_entry entry;
		const struct node *node;
		bool enters;

		set_last(&w->level[w->n - 1], start.part[i], false);
		if (i + 1 == start.n)
			break;
		e = find_child(w, start.part[i], &node);
		if (e != ERR_OK || node == NULL)
			break;
		/* It comes before the start, so it is not given. */
		w->level[w->n - 1].after = true;
		e = place(w, &w->level[w->n - 1], node, &entry);
		if (e == ERR_OK)
			e = is_entered(w, &entry, &enters);
		if (e != ERR_OK || !enters)
			break;
		enter(w, &entry);
	}
	drop_page(w);
	return e;
}

enum err
listing_walk_init(struct listing_walk *w, struct op_call *call,
    const struct op_target *target, struct path start, size_t depth)
{
	struct listing_entry top = {.node = op_leaf(target), .facts = target->facts};
	size_t facts_n = target->facts.n, parts_n = target->path.n;

	*w = (struct listing_walk){.call = call, .target = target, .depth = depth};
	arena_init(&w->arena, PAGE_ARENA);
	str_init(&w->uri, URI_MAX);
	w->chain = calloc(facts_n + depth, sizeof *w->chain);
	w->part = calloc(parts_n + depth, sizeof *w->part);
	w->level = calloc(depth, sizeof *w->level);
	if (w->chain == NULL || w->part == NULL || w->level == NULL)
		return no_memory(w);
	(void)memcpy(w->chain, target->facts.node, facts_n * sizeof *w->chain);
	if (parts_n > 0)
		(void)memcpy(w->part, target->path.part, parts_n * sizeof *w->part);
	vosuri_write(&w->uri, call->env->space->names.authority, target->path);
	enter(w, &top);
	return str_failed(&w->uri) ? no_memory(w) : seek(w, start);
}

void
listing_walk_release(struct listing_walk *w)
{
	arena_release(&w->arena);
	str_release(&w->uri);
	free(w->chain);
	free(w->part);
	free(w->level);
}

static enum err
read_page(struct listing_walk *w, uint64_t want)
{
	const struct listing_level *level = &w->level[w->n - 1];
	size_t max = w->depth == 1 ? PAGE : DEEP_PAGE;

	if (want < max)
		max = (size_t)want;
	arena_clear(&w->arena);
	w->at = 0;
	w->read = true;
	return nodes_page(w->call->env->reader, &w->arena, level->id,
	    (struct bytes){level->last, level->last_n}, level->after, max, &w->page,
	    &w->call->why);
}

/* The next node of the innermost level that still has one; NULL: none has. */
static enum err
next_node(struct listing_walk *w, uint64_t want, const struct node **out)
{
	*out = NULL;
	while (w->n > 0) {
		if (w->at < w->page.n) {
			*out = &w->page.node[w->at++];
			break;
		}
		if (w->read && !w->page.more) {
			leave(w);
		} else {
			enum err e = read_page(w, want);

			if (e != ERR_OK)
				return e;
		}
	}
	return ERR_OK;
}

enum err
listing_walk_next(struct listing_walk *w, uint64_t want, struct listing_entry *out)
{
	const struct node *node;
	enum err e;

	if (w->enters) {
		/* Its page is still there, and the chain still ends with it. */
		struct listing_entry container;

		w->enters = false;
		e = place(w, &w->level[w->n - 1], &w->page.node[w->at - 1], &container);
		if (e != ERR_OK)
			return e;
		enter(w, &container);
	}
	out->node = NULL;
	e = next_node(w, want, &node);
	if (e != ERR_OK || node == NULL)
		return e;
	set_last(&w->level[w->n - 1], node->name, true);
	e = place(w, &w->level[w->n - 1], node, out);
	return e == ERR_OK ? is_entered(w, out, &w->enters) : e;
}

enum err
listing_walk_place(
    struct listing_walk *w, const struct node *child, struct listing_entry *out)
{
	return place(w, &w->level[0], child, out);
}
