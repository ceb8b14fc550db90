/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/nodes.h"

#include "service/core/check.h"
#include "storage/dict.h"
#include "storage/keys.h"
#include "storage/node_codec.h"
#include "storage/nodes_write.h"
#include "storage/pack.h"
#include "storage/write.h"

enum { CHILD_VALUE_SIZE = 9, CHAIN_MAX = 65536, NAME_BYTES = 16 /* of a short URI */ };

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(
	    why, ERR_NO_MEMORY, "the answer is larger than a request may be");
}

enum err
nodes_load(struct db_txn *txn, uint64_t id, struct arena *a, struct node *out,
    struct errinfo *why)
{
	struct key key = key_id(id);
	struct bytes record;
	enum err e = db_get(txn, DB_NODE, key_bytes(&key), &record, why);

	if (e == ERR_NOT_FOUND)
		return ERR_NODE_NOT_FOUND;
	return e == ERR_OK ? node_decode(txn, id, record, a, out, why) : e;
}

static enum err
child_entry(struct bytes value, uint64_t *id_out, struct errinfo *why)
{
	if (value.n != CHILD_VALUE_SIZE)
		return errinfo_set(why, ERR_DAMAGED, "entry of a child is damaged");
	*id_out = pack_load((const uint8_t *)value.p, 8);
	return ERR_OK;
}

enum err
nodes_child_id(struct db_txn *txn, uint64_t parent, struct bytes name, uint64_t *id_out,
    struct errinfo *why)
{
	struct bytes value;
	struct key key;
	enum err e;

	if (name.n > NODE_NAME_MAX)
		return ERR_NODE_NOT_FOUND;
	key = key_child(parent, name);
	e = db_get(txn, DB_CHILD, key_bytes(&key), &value, why);
	if (e == ERR_NOT_FOUND)
		return ERR_NODE_NOT_FOUND;
	return e == ERR_OK ? child_entry(value, id_out, why) : e;
}

/*
 * The node that an entry leads to. Entries have no checksum, records have: one that does
 * not say the same of itself would be somebody else's.
 */
static enum err
load_child(struct db_txn *txn, uint64_t parent, struct bytes name, uint64_t id,
    struct arena *a, struct node *out, struct errinfo *why)
{
	enum err e = nodes_load(txn, id, a, out, why);

	if (e == ERR_NODE_NOT_FOUND ||
	    (e == ERR_OK && (out->parent_id != parent || !bytes_eq(out->name, name))))
		return errinfo_set(why, ERR_DAMAGED,
		    "an entry of container %llu leads to the wrong node",
		    (unsigned long long)parent);
	return e;
}

static enum err
walk(struct db_txn *txn, struct arena *a, struct path path, struct nodes_trail *out,
    struct errinfo *why)
{
	enum err e = nodes_load(txn, NODE_ROOT_ID, a, &out->node[0], why);

	if (e == ERR_NODE_NOT_FOUND)
		return errinfo_set(why, ERR_DAMAGED, "there is no root node");
	for (out->n = 1; e == ERR_OK && out->n <= path.n; out->n++) {
		const struct node *parent = &out->node[out->n - 1];
		struct node *child = &out->node[out->n];
		struct bytes name = path.part[out->n - 1];
		uint64_t id;

		if (parent->type != NODE_CONTAINER)
			return ERR_OK;
		e = nodes_child_id(txn, parent->id, name, &id, why);
		if (e == ERR_NODE_NOT_FOUND)
			return ERR_OK;
		if (e == ERR_OK)
			e = load_child(txn, parent->id, name, id, a, child, why);
	}
	return e;
}

enum err
nodes_walk(struct store_reader *reader, struct arena *a, struct path path,
    struct nodes_trail *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e;

	*out = (struct nodes_trail){arena_array(a, struct node, path.n + 1), 0};
	if (out->node == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = walk(txn, a, path, out, why);
	store_read_end(reader);
	return e;
}

enum err
nodes_get(struct store_reader *reader, struct arena *a, uint64_t id, struct node *out,
    struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = nodes_load(txn, id, a, out, why);
	store_read_end(reader);
	return e;
}

/* The number of nodes from `id` up to the root, both included. */
static enum err
count_up(struct db_txn *txn, uint64_t id, size_t *n_out, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (*n_out = 0; id != 0 && e == ERR_OK; ++*n_out) {
		struct key key = key_id(id);
		struct bytes record;
		uint64_t parent = 0, quota;

		if (*n_out > CHAIN_MAX)
			return errinfo_set(why, ERR_DAMAGED, "node %llu lies in a cycle",
			    (unsigned long long)id);
		e = db_get(txn, DB_NODE, key_bytes(&key), &record, why);
		if (e == ERR_NOT_FOUND && *n_out == 0)
			return ERR_NODE_NOT_FOUND;
		if (e == ERR_NOT_FOUND)
			return errinfo_set(why, ERR_DAMAGED,
			    "container %llu has no record", (unsigned long long)id);
		if (e == ERR_OK)
			e = node_record_parent(id, record, &parent, &quota, why);
		id = parent;
	}
	return e;
}

static enum err
chain(struct db_txn *txn, struct arena *a, uint64_t id, struct nodes_trail *out,
    struct errinfo *why)
{
	enum err e = count_up(txn, id, &out->n, why);

	if (e != ERR_OK)
		return e;
	out->node = arena_array(a, struct node, out->n);
	if (out->node == NULL)
		return no_memory(why);
	for (size_t i = out->n; i > 0 && e == ERR_OK; i--) {
		e = nodes_load(txn, id, a, &out->node[i - 1], why);
		id = out->node[i - 1].parent_id;
	}
	return e;
}

enum err
nodes_chain(struct store_reader *reader, struct arena *a, uint64_t id,
    struct nodes_trail *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = chain(txn, a, id, out, why);
	store_read_end(reader);
	return e;
}

/* A walk along the children of one container. */
struct children {
	struct db_cursor *cursor;
	uint64_t container;
	struct bytes key, value;
};

/* At the first child with a name >= from (> with `after`); ERR_NOT_FOUND: none. */
static enum err
children_seek(struct children *c, struct bytes from, bool after, struct errinfo *why)
{
	struct key key;
	enum err e;

	if (from.n > NODE_NAME_MAX) { /* no name; it lies right behind its front */
		from.n = NODE_NAME_MAX;
		after = true;
	}
	key = key_child(c->container, from);
	e = db_cursor_seek(c->cursor, key_bytes(&key), &c->key, &c->value, why);
	if (e == ERR_OK && after && bytes_eq(c->key, key_bytes(&key)))
		e = db_cursor_next(c->cursor, &c->key, &c->value, why);
	return e;
}

/* Is the cursor still inside the container? */
static bool
children_here(const struct children *c)
{
	return c->key.n >= 8 && key_load_u64(c->key, 0) == c->container;
}

static struct bytes
children_name(const struct children *c)
{
	return bytes_skip(c->key, 8);
}

static enum err
children_load(struct db_txn *txn, const struct children *c, struct arena *a,
    struct node *out, struct errinfo *why)
{
	uint64_t id;
	enum err e = child_entry(c->value, &id, why);

	return e == ERR_OK
		   ? load_child(txn, c->container, children_name(c), id, a, out, why)
		   : e;
}

static enum err
fill_page(struct db_txn *txn, struct children *c, struct arena *a, size_t max,
    struct nodes_page *out, struct errinfo *why)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && children_here(c) && out->n < max) {
		e = children_load(txn, c, a, &out->node[out->n], why);
		if (e == ERR_NO_MEMORY && out->n > 0) {
			out->more = true; /* the arena holds a shorter page */
			return ERR_OK;
		}
		if (e == ERR_OK) {
			out->n++;
			e = db_cursor_next(c->cursor, &c->key, &c->value, why);
		}
	}
	out->more = e == ERR_OK && children_here(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
nodes_page(struct store_reader *reader, struct arena *a, uint64_t container,
    struct bytes from, bool after, size_t max, struct nodes_page *out,
    struct errinfo *why)
{
	struct children c = {.container = container};
	struct db_txn *txn;
	enum err e;

	*out = (struct nodes_page){.node = arena_array(a, struct node, max)};
	if (out->node == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_CHILD, &c.cursor, why);
	if (e == ERR_OK) {
		e = children_seek(&c, from, after, why);
		if (e == ERR_OK)
			e = fill_page(txn, &c, a, max, out, why);
		else if (e == ERR_NOT_FOUND)
			e = ERR_OK;
		db_cursor_close(c.cursor);
	}
	store_read_end(reader);
	return e;
}

static enum err
sort_row(struct db_txn *txn, const struct children *c, enum nodes_sort by,
    struct arena *scratch, struct nodes_sort_row *out, struct errinfo *why)
{
	struct node node;
	enum err e = children_load(txn, c, scratch, &node, why);

	if (e != ERR_OK)
		return e;
	out->id = node.id;
	if (by == NODES_SORT_DATE)
		out->value = (uint64_t)node.changed_ms;
	else
		out->value = node_shown_length(&node);
	return ERR_OK;
}

static enum err
fill_sort_page(struct db_txn *txn, struct children *c, struct arena *a,
    enum nodes_sort by, size_t max, struct nodes_sort_page *out, struct errinfo *why)
{
	struct arena scratch;
	enum err e = ERR_OK;

	arena_init(&scratch, a->limit_bytes);
	while (e == ERR_OK && children_here(c) && out->n < max) {
		e = sort_row(txn, c, by, &scratch, &out->row[out->n], why);
		arena_clear(&scratch);
		if (e != ERR_OK)
			break;
		out->last = children_name(c);
		if (++out->n == max) {
			out->last = arena_copy(a, out->last);
			if (out->last.p == NULL)
				e = no_memory(why);
		}
		if (e == ERR_OK)
			e = db_cursor_next(c->cursor, &c->key, &c->value, why);
	}
	arena_release(&scratch);
	out->more = e == ERR_OK && children_here(c);
	if (!out->more)
		out->last = (struct bytes){NULL, 0};
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
nodes_sort_page(struct store_reader *reader, struct arena *a, uint64_t container,
    struct bytes after, enum nodes_sort by, size_t max, struct nodes_sort_page *out,
    struct errinfo *why)
{
	struct children c = {.container = container};
	struct db_txn *txn;
	enum err e;

	*out =
	    (struct nodes_sort_page){.row = arena_array(a, struct nodes_sort_row, max)};
	if (out->row == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_CHILD, &c.cursor, why);
	if (e == ERR_OK) {
		e = children_seek(&c, after, after.n > 0, why);
		if (e == ERR_OK)
			e = fill_sort_page(txn, &c, a, by, max, out, why);
		else if (e == ERR_NOT_FOUND)
			e = ERR_OK;
		db_cursor_close(c.cursor);
	}
	store_read_end(reader);
	return e;
}

enum err
nodes_get_many(struct store_reader *reader, struct arena *a, uint64_t container,
    const struct nodes_sort_row *row, size_t n, struct nodes_page *out,
    struct errinfo *why)
{
	struct db_txn *txn;
	enum err e;

	*out = (struct nodes_page){.node = arena_array(a, struct node, n)};
	if (out->node == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		struct node *node = &out->node[out->n];

		e = nodes_load(txn, row[i].id, a, node, why);
		if (e == ERR_OK && node->parent_id == container)
			out->n++;
		if (e == ERR_NODE_NOT_FOUND)
			e = ERR_OK;
	}
	store_read_end(reader);
	return e;
}

enum err
nodes_property_names(struct store_reader *reader, struct arena *a, size_t max_bytes,
    struct bytes **out, size_t *n_out, struct errinfo *why)
{
	size_t room = max_bytes / NAME_BYTES + 1;
	struct db_txn *txn;
	enum err e;

	*n_out = 0;
	*out = arena_array(a, struct bytes, room);
	if (*out == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = dict_properties(txn, a, room, max_bytes, *out, n_out, why);
	store_read_end(reader);
	return e;
}

static bool
is_one_of(uint64_t id, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static enum err
fill_owned(struct db_cursor *cursor, const uint64_t *owner, size_t n_owners, size_t look,
    size_t max, struct nodes_owned *out, struct errinfo *why)
{
	struct key from = key_id(out->last + 1);
	struct bytes key, record;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &record, why);

	for (size_t i = 0; e == ERR_OK && i < look && out->n < max; i++) {
		uint64_t whose;

		if (key.n != 8)
			return errinfo_set(why, ERR_DAMAGED, "key of a node is damaged");
		out->last = key_load_u64(key, 0);
		if (node_record_owner(out->last, record, &whose, NULL) != ERR_OK)
			out->damaged++;
		else if (is_one_of(whose, owner, n_owners))
			out->id[out->n++] = out->last;
		e = db_cursor_next(cursor, &key, &record, why);
	}
	out->more = e == ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
nodes_owned(struct store_reader *reader, struct arena *a, const uint64_t *owner,
    size_t n_owners, uint64_t after, size_t look, size_t max, struct nodes_owned *out,
    struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e;

	*out = (struct nodes_owned){.id = arena_array(a, uint64_t, max), .last = after};
	if (out->id == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_NODE, &cursor, why);
	if (e == ERR_OK) {
		e = fill_owned(cursor, owner, n_owners, look, max, out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}
