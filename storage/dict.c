/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/dict.h"

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/keys.h"
#include "storage/pack.h"

enum { WHOLE_MAX = 400, FRONT = WHOLE_MAX - SHA256_SIZE };

static struct key
key_forward(struct bytes text)
{
	struct key k = {.n = 0};
	uint8_t sum[SHA256_SIZE];

	key_u8(&k, 'f');
	if (text.n <= WHOLE_MAX) {
		key_text(&k, text);
		return k;
	}
	CHECK(sha256_of(text.p, text.n, sum));
	key_text(&k, (struct bytes){text.p, FRONT});
	/* Longer than any whole text, so that the two kinds cannot meet. */
	key_text(&k, (struct bytes){(const char *)sum, sizeof sum});
	key_u8(&k, 0);
	return k;
}

static struct key
key_reverse(uint32_t number)
{
	struct key k = {.n = 0};

	key_u8(&k, 'r');
	for (int shift = 24; shift >= 0; shift -= 8)
		key_u8(&k, (uint8_t)(number >> shift));
	return k;
}

static enum err
take_number(struct db_txn *txn, uint32_t *out, struct errinfo *why)
{
	struct bytes key = BYTES("n"), value;
	uint8_t next[4];
	enum err e = db_get(txn, DB_DICT, key, &value, why);

	if (e == ERR_NOT_FOUND)
		*out = 1;
	else if (e != ERR_OK)
		return e;
	else if (value.n != sizeof next)
		return errinfo_set(why, ERR_DAMAGED, "dictionary: bad counter");
	else
		*out = (uint32_t)pack_load((const uint8_t *)value.p, sizeof next);
	pack_store(next, (uint64_t)*out + 1, sizeof next);
	return db_put(
	    txn, DB_DICT, key, (struct bytes){(const char *)next, sizeof next}, why);
}

enum err
dict_intern(struct db_txn *txn, struct bytes text, uint32_t *out, struct errinfo *why)
{
	struct key forward = key_forward(text), reverse;
	struct bytes value;
	uint8_t number[4];
	enum err e = db_get(txn, DB_DICT, key_bytes(&forward), &value, why);

	if (e == ERR_OK && value.n == sizeof number) {
		*out = (uint32_t)pack_load((const uint8_t *)value.p, sizeof number);
		return ERR_OK;
	}
	if (e != ERR_NOT_FOUND)
		return e == ERR_OK
			   ? errinfo_set(why, ERR_DAMAGED, "dictionary: bad entry")
			   : e;
	e = take_number(txn, out, why);
	if (e != ERR_OK)
		return e;
	pack_store(number, *out, sizeof number);
	e = db_put(txn, DB_DICT, key_bytes(&forward),
	    (struct bytes){(const char *)number, sizeof number}, why);
	if (e != ERR_OK)
		return e;
	reverse = key_reverse(*out);
	return db_put(txn, DB_DICT, key_bytes(&reverse), text, why);
}

enum err
dict_text(struct db_txn *txn, uint32_t number, struct arena *a, struct bytes *out,
    struct errinfo *why)
{
	struct key reverse = key_reverse(number);
	struct bytes value;
	enum err e = db_get(txn, DB_DICT, key_bytes(&reverse), &value, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(
		    why, ERR_DAMAGED, "dictionary: number %u has no text", number);
	if (e != ERR_OK)
		return e;
	*out = arena_copy(a, value);
	return out->p == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a record")
			      : ERR_OK;
}
