/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - a store of its own for each test, and its changes as plain calls: each one
 * submits, waits and returns how it ended. Setup and teardown of cmocka: catalogue_open,
 * catalogue_close; *state is the struct.
 */
#ifndef QUARTET_TESTS_CATALOGUE_H
#define QUARTET_TESTS_CATALOGUE_H

#include <semaphore.h>

#include "storage/accounts.h"
#include "storage/blob.h"
#include "storage/jobs.h"
#include "storage/keys.h"
#include "storage/nodes.h"
#include "storage/write.h"
#include "tests/support/rig.h"

enum { ROOT = NODE_ROOT_ID, OWNER = 1, FOUR_LOCATIONS = 0xf };

struct catalogue {
	struct rig rig;
	struct arena arena; /* what was read; cleared when the test likes */
	uint64_t last_blob;
	struct errinfo why; /* of the last change or read that failed */
};

static inline int
catalogue_open(void **state)
{
	struct catalogue *c = calloc(1, sizeof *c);

	assert_non_null(c);
	rig_open_store(&c->rig, "");
	arena_init(&c->arena, 256 << 20);
	*state = c;
	return 0;
}

static inline int
catalogue_close(void **state)
{
	struct catalogue *c = *state;

	rig_close_store(&c->rig);
	arena_release(&c->arena);
	free(c);
	return 0;
}

/* A row of a test table that has a store of its own. */
#define CATALOGUE_TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, catalogue_open, catalogue_close)

/* Submit `request` (a pointer) through `verb`; rig_wait_change waits for it. */
#define submit(c, verb, request)                                                         \
	((request)->change = rig_change(&(c)->rig), verb((c)->rig.store, (request)))

static inline enum err
outcome(struct catalogue *c, struct change *change)
{
	enum err e = rig_wait_change(&c->rig, change);

	if (e != ERR_OK) {
		assert_int_equal(change->why.code, e);
		assert_string_not_equal(errinfo_text(&change->why), "");
		c->why = change->why;
	}
	return e;
}

/* Submit, wait, and how it ended. */
#define run(c, verb, request) (submit(c, verb, request), outcome(c, &(request)->change))

#define assert_done(c, call)                                                             \
	do {                                                                             \
		if ((call) != ERR_OK)                                                    \
			fail_msg("%s: %s", #call, errinfo_text(&(c)->why));              \
	} while (0)

/* Nodes */

static inline enum err
try_make(struct catalogue *c, uint64_t parent, const char *name, enum node_type type,
    uint64_t *id_out)
{
	struct nodes_create r = {
	    .parent_id = parent,
	    .node = {.name = bytes_of(name),
		.type = type,
		.owner = OWNER,
		.quota = NODE_NO_QUOTA},
	};
	enum err e = run(c, nodes_create, &r);

	if (e == ERR_OK && id_out != NULL)
		*id_out = r.id_out;
	return e;
}

static inline uint64_t
make(struct catalogue *c, uint64_t parent, const char *name, enum node_type type)
{
	uint64_t id = 0;

	assert_done(c, try_make(c, parent, name, type, &id));
	return id;
}

static inline uint64_t
folder(struct catalogue *c, uint64_t parent, const char *name)
{
	return make(c, parent, name, NODE_CONTAINER);
}

/* A blob with an id never used before, durable at three of four locations. */
static inline struct blob
new_blob(struct catalogue *c, uint64_t length)
{
	struct blob blob = {
	    .id = ++c->last_blob,
	    .length = length,
	    .have = 0x7,
	    .want = FOUR_LOCATIONS,
	};

	(void)memset(blob.md5, (int)(blob.id & 0xff), MD5_SIZE);
	return blob;
}

/* Upload to `name`, which is to be the node `expect`, or new when that is 0. */
static inline enum err
try_put(struct catalogue *c, uint64_t parent, const char *name, uint64_t expect,
    uint64_t length, uint64_t *id_out)
{
	struct nodes_put_file r = {
	    .parent_id = parent,
	    .name = bytes_of(name),
	    .expect_id = expect,
	    .owner = OWNER,
	    .blob = new_blob(c, length),
	};
	enum err e = run(c, nodes_put_file, &r);

	if (e == ERR_OK && id_out != NULL)
		*id_out = r.node_id_out;
	return e;
}

static inline uint64_t
file(struct catalogue *c, uint64_t parent, const char *name, uint64_t length)
{
	uint64_t id = 0;

	assert_done(c, try_put(c, parent, name, 0, length, &id));
	return id;
}

static inline enum err
try_patch(struct catalogue *c, uint64_t id, struct nodes_patch patch)
{
	struct nodes_update r = {.id = id, .patch = patch, .properties_max = 100};

	return run(c, nodes_update, &r);
}

static inline void
set_quota(struct catalogue *c, uint64_t id, uint64_t quota)
{
	assert_done(
	    c, try_patch(c, id, (struct nodes_patch){.set_quota = true, .quota = quota}));
}

static inline void
set_lock(struct catalogue *c, uint64_t id, enum node_flag is_locked)
{
	assert_done(
	    c, try_patch(c, id,
		   (struct nodes_patch){.set_locked = true, .is_locked = is_locked}));
}

static inline enum err
try_drop(struct catalogue *c, uint64_t id)
{
	struct nodes_delete r = {.id = id};

	return run(c, nodes_delete, &r);
}

static inline enum err
try_move(struct catalogue *c, uint64_t id, uint64_t parent, const char *name)
{
	struct nodes_move r = {.id = id, .parent_id = parent, .name = bytes_of(name)};

	return run(c, nodes_move, &r);
}

static inline enum err
try_read(struct catalogue *c, uint64_t id, struct node *out)
{
	return nodes_get(c->rig.reader, &c->arena, id, out, &c->why);
}

static inline struct node
read_node(struct catalogue *c, uint64_t id)
{
	struct node node;

	assert_done(c, try_read(c, id, &node));
	return node;
}

static inline void
assert_size(struct catalogue *c, uint64_t id, uint64_t bytes, uint64_t files)
{
	struct node node = read_node(c, id);

	if (node.total_bytes != bytes || node.total_files != files)
		fail_msg("container %llu has %llu bytes in %llu files",
		    (unsigned long long)id, (unsigned long long)node.total_bytes,
		    (unsigned long long)node.total_files);
}

static inline struct store_facts
facts(struct catalogue *c)
{
	struct store_facts f;

	assert_done(c, store_facts(c->rig.reader, &f, &c->why));
	return f;
}

/*
 * hold - keep the writer busy, so that all that is submitted until release_writer becomes
 * one batch.
 */
struct hold {
	struct jobs_put put;
	sem_t entered, go;
};

static inline void
hold_entered(struct change *change)
{
	struct hold *hold = container_of(change, struct hold, put.change);

	(void)sem_post(&hold->entered);
	(void)sem_wait(&hold->go);
	(void)sem_post(&hold->entered);
}

static inline void
hold_writer(struct catalogue *c, struct hold *hold)
{
	*hold = (struct hold){.put = {.change = {.done = hold_entered}, .number = 1}};
	assert_int_equal(sem_init(&hold->entered, 0, 0), 0);
	assert_int_equal(sem_init(&hold->go, 0, 0), 0);
	jobs_put(c->rig.store, &hold->put);
	assert_int_equal(sem_wait(&hold->entered), 0);
}

static inline void
release_writer(struct hold *hold)
{
	assert_int_equal(sem_post(&hold->go), 0);
	assert_int_equal(sem_wait(&hold->entered), 0);
}

/* raw - read and write rows as they are, to damage them or to look at them. */

struct raw_row {
	struct change change;
	enum db_table table;
	struct bytes key, value; /* value.p NULL: delete */
};

static inline enum err
apply_raw(struct change *change, struct write *w)
{
	struct raw_row *r = container_of(change, struct raw_row, change);

	return r->value.p == NULL
		   ? db_delete(w->txn, r->table, r->key, &change->why)
		   : db_put(w->txn, r->table, r->key, r->value, &change->why);
}

static inline void
raw_submit(struct store *store, struct raw_row *r)
{
	r->change.apply = apply_raw;
	store_submit(store, &r->change);
}

static inline void
raw_put(struct catalogue *c, enum db_table table, struct bytes key, struct bytes value)
{
	struct raw_row r = {.table = table, .key = key, .value = value};

	assert_done(c, run(c, raw_submit, &r));
}

static inline void
raw_delete(struct catalogue *c, enum db_table table, struct bytes key)
{
	raw_put(c, table, key, (struct bytes){NULL, 0});
}

/* A copy of a row's value; .p NULL where there is none. */
static inline struct bytes
raw_get(struct catalogue *c, enum db_table table, struct bytes key)
{
	struct bytes value = {NULL, 0};
	struct db_txn *txn;
	enum err e;

	assert_done(c, store_read_begin(c->rig.reader, &txn, &c->why));
	e = db_get(txn, table, key, &value, &c->why);
	if (e == ERR_OK)
		value = arena_copy(&c->arena, value);
	store_read_end(c->rig.reader);
	assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
	return value;
}

/* `value` with one bit turned over. */
static inline struct bytes
flipped(struct catalogue *c, struct bytes value, size_t bit)
{
	char *copy = arena_text(&c->arena, value);

	assert_non_null(copy);
	copy[bit / 8] ^= (char)(1 << bit % 8);
	return (struct bytes){copy, value.n};
}

#endif
