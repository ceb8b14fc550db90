/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_census.h"

#include "service/core/check.h"
#include "storage/blob_write.h"
#include "storage/keys.h"

enum { REPAIR_KEY_SIZE = 10, REMOVAL_KEY_SIZE = 9 };

/*
 * A blob has a row for each copy it lacks: it is counted with the first of them, which
 * its record tells from the others.
 */
static enum err
count_repair(
    struct db_txn *txn, struct blob_census *c, struct bytes key, struct errinfo *why)
{
	unsigned location = key.n == REPAIR_KEY_SIZE ? (uint8_t)key.p[1] : UINT8_MAX;
	struct blob blob;
	unsigned missing;
	enum err e;

	if (location >= BLOB_CENSUS_LOCATIONS)
		return ERR_OK;
	c->repairs[location]++;
	e = blob_load(txn, key_load_u64(key, 2), &blob, why);
	if (e == ERR_NOT_FOUND || e == ERR_DAMAGED)
		return ERR_OK; /* others see to that */
	missing = blob.want & (unsigned)~blob.have;
	if (e == ERR_OK && missing != 0 && location == (unsigned)__builtin_ctz(missing))
		c->lacking[__builtin_popcount(blob.have)]++;
	return e;
}

static void
count_removal(struct blob_census *c, struct bytes key)
{
	unsigned location = (uint8_t)key.p[0];

	if (key.n == REMOVAL_KEY_SIZE && location < BLOB_CENSUS_LOCATIONS)
		c->removals[location]++;
}

/* The smallest key behind this one. */
static void
go_behind(struct blob_census *c, struct bytes key)
{
	CHECK(key.n < sizeof c->from);
	(void)memcpy(c->from, key.p, key.n);
	c->from[key.n] = 0;
	c->from_n = key.n + 1;
}

static void
end_table(struct blob_census *c)
{
	c->done = c->in_removals;
	c->in_removals = true;
	c->from[0] = 0;
	c->from_n = 0;
}

static enum err
count_page(struct db_txn *txn, struct db_cursor *cursor, struct blob_census *c,
    struct errinfo *why)
{
	/* Nothing is before the key of one zero, and no key is empty. */
	struct bytes from = {(const char *)c->from, c->from_n > 0 ? c->from_n : 1};
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, from, &key, &value, why);

	for (unsigned n = 0; e == ERR_OK && n < BLOB_CENSUS_PAGE; n++) {
		if (c->in_removals)
			count_removal(c, key);
		else
			e = count_repair(txn, c, key, why);
		go_behind(c, key);
		if (e == ERR_OK)
			e = db_cursor_next(cursor, &key, &value, why);
	}
	if (e != ERR_NOT_FOUND)
		return e;
	end_table(c);
	return ERR_OK;
}

enum err
blob_census_page(struct store_reader *reader, struct blob_census *c, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, c->in_removals ? DB_GCQ : DB_UREP, &cursor, why);
	if (e == ERR_OK) {
		e = count_page(txn, cursor, c, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}
