/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the record of a node: with its version and checksum made right, so that
 * what is behind them is reached. What is accepted is written and must read back alike.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/dict.h"
#include "storage/node_codec.h"
#include "storage/pack.h"

enum { ID = 77, AT_CRC = 1, AT_REST = 5, LIMIT = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct db *db;

/* A dictionary that the records may refer to; the files are gone at once. */
static void
open_once(void)
{
	char dir[] = "/tmp/quartet-fuzz-XXXXXX", path[64];
	static const char *const files[] = {"data.mdb", "lock.mdb"};
	struct db_txn *txn;
	uint32_t id;

	if (db != NULL)
		return;
	CHECK(mkdtemp(dir) != NULL);
	CHECK(db_open(dir, LIMIT, 4, true, &db, NULL) == ERR_OK);
	CHECK(db_write_begin(db, NULL, &txn, NULL) == ERR_OK);
	CHECK(
	    dict_intern(txn, BYTES("ivo://cadc.nrc.ca/gms?staff"), &id, NULL) == ERR_OK);
	CHECK(dict_intern(txn, BYTES("text/plain"), &id, NULL) == ERR_OK);
	CHECK(db_commit(txn, NULL) == ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void
compare(const struct node *a, const struct node *b)
{
	CHECK(a->type == b->type && a->parent_id == b->parent_id && a->owner == b->owner);
	CHECK(bytes_eq(a->name, b->name));
	CHECK(a->type != NODE_LINK || bytes_eq(a->target, b->target));
	CHECK(a->length == b->length && a->total_bytes == b->total_bytes);
	CHECK(a->group_read.n == b->group_read.n && a->n_properties == b->n_properties);
	for (size_t i = 0; i < a->n_properties; i++) {
		CHECK(bytes_eq(a->properties[i].uri, b->properties[i].uri));
		CHECK(bytes_eq(a->properties[i].value, b->properties[i].value));
	}
	CHECK(bytes_eq(a->unknown_parts, b->unknown_parts));
}

/* The other readers of a record agree with node_decode about its soundness. */
static void
read_fields(struct bytes record)
{
	uint64_t a, b;
	struct errinfo why;

	if (node_record_totals(ID, record, &a, &b, &why) != ERR_OK)
		CHECK(why.code == ERR_DAMAGED);
	if (node_record_parent(ID, record, &a, &b, &why) != ERR_OK)
		CHECK(why.code == ERR_DAMAGED);
}

static void
round_trip(struct db_txn *txn, struct bytes record)
{
	struct node node, again;
	struct errinfo why;
	struct arena arena;
	struct str out;

	arena_init(&arena, LIMIT);
	str_init(&out, LIMIT);
	read_fields(record);
	if (node_decode(txn, ID, record, &arena, &node, &why) != ERR_OK) {
		CHECK(why.code == ERR_DAMAGED);
	} else if (node_encode(txn, &node, &out, &why) == ERR_OK && !str_failed(&out)) {
		CHECK(node_decode(txn, ID, str_bytes(&out), &arena, &again, &why) ==
		      ERR_OK);
		compare(&node, &again);
	}
	str_release(&out);
	arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t id[8], *copy = malloc(size + 1);
	struct db_txn *txn;

	CHECK(copy != NULL);
	open_once();
	CHECK(db_write_begin(db, NULL, &txn, NULL) == ERR_OK);
	round_trip(txn, (struct bytes){(const char *)data, size});
	if (size > AT_REST) {
		(void)memcpy(copy, data, size);
		copy[0] = 1;
		pack_store(id, ID, sizeof id);
		pack_store(copy + AT_CRC,
		    crc32c(crc32c(0, id, sizeof id), copy + AT_REST, size - AT_REST), 4);
		round_trip(txn, (struct bytes){(const char *)copy, size});
	}
	db_abort(txn);
	free(copy);
	return 0;
}
