/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recount - everything a store holds, counted anew and compared with what it says: the
 * totals of every container, the entries of children, references and repair rows of
 * blobs, the removal queue. Fails the test at the first difference.
 */
#ifndef QUARTET_TESTS_RECOUNT_H
#define QUARTET_TESTS_RECOUNT_H

#include "storage/keys.h"
#include "storage/nodes.h"
#include "storage/pack.h"
#include "storage/write.h"
#include "tests/support/check.h"

struct recount_blob {
	uint64_t id;
	uint32_t references;
};

struct recount {
	struct store_reader *reader;
	struct arena arena;
	struct errinfo why;
	struct node *node; /* ascending by id */
	uint64_t *bytes, *files; /* of each container, counted */
	size_t n;
	struct recount_blob *blob; /* ascending by id */
	size_t n_blobs;
	uint64_t repairs;
};

/* What is done with each row of a table. */
typedef void recount_row_fn(struct recount *r, struct bytes key, struct bytes value);

static inline void
recount_rows(struct recount *r, enum db_table table, recount_row_fn *each)
{
	struct bytes key, value;
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e;

	assert_ok(store_read_begin(r->reader, &txn, &r->why), &r->why);
	assert_ok(db_cursor_open(txn, table, &cursor, &r->why), &r->why);
	for (e = db_cursor_seek(cursor, BYTES("\0"), &key, &value, &r->why); e == ERR_OK;
	     e = db_cursor_next(cursor, &key, &value, &r->why))
		each(r, key, value);
	assert_int_equal(e, ERR_NOT_FOUND);
	db_cursor_close(cursor);
	store_read_end(r->reader);
}

static inline struct node *
recount_find(struct recount *r, uint64_t id)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->node[middle].id == id)
			return &r->node[middle];
		if (r->node[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	fail_msg("there is no node %llu", (unsigned long long)id);
	return NULL;
}

static inline struct recount_blob *
recount_find_blob(struct recount *r, uint64_t id)
{
	for (size_t i = 0; i < r->n_blobs; i++)
		if (r->blob[i].id == id)
			return &r->blob[i];
	fail_msg("there is no blob %llu", (unsigned long long)id);
	return NULL;
}

static inline void
recount_node_id(struct recount *r, struct bytes key, struct bytes value)
{
	(void)value;
	r->node[r->n++].id = key_load_u64(key, 0);
}

static inline void
recount_blob_id(struct recount *r, struct bytes key, struct bytes value)
{
	(void)value;
	r->blob[r->n_blobs++].id = key_load_u64(key, 0);
}

static inline void
recount_child(struct recount *r, struct bytes key, struct bytes value)
{
	struct node *node;

	assert_int_equal(value.n, 9);
	node = recount_find(r, pack_load((const uint8_t *)value.p, 8));
	assert_true(node->parent_id == key_load_u64(key, 0));
	assert_true(bytes_eq(node->name, bytes_skip(key, 8)));
	assert_int_equal((uint8_t)value.p[8], node->type);
}

/* Add a node to what lies above it. */
static inline void
recount_add_up(struct recount *r, const struct node *node)
{
	uint64_t id = node->parent_id;

	if (!node_type_has_bytes(node->type))
		return;
	for (unsigned depth = 0; id != 0; depth++) {
		struct node *container = recount_find(r, id);

		assert_true(depth <= r->n);
		r->bytes[container - r->node] += node->length;
		r->files[container - r->node]++;
		id = container->parent_id;
	}
}

static inline void
recount_nodes(struct recount *r, const struct store_facts *facts)
{
	uint64_t children = 0;
	struct db_txn *txn;

	assert_int_equal(r->n, facts->nodes);
	for (size_t i = 0; i < r->n; i++)
		assert_ok(
		    nodes_get(r->reader, &r->arena, r->node[i].id, &r->node[i], &r->why),
		    &r->why);
	for (size_t i = 0; i < r->n; i++)
		recount_add_up(r, &r->node[i]);
	for (size_t i = 0; i < r->n; i++) {
		const struct node *node = &r->node[i];

		if (node->total_bytes != r->bytes[i] || node->total_files != r->files[i])
			fail_msg("container %llu says %llu bytes in %llu files, "
				 "counted are %llu in %llu",
			    (unsigned long long)node->id,
			    (unsigned long long)node->total_bytes,
			    (unsigned long long)node->total_files,
			    (unsigned long long)r->bytes[i],
			    (unsigned long long)r->files[i]);
	}
	recount_rows(r, DB_CHILD, recount_child);
	assert_ok(store_read_begin(r->reader, &txn, &r->why), &r->why);
	assert_ok(db_count(txn, DB_CHILD, &children, &r->why), &r->why);
	store_read_end(r->reader);
	assert_int_equal(children, r->n - 1);
}

static inline void
recount_references(struct recount *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct node *node = &r->node[i];
		struct blob blob;

		if (node->blob_id == 0)
			continue;
		recount_find_blob(r, node->blob_id)->references++;
		assert_ok(blob_get(r->reader, node->blob_id, &blob, &r->why), &r->why);
		assert_int_equal(blob.length, node->length);
		assert_memory_equal(blob.md5, node->md5, MD5_SIZE);
		if (blob.pack != 0 && recount_find_blob(r, blob.id)->references == 1)
			recount_find_blob(r, blob.pack)->references++;
	}
}

static inline void
recount_repair_row(struct recount *r, struct bytes key, struct bytes value)
{
	(void)value;
	assert_int_equal(key.n, 10);
	(void)recount_find_blob(r, key_load_u64(key, 2));
	r->repairs++;
}

/* Every copy that is wanted and not there has its row, filed under the copies there are.
 */
static inline uint64_t
recount_missing(struct recount *r, const struct blob *blob)
{
	unsigned copies = (unsigned)__builtin_popcount(blob->have);
	struct db_txn *txn;
	uint64_t n = 0;

	if (blob->small)
		return 0;
	assert_ok(store_read_begin(r->reader, &txn, &r->why), &r->why);
	for (unsigned l = 0; l < 8; l++) {
		struct key key = key_urep(copies, l, blob->id);
		struct bytes row;

		if (!((blob->want & ~blob->have) >> l & 1))
			continue;
		n++;
		assert_int_equal(
		    db_get(txn, DB_UREP, key_bytes(&key), &row, &r->why), ERR_OK);
	}
	store_read_end(r->reader);
	return n;
}

static inline void
recount_blobs(struct recount *r, const struct store_facts *facts)
{
	uint64_t missing = 0;

	assert_int_equal(r->n_blobs, facts->blobs);
	recount_references(r);
	for (size_t i = 0; i < r->n_blobs; i++) {
		struct blob blob;

		assert_ok(blob_get(r->reader, r->blob[i].id, &blob, &r->why), &r->why);
		assert_int_equal(blob.references, r->blob[i].references);
		assert_int_not_equal(blob.references, 0);
		missing += recount_missing(r, &blob);
	}
	recount_rows(r, DB_UREP, recount_repair_row);
	assert_int_equal(r->repairs, missing);
	assert_int_equal(facts->repairs_due, missing);
}

static inline void
recount(struct store_reader *reader)
{
	struct recount r = {.reader = reader};
	struct store_facts facts;

	assert_ok(store_facts(reader, &facts, &r.why), &r.why);
	arena_init(&r.arena, 1 << 30);
	r.node = calloc(facts.nodes, sizeof *r.node);
	r.bytes = calloc(facts.nodes, sizeof *r.bytes);
	r.files = calloc(facts.nodes, sizeof *r.files);
	r.blob = calloc(facts.blobs + 1, sizeof *r.blob);
	assert_true(
	    r.node != NULL && r.bytes != NULL && r.files != NULL && r.blob != NULL);
	recount_rows(&r, DB_NODE, recount_node_id);
	recount_rows(&r, DB_BLOB, recount_blob_id);
	recount_nodes(&r, &facts);
	recount_blobs(&r, &facts);
	free(r.node);
	free(r.bytes);
	free(r.files);
	free(r.blob);
	arena_release(&r.arena);
}

#endif
