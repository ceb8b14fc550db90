/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Totals are not counted up from the leaves: it is enough that what each container says is
 * the sum of its own children, containers by what they say, and that none is below itself.
 */
#include "storage/catalogue_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/accounts_write.h"
#include "storage/blob_small.h"
#include "storage/blob_write.h"
#include "storage/keys.h"
#include "storage/node_codec.h"
#include "storage/pack.h"
#include "storage/put_txn_record.h"
#include "storage/rows.h"
#include "storage/tokens_write.h"

enum {
	LOCATIONS = 8,
	ARENA_MAX = 64 * 1024 * 1024,
	PROGRESS_ROWS = 65536,
	DEPTH_MAX = 100000, /* deeper than any tree is */
	CHILD_SIZE = 9,
	UREP_KEY = 10,
	UREP_SIZE = 12,
	GCQ_KEY = 9,
	GCQ_SIZE = 8 + MD5_SIZE,
};

struct walk {
	struct catalogue_check *c;
	struct db_txn *txn;
	struct arena arena; /* of one row */
	uint64_t node_ids, blob_ids; /* none so large was given out */
	/* The container whose children pass by, 0 before the first; and their sum. */
	uint64_t parent, bytes, files;
	/* References to the blobs from `first` on. */
	uint32_t *count;
	uint64_t first, n;
};

typedef void row_fn(struct walk *w, struct bytes key, struct bytes value);

static void __attribute__((format(printf, 2, 3)))
fault(struct walk *w, const char *fmt, ...)
{
	char text[ERRINFO_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	w->c->faults++;
	w->c->found(w->c->arg, text);
}

static enum err
walk_table(struct walk *w, enum db_table table, const char *what, struct bytes from,
    row_fn *each, struct errinfo *why)
{
	struct bytes key, value;
	struct db_cursor *cursor;
	uint64_t done = 0, total = 0;
	enum err e = db_count(w->txn, table, &total, why);

	if (e == ERR_OK)
		e = db_cursor_open(w->txn, table, &cursor, why);
	if (e != ERR_OK)
		return e;
	for (e = db_cursor_seek(cursor, from, &key, &value, why); e == ERR_OK;
	     e = db_cursor_next(cursor, &key, &value, why)) {
		arena_clear(&w->arena);
		each(w, key, value);
		if (++done % PROGRESS_ROWS == 0)
			w->c->progress(w->c->arg, what, done, total);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* False: there is none, or it cannot be read. */
static bool
read_node(struct walk *w, uint64_t id, struct node *out)
{
	struct key key = key_id(id);
	struct bytes record;

	return db_get(w->txn, DB_NODE, key_bytes(&key), &record, NULL) == ERR_OK &&
	       node_decode(w->txn, id, record, &w->arena, out, NULL) == ERR_OK;
}

/* Nodes */

static void
check_entry(struct walk *w, const struct node *node)
{
	struct key key = key_child(node->parent_id, node->name);
	struct bytes value;

	if (db_get(w->txn, DB_CHILD, key_bytes(&key), &value, NULL) != ERR_OK)
		fault(w, "node %llu: its container %llu has no entry '%.*s'",
		    (unsigned long long)node->id, (unsigned long long)node->parent_id,
		    BYTES_ARG(node->name));
	else if (value.n != CHILD_SIZE ||
		 pack_load((const uint8_t *)value.p, 8) != node->id ||
		 (uint8_t)value.p[8] != (uint8_t)node->type)
		fault(w, "node %llu: the entry '%.*s' of container %llu is another's",
		    (unsigned long long)node->id, BYTES_ARG(node->name),
		    (unsigned long long)node->parent_id);
}

/* From a container up to the root. */
static void
check_way_up(struct walk *w, const struct node *node)
{
	uint64_t id = node->parent_id, quota;
	unsigned depth = 0;

	while (id != NODE_ROOT_ID) {
		struct key key = key_id(id);
		struct bytes record;

		if (++depth > DEPTH_MAX || id == 0 ||
		    db_get(w->txn, DB_NODE, key_bytes(&key), &record, NULL) != ERR_OK ||
		    node_record_parent(id, record, &id, &quota, NULL) != ERR_OK) {
			fault(w, "container %llu is not below the root",
			    (unsigned long long)node->id);
			return;
		}
	}
}

/* A container without children never comes by among them. */
static void
check_emptiness(struct walk *w, const struct node *node)
{
	struct key from = key_child(node->id, BYTES(""));
	struct bytes key, value;
	struct db_cursor *cursor;
	bool is_empty = true;

	if (node->total_bytes == 0 && node->total_files == 0)
		return;
	if (db_cursor_open(w->txn, DB_CHILD, &cursor, NULL) != ERR_OK)
		return; /* who walks the table says so */
	if (db_cursor_seek(cursor, key_bytes(&from), &key, &value, NULL) == ERR_OK)
		is_empty = key.n < 8 || key_load_u64(key, 0) != node->id;
	db_cursor_close(cursor);
	if (is_empty)
		fault(w, "container %llu says %llu bytes in %llu files, and has no child",
		    (unsigned long long)node->id, (unsigned long long)node->total_bytes,
		    (unsigned long long)node->total_files);
}

static void
check_node(struct walk *w, struct bytes key, struct bytes value)
{
	struct node node;
	struct errinfo why;
	uint64_t id = key.n == 8 ? key_load_u64(key, 0) : 0;

	w->c->nodes++;
	if (id == 0 || id >= w->node_ids) {
		fault(w, "there is a node %llu, an id never given out",
		    (unsigned long long)id);
		return;
	}
	if (node_decode(w->txn, id, value, &w->arena, &node, &why) != ERR_OK) {
		fault(w, "node %llu: %s", (unsigned long long)id, errinfo_text(&why));
		return;
	}
	if (node.type == NODE_CONTAINER)
		check_emptiness(w, &node);
	if (id == NODE_ROOT_ID)
		return;
	check_entry(w, &node);
	if (node.type == NODE_CONTAINER)
		check_way_up(w, &node);
}

/* Entries of containers, and their totals */

static void
end_container(struct walk *w)
{
	struct node node;

	if (w->parent == 0)
		return;
	if (!read_node(w, w->parent, &node) || node.type != NODE_CONTAINER)
		fault(w, "node %llu has children and is no container",
		    (unsigned long long)w->parent);
	else if (node.total_bytes != w->bytes || node.total_files != w->files)
		fault(w,
		    "container %llu says %llu bytes in %llu files, its children are %llu "
		    "in %llu",
		    (unsigned long long)w->parent, (unsigned long long)node.total_bytes,
		    (unsigned long long)node.total_files, (unsigned long long)w->bytes,
		    (unsigned long long)w->files);
}

static void
add_up(struct walk *w, const struct node *node)
{
	if (node->type == NODE_CONTAINER) {
		w->bytes += node->total_bytes;
		w->files += node->total_files;
	} else if (node_type_has_bytes(node->type)) {
		w->bytes += node->length;
		w->files++;
	}
}

static void
check_child(struct walk *w, struct bytes key, struct bytes value)
{
	struct bytes name = key.n > 8 ? bytes_skip(key, 8) : BYTES("");
	uint64_t parent = key.n > 8 ? key_load_u64(key, 0) : 0, id = 0;
	struct node node;

	if (parent != w->parent) {
		end_container(w);
		w->parent = parent;
		w->bytes = w->files = 0;
	}
	if (value.n == CHILD_SIZE)
		id = pack_load((const uint8_t *)value.p, 8);
	if (!read_node(w, id, &node)) {
		fault(w,
		    "container %llu: its entry '%.*s' names node %llu, which cannot be "
		    "read",
		    (unsigned long long)parent, BYTES_ARG(name), (unsigned long long)id);
		return;
	}
	add_up(w, &node);
	if (node.parent_id != parent || !bytes_eq(node.name, name))
		fault(w,
		    "container %llu: its entry '%.*s' names node %llu, which is "
		    "elsewhere",
		    (unsigned long long)parent, BYTES_ARG(name), (unsigned long long)id);
}

/* Blobs */

static void
count_reference(struct walk *w, uint64_t id)
{
	if (id >= w->first && id - w->first < w->n)
		w->count[id - w->first]++;
}

static void
check_bytes(struct walk *w, const struct node *node)
{
	struct key key = key_id(node->blob_id);
	struct bytes record;
	struct blob blob;

	/* What cannot be read is told where blobs are. */
	if (db_get(w->txn, DB_BLOB, key_bytes(&key), &record, NULL) == ERR_OK &&
	    blob_decode(node->blob_id, record, &blob, NULL) == ERR_OK &&
	    (blob.length != node->length || memcmp(blob.md5, node->md5, MD5_SIZE) != 0))
		fault(w, "node %llu: length or MD5 are not those of its blob %llu",
		    (unsigned long long)node->id, (unsigned long long)node->blob_id);
}

static void
count_node(struct walk *w, struct bytes key, struct bytes value)
{
	struct node node;
	uint64_t id = key.n == 8 ? key_load_u64(key, 0) : 0;

	if (node_decode(w->txn, id, value, &w->arena, &node, NULL) != ERR_OK ||
	    node.blob_id == 0)
		return;
	count_reference(w, node.blob_id);
	if (node.blob_id >= w->first && node.blob_id - w->first < w->n)
		check_bytes(w, &node);
}

static void
count_put_txn(struct walk *w, struct bytes key, struct bytes value)
{
	struct put_txn t;
	struct bytes row;

	if (key.n != PUT_TXN_ID_SIZE ||
	    row_check(DB_TXN, key, value, &row, NULL) != ERR_OK ||
	    put_txn_decode((const uint8_t *)key.p, row, &w->arena, &t, NULL) != ERR_OK) {
		if (w->first == 0)
			fault(w, "a put transaction cannot be read");
		return;
	}
	for (size_t i = 0; i < t.n_segments; i++)
		count_reference(w, t.segments[i].blob_id);
}

/* Its members name a pack. */
static void
count_member(struct walk *w, struct bytes key, struct bytes value)
{
	uint64_t id = key.n == 8 ? key_load_u64(key, 0) : 0;
	struct blob blob;

	if (blob_decode(id, value, &blob, NULL) == ERR_OK && blob.pack != 0)
		count_reference(w, blob.pack);
}

static bool
has_row(struct walk *w, enum db_table table, struct key key)
{
	struct bytes value;

	return db_get(w->txn, table, key_bytes(&key), &value, NULL) == ERR_OK;
}

/* Its bytes are here, and nothing is due. */
static void
check_small(struct walk *w, const struct blob *blob)
{
	struct key key = key_id(blob->id);
	struct blob_small small;
	struct errinfo why;
	struct bytes row;

	if (db_get(w->txn, DB_SMALL, key_bytes(&key), &row, NULL) != ERR_OK)
		fault(w, "blob %llu: its bytes should be here, and are not",
		    (unsigned long long)blob->id);
	else if (blob_small_decode(blob->id, row, &small, &why) != ERR_OK)
		fault(w, "%s", errinfo_text(&why));
	else if (small.data.n != blob->length)
		fault(w, "blob %llu has another length than its bytes here",
		    (unsigned long long)blob->id);
}

static void
check_copies(struct walk *w, const struct blob *blob)
{
	unsigned copies = (unsigned)__builtin_popcount(blob->have);

	for (unsigned l = 0; l < LOCATIONS; l++) {
		bool have = blob->have >> l & 1, want = blob->want >> l & 1;

		w->c->missing += want && !have;
		if (want && !have && !has_row(w, DB_UREP, key_urep(copies, l, blob->id)))
			fault(w,
			    "blob %llu: nothing is due for its missing copy at location "
			    "%u",
			    (unsigned long long)blob->id, l + 1);
		if (have && has_row(w, DB_GCQ, key_gcq(l, blob->id)))
			fault(w,
			    "blob %llu: its copy at location %u is counted and waits for "
			    "removal",
			    (unsigned long long)blob->id, l + 1);
	}
}

static void
check_blob(struct walk *w, struct bytes key, struct bytes value)
{
	uint64_t id = key.n == 8 ? key_load_u64(key, 0) : 0;
	uint32_t *count = id - w->first < w->n ? &w->count[id - w->first] : NULL;
	struct blob blob;
	struct errinfo why;

	if (id >= w->blob_ids || id == 0) {
		fault(w, "there is a blob %llu, an id never given out",
		    (unsigned long long)id);
		return;
	}
	if (count == NULL)
		return; /* of another window */
	w->c->blobs++;
	if (blob_decode(id, value, &blob, &why) != ERR_OK) {
		fault(w, "%s", errinfo_text(&why));
		*count = 0;
		return;
	}
	if (blob.references != *count)
		fault(w, "blob %llu says %u references, there are %u",
		    (unsigned long long)id, blob.references, *count);
	if (blob.have & ~blob.want)
		fault(w, "blob %llu has copies where it is not wanted",
		    (unsigned long long)id);
	if (blob.have == 0 && !blob.small && blob.pack == 0) {
		w->c->lost++;
		fault(w, "blob %llu has no copy", (unsigned long long)id);
	}
	*count = 0;
	if (blob.small)
		check_small(w, &blob);
	else
		check_copies(w, &blob);
}

static enum err
check_window(struct walk *w, struct errinfo *why)
{
	struct key from = key_id(w->first);
	enum err e = walk_table(w, DB_NODE, "references", BYTES("\0"), count_node, why);

	if (e == ERR_OK)
		e = walk_table(
		    w, DB_TXN, "put transactions", BYTES("\0"), count_put_txn, why);
	if (e == ERR_OK)
		e = walk_table(w, DB_BLOB, "packs", BYTES("\0"), count_member, why);
	if (e == ERR_OK)
		e = walk_table(w, DB_BLOB, "blobs", key_bytes(&from), check_blob, why);
	for (uint64_t i = 0; i < w->n && e == ERR_OK; i++)
		if (w->count[i] > 0)
			fault(w, "blob %llu is named %u times and has no record",
			    (unsigned long long)(w->first + i), w->count[i]);
	return e;
}

static enum err
check_blobs(struct walk *w, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (w->first = 0; w->first < w->blob_ids && e == ERR_OK; w->first += w->n) {
		uint64_t left = w->blob_ids - w->first;

		w->n = left < w->c->window ? left : w->c->window;
		w->count = calloc(w->n, sizeof *w->count);
		if (w->count == NULL)
			return errinfo_set(why, ERR_NO_MEMORY, "no memory to count in");
		e = check_window(w, why);
		free(w->count);
	}
	return e;
}

/* Rows of work */

static void
check_repair(struct walk *w, struct bytes key, struct bytes value)
{
	struct bytes record;
	struct blob blob = {.have = 0};
	struct key of_blob;
	unsigned location;
	uint64_t id;

	if (key.n != UREP_KEY || value.n != UREP_SIZE) {
		fault(w, "a row of the repair table cannot be read");
		return;
	}
	id = key_load_u64(key, 2);
	location = (uint8_t)key.p[1];
	of_blob = key_id(id);
	if (location >= LOCATIONS ||
	    db_get(w->txn, DB_BLOB, key_bytes(&of_blob), &record, NULL) != ERR_OK ||
	    blob_decode(id, record, &blob, NULL) != ERR_OK || blob.small ||
	    10 - __builtin_popcount(blob.have) != (uint8_t)key.p[0] ||
	    !((blob.want & ~blob.have) >> location & 1))
		fault(w, "a copy of blob %llu at location %u is due, and is not missing",
		    (unsigned long long)id, location + 1);
}

static void
check_removal(struct walk *w, struct bytes key, struct bytes value)
{
	if (key.n != GCQ_KEY || value.n != GCQ_SIZE || (uint8_t)key.p[0] >= LOCATIONS ||
	    key_load_u64(key, 1) >= w->blob_ids)
		fault(w, "a row of the removal queue cannot be right");
}

static void
check_small_row(struct walk *w, struct bytes key, struct bytes value)
{
	uint64_t id = key.n == 8 ? key_load_u64(key, 0) : 0;
	struct key of_blob = key_id(id);
	struct bytes record;
	struct blob blob = {.small = false};

	(void)value; /* read with the record */
	if (db_get(w->txn, DB_BLOB, key_bytes(&of_blob), &record, NULL) != ERR_OK ||
	    blob_decode(id, record, &blob, NULL) != ERR_OK || !blob.small)
		fault(w, "there are bytes of blob %llu, whose record does not say so",
		    (unsigned long long)id);
}

/* A token of an account that is there. */
static void
check_token(struct walk *w, struct bytes key, struct bytes value)
{
	struct identity_row row;
	struct errinfo why;
	struct token token;

	if (tokens_decode(key, value, &token, &why) != ERR_OK)
		fault(w, "%s", errinfo_text(&why));
	else if (identity_load(w->txn, token.account, &row, NULL) != ERR_OK ||
		 row.kind != IDENTITY_ACCOUNT)
		fault(w, "there is a token of account %llu, which there is not",
		    (unsigned long long)token.account);
}

static enum err
check_all(struct walk *w, struct errinfo *why)
{
	enum err e = walk_table(w, DB_NODE, "nodes", BYTES("\0"), check_node, why);

	if (e == ERR_OK)
		e = walk_table(w, DB_CHILD, "entries", BYTES("\0"), check_child, why);
	if (e == ERR_OK) {
		end_container(w);
		e = check_blobs(w, why);
	}
	if (e == ERR_OK)
		e = walk_table(w, DB_UREP, "repairs", BYTES("\0"), check_repair, why);
	if (e == ERR_OK)
		e = walk_table(w, DB_GCQ, "removals", BYTES("\0"), check_removal, why);
	if (e == ERR_OK)
		e = walk_table(
		    w, DB_SMALL, "small files", BYTES("\0"), check_small_row, why);
	if (e == ERR_OK)
		e = walk_table(w, DB_TOKEN, "tokens", BYTES("\0"), check_token, why);
	return e;
}

enum err
catalogue_check(struct catalogue_check *c, struct errinfo *why)
{
	struct walk w = {.c = c};
	enum err e = store_read_begin(c->reader, &w.txn, why);

	if (e != ERR_OK)
		return e;
	arena_init(&w.arena, ARENA_MAX);
	e = store_get_number(w.txn, META_NEXT_NODE, 1, &w.node_ids, why);
	if (e == ERR_OK)
		e = store_get_number(w.txn, META_NEXT_BLOB, 1, &w.blob_ids, why);
	if (e == ERR_OK)
		e = check_all(&w, why);
	arena_release(&w.arena);
	store_read_end(c->reader);
	return e;
}
