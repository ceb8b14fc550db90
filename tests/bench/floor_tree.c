/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/floor_tree.h"

#include <endian.h>
#include <string.h>

#include "service/core/bytes.h"
#include "tests/bench/tool.h"

enum { MAP_SIZE_GIB = 16, NAME_MAX_BYTES = 255, TYPE_SIZE = 1 };

static void
check(int result, const char *what)
{
	if (result != 0)
		tool_die("%s: %s", what, mdb_strerror(result));
}

void
tree_open(struct tree *t, const char *dir, bool sync)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (sync ? 0 : MDB_NOSYNC);

	*t = (struct tree){0};
	check(mdb_env_create(&t->env), "mdb_env_create");
	check(mdb_env_set_maxdbs(t->env, 2), "mdb_env_set_maxdbs");
	check(mdb_env_set_mapsize(t->env, (size_t)MAP_SIZE_GIB << 30),
	    "mdb_env_set_mapsize");
	check(mdb_env_open(t->env, dir, flags, 0600), dir);
	tree_begin(t);
	check(mdb_dbi_open(t->txn, "child", MDB_CREATE, &t->child), "mdb_dbi_open");
	check(mdb_dbi_open(t->txn, "node", MDB_CREATE, &t->node), "mdb_dbi_open");
	tree_commit(t);
}

void
tree_close(struct tree *t)
{
	mdb_env_close(t->env);
}

void
tree_begin(struct tree *t)
{
	check(mdb_txn_begin(t->env, NULL, 0, &t->txn), "mdb_txn_begin");
}

void
tree_commit(struct tree *t)
{
	check(mdb_txn_commit(t->txn), "mdb_txn_commit");
	t->txn = NULL;
}

static void
put_record(struct tree *t, uint64_t id)
{
	uint64_t key_id = htobe64(id);
	uint8_t record[TREE_RECORD_SIZE];
	MDB_val key = {sizeof key_id, &key_id}, value = {sizeof record, record};

	memset(record, (int)(id & 0xff), sizeof record);
	check(mdb_put(t->txn, t->node, &key, &value, 0), "mdb_put");
}

void
tree_put(struct tree *t, uint64_t parent, uint64_t id, const char *name)
{
	uint64_t parent_key = htobe64(parent);
	struct bytes text = bytes_of(name);
	uint8_t link[sizeof id + TYPE_SIZE] = {0};
	char entry[sizeof parent_key + NAME_MAX_BYTES];
	MDB_val key = {sizeof parent_key + text.n, entry}, value = {sizeof link, link};

	if (text.n > NAME_MAX_BYTES)
		tool_die("a name is too long");
	memcpy(entry, &parent_key, sizeof parent_key);
	memcpy(entry + sizeof parent_key, text.p, text.n);
	memcpy(link, &id, sizeof id);
	check(mdb_put(t->txn, t->child, &key, &value, MDB_NOOVERWRITE), "mdb_put");
	put_record(t, id);
	put_record(t, parent);
}

/* True while the cursor stands on a child of `parent_key`. */
static bool
is_child(int found, const MDB_val *key, uint64_t parent_key)
{
	if (found == MDB_NOTFOUND)
		return false;
	check(found, "mdb_cursor_get");
	return memcmp(key->mv_data, &parent_key, sizeof parent_key) == 0;
}

/* Every byte of the record is read, as a server that writes it out would. */
static uint64_t
read_record(MDB_txn *txn, MDB_dbi node, const MDB_val *link)
{
	uint64_t id, sum = 0, word;
	MDB_val key = {sizeof id, &id}, record;

	memcpy(&id, link->mv_data, sizeof id);
	id = htobe64(id);
	check(mdb_get(txn, node, &key, &record), "mdb_get");
	for (size_t i = 0; i + sizeof word <= record.mv_size; i += sizeof word) {
		memcpy(&word, (const char *)record.mv_data + i, sizeof word);
		sum += word;
	}
	return sum;
}

uint64_t
tree_scan(struct tree *t, uint64_t parent)
{
	uint64_t parent_key = htobe64(parent), n = 0, sum = 0;
	MDB_val key = {sizeof parent_key, &parent_key}, link;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int found;

	check(mdb_txn_begin(t->env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
	check(mdb_cursor_open(txn, t->child, &cursor), "mdb_cursor_open");
	found = mdb_cursor_get(cursor, &key, &link, MDB_SET_RANGE);
	while (is_child(found, &key, parent_key)) {
		sum += read_record(txn, t->node, &link);
		n++;
		found = mdb_cursor_get(cursor, &key, &link, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	/* Records hold repeated bytes, so the sum is 0 only if nothing was read. */
	return sum == 0 ? 0 : n;
}
