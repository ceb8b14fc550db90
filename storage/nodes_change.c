/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes of the tree, each one function that runs in a child transaction of the
 * writer's batch. All of them check again what may have changed since the caller asked.
 */
#include "storage/nodes.h"

#include "service/core/check.h"
#include "service/core/kill_point.h"
#include "storage/accounts_write.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/node_codec.h"
#include "storage/nodes_write.h"
#include "storage/pack.h"
#include "storage/put_txns_write.h"

enum { ANCESTORS_MAX = 65536 };

enum err
nodes_write_entry(struct write *w, const struct node *node, struct errinfo *why)
{
	struct key key = key_child(node->parent_id, node->name);
	uint8_t value[9];

	pack_store(value, node->id, 8);
	value[8] = (uint8_t)node->type;
	return db_put(w->txn, DB_CHILD, key_bytes(&key),
	    (struct bytes){(const char *)value, sizeof value}, why);
}

static enum err
delete_child(struct write *w, const struct node *node, struct errinfo *why)
{
	struct key key = key_child(node->parent_id, node->name);
	enum err e = db_delete(w->txn, DB_CHILD, key_bytes(&key), why);

	return e == ERR_NOT_FOUND ? errinfo_set(why, ERR_DAMAGED,
					"node %llu has no entry in its container",
					(unsigned long long)node->id)
				  : e;
}

enum err
nodes_write_record(
    struct write *w, const struct node *node, bool is_new, struct errinfo *why)
{
	struct key key = key_id(node->id);
	enum err e;

	str_clear(&w->record);
	e = node_encode(w->txn, node, &w->record, why);
	if (e != ERR_OK)
		return e;
	return is_new
		   ? db_append(
			 w->txn, DB_NODE, key_bytes(&key), str_bytes(&w->record), why)
		   : db_put(w->txn, DB_NODE, key_bytes(&key), str_bytes(&w->record), why);
}

enum err
nodes_write_container(struct write *w, uint64_t id, struct node *out, struct errinfo *why)
{
	enum err e = nodes_load(w->txn, id, &w->arena, out, why);

	if (e == ERR_NODE_NOT_FOUND || (e == ERR_OK && out->type != NODE_CONTAINER))
		return errinfo_set(why, ERR_CONTAINER_NOT_FOUND, "the container is gone");
	return e;
}

enum err
nodes_write_load(struct write *w, uint64_t id, struct node *out, struct errinfo *why)
{
	enum err e = nodes_load(w->txn, id, &w->arena, out, why);

	return e == ERR_NODE_NOT_FOUND ? errinfo_set(why, e, "the node is gone") : e;
}

enum err
nodes_write_check_lock(const struct node *node, enum err code, struct errinfo *why)
{
	if (node->is_locked != NODE_TRUE)
		return ERR_OK;
	return errinfo_set(why, code, "'%.*s' is locked", BYTES_ARG(node->name));
}

enum err
nodes_write_check_free(
    struct write *w, uint64_t parent, struct bytes name, struct errinfo *why)
{
	uint64_t id;
	enum err e = nodes_child_id(w->txn, parent, name, &id, why);

	if (e == ERR_OK)
		return errinfo_set(
		    why, ERR_DUPLICATE_NODE, "'%.*s' already exists", BYTES_ARG(name));
	return e == ERR_NODE_NOT_FOUND ? ERR_OK : e;
}

/* The date of a change: later than the one before, whatever the clock does. */
static void
touch(struct node *node, int64_t now_ms)
{
	node->changed_ms = now_ms > node->changed_ms ? now_ms : node->changed_ms + 1;
}

static struct total
size_of(const struct node *node)
{
	return (struct total){
	    (int64_t)node->length, node_type_has_bytes(node->type) ? 1 : 0};
}

void
nodes_write_inherit(struct node *node, const struct node *parent)
{
	bool from_parent = parent->inherits == NODE_TRUE;

	if (node->is_public == NODE_UNSET)
		node->is_public = from_parent && parent->is_public != NODE_UNSET
				      ? parent->is_public
				      : NODE_FALSE;
	if (from_parent && node->group_read.n == 0)
		node->group_read = parent->group_read;
	if (from_parent && node->group_write.n == 0)
		node->group_write = parent->group_write;
	if (node->type == NODE_CONTAINER && node->inherits == NODE_UNSET)
		node->inherits = from_parent ? NODE_TRUE : NODE_FALSE;
}

/* The common end of creating a node: id, inheritance, times, records, totals. */
static enum err
insert(struct write *w, struct node *node, const struct node *parent, struct errinfo *why)
{
	enum err e = nodes_write_check_free(w, parent->id, node->name, why);

	if (e != ERR_OK)
		return e;
	node->id = write_take(w, COUNTER_NODE, 1);
	node->parent_id = parent->id;
	node->created_ms = node->changed_ms = w->now_ms;
	nodes_write_inherit(node, parent);
	e = nodes_write_record(w, node, true, why);
	if (e == ERR_OK)
		e = nodes_write_entry(w, node, why);
	if (e == ERR_OK)
		e = totals_add(
		    w->totals, w->txn, parent->id, size_of(node), node->length, why);
	return e;
}

static enum err
apply_create(struct change *change, struct write *w)
{
	struct nodes_create *r = container_of(change, struct nodes_create, change);
	struct node node = r->node, parent;
	enum err e = nodes_write_container(w, r->parent_id, &parent, &change->why);

	if (e == ERR_OK)
		e = nodes_write_check_lock(&parent, ERR_PARENT_LOCKED, &change->why);
	if (e != ERR_OK)
		return e;
	node.blob_id = node.length = node.total_bytes = node.total_files = 0;
	node.content_ms = 0;
	e = insert(w, &node, &parent, &change->why);
	if (e == ERR_OK)
		r->id_out = node.id;
	return e;
}

enum err
nodes_write_root(struct write *w, uint64_t owner, struct errinfo *why)
{
	struct node root = {
	    .id = write_take(w, COUNTER_NODE, 1),
	    .name = BYTES(""),
	    .type = NODE_CONTAINER,
	    .owner = owner,
	    .is_public = NODE_TRUE,
	    .inherits = NODE_FALSE,
	    .created_ms = w->now_ms,
	    .changed_ms = w->now_ms,
	    .quota = NODE_NO_QUOTA,
	};

	CHECK(root.id == NODE_ROOT_ID);
	return nodes_write_record(w, &root, true, why);
}

/* Both lists ascend by URI: one pass merges them. */
static enum err
merge_properties(struct write *w, struct node *node, const struct nodes_patch *patch,
    size_t max, struct errinfo *why)
{
	size_t room = node->n_properties + patch->n_properties, i = 0, k = 0, n = 0;
	struct node_property *merged;

	if (patch->n_properties == 0)
		return ERR_OK;
	merged = arena_array(&w->arena, struct node_property, room);
	if (merged == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the properties");
	while (i < node->n_properties || k < patch->n_properties) {
		int order =
		    i == node->n_properties ? 1
		    : k == patch->n_properties
			? -1
			: bytes_cmp(node->properties[i].uri, patch->properties[k].uri);

		if (order < 0) {
			merged[n++] = node->properties[i++];
			continue;
		}
		if (patch->properties[k].value.p != NULL)
			merged[n++] = patch->properties[k];
		i += order == 0;
		k++;
	}
	if (n > max && n > node->n_properties)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the node would have %zu properties, the limit is %zu", n, max);
	node->properties = merged;
	node->n_properties = n;
	return ERR_OK;
}

static void
patch_fields(struct node *node, const struct nodes_patch *p)
{
	if (p->set_public)
		node->is_public = p->is_public;
	if (p->set_locked)
		node->is_locked = p->is_locked;
	if (p->set_inherits)
		node->inherits = p->inherits;
	if (p->set_read)
		node->group_read = p->group_read;
	if (p->set_write)
		node->group_write = p->group_write;
	if (p->set_type)
		node->content_type = p->content_type;
	if (p->set_encoding)
		node->content_encoding = p->content_encoding;
	if (p->set_quota)
		node->quota = p->quota;
	if (p->set_owner)
		node->owner = p->owner;
	if (p->set_target && node->type == NODE_LINK)
		node->target = p->target;
}

static enum err
check_owner(
    struct write *w, const struct node *node, uint64_t owned_by, struct errinfo *why)
{
	uint64_t principal;
	enum err e = identity_principal(w->txn, node->owner, &principal, why);

	if (e == ERR_NOT_FOUND || (e == ERR_OK && principal != owned_by))
		return errinfo_set(
		    why, ERR_CHANGED, "'%.*s' is somebody else's", BYTES_ARG(node->name));
	return e;
}

static enum err
apply_update(struct change *change, struct write *w)
{
	struct nodes_update *r = container_of(change, struct nodes_update, change);
	struct node node;
	enum err e = nodes_write_load(w, r->id, &node, &change->why);

	if (e == ERR_OK && r->owned_by != 0)
		e = check_owner(w, &node, r->owned_by, &change->why);
	if (e == ERR_OK)
		e = merge_properties(
		    w, &node, &r->patch, r->properties_max, &change->why);
	if (e != ERR_OK)
		return e;
	patch_fields(&node, &r->patch);
	touch(&node, w->now_ms);
	return nodes_write_record(w, &node, false, &change->why);
}

static enum err
check_empty(struct write *w, const struct node *node, struct errinfo *why)
{
	struct key from = key_child(node->id, BYTES(""));
	struct db_cursor *cursor;
	struct bytes key, value;
	enum err e = db_cursor_open(w->txn, DB_CHILD, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);
	if (e == ERR_OK && key.n >= 8 && key_load_u64(key, 0) == node->id)
		e = errinfo_set(why, ERR_NOT_EMPTY, "container node '%.*s' is not empty",
		    BYTES_ARG(node->name));
	else if (e == ERR_NOT_FOUND)
		e = ERR_OK;
	db_cursor_close(cursor);
	return e;
}

static enum err
remove_node(struct write *w, const struct node *node, struct errinfo *why)
{
	struct key key = key_id(node->id);
	struct total size = size_of(node);
	enum err e = delete_child(w, node, why);

	if (e == ERR_OK)
		e = db_delete(w->txn, DB_NODE, key_bytes(&key), why);
	if (e == ERR_OK && node_type_has_bytes(node->type))
		e = blob_write_unref(w, node->blob_id, why);
	if (e == ERR_OK)
		e = totals_add(w->totals, w->txn, node->parent_id,
		    (struct total){-size.bytes, -size.files}, 0, why);
	return e;
}

static enum err
apply_delete(struct change *change, struct write *w)
{
	struct nodes_delete *r = container_of(change, struct nodes_delete, change);
	struct errinfo *why = &change->why;
	struct node node, parent;
	enum err e = nodes_write_load(w, r->id, &node, why);

	if (e != ERR_OK)
		return e;
	if (node.parent_id == 0)
		return errinfo_set(why, ERR_DENIED, "the root cannot be deleted");
	e = nodes_write_container(w, node.parent_id, &parent, why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&node, ERR_NODE_LOCKED, why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&parent, ERR_NODE_LOCKED, why);
	if (e == ERR_OK && node.type == NODE_CONTAINER)
		e = check_empty(w, &node, why);
	return e == ERR_OK ? remove_node(w, &node, why) : e;
}

enum err
nodes_write_check_acyclic(
    struct write *w, uint64_t id, uint64_t parent_id, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (unsigned depth = 0; parent_id != 0 && e == ERR_OK; depth++) {
		struct key key = key_id(parent_id);
		struct bytes record;
		uint64_t quota;

		if (parent_id == id)
			return errinfo_set(why, ERR_CYCLE, "%s", err_text(ERR_CYCLE));
		if (depth > ANCESTORS_MAX)
			return errinfo_set(
			    why, ERR_DAMAGED, "a container has no way to the root");
		e = db_get(w->txn, DB_NODE, key_bytes(&key), &record, why);
		if (e == ERR_OK)
			e = node_record_parent(
			    parent_id, record, &parent_id, &quota, why);
	}
	return e == ERR_NOT_FOUND
		   ? errinfo_set(why, ERR_DAMAGED, "a container has no way to the root")
		   : e;
}

struct total
nodes_write_size(struct write *w, const struct node *node)
{
	struct total pending;

	if (node->type != NODE_CONTAINER)
		return size_of(node);
	pending = totals_pending(w->totals, node->id);
	return (struct total){(int64_t)node->total_bytes + pending.bytes,
	    (int64_t)node->total_files + pending.files};
}

static enum err
relink(struct write *w, struct node *node, const struct node *to, struct bytes name,
    struct errinfo *why)
{
	struct total size = nodes_write_size(w, node);
	uint64_t from_id = node->parent_id;
	enum err e = delete_child(w, node, why);

	if (e != ERR_OK)
		return e;
	node->parent_id = to->id;
	node->name = name;
	touch(node, w->now_ms);
	e = nodes_write_record(w, node, false, why);
	if (e == ERR_OK)
		e = nodes_write_entry(w, node, why);
	if (e == ERR_OK && from_id != to->id) {
		e = totals_add(w->totals, w->txn, from_id,
		    (struct total){-size.bytes, -size.files}, 0, why);
		if (e == ERR_OK)
			e = totals_add(
			    w->totals, w->txn, to->id, size, (uint64_t)size.bytes, why);
	}
	return e;
}

static enum err
apply_move(struct change *change, struct write *w)
{
	struct nodes_move *r = container_of(change, struct nodes_move, change);
	struct errinfo *why = &change->why;
	struct node node, from, to;
	enum err e = nodes_write_load(w, r->id, &node, why);

	if (e != ERR_OK)
		return e;
	if (node.parent_id == 0)
		return errinfo_set(why, ERR_DENIED, "the root cannot be moved");
	e = nodes_write_container(w, node.parent_id, &from, why);
	if (e == ERR_OK)
		e = nodes_write_container(w, r->parent_id, &to, why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&node, ERR_NODE_LOCKED, why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&from, ERR_NODE_LOCKED, why);
	if (e == ERR_OK)
		e = nodes_write_check_lock(&to, ERR_NODE_LOCKED, why);
	if (e == ERR_OK)
		e = nodes_write_check_acyclic(w, node.id, to.id, why);
	if (e == ERR_OK)
		e = nodes_write_check_free(w, to.id, r->name, why);
	return e == ERR_OK ? relink(w, &node, &to, r->name, why) : e;
}

/* The bytes of a node become those of `r->blob`. */
static void
set_content(struct node *node, const struct nodes_put_file *r, int64_t now_ms)
{
	node->blob_id = r->blob.id;
	node->length = r->blob.length;
	(void)memcpy(node->md5, r->blob.md5, MD5_SIZE);
	node->content_ms = now_ms;
	touch(node, now_ms);
	if (r->set_type)
		node->content_type = r->content_type;
	if (r->set_encoding)
		node->content_encoding = r->content_encoding;
}

static enum err
put_new_file(struct nodes_put_file *r, struct write *w, const struct node *parent)
{
	struct errinfo *why = &r->change.why;
	struct node node = {
	    .type = NODE_DATA,
	    .name = r->name,
	    .owner = r->owner,
	    .quota = NODE_NO_QUOTA,
	};
	enum err e = nodes_write_check_lock(parent, ERR_PARENT_LOCKED, why);

	if (e != ERR_OK)
		return e;
	set_content(&node, r, w->now_ms);
	e = insert(w, &node, parent, why);
	if (e == ERR_OK)
		r->node_id_out = node.id;
	return e;
}

static enum err
replace_file(struct nodes_put_file *r, struct write *w, struct node *node)
{
	struct errinfo *why = &r->change.why;
	struct total delta = {(int64_t)r->blob.length - (int64_t)node->length, 0};
	uint64_t old_blob = node->blob_id;
	enum err e;

	if (!node_type_has_bytes(node->type))
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "'%.*s' is not a data node",
		    BYTES_ARG(node->name));
	e = nodes_write_check_lock(node, ERR_NODE_LOCKED, why);
	if (e != ERR_OK)
		return e;
	set_content(node, r, w->now_ms);
	e = nodes_write_record(w, node, false, why);
	if (e == ERR_OK)
		e = totals_add(
		    w->totals, w->txn, node->parent_id, delta, r->blob.length, why);
	if (e == ERR_OK)
		e = blob_write_unref(w, old_blob, why);
	if (e == ERR_OK)
		r->node_id_out = node->id;
	return e;
}

/* The file's reference to its bytes: a new one, or the transaction's. */
static enum err
take_bytes(struct nodes_put_file *r, struct write *w)
{
	struct errinfo *why = &r->change.why;
	bool is_segment = r->txn != NULL && r->txn->n_segments == 1;
	enum err e = ERR_OK;

	if (r->blob.id != 0 && !is_segment)
		e = blob_write_new(w, &r->blob, why);
	if (e == ERR_OK && r->txn != NULL)
		e = put_txn_finish(w, r->txn->id, r->txn->turn, why);
	return e;
}

static enum err
apply_put_file(struct change *change, struct write *w)
{
	struct nodes_put_file *r = container_of(change, struct nodes_put_file, change);
	struct errinfo *why = &change->why;
	struct node parent, node;
	uint64_t id = 0;
	enum err e = nodes_write_container(w, r->parent_id, &parent, why);

	if (e != ERR_OK)
		return e;
	e = nodes_child_id(w->txn, parent.id, r->name, &id, why);
	if (e != ERR_OK && e != ERR_NODE_NOT_FOUND)
		return e;
	if (id != r->expect_id)
		return errinfo_set(why, ERR_CHANGED, "'%.*s' was replaced meanwhile",
		    BYTES_ARG(r->name));
	e = take_bytes(r, w);
	if (e != ERR_OK)
		return e;
	if (id == 0) {
		e = put_new_file(r, w, &parent);
	} else {
		e = nodes_write_load(w, id, &node, why);
		if (e == ERR_OK)
			e = replace_file(r, w, &node);
	}
	if (e == ERR_OK)
		kill_point("s6");
	return e;
}

void
nodes_create(struct store *store, struct nodes_create *r)
{
	r->change.apply = apply_create;
	store_submit(store, &r->change);
}

void
nodes_update(struct store *store, struct nodes_update *r)
{
	r->change.apply = apply_update;
	store_submit(store, &r->change);
}

void
nodes_delete(struct store *store, struct nodes_delete *r)
{
	r->change.apply = apply_delete;
	store_submit(store, &r->change);
}

void
nodes_move(struct store *store, struct nodes_move *r)
{
	r->change.apply = apply_move;
	store_submit(store, &r->change);
}

void
nodes_put_file(struct store *store, struct nodes_put_file *r)
{
	r->change.apply = apply_put_file;
	store_submit(store, &r->change);
}
