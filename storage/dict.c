/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/dict.h"

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/rows.h"

enum { WHOLE_MAX = 400, FRONT = WHOLE_MAX - SHA256_SIZE, NUMBER_SIZE = 4 };

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
key_of_number(char kind, uint32_t number)
{
	struct key k = {.n = 0};

	key_u8(&k, (uint8_t)kind);
	for (int shift = 24; shift >= 0; shift -= 8)
		key_u8(&k, (uint8_t)(number >> shift));
	return k;
}

static enum err
put_row(
    struct db_txn *txn, const struct key *key, struct bytes value, struct errinfo *why)
{
	struct str row;
	enum err e;

	str_init(&row, value.n + ROW_CRC_SIZE);
	str_add(&row, value);
	e = row_put(txn, DB_DICT, key, &row, why);
	str_release(&row);
	return e;
}

static enum err
put_number(
    struct db_txn *txn, const struct key *key, uint32_t number, struct errinfo *why)
{
	uint8_t value[NUMBER_SIZE];

	pack_store(value, number, sizeof value);
	return put_row(txn, key, (struct bytes){(const char *)value, sizeof value}, why);
}

static enum err
get_number(struct db_txn *txn, const struct key *key, uint32_t *out, struct errinfo *why)
{
	struct bytes value;
	enum err e = row_get(txn, DB_DICT, key, &value, why);

	if (e == ERR_OK && value.n != NUMBER_SIZE)
		e = errinfo_set(why, ERR_DAMAGED, "dictionary: bad entry");
	if (e == ERR_OK)
		*out = (uint32_t)pack_load((const uint8_t *)value.p, NUMBER_SIZE);
	return e;
}

static enum err
take_number(struct db_txn *txn, uint32_t *out, struct errinfo *why)
{
	struct key next = {.p = {'n'}, .n = 1};
	enum err e = get_number(txn, &next, out, why);

	if (e == ERR_NOT_FOUND)
		*out = 1;
	else if (e != ERR_OK)
		return e;
	return put_number(txn, &next, *out + 1, why);
}

enum err
dict_intern(struct db_txn *txn, struct bytes text, uint32_t *out, struct errinfo *why)
{
	struct key forward = key_forward(text), reverse;
	enum err e = get_number(txn, &forward, out, why);

	if (e != ERR_NOT_FOUND)
		return e;
	e = take_number(txn, out, why);
	if (e == ERR_OK)
		e = put_number(txn, &forward, *out, why);
	if (e != ERR_OK)
		return e;
	reverse = key_of_number('r', *out);
	return put_row(txn, &reverse, text, why);
}

enum err
dict_text(struct db_txn *txn, uint32_t number, struct arena *a, struct bytes *out,
    struct errinfo *why)
{
	struct key reverse = key_of_number('r', number);
	struct bytes value;
	enum err e = row_get(txn, DB_DICT, &reverse, &value, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(
		    why, ERR_DAMAGED, "dictionary: number %u has no text", number);
	if (e != ERR_OK)
		return e;
	*out = arena_copy(a, value);
	return out->p == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a record")
			      : ERR_OK;
}

enum err
dict_intern_property(
    struct db_txn *txn, struct bytes text, uint32_t *out, struct errinfo *why)
{
	enum err e = dict_intern(txn, text, out, why);
	struct key mark;
	struct bytes value;

	if (e != ERR_OK)
		return e;
	mark = key_of_number('p', *out);
	e = row_get(txn, DB_DICT, &mark, &value, why);
	return e == ERR_NOT_FOUND ? put_row(txn, &mark, BYTES(""), why) : e;
}

/* The number in the key of a mark; false: it is none. */
static bool
mark_number(struct bytes key, uint32_t *out)
{
	if (key.n != 1 + NUMBER_SIZE || key.p[0] != 'p')
		return false;
	*out = 0;
	for (size_t i = 1; i < key.n; i++)
		*out = *out << 8 | (uint8_t)key.p[i];
	return true;
}

enum err
dict_properties(struct db_txn *txn, struct arena *a, size_t room, size_t max_bytes,
    struct bytes *out, size_t *n_out, struct errinfo *why)
{
	size_t n_bytes = 0;
	struct key first = key_of_number('p', 0);
	struct db_cursor *cursor;
	struct bytes key, value;
	uint32_t number;
	enum err e = db_cursor_open(txn, DB_DICT, &cursor, why);

	*n_out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);
	while (e == ERR_OK && *n_out < room && mark_number(key, &number)) {
		e = dict_text(txn, number, a, &out[*n_out], why);
		if (e != ERR_OK)
			break;
		n_bytes += out[*n_out].n;
		if (n_bytes > max_bytes)
			break;
		++*n_out;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
