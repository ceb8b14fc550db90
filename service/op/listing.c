/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   name order    ─────────────────────────────► { walk on  ─► write ─► send }*
 *   other orders  { gather keys }* ─► sort ────► { read page ─► write ─► send }*
 *                  a page a turn      worker
 */
#include "service/op/listing.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/op/listing_walk.h"

enum {
	PAGE = 256, /* children written at once */
	TURN_PAGES = 64, /* and so many pages in one turn of the loop */
	GATHER_PAGE = 2048, /* keys gathered in one turn of the loop */
	PAGE_TEXT = 256 * 1024, /* XML written before it is sent */
	PAGE_ARENA = 16 * 1024 * 1024,
	TEXT_MAX = 16 * 1024 * 1024, /* one node on top of that */
};

/* What one child is sorted by; `seq` is its place in name order. */
struct sort_key {
	uint64_t id, value, seq;
};

struct listing {
	struct source base;
	struct op_call *call;
	struct op_target target;
	struct listing_ask ask;
	uint64_t left; /* children still to be shown */
	struct arena node_arena,
	    page_arena; /* of one page: its nodes, and their documents */
	struct str text; /* written and not yet sent: text.p[at ..] */
	size_t at;
	struct listing_walk walk;
	bool opened, ended;
	bool any_child; /* was written */

	/* Sorted orders. */
	char last[NODE_NAME_MAX]; /* gathered */
	size_t last_n;
	struct sort_key *key;
	size_t n_keys, keys_room, next_key;
	struct loop_job turn; /* to gather on, or to look on for what the filter wants */
	bool turn_posted;
	struct worker_job sorting;
	bool closed;

	/* Waiting for a piece of the pool. */
	bool waits, wanted;
	struct pool_waiter waiter;
};

static void
free_listing(struct listing *l)
{
	arena_release(&l->node_arena);
	arena_release(&l->page_arena);
	str_release(&l->text);
	listing_walk_release(&l->walk);
	free(l->key);
	free(l);
}

/* Rights */

static bool
shown_in_full(const struct op_call *call, bool readable)
{
	return readable || call->caller->is_admin ||
	       call->env->settings->stat_unreadable[0] == 'a';
}

enum err
listing_node(struct op_call *call, struct arena *a, const struct node *node,
    struct bytes uri, enum props_detail detail, const struct acl_facts *facts,
    struct node_out *out)
{
	struct props_rights rights = {
	    .readable = acl_can_read(facts, facts->n - 1),
	    .writable = acl_can_write(facts, facts->n - 1),
	};

	if (detail >= PROPS_FULL && !shown_in_full(call, rights.readable))
		detail = PROPS_BASIC;
	return props_of_node(call, a, node, uri, detail, rights, out);
}

/* Writing */

/* One more node of the document, if the filter wants it. */
static enum err
write_entry(struct listing *l, const struct listing_entry *entry)
{
	struct node_out out;
	enum err e;

	if (!listing_filter_matches(&l->ask.filter, entry->node))
		return ERR_OK;
	arena_clear(&l->page_arena);
	e = listing_node(l->call, &l->page_arena, entry->node, entry->uri, l->ask.detail,
	    &entry->facts, &out);
	if (e != ERR_OK)
		return e;
	l->ask.form->child(&l->text, &out, !l->any_child);
	l->any_child = true;
	l->left--;
	return ERR_OK;
}

static enum err
write_by_name(struct listing *l)
{
	bool all_count = !listing_filter_is_set(&l->ask.filter);

	for (unsigned n = 0; n < PAGE && l->left > 0 && l->text.n < PAGE_TEXT; n++) {
		struct listing_entry entry;
		enum err e =
		    listing_walk_next(&l->walk, all_count ? l->left : UINT64_MAX, &entry);

		if (e != ERR_OK)
			return e;
		if (entry.node == NULL) {
			l->left = 0;
			break;
		}
		e = write_entry(l, &entry);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* Up to all children of a page; *n_out is how many it became. */
static enum err
write_children(struct listing *l, const struct nodes_page *page, size_t *n_out)
{
	for (*n_out = 0; *n_out < page->n && l->left > 0 && l->text.n < PAGE_TEXT;
	     ++*n_out) {
		struct listing_entry entry;
		enum err e = listing_walk_place(&l->walk, &page->node[*n_out], &entry);

		if (e == ERR_OK)
			e = write_entry(l, &entry);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
write_by_key(struct listing *l)
{
	struct nodes_sort_row row[PAGE];
	struct nodes_page page;
	size_t n = 0, written;
	enum err e;

	for (; n < PAGE && l->next_key + n < l->n_keys; n++)
		row[n].id = l->key[l->next_key + n].id;
	e = nodes_get_many(l->call->env->reader, &l->node_arena, op_leaf(&l->target)->id,
	    row, n, &page, &l->call->why);
	if (e == ERR_OK)
		e = write_children(l, &page, &written);
	if (e != ERR_OK)
		return e;
	if (written == page.n) { /* those that are gone meanwhile included */
		l->next_key += n;
	} else {
		while (l->key[l->next_key].id != page.node[written].id)
			l->next_key++;
	}
	if (l->next_key == l->n_keys)
		l->left = 0;
	return ERR_OK;
}

static enum err
open_document(struct listing *l)
{
	struct op_call *call = l->call;
	struct node_out out;
	enum err e = listing_node(call, &l->page_arena, op_leaf(&l->target),
	    op_uri(call, l->target.path), l->ask.detail, &l->target.facts, &out);

	if (e == ERR_OK)
		l->ask.form->open(&l->text, &out);
	return e;
}

/* Write the next part of the document into the text. */
static enum err
write_more(struct listing *l)
{
	enum err e;

	str_clear(&l->text);
	l->at = 0;
	arena_clear(&l->node_arena);
	arena_clear(&l->page_arena);
	if (!l->opened) {
		l->opened = true;
		e = open_document(l);
	} else if (l->left > 0) {
		e = l->key == NULL ? write_by_name(l) : write_by_key(l);
	} else {
		l->ask.form->close(&l->text);
		l->ended = true;
		e = ERR_OK;
	}
	if (e == ERR_OK && str_failed(&l->text))
		e = errinfo_set(&l->call->why, ERR_NO_MEMORY, "the listing is too large");
	return e;
}

/* What it waited for has come, or came too late. */
static void
go_on(struct listing *l)
{
	if (l->closed && !l->waits && !l->turn_posted) {
		free_listing(l);
	} else if (!l->closed && l->wanted) {
		l->wanted = false;
		l->base.ready(l->base.arg);
	}
}

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct listing *l = container_of(w, struct listing, waiter);

	l->waits = false;
	go_on(l);
}

static void
turn_comes(struct loop_job *job)
{
	struct listing *l = container_of(job, struct listing, turn);

	l->turn_posted = false;
	go_on(l);
}

/* Nothing of the last pages is listed: others have their turn before the next. */
static enum next
wait_for_turn(struct listing *l)
{
	l->wanted = true;
	if (!l->turn_posted) {
		l->turn_posted = true;
		l->turn.run = turn_comes;
		loop_post(l->call->env->loop, &l->turn);
	}
	return NEXT_LATER;
}

static enum next
wait_for_piece(struct listing *l)
{
	l->wanted = true;
	if (!l->waits) {
		l->waits = true;
		l->waiter = (struct pool_waiter){
		    .job = {.run = piece_back}, .loop = l->call->env->loop};
		pool_wait(l->call->env->pool, &l->waiter);
	}
	return NEXT_LATER;
}

/* Fill one piece from the text, writing more as it runs out. */
static enum err
fill(struct listing *l, struct piece *piece, size_t *n_out)
{
	size_t n = 0;

	for (unsigned pages = 0; n < piece->size && pages < TURN_PAGES; pages++) {
		size_t part = l->text.n - l->at;

		if (part == 0) {
			enum err e;

			if (l->ended)
				break;
			e = write_more(l);
			if (e != ERR_OK)
				return e;
			continue;
		}
		if (part > piece->size - n)
			part = piece->size - n;
		(void)memcpy(piece->data + n, l->text.p + l->at, part);
		l->at += part;
		n += part;
	}
	*n_out = n;
	return ERR_OK;
}

static enum next
listing_next(struct source *s, struct slice *out)
{
	struct listing *l = container_of(s, struct listing, base);
	struct piece *piece;
	size_t n = 0;
	enum err e;

	if (l->ended && l->at == l->text.n)
		return NEXT_END;
	piece = pool_take(l->call->env->pool, PIECE_SMALL);
	if (piece == NULL)
		return wait_for_piece(l);
	e = fill(l, piece, &n);
	if (e != ERR_OK || n == 0) {
		piece_unref(piece);
		if (e == ERR_OK)
			return l->ended ? NEXT_END : wait_for_turn(l);
		s->why = l->call->why;
		return NEXT_FAILED;
	}
	*out = (struct slice){.piece = piece, .n = n};
	return NEXT_SLICE;
}

static void
listing_close(struct source *s)
{
	struct listing *l = container_of(s, struct listing, base);

	pool_dismiss(l->call->env->pool);
	l->closed = true;
	if (l->waits && pool_unwait(l->call->env->pool, &l->waiter))
		l->waits = false;
	go_on(l);
}

static const struct source_ops listing_ops = {
    .next = listing_next, .close = listing_close};

static void
reply(struct listing *l)
{
	struct op_call *call = l->call;

	op_reply_status(call, 200);
	op_reply_field(call, "Content-Type", bytes_of(l->ask.form->content_type));
	call->reply.source = &l->base;
	call->reply.length = UINT64_MAX;
	op_finish(call);
}

static void
give_up(struct listing *l, enum err err)
{
	struct op_call *call = l->call;

	listing_close(&l->base);
	op_fail(call, err);
}

/* Sorting */

static int
compare_up(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

static int
compare_down(const void *a, const void *b)
{
	return compare_up(b, a);
}

static void
sort_keys(struct worker_job *job)
{
	struct listing *l = container_of(job, struct listing, sorting);

	if (l->n_keys > 1) /* an empty container has no array at all */
		qsort(l->key, l->n_keys, sizeof *l->key,
		    l->ask.descending ? compare_down : compare_up);
}

/* In these orders a page begins at a child that must still be there. */
static enum err
find_start(struct listing *l)
{
	struct op_call *call = l->call;
	struct path child = path_join(call->arena, l->target.path, l->ask.start);
	struct nodes_trail trail;
	enum err e;

	if (l->ask.start.n == 0)
		return ERR_OK;
	e = nodes_walk(call->env->reader, call->arena, child, &trail, &call->why);
	if (e != ERR_OK)
		return e;
	if (trail.n == child.n + 1)
		for (size_t i = 0; i < l->n_keys; i++)
			if (l->key[i].id == trail.node[trail.n - 1].id) {
				l->next_key = i;
				return ERR_OK;
			}
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "the page mark '%.*s' is no longer there: begin the listing again",
	    BYTES_ARG(path_name(l->ask.start)));
}

static void
sorted(struct loop_job *job)
{
	struct worker_job *worker = container_of(job, struct worker_job, done);
	struct listing *l = container_of(worker, struct listing, sorting);
	enum err e = find_start(l);

	if (e == ERR_OK)
		reply(l);
	else
		give_up(l, e);
}

static bool
add_key(struct listing *l, const struct nodes_sort_row *row)
{
	if (l->n_keys == l->keys_room) {
		size_t room = l->keys_room == 0 ? GATHER_PAGE : l->keys_room * 2;
		struct sort_key *bigger = realloc(l->key, room * sizeof *bigger);

		if (bigger == NULL)
			return false;
		l->key = bigger;
		l->keys_room = room;
	}
	l->key[l->n_keys] = (struct sort_key){
	    row->id, l->ask.sort == LISTING_BY_NAME ? 0 : row->value, l->n_keys};
	l->n_keys++;
	return true;
}

static enum err
gather_page(struct listing *l, bool *more_out)
{
	struct op_call *call = l->call;
	struct nodes_sort_page page;
	enum err e;

	*more_out = false;
	arena_clear(&l->node_arena);
	e = nodes_sort_page(call->env->reader, &l->node_arena, op_leaf(&l->target)->id,
	    (struct bytes){l->last, l->last_n},
	    l->ask.sort == LISTING_BY_LENGTH ? NODES_SORT_LENGTH : NODES_SORT_DATE,
	    GATHER_PAGE, &page, &call->why);
	if (e != ERR_OK)
		return e;
	if (l->n_keys + page.n > call->env->settings->listing_sort_max)
		return errinfo_set(&call->why, ERR_OPTION_NOT_SUPPORTED,
		    "sorting options not supported for more than %llu children",
		    (unsigned long long)call->env->settings->listing_sort_max);
	for (size_t i = 0; i < page.n; i++)
		if (!add_key(l, &page.row[i]))
			return errinfo_set(
			    &call->why, ERR_NO_MEMORY, "no memory to sort a listing");
	*more_out = page.more;
	if (page.more) {
		l->last_n = page.last.n;
		(void)memcpy(l->last, page.last.p, page.last.n);
	}
	return ERR_OK;
}

static void
gather(struct loop_job *job)
{
	struct listing *l = container_of(job, struct listing, turn);
	bool more;
	enum err e = gather_page(l, &more);

	if (e != ERR_OK) {
		give_up(l, e);
		return;
	}
	if (more) { /* other requests have their turn in between */
		loop_post(l->call->env->loop, &l->turn);
		return;
	}
	l->sorting = (struct worker_job){
	    .work = sort_keys, .loop = l->call->env->loop, .done = {.run = sorted}};
	worker_submit(l->call->env->workers, &l->sorting);
}

static bool
needs_keys(const struct listing_ask *ask)
{
	return ask->sort != LISTING_BY_NAME || ask->descending;
}

void
listing_reply(
    struct op_call *call, const struct op_target *target, const struct listing_ask *ask)
{
	struct listing *l;
	enum err e;

	if (!pool_admit(call->env->pool)) {
		op_fail(call,
		    errinfo_set(&call->why, ERR_BUSY, "too many transfers at once"));
		return;
	}
	l = calloc(1, sizeof *l);
	if (l == NULL) {
		pool_dismiss(call->env->pool);
		op_fail(call,
		    errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a listing"));
		return;
	}
	l->base.ops = &listing_ops;
	l->call = call;
	l->target = *target;
	l->ask = *ask;
	l->left = ask->limit;
	arena_init(&l->node_arena, PAGE_ARENA);
	arena_init(&l->page_arena, PAGE_ARENA);
	str_init(&l->text, TEXT_MAX);
	e = listing_walk_init(&l->walk, call, &l->target,
	    needs_keys(ask) ? (struct path){NULL, 0} : ask->start, ask->depth);
	if (e != ERR_OK) {
		give_up(l, e);
		return;
	}
	if (!needs_keys(ask)) {
		reply(l);
		return;
	}
	l->turn.run = gather;
	loop_post(call->env->loop, &l->turn);
}
