/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table (the value ends in a CRC32C over key and value):
 *   token  account id, token id   kind (1), read only (1), created (8), expires (8),
 *                                 SHA-256 (32), label text, path text; of links and
 *                                 guests also: drop only (1), link id (8), uses (8), most
 *                                 uses (8), password text
 */
#include "storage/tokens.h"

#include <string.h>

#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/rows.h"
#include "storage/tokens_write.h"

enum { KEY_SIZE = 16, LIST_FIRST = 16 };

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for tokens");
}

static struct key
key_token(uint64_t account, uint64_t id)
{
	struct key key = key_id(account);

	key_u64(&key, id);
	return key;
}

static bool
is_kind(unsigned kind)
{
	return kind >= TOKEN_SESSION && kind <= TOKEN_LETTER;
}

static bool
is_sharing(enum token_kind kind)
{
	return kind == TOKEN_LINK || kind == TOKEN_GUEST;
}

static enum err
decode(uint64_t account, uint64_t id, struct bytes row, struct token *out,
    struct errinfo *why)
{
	struct pack_in in = pack_open(row);
	unsigned kind = unpack_u8(&in);
	struct bytes hash;

	*out = (struct token){.account = account, .id = id, .kind = kind};
	out->read_only = unpack_u8(&in) != 0;
	out->created_ms = (int64_t)unpack_u64(&in);
	out->expires_ms = (int64_t)unpack_u64(&in);
	hash = unpack_bytes(&in, SHA256_SIZE);
	out->label = unpack_text(&in);
	out->path = unpack_text(&in);
	if (is_sharing(out->kind)) {
		out->drop_only = unpack_u8(&in) != 0;
		out->link = unpack_u64(&in);
		out->uses = unpack_u64(&in);
		out->uses_max = unpack_u64(&in);
		out->password = unpack_text(&in);
	}
	if (in.failed || pack_left(&in) > 0 || !is_kind(kind))
		return errinfo_set(why, ERR_DAMAGED, "a token of account %llu is damaged",
		    (unsigned long long)account);
	(void)memcpy(out->hash, hash.p, SHA256_SIZE);
	return ERR_OK;
}

enum err
tokens_decode(
    struct bytes key, struct bytes value, struct token *out, struct errinfo *why)
{
	struct bytes row;
	enum err e = row_check(DB_TOKEN, key, value, &row, why);

	if (e == ERR_OK && key.n != KEY_SIZE)
		e = errinfo_set(why, ERR_DAMAGED, "a token has a wrong key");
	return e == ERR_OK
		   ? decode(key_load_u64(key, 0), key_load_u64(key, 8), row, out, why)
		   : e;
}

/* From the store into the arena. */
static enum err
keep(struct arena *a, struct token *t, struct errinfo *why)
{
	t->label = arena_copy(a, t->label);
	t->path = arena_copy(a, t->path);
	if (t->password.n > 0)
		t->password = arena_copy(a, t->password);
	return t->label.p == NULL || t->path.p == NULL ||
		       (t->password.n > 0 && t->password.p == NULL)
		   ? no_memory(why)
		   : ERR_OK;
}

enum err
tokens_get(struct store_reader *reader, struct arena *a, uint64_t account, uint64_t id,
    struct token *out, struct errinfo *why)
{
	struct key key = key_token(account, id);
	struct db_txn *txn;
	struct bytes row;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = row_get(txn, DB_TOKEN, &key, &row, why);
	if (e == ERR_OK)
		e = decode(account, id, row, out, why);
	if (e == ERR_OK)
		e = keep(a, out, why);
	store_read_end(reader);
	return e;
}

static bool
is_of(struct bytes key, uint64_t account)
{
	return key.n == KEY_SIZE && key_load_u64(key, 0) == account;
}

/* One more, in twice the room when there is none. */
static enum err
append(struct arena *a, struct token **list, size_t *n, size_t *room,
    const struct token *token, struct errinfo *why)
{
	if (*n == *room) {
		size_t more = *room == 0 ? LIST_FIRST : 2 * *room;
		struct token *larger = arena_array(a, struct token, more);

		if (larger == NULL)
			return no_memory(why);
		if (*n > 0)
			(void)memcpy(larger, *list, *n * sizeof *larger);
		*list = larger;
		*room = more;
	}
	(*list)[(*n)++] = *token;
	return ERR_OK;
}

/* Those of one account; their texts are in the arena. */
static enum err
list_in(struct db_txn *txn, struct arena *a, uint64_t account, struct token **out,
    size_t *n_out, struct errinfo *why)
{
	struct key first = key_token(account, 0);
	struct bytes key, value;
	struct db_cursor *cursor;
	size_t room = 0;
	enum err e = db_cursor_open(txn, DB_TOKEN, &cursor, why);

	*out = NULL;
	*n_out = 0;
	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, key_bytes(&first), &key, &value, why);
	while (e == ERR_OK && is_of(key, account)) {
		struct token t;

		e = tokens_decode(key, value, &t, why);
		if (e == ERR_OK)
			e = keep(a, &t, why);
		if (e == ERR_OK)
			e = append(a, out, n_out, &room, &t, why);
		if (e == ERR_OK)
			e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
tokens_list(struct store_reader *reader, struct arena *a, uint64_t account,
    struct token **out, size_t *n_out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = list_in(txn, a, account, out, n_out, why);
	store_read_end(reader);
	return e;
}

static enum err
delete_one(struct write *w, const struct token *t, struct errinfo *why)
{
	struct key key = key_token(t->account, t->id);

	return db_delete(w->txn, DB_TOKEN, key_bytes(&key), why);
}

/* Made by a person, and not to go before its time. */
static bool
is_made(enum token_kind kind)
{
	return kind == TOKEN_PERSONAL || kind == TOKEN_LINK;
}

/* What has ended goes, and the first to end when there are too many of the kind. */
static enum err
make_room(struct write *w, const struct token *t, uint64_t most, struct errinfo *why)
{
	const struct token *soonest = NULL;
	struct token *there;
	uint64_t same = 0;
	size_t n;
	enum err e = list_in(w->txn, &w->arena, t->account, &there, &n, why);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		if (there[i].expires_ms <= t->created_ms) {
			e = delete_one(w, &there[i], why);
			continue;
		}
		if (there[i].kind != t->kind)
			continue;
		same++;
		if (soonest == NULL || there[i].expires_ms < soonest->expires_ms)
			soonest = &there[i];
	}
	if (e != ERR_OK || same < most)
		return e;
	if (is_made(t->kind) || soonest == NULL)
		return errinfo_set(why, ERR_CONFLICT,
		    "the account has %llu %s, which is the limit: revoke one",
		    (unsigned long long)same, t->kind == TOKEN_LINK ? "links" : "tokens");
	return delete_one(w, soonest, why);
}

static enum err
put(struct write *w, const struct token *t, struct errinfo *why)
{
	struct key key = key_token(t->account, t->id);

	str_clear(&w->record);
	pack_u8(&w->record, t->kind);
	pack_u8(&w->record, t->read_only);
	pack_u64(&w->record, (uint64_t)t->created_ms);
	pack_u64(&w->record, (uint64_t)t->expires_ms);
	str_add(&w->record, (struct bytes){(const char *)t->hash, sizeof t->hash});
	pack_text(&w->record, t->label);
	pack_text(&w->record, t->path);
	if (is_sharing(t->kind)) {
		pack_u8(&w->record, t->drop_only);
		pack_u64(&w->record, t->link);
		pack_u64(&w->record, t->uses);
		pack_u64(&w->record, t->uses_max);
		pack_text(&w->record, t->password);
	}
	return row_put(w->txn, DB_TOKEN, &key, &w->record, why);
}

/* One that is not there yet. */
static enum err
put_new(struct write *w, const struct token *t, uint64_t most, struct errinfo *why)
{
	struct key key = key_token(t->account, t->id);
	struct bytes there;
	enum err e = db_get(w->txn, DB_TOKEN, key_bytes(&key), &there, why);

	if (e == ERR_OK)
		return errinfo_set(why, ERR_CONFLICT, "a token's id is taken");
	if (e == ERR_NOT_FOUND)
		e = store_need(
		    w, t->kind > TOKEN_PERSONAL ? STORE_LINKS : STORE_PEOPLE, why);
	if (e == ERR_OK)
		e = make_room(w, t, most, why);
	return e == ERR_OK ? put(w, t, why) : e;
}

static enum err
apply_add(struct change *change, struct write *w)
{
	struct tokens_add *r = container_of(change, struct tokens_add, change);
	const struct token *t = &r->token;

	if (t->label.n > TOKEN_LABEL_MAX || t->path.n > TOKEN_PATH_MAX)
		return errinfo_set(&change->why, ERR_INVALID_ARGUMENT,
		    "the label (limit %d) or the path (limit %d) of a token is too long",
		    TOKEN_LABEL_MAX, TOKEN_PATH_MAX);
	return put_new(w, t, r->most, &change->why);
}

static enum err
load(struct write *w, uint64_t account, uint64_t id, struct token *out,
    struct errinfo *why)
{
	struct key key = key_token(account, id);
	struct bytes row;
	enum err e = row_get(w->txn, DB_TOKEN, &key, &row, why);

	if (e == ERR_OK)
		e = decode(account, id, row, out, why);
	return e == ERR_OK ? keep(&w->arena, out, why) : e;
}

static enum err
check_link(const struct token *link, int64_t now_ms, struct errinfo *why)
{
	if (link->kind != TOKEN_LINK)
		return errinfo_set(why, ERR_NOT_FOUND, "no such link");
	if (now_ms >= link->expires_ms)
		return errinfo_set(why, ERR_DENIED, "the link has ended");
	if (link->uses_max != 0 && link->uses >= link->uses_max)
		return errinfo_set(why, ERR_DENIED,
		    "the link was opened %llu times, which is its limit",
		    (unsigned long long)link->uses);
	return ERR_OK;
}

static enum err
apply_open_link(struct change *change, struct write *w)
{
	struct tokens_open_link *r =
	    container_of(change, struct tokens_open_link, change);
	struct token *guest = &r->guest, link;
	enum err e = load(w, guest->account, guest->link, &link, &change->why);

	if (e == ERR_OK)
		e = check_link(&link, guest->created_ms, &change->why);
	if (e != ERR_OK)
		return e == ERR_NOT_FOUND ? errinfo_set(&change->why, e, "no such link")
					  : e;
	link.uses++;
	guest->kind = TOKEN_GUEST;
	guest->read_only = link.read_only;
	guest->drop_only = link.drop_only;
	guest->label = link.label;
	guest->path = link.path;
	if (guest->expires_ms > link.expires_ms)
		guest->expires_ms = link.expires_ms;
	e = put(w, &link, &change->why);
	if (e == ERR_OK)
		e = put_new(w, guest, r->most, &change->why);
	guest->label = guest->path = BYTES(""); /* they were the batch's */
	return e;
}

enum err
tokens_write_remove_all(struct write *w, uint64_t account, struct errinfo *why)
{
	struct token *there;
	size_t n;
	enum err e = list_in(w->txn, &w->arena, account, &there, &n, why);

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = delete_one(w, &there[i], why);
	return e;
}

static enum err
remove_guests(struct write *w, const struct token *link, struct errinfo *why)
{
	struct token *there;
	size_t n;
	enum err e = list_in(w->txn, &w->arena, link->account, &there, &n, why);

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		if (there[i].link == link->id)
			e = delete_one(w, &there[i], why);
	return e;
}

static enum err
apply_remove(struct change *change, struct write *w)
{
	struct tokens_remove *r = container_of(change, struct tokens_remove, change);
	struct token one;
	enum err e;

	if (r->id == 0)
		return tokens_write_remove_all(w, r->account, &change->why);
	e = load(w, r->account, r->id, &one, &change->why);
	if (e == ERR_OK && one.kind == TOKEN_LINK)
		e = remove_guests(w, &one, &change->why);
	if (e == ERR_OK)
		e = delete_one(w, &one, &change->why);
	return e == ERR_NOT_FOUND ? errinfo_set(&change->why, e, "no such token") : e;
}

void
tokens_add(struct store *store, struct tokens_add *r)
{
	r->change.apply = apply_add;
	store_submit(store, &r->change);
}

void
tokens_remove(struct store *store, struct tokens_remove *r)
{
	r->change.apply = apply_remove;
	store_submit(store, &r->change);
}

void
tokens_open_link(struct store *store, struct tokens_open_link *r)
{
	r->change.apply = apply_open_link;
	store_submit(store, &r->change);
}
