/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/store_replay.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/write.h"

/* Applied, then durable: a transaction that grows without end would need memory for it. */
enum { COMMIT_BYTES = 16 * 1024 * 1024, LEAP = 1 << 20 };

struct store_replay {
	struct db *db;
	struct db_txn *txn; /* NULL: nothing applied since the last commit */
	size_t pending;
	struct store_replay_facts facts;
};

static enum err
read_position(struct db_txn *txn, struct journal_position *out, struct errinfo *why)
{
	struct bytes value;
	enum err e = db_get(txn, DB_META, BYTES(META_JOURNAL), &value, why);

	*out = (struct journal_position){0};
	if (e == ERR_NOT_FOUND)
		return ERR_OK; /* no batch went through a journal yet */
	if (e == ERR_OK && !journal_position_decode(value, out))
		e = errinfo_set(why, ERR_DAMAGED, "metadata store: bad " META_JOURNAL);
	return e;
}

static enum err
read_facts(struct db *db, struct store_replay_facts *out, struct errinfo *why)
{
	struct db_txn *txn;
	struct bytes uuid;
	enum err e = db_write_begin(db, NULL, &txn, why);

	if (e != ERR_OK)
		return e;
	e = store_check_format(txn, why);
	if (e == ERR_OK)
		e = db_get(txn, DB_META, BYTES("uuid"), &uuid, why);
	if (e == ERR_NOT_FOUND || (e == ERR_OK && uuid.n != STORE_UUID_SIZE))
		e = errinfo_set(why, ERR_DAMAGED, "the metadata store has no UUID");
	if (e == ERR_OK) {
		(void)memcpy(out->uuid, uuid.p, STORE_UUID_SIZE);
		e = read_position(txn, &out->at, why);
	}
	if (e == ERR_OK)
		e = store_get_number(txn, META_TERMS, 1, &out->terms, why);
	if (e == ERR_OK)
		e = store_get_number(txn, META_NEXT_BLOB, 1, &out->next_blob, why);
	db_abort(txn);
	return e;
}

enum err
store_replay_open(
    const struct store_config *config, struct store_replay **out, struct errinfo *why)
{
	struct store_replay *replay = calloc(1, sizeof *replay);
	enum err e;

	if (replay == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the metadata store");
	e = db_open(
	    config->dir, config->map_bytes, config->readers_max, false, &replay->db, why);
	if (e == ERR_OK)
		e = read_facts(replay->db, &replay->facts, why);
	if (e != ERR_OK) {
		db_close(replay->db);
		free(replay);
		return e;
	}
	*out = replay;
	return ERR_OK;
}

void
store_replay_facts(const struct store_replay *replay, struct store_replay_facts *out)
{
	*out = replay->facts;
}

static enum err
begin(struct store_replay *replay, struct errinfo *why)
{
	if (replay->txn != NULL)
		return ERR_OK;
	return db_write_begin(replay->db, NULL, &replay->txn, why);
}

static enum err
commit(struct store_replay *replay, struct errinfo *why)
{
	struct db_txn *txn = replay->txn;

	replay->txn = NULL;
	replay->pending = 0;
	return txn == NULL ? ERR_OK : db_commit(txn, why);
}

static enum err
apply_rows(struct db_txn *txn, struct bytes rows, struct errinfo *why)
{
	struct journal_row row;
	enum err e, bad;

	while (journal_row_next(&rows, &row, &bad)) {
		if (row.is_delete)
			e = db_delete(txn, row.table, row.key, why);
		else
			e = db_put(txn, row.table, row.key, row.value, why);
		if (e != ERR_OK && !(e == ERR_NOT_FOUND && row.is_delete))
			return e;
	}
	return bad == ERR_OK ? ERR_OK
			     : errinfo_set(why, bad, "an entry's rows are damaged");
}

static enum err
put_position(
    struct store_replay *replay, const struct journal_position *at, struct errinfo *why)
{
	uint8_t value[JOURNAL_POSITION_SIZE];
	enum err e;

	journal_position_encode(at, value);
	e = db_put(replay->txn, DB_META, BYTES(META_JOURNAL),
	    (struct bytes){(const char *)value, sizeof value}, why);
	if (e == ERR_OK && at->term >= replay->facts.terms) {
		replay->facts.terms = at->term + 1;
		e = store_put_number(replay->txn, META_TERMS, at->term + 1, why);
	}
	if (e == ERR_OK)
		replay->facts.at = *at;
	return e;
}

enum err
store_replay_apply(struct store_replay *replay, const struct journal_header *header,
    struct bytes rows, struct errinfo *why)
{
	struct journal_position at = {header->term, header->seq, header->crc};
	enum err e = begin(replay, why);

	CHECK(header->seq == replay->facts.at.seq + 1);
	if (e == ERR_OK)
		e = apply_rows(replay->txn, rows, why);
	if (e == ERR_OK)
		e = put_position(replay, &at, why);
	if (e != ERR_OK)
		return e;
	replay->pending += rows.n;
	return replay->pending > COMMIT_BYTES ? commit(replay, why) : ERR_OK;
}

enum err
store_replay_leap(struct store_replay *replay, bool are_lost, struct errinfo *why)
{
	struct store_replay_facts *f = &replay->facts;
	enum err e = begin(replay, why);

	/* What was replayed may have moved it. */
	if (e == ERR_OK)
		e = store_get_number(replay->txn, META_NEXT_BLOB, 1, &f->next_blob, why);
	if (e != ERR_OK)
		return e;
	f->next_blob += LEAP;
	f->terms += LEAP;
	e = store_put_number(replay->txn, META_NEXT_BLOB, f->next_blob, why);
	if (e == ERR_OK)
		e = store_put_number(replay->txn, META_TERMS, f->terms, why);
	if (e == ERR_OK && are_lost)
		e = store_put_number(replay->txn, META_KEEP_UNKNOWN, f->next_blob, why);
	return e;
}

enum err
store_replay_rebuilt(struct store_replay *replay, const struct journal_position *at,
    uint64_t last_blob, struct errinfo *why)
{
	enum err e = begin(replay, why);

	if (e == ERR_OK)
		e = put_position(replay, at, why);
	if (e == ERR_OK)
		e = store_put_number(replay->txn, META_NEXT_BLOB, last_blob + 1, why);
	return e == ERR_OK ? store_replay_leap(replay, true, why) : e;
}

enum err
store_replay_close(struct store_replay *replay, bool keep, struct errinfo *why)
{
	enum err e = ERR_OK;

	if (keep)
		e = commit(replay, why);
	else if (replay->txn != NULL)
		db_abort(replay->txn);
	db_close(replay->db);
	free(replay);
	return e;
}
