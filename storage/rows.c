/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/rows.h"

#include "service/core/digest.h"
#include "storage/pack.h"

static uint32_t
row_crc(struct bytes key, struct bytes value)
{
	return crc32c(crc32c(0, key.p, key.n), value.p, value.n);
}

enum err
row_check(enum db_table table, struct bytes key, struct bytes value, struct bytes *out,
    struct errinfo *why)
{
	if (value.n < ROW_CRC_SIZE)
		return errinfo_set(
		    why, ERR_DAMAGED, "a row of table %d is cut short", (int)table);
	value.n -= ROW_CRC_SIZE;
	if (pack_load((const uint8_t *)value.p + value.n, ROW_CRC_SIZE) !=
	    row_crc(key, value))
		return errinfo_set(
		    why, ERR_DAMAGED, "a row of table %d is damaged", (int)table);
	*out = value;
	return ERR_OK;
}

enum err
row_get(struct db_txn *txn, enum db_table table, const struct key *key, struct bytes *out,
    struct errinfo *why)
{
	struct bytes value;
	enum err e = db_get(txn, table, key_bytes(key), &value, why);

	return e == ERR_OK ? row_check(table, key_bytes(key), value, out, why) : e;
}

enum err
row_put(struct db_txn *txn, enum db_table table, const struct key *key, struct str *value,
    struct errinfo *why)
{
	pack_u32(value, row_crc(key_bytes(key), str_bytes(value)));
	if (str_failed(value))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a record");
	return db_put(txn, table, key_bytes(key), str_bytes(value), why);
}
