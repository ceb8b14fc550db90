/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch - a key-value store in a scratch folder, for tests of what stands on
 * storage/db.h alone. Setup and teardown of cmocka: scratch_open, scratch_close; *state
 * is the struct.
 */
#ifndef QUARTET_TESTS_SCRATCH_H
#define QUARTET_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/arena.h"
#include "storage/db.h"
#include "tests/support/check.h"

enum { SCRATCH_MAP = 64 << 20, SCRATCH_READERS = 8 };

struct scratch {
	char dir[64];
	struct db *db;
	struct db_reader *reader;
	struct arena arena;
	struct errinfo why;
};

static inline void
scratch_make_folder(char dir[64])
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(dir, 64, "%.40s/quartet-XXXXXX", base == NULL ? "/tmp" : base);
	assert_non_null(mkdtemp(dir));
}

static inline void
scratch_remove_folder(const char *dir)
{
	char path[96];

	(void)snprintf(path, sizeof path, "%s/data.mdb", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/lock.mdb", dir);
	(void)unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static inline int
scratch_open(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	assert_non_null(s);
	scratch_make_folder(s->dir);
	assert_ok(db_open(s->dir, SCRATCH_MAP, SCRATCH_READERS, true, &s->db, &s->why),
	    &s->why);
	assert_ok(db_reader_new(s->db, &s->reader, &s->why), &s->why);
	arena_init(&s->arena, 64 << 20);
	*state = s;
	return 0;
}

static inline int
scratch_close(void **state)
{
	struct scratch *s = *state;

	arena_release(&s->arena);
	db_reader_free(s->reader);
	db_close(s->db);
	scratch_remove_folder(s->dir);
	free(s);
	return 0;
}

/* A row of a test table that has a store of its own. */
#define SCRATCH_TEST(test)                                                               \
	cmocka_unit_test_setup_teardown(test, scratch_open, scratch_close)

/* A write transaction; end it with scratch_commit or db_abort. */
static inline struct db_txn *
scratch_write(struct scratch *s)
{
	struct db_txn *txn;

	assert_ok(db_write_begin(s->db, NULL, &txn, &s->why), &s->why);
	return txn;
}

static inline struct db_txn *
scratch_child(struct scratch *s, struct db_txn *parent)
{
	struct db_txn *txn;

	assert_ok(db_write_begin(s->db, parent, &txn, &s->why), &s->why);
	return txn;
}

static inline void
scratch_commit(struct scratch *s, struct db_txn *txn)
{
	assert_ok(db_commit(txn, &s->why), &s->why);
}

/* A snapshot; end it with db_read_end(s->reader). */
static inline struct db_txn *
scratch_read(struct scratch *s)
{
	struct db_txn *txn;

	assert_ok(db_read_begin(s->reader, &txn, &s->why), &s->why);
	return txn;
}

#endif
