/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and identities. Tables (values end in a CRC32C over key and value):
 *   identity  id               kind (1), account (8), text
 *   account   name             id (8), state (1), DNs: n (2), ids (8 each), password text;
 *                              and if anything more is said of it: valid from (8),
 *                              display name text, e-mail text
 *   dn        SHA-256 of key   identity (8)
 */
#include "storage/accounts.h"

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/accounts_write.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/rows.h"
#include "storage/tokens_write.h"

enum { DN_TEXT_MAX = 4096 };

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for an account");
}

/* A DN may be longer than a key. */
static struct key
key_dn(struct bytes dn_key)
{
	struct key k = {.n = SHA256_SIZE};

	CHECK(sha256_of(dn_key.p, dn_key.n, k.p));
	return k;
}

static bool
is_account_name(struct bytes name)
{
	if (name.n == 0 || name.n > ACCOUNT_NAME_MAX || name.p[0] < 'a' ||
	    name.p[0] > 'z')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
			c == '_' || c == '-'))
			return false;
	}
	return true;
}

enum err
identity_load(
    struct db_txn *txn, uint64_t id, struct identity_row *out, struct errinfo *why)
{
	struct key key = key_id(id);
	struct pack_in in;
	struct bytes row;
	enum err e = row_get(txn, DB_IDENTITY, &key, &row, why);

	if (e != ERR_OK)
		return e;
	in = pack_open(row);
	out->kind = unpack_u8(&in);
	out->account = unpack_u64(&in);
	out->text = unpack_bytes(&in, pack_left(&in));
	return in.failed ? errinfo_set(why, ERR_DAMAGED, "identity %llu is damaged",
			       (unsigned long long)id)
			 : ERR_OK;
}

enum err
identity_principal(struct db_txn *txn, uint64_t id, uint64_t *out, struct errinfo *why)
{
	struct identity_row row;
	enum err e = identity_load(txn, id, &row, why);

	if (e == ERR_OK)
		*out = row.kind == IDENTITY_DN && row.account != 0 ? row.account : id;
	return e;
}

static enum err
identity_store(
    struct write *w, uint64_t id, const struct identity_row *row, struct errinfo *why)
{
	struct key key = key_id(id);

	str_clear(&w->record);
	pack_u8(&w->record, row->kind);
	pack_u64(&w->record, row->account);
	str_add(&w->record, row->text);
	return row_put(w->txn, DB_IDENTITY, &key, &w->record, why);
}

/* An account row without the texts of its DNs; `row` must outlive *out. */
static enum err
account_decode(struct bytes name, struct bytes row, struct arena *a, struct account *out,
    struct errinfo *why)
{
	struct pack_in in = pack_open(row);
	uint64_t *ids;
	size_t n;

	*out = (struct account){.name = name};
	out->id = unpack_u64(&in);
	out->state = unpack_u8(&in);
	n = unpack_u16(&in);
	if (n > ACCOUNT_DNS_MAX)
		in.failed = true;
	ids = in.failed ? NULL : arena_array(a, uint64_t, n + 1);
	for (size_t i = 0; ids != NULL && i < n; i++)
		ids[i] = unpack_u64(&in);
	out->password = unpack_text(&in);
	if (pack_left(&in) > 0) {
		out->valid_from_ms = (int64_t)unpack_u64(&in);
		out->display = unpack_text(&in);
		out->email = unpack_text(&in);
	}
	if (in.failed)
		return errinfo_set(
		    why, ERR_DAMAGED, "account '%.*s' is damaged", BYTES_ARG(name));
	if (ids == NULL)
		return no_memory(why);
	out->dn_ids = ids;
	out->n_dns = n;
	return ERR_OK;
}

static enum err
account_load(struct db_txn *txn, struct bytes name, struct arena *a, struct account *out,
    struct errinfo *why)
{
	struct key key = {.n = 0};
	struct bytes row;
	enum err e;

	if (!is_account_name(name))
		return ERR_NOT_FOUND;
	key_text(&key, name);
	e = row_get(txn, DB_ACCOUNT, &key, &row, why);
	if (e != ERR_OK)
		return e;
	row = arena_copy(a, row);
	name = arena_copy(a, name);
	if (row.p == NULL || name.p == NULL)
		return no_memory(why);
	return account_decode(name, row, a, out, why);
}

static enum err
account_load_by_id(struct db_txn *txn, uint64_t id, struct arena *a, struct account *out,
    struct errinfo *why)
{
	struct identity_row row;
	enum err e = identity_load(txn, id, &row, why);

	if (e != ERR_OK)
		return e;
	return row.kind == IDENTITY_ACCOUNT ? account_load(txn, row.text, a, out, why)
					    : ERR_NOT_FOUND;
}

/* What servers before did not know of. */
static bool
says_more(const struct account *account)
{
	return account->valid_from_ms != 0 || account->display.n > 0 ||
	       account->email.n > 0 || account->state == ACCOUNT_PENDING;
}

static enum err
account_store(struct write *w, const struct account *account, struct errinfo *why)
{
	struct key key = {.n = 0};
	enum err e = ERR_OK;

	if (account->display.n > ACCOUNT_TEXT_MAX || account->email.n > ACCOUNT_TEXT_MAX)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "a display name or an e-mail address has at most %d bytes",
		    ACCOUNT_TEXT_MAX);
	if (says_more(account))
		e = store_need(w, STORE_PEOPLE, why);
	if (e != ERR_OK)
		return e;
	key_text(&key, account->name);
	str_clear(&w->record);
	pack_u64(&w->record, account->id);
	pack_u8(&w->record, account->state);
	pack_u16(&w->record, account->n_dns);
	for (size_t i = 0; i < account->n_dns; i++)
		pack_u64(&w->record, account->dn_ids[i]);
	pack_text(&w->record, account->password);
	if (says_more(account)) {
		pack_u64(&w->record, (uint64_t)account->valid_from_ms);
		pack_text(&w->record, account->display);
		pack_text(&w->record, account->email);
	}
	return row_put(w->txn, DB_ACCOUNT, &key, &w->record, why);
}

/* Fill in the texts of the DNs. */
static enum err
account_dn_texts(
    struct db_txn *txn, struct arena *a, struct account *account, struct errinfo *why)
{
	struct bytes *texts = arena_array(a, struct bytes, account->n_dns + 1);

	if (texts == NULL)
		return no_memory(why);
	for (size_t i = 0; i < account->n_dns; i++) {
		struct identity_row row;
		enum err e = identity_load(txn, account->dn_ids[i], &row, why);

		if (e == ERR_NOT_FOUND)
			return errinfo_set(why, ERR_DAMAGED,
			    "account '%.*s' names no identity", BYTES_ARG(account->name));
		if (e != ERR_OK)
			return e;
		texts[i] = arena_copy(a, row.text);
		if (texts[i].p == NULL)
			return no_memory(why);
	}
	account->dns = texts;
	return ERR_OK;
}

static enum err
find_in(struct db_txn *txn, struct arena *a, struct bytes name, uint64_t id,
    struct account *out, struct errinfo *why)
{
	enum err e = name.p != NULL ? account_load(txn, name, a, out, why)
				    : account_load_by_id(txn, id, a, out, why);

	return e == ERR_OK ? account_dn_texts(txn, a, out, why) : e;
}

enum err
accounts_find(struct store_reader *reader, struct arena *a, struct bytes name,
    struct account *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = find_in(txn, a, name.p == NULL ? BYTES("") : name, 0, out, why);
	store_read_end(reader);
	return e;
}

enum err
accounts_get(struct store_reader *reader, struct arena *a, uint64_t id,
    struct account *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = find_in(txn, a, (struct bytes){NULL, 0}, id, out, why);
	store_read_end(reader);
	return e;
}

static enum err
list_accounts(struct db_txn *txn, struct db_cursor *cursor, struct arena *a,
    struct bytes after, size_t max, struct account *out, size_t *n_out,
    struct errinfo *why)
{
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, after, &key, &value, why);

	if (e == ERR_OK && bytes_eq(key, after))
		e = db_cursor_next(cursor, &key, &value, why);
	while (e == ERR_OK && *n_out < max) {
		e = find_in(txn, a, key, 0, &out[*n_out], why);
		if (e == ERR_OK) {
			++*n_out;
			e = db_cursor_next(cursor, &key, &value, why);
		}
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
accounts_list(struct store_reader *reader, struct arena *a, struct bytes after,
    size_t max, struct account **out, size_t *n_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e;

	*n_out = 0;
	*out = arena_array(a, struct account, max);
	if (*out == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_ACCOUNT, &cursor, why);
	if (e == ERR_OK) {
		e = list_accounts(txn, cursor, a, after.n == 0 ? BYTES("\001") : after,
		    max, *out, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

static enum err
identity_facts(struct db_txn *txn, struct arena *a, uint64_t id,
    struct identity_facts *out, struct errinfo *why)
{
	struct identity_row row;
	enum err e = identity_load(txn, id, &row, why);

	if (e == ERR_OK && row.kind == IDENTITY_DN && row.account != 0) {
		id = row.account;
		e = identity_load(txn, id, &row, why);
	}
	if (e != ERR_OK)
		return e;
	out->principal = id;
	out->is_account = row.kind == IDENTITY_ACCOUNT;
	out->name = arena_copy(a, row.text);
	return out->name.p == NULL ? no_memory(why) : ERR_OK;
}

enum err
accounts_identity(struct store_reader *reader, struct arena *a, uint64_t id,
    struct identity_facts *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	out->id = id;
	e = identity_facts(txn, a, id, out, why);
	store_read_end(reader);
	return e;
}

static enum err
dn_identity(
    struct db_txn *txn, struct bytes dn_key, uint64_t *id_out, struct errinfo *why)
{
	struct key key = key_dn(dn_key);
	struct bytes row;
	enum err e = row_get(txn, DB_DN, &key, &row, why);

	if (e == ERR_OK && row.n != 8)
		e = errinfo_set(why, ERR_DAMAGED, "entry of a DN is damaged");
	if (e == ERR_OK)
		*id_out = pack_load((const uint8_t *)row.p, 8);
	return e;
}

enum err
accounts_identity_of_dn(struct store_reader *reader, struct arena *a, struct bytes dn_key,
    struct identity_facts *out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = dn_identity(txn, dn_key, &out->id, why);
	if (e == ERR_OK)
		e = identity_facts(txn, a, out->id, out, why);
	store_read_end(reader);
	return e;
}

/* `account` is complete but for its id. */
static enum err
write_new(struct write *w, struct account *account, struct errinfo *why)
{
	struct bytes name = account->name;
	struct account existing;
	struct identity_row row = {.kind = IDENTITY_ACCOUNT, .text = name};
	enum err e;

	if (!is_account_name(name))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "'%.*s' is not an account name: a-z first, then a-z 0-9 . _ -, at "
		    "most %d",
		    BYTES_ARG(name), ACCOUNT_NAME_MAX);
	e = account_load(w->txn, name, &w->arena, &existing, why);
	if (e == ERR_OK)
		return errinfo_set(why, ERR_CONFLICT, "the account name '%.*s' is taken",
		    BYTES_ARG(name));
	if (e != ERR_NOT_FOUND)
		return e;
	account->id = write_take(w, COUNTER_IDENTITY, 1);
	e = account_store(w, account, why);
	return e == ERR_OK ? identity_store(w, account->id, &row, why) : e;
}

enum err
accounts_write_new(
    struct write *w, struct bytes name, uint64_t *id_out, struct errinfo *why)
{
	struct account account = {.name = name, .state = ACCOUNT_ACTIVE};
	enum err e = write_new(w, &account, why);

	*id_out = account.id;
	return e;
}

/* Looks at all accounts: there are few, and strangers may ask for some only. */
static enum err
check_pending(struct write *w, uint64_t most, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct bytes key, value;
	uint64_t n = 0;
	enum err e = db_cursor_open(w->txn, DB_ACCOUNT, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, BYTES("\001"), &key, &value, why);
	while (e == ERR_OK) {
		/* The state is behind the id. */
		n += value.n > 8 && value.p[8] == ACCOUNT_PENDING;
		e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	if (e == ERR_NOT_FOUND && n >= most)
		return errinfo_set(why, ERR_BUSY,
		    "%llu accounts wait to be approved already", (unsigned long long)n);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
apply_create(struct change *change, struct write *w)
{
	struct accounts_create *r = container_of(change, struct accounts_create, change);
	struct account account = {
	    .name = r->name,
	    .state = r->pending ? ACCOUNT_PENDING : ACCOUNT_ACTIVE,
	    .password = r->password,
	    .display = r->display,
	    .email = r->email,
	};
	enum err e =
	    r->pending ? check_pending(w, r->pending_most, &change->why) : ERR_OK;

	if (e == ERR_OK)
		e = write_new(w, &account, &change->why);
	r->id_out = account.id;
	return e;
}

static enum err
load_for_change(struct write *w, uint64_t id, struct account *out, struct errinfo *why)
{
	enum err e = account_load_by_id(w->txn, id, &w->arena, out, why);

	return e == ERR_NOT_FOUND ? errinfo_set(why, e, "no such account") : e;
}

static enum err
apply_update(struct change *change, struct write *w)
{
	struct accounts_update *r = container_of(change, struct accounts_update, change);
	struct account account;
	enum err e = load_for_change(w, r->id, &account, &change->why);

	if (e != ERR_OK)
		return e;
	if (r->state != ACCOUNT_AS_IS)
		account.state = r->state;
	if (r->password.p != NULL)
		account.password = r->password;
	if (r->display.p != NULL)
		account.display = r->display;
	if (r->email.p != NULL)
		account.email = r->email;
	if (r->revoke_ms != 0)
		account.valid_from_ms = r->revoke_ms;
	if (r->revoke_ms != 0 || account.state != ACCOUNT_ACTIVE)
		e = tokens_write_remove_all(w, r->id, &change->why);
	return e == ERR_OK ? account_store(w, &account, &change->why) : e;
}

static enum err
new_dn(struct write *w, struct bytes dn_key, const struct identity_row *row,
    uint64_t *id_out, struct errinfo *why)
{
	struct key key = key_dn(dn_key);
	enum err e;

	if (row->text.n > DN_TEXT_MAX)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the DN is longer than %d bytes", DN_TEXT_MAX);
	*id_out = write_take(w, COUNTER_IDENTITY, 1);
	e = identity_store(w, *id_out, row, why);
	if (e != ERR_OK)
		return e;
	str_clear(&w->record);
	pack_u64(&w->record, *id_out);
	return row_put(w->txn, DB_DN, &key, &w->record, why);
}

static enum err
apply_ensure_dn(struct change *change, struct write *w)
{
	struct accounts_ensure_dn *r =
	    container_of(change, struct accounts_ensure_dn, change);
	struct identity_row row = {.kind = IDENTITY_DN, .text = r->text};
	enum err e = dn_identity(w->txn, r->key, &r->id_out, &change->why);

	return e == ERR_NOT_FOUND ? new_dn(w, r->key, &row, &r->id_out, &change->why) : e;
}

static enum err
bind_dn(
    struct write *w, struct accounts_dn *r, struct account *account, struct errinfo *why)
{
	struct identity_row row = {
	    .kind = IDENTITY_DN, .account = account->id, .text = r->text};
	struct identity_row present;
	uint64_t *ids, id;
	enum err e = dn_identity(w->txn, r->key, &id, why);

	if (account->n_dns == ACCOUNT_DNS_MAX)
		return errinfo_set(why, ERR_CONFLICT, "the account has %d DNs, the limit",
		    ACCOUNT_DNS_MAX);
	if (e == ERR_NOT_FOUND) {
		e = new_dn(w, r->key, &row, &id, why);
	} else if (e == ERR_OK) {
		e = identity_load(w->txn, id, &present, why);
		if (e == ERR_OK && present.account == account->id)
			return ERR_OK;
		if (e == ERR_OK && present.account != 0)
			return errinfo_set(
			    why, ERR_CONFLICT, "the DN is another account's");
		if (e == ERR_OK)
			e = identity_store(w, id, &row, why);
	}
	if (e != ERR_OK)
		return e;
	ids = arena_array(&w->arena, uint64_t, account->n_dns + 1);
	if (ids == NULL)
		return no_memory(why);
	(void)memcpy(ids, account->dn_ids, account->n_dns * sizeof *ids);
	ids[account->n_dns++] = id;
	account->dn_ids = ids;
	return account_store(w, account, why);
}

static enum err
release_dn(
    struct write *w, struct accounts_dn *r, struct account *account, struct errinfo *why)
{
	struct identity_row row = {.kind = IDENTITY_DN, .text = r->text};
	uint64_t *ids = arena_array(&w->arena, uint64_t, account->n_dns + 1);
	uint64_t id;
	size_t n = 0;
	enum err e = dn_identity(w->txn, r->key, &id, why);

	if (ids == NULL)
		return no_memory(why);
	for (size_t i = 0; e == ERR_OK && i < account->n_dns; i++)
		if (account->dn_ids[i] != id)
			ids[n++] = account->dn_ids[i];
	if (e == ERR_NOT_FOUND || (e == ERR_OK && n == account->n_dns))
		return errinfo_set(why, ERR_NOT_FOUND, "the account has no such DN");
	if (e == ERR_OK)
		e = identity_store(w, id, &row, why);
	account->dn_ids = ids;
	account->n_dns = n;
	return e == ERR_OK ? account_store(w, account, why) : e;
}

static enum err
apply_dn(struct change *change, struct write *w)
{
	struct accounts_dn *r = container_of(change, struct accounts_dn, change);
	struct account account;
	enum err e = load_for_change(w, r->account, &account, &change->why);

	if (e != ERR_OK)
		return e;
	return r->remove ? release_dn(w, r, &account, &change->why)
			 : bind_dn(w, r, &account, &change->why);
}

void
accounts_create(struct store *store, struct accounts_create *r)
{
	r->change.apply = apply_create;
	store_submit(store, &r->change);
}

void
accounts_update(struct store *store, struct accounts_update *r)
{
	r->change.apply = apply_update;
	store_submit(store, &r->change);
}

void
accounts_dn(struct store *store, struct accounts_dn *r)
{
	r->change.apply = apply_dn;
	store_submit(store, &r->change);
}

void
accounts_ensure_dn(struct store *store, struct accounts_ensure_dn *r)
{
	r->change.apply = apply_ensure_dn;
	store_submit(store, &r->change);
}
