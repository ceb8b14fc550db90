/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of a subtree as one change. What is known of a container's contents is copied
 * with it, so that only the containers above the copy learn of new bytes. The walk keeps
 * one frame for each container it is in; a node's memory is given back before the next.
 */
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/nodes.h"
#include "storage/nodes_write.h"
#include "storage/pack.h"

enum { NODE_ARENA = 16 * 1024 * 1024 };

/* A container whose children are being copied. */
struct frame {
	struct frame *below;
	uint64_t from, to;
	size_t last_n;
	char last[NODE_NAME_MAX]; /* the child that was copied last */
};

struct copy {
	struct nodes_copy *r;
	struct write *w;
	struct errinfo *why;
	struct arena arena; /* of one node */
	struct frame *top, *spare;
};

static enum err
enter(struct copy *c, uint64_t from, uint64_t to)
{
	struct frame *f = c->spare;

	if (f != NULL)
		c->spare = f->below;
	else
		f = arena_alloc(&c->w->arena, sizeof *f);
	if (f == NULL)
		return errinfo_set(c->why, ERR_NO_MEMORY, "the tree is too deep");
	f->below = c->top;
	f->from = from;
	f->to = to;
	f->last_n = 0;
	c->top = f;
	return ERR_OK;
}

static void
leave(struct copy *c)
{
	struct frame *f = c->top;

	c->top = f->below;
	f->below = c->spare;
	c->spare = f;
}

/* The node becomes another one, below `parent_id`, and is written. */
static enum err
write_copy(struct copy *c, struct node *node, uint64_t parent_id)
{
	struct write *w = c->w;
	uint64_t from = node->id;
	struct total size = nodes_write_size(w, node);
	enum err e = c->r->judge(c->r, node, c->why);

	if (e != ERR_OK)
		return e;
	if (++c->r->n_out > c->r->nodes_max)
		return errinfo_set(c->why, ERR_TOO_LARGE,
		    "more than %llu nodes in one copy",
		    (unsigned long long)c->r->nodes_max);
	node->id = write_take(w, COUNTER_NODE, 1);
	node->parent_id = parent_id;
	node->owner = c->r->owner;
	node->is_locked = NODE_UNSET;
	node->quota = NODE_NO_QUOTA;
	node->created_ms = node->changed_ms = w->now_ms;
	if (node->type == NODE_CONTAINER) {
		node->total_bytes = (uint64_t)size.bytes;
		node->total_files = (uint64_t)size.files;
	}
	e = nodes_write_record(w, node, true, c->why);
	if (e == ERR_OK)
		e = nodes_write_entry(w, node, c->why);
	if (e == ERR_OK && node_type_has_bytes(node->type))
		e = blob_write_ref(w, node->blob_id, c->why);
	return e == ERR_OK && node->type == NODE_CONTAINER ? enter(c, from, node->id) : e;
}

/* The child behind the last one. ERR_NOT_FOUND: there is none. */
static enum err
next_child(struct copy *c, uint64_t *id_out)
{
	struct frame *f = c->top;
	struct bytes last = {f->last, f->last_n}, name, key, value;
	struct key from = key_child(f->from, last);
	struct db_cursor *cursor;
	enum err e = db_cursor_open(c->w->txn, DB_CHILD, &cursor, c->why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, c->why);
	if (e == ERR_OK && last.n > 0 && bytes_eq(key, key_bytes(&from)))
		e = db_cursor_next(cursor, &key, &value, c->why);
	if (e == ERR_OK && (key.n <= 8 || key_load_u64(key, 0) != f->from))
		e = ERR_NOT_FOUND;
	if (e == ERR_OK) {
		name = bytes_skip(key, 8);
		(void)memcpy(f->last, name.p, name.n);
		f->last_n = name.n;
		*id_out = pack_load((const uint8_t *)value.p, 8);
	}
	db_cursor_close(cursor);
	return e;
}

static enum err
copy_below(struct copy *c)
{
	while (c->top != NULL) {
		uint64_t parent = c->top->to, id;
		struct node node;
		enum err e = next_child(c, &id);

		if (e == ERR_NOT_FOUND) {
			leave(c);
			continue;
		}
		arena_clear(&c->arena);
		if (e == ERR_OK)
			e = nodes_load(c->w->txn, id, &c->arena, &node, c->why);
		if (e == ERR_NODE_NOT_FOUND)
			e = errinfo_set(c->why, ERR_DAMAGED, "node %llu has no record",
			    (unsigned long long)id);
		if (e == ERR_OK)
			e = write_copy(c, &node, parent);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
copy_tree(struct copy *c, struct node *node, const struct node *parent)
{
	struct total size = nodes_write_size(c->w, node);
	enum err e;

	node->name = c->r->name;
	nodes_write_inherit(node, parent);
	/* The quota first: it costs nothing to refuse what was not copied yet. */
	e = totals_add(
	    c->w->totals, c->w->txn, parent->id, size, (uint64_t)size.bytes, c->why);
	if (e == ERR_OK)
		e = write_copy(c, node, parent->id);
	if (e == ERR_OK)
		c->r->id_out = node->id;
	return e == ERR_OK ? copy_below(c) : e;
}

static enum err
apply_copy(struct change *change, struct write *w)
{
	struct nodes_copy *r = container_of(change, struct nodes_copy, change);
	struct copy c = {.r = r, .w = w, .why = &change->why};
	struct node node, parent;
	enum err e = nodes_write_load(w, r->id, &node, c.why);

	r->n_out = 0;
	if (e == ERR_OK)
		e = nodes_write_container(w, r->parent_id, &parent, c.why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&parent, ERR_PARENT_LOCKED, c.why);
	if (e == ERR_OK)
		e = nodes_write_check_acyclic(w, node.id, parent.id, c.why);
	if (e == ERR_CYCLE)
		return errinfo_set(
		    c.why, e, "Cannot copy container node into its descendants");
	if (e == ERR_OK)
		e = nodes_write_check_free(w, parent.id, r->name, c.why);
	if (e != ERR_OK)
		return e;
	arena_init(&c.arena, NODE_ARENA);
	e = copy_tree(&c, &node, &parent);
	arena_release(&c.arena);
	return e;
}

void
nodes_copy(struct store *store, struct nodes_copy *r)
{
	r->change.apply = apply_copy;
	store_submit(store, &r->change);
}
