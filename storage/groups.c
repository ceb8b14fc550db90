/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups. Tables (values end in a CRC32C over key and value, but for the empty ones):
 *   group     'n' name               id (8)
 *             'i' id                 owner (8), created (8), name text, description text
 *   member    group id, kind, member id      empty
 *   memberof  kind, member id, group id      empty
 * The kinds are those of enum member_kind: administrators stand there, too.
 * The name row of a deleted group stays: a name is never given to another group.
 */
#include "storage/accounts.h"

#include "service/core/check.h"
#include "storage/accounts_write.h"
#include "storage/keys.h"
#include "storage/pack.h"
#include "storage/rows.h"

enum { NESTED_MAX = 100000 };

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for a group");
}

static struct key
key_name(struct bytes name)
{
	struct key k = {.n = 0};

	key_u8(&k, 'n');
	key_text(&k, name);
	return k;
}

static struct key
key_group(uint64_t id)
{
	struct key k = {.n = 0};

	key_u8(&k, 'i');
	key_u64(&k, id);
	return k;
}

static struct key
key_member(uint64_t group, struct member m)
{
	struct key k = {.n = 0};

	key_u64(&k, group);
	key_u8(&k, (uint8_t)m.kind);
	key_u64(&k, m.id);
	return k;
}

static struct key
key_memberof(struct member m, uint64_t group)
{
	struct key k = {.n = 0};

	key_u8(&k, (uint8_t)m.kind);
	key_u64(&k, m.id);
	key_u64(&k, group);
	return k;
}

bool
groups_is_name(struct bytes name)
{
	if (name.n == 0 || name.n > GROUP_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
			c == '~'))
			return false;
	}
	return true;
}

static enum err
group_load(struct db_txn *txn, uint64_t id, struct arena *a, struct group *out,
    struct errinfo *why)
{
	struct key key = key_group(id);
	struct pack_in in;
	struct bytes row;
	enum err e = row_get(txn, DB_GROUP, &key, &row, why);

	if (e != ERR_OK)
		return e;
	row = arena_copy(a, row);
	if (row.p == NULL)
		return no_memory(why);
	in = pack_open(row);
	*out = (struct group){.id = id};
	out->owner = unpack_u64(&in);
	out->created_ms = (int64_t)unpack_u64(&in);
	out->name = unpack_text(&in);
	out->description = unpack_text(&in);
	return in.failed ? errinfo_set(why, ERR_DAMAGED, "group %llu is damaged",
			       (unsigned long long)id)
			 : ERR_OK;
}

static enum err
group_id(struct db_txn *txn, struct bytes name, uint64_t *id_out, struct errinfo *why)
{
	struct key key;
	struct bytes row;
	enum err e;

	if (!groups_is_name(name))
		return ERR_NOT_FOUND;
	key = key_name(name);
	e = row_get(txn, DB_GROUP, &key, &row, why);
	if (e == ERR_OK && row.n != 8)
		e = errinfo_set(why, ERR_DAMAGED, "name of a group is damaged");
	if (e == ERR_OK)
		*id_out = pack_load((const uint8_t *)row.p, 8);
	return e;
}

enum err
groups_find(struct store_reader *reader, struct arena *a, struct bytes name,
    struct group *out, struct errinfo *why)
{
	struct db_txn *txn;
	uint64_t id;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = group_id(txn, name, &id, why);
	if (e == ERR_OK)
		e = group_load(txn, id, a, out, why);
	store_read_end(reader);
	return e;
}

enum err
groups_id(
    struct store_reader *reader, struct bytes name, uint64_t *id_out, struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = group_id(txn, name, id_out, why);
	store_read_end(reader);
	return e;
}

enum err
groups_get(struct store_reader *reader, struct arena *a, uint64_t id, struct group *out,
    struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = group_load(txn, id, a, out, why);
	store_read_end(reader);
	return e;
}

static enum err
list_groups(struct db_txn *txn, struct db_cursor *cursor, struct arena *a,
    struct bytes after, size_t max, struct group *out, size_t *n_out, struct errinfo *why)
{
	struct key from = key_name(after);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	if (e == ERR_OK && bytes_eq(key, key_bytes(&from)))
		e = db_cursor_next(cursor, &key, &value, why);
	while (e == ERR_OK && *n_out < max && key.p[0] == 'n') {
		uint64_t id;

		e = group_id(txn, bytes_skip(key, 1), &id, why);
		if (e == ERR_OK)
			e = group_load(txn, id, a, &out[*n_out], why);
		if (e == ERR_OK)
			++*n_out;
		if (e == ERR_OK || e == ERR_NOT_FOUND)
			e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
groups_list(struct store_reader *reader, struct arena *a, struct bytes after, size_t max,
    struct group **out, size_t *n_out, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e;

	*n_out = 0;
	*out = arena_array(a, struct group, max);
	if (*out == NULL)
		return no_memory(why);
	e = store_read_begin(reader, &txn, why);
	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_GROUP, &cursor, why);
	if (e == ERR_OK) {
		e = list_groups(txn, cursor, a, after, max, *out, n_out, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	return e;
}

/* A growing array in an arena; the last doubling is what is wasted. */
struct list {
	uint64_t *id;
	char *kind;
	size_t n, room;
};

static bool
list_add(struct list *l, struct arena *a, uint64_t id, char kind)
{
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 32 : l->room * 2;
		uint64_t *ids = arena_array(a, uint64_t, room);
		char *kinds = arena_array(a, char, room);

		if (ids == NULL || kinds == NULL)
			return false;
		if (l->n > 0) {
			(void)memcpy(ids, l->id, l->n * sizeof *ids);
			(void)memcpy(kinds, l->kind, l->n);
		}
		*l = (struct list){ids, kinds, l->n, room};
	}
	l->id[l->n] = id;
	l->kind[l->n++] = kind;
	return true;
}

static enum err
list_members(struct db_cursor *cursor, struct arena *a, uint64_t group, struct list *out,
    struct errinfo *why)
{
	struct key from = key_id(group);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && key.n == 17 && key_load_u64(key, 0) == group) {
		if (!list_add(out, a, key_load_u64(key, 9), key.p[8]))
			return no_memory(why);
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool
is_member(enum member_kind kind)
{
	return kind == MEMBER_USER || kind == MEMBER_GROUP;
}

static enum err
links(struct store_reader *reader, struct arena *a, uint64_t group, bool admins_too,
    struct member **out, size_t *n_out, struct errinfo *why)
{
	struct list list = {0};
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_MEMBER, &cursor, why);
	if (e == ERR_OK) {
		e = list_members(cursor, a, group, &list, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	if (e != ERR_OK)
		return e;
	*out = arena_array(a, struct member, list.n + 1);
	if (*out == NULL)
		return no_memory(why);
	*n_out = 0;
	for (size_t i = 0; i < list.n; i++) {
		struct member m = {(enum member_kind)list.kind[i], list.id[i]};

		if (admins_too || is_member(m.kind))
			(*out)[(*n_out)++] = m;
	}
	return ERR_OK;
}

enum err
groups_members(struct store_reader *reader, struct arena *a, uint64_t group,
    struct member **out, size_t *n_out, struct errinfo *why)
{
	return links(reader, a, group, false, out, n_out, why);
}

enum err
groups_links(struct store_reader *reader, struct arena *a, uint64_t group,
    struct member **out, size_t *n_out, struct errinfo *why)
{
	return links(reader, a, group, true, out, n_out, why);
}

static bool
list_has(const struct list *l, uint64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->id[i] == id)
			return true;
	return false;
}

/* Add the groups that have `m` as a direct member, once each. */
static enum err
add_direct(struct db_cursor *cursor, struct arena *a, struct member m, size_t max,
    struct list *out, struct errinfo *why)
{
	struct key from = key_memberof(m, 0);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && key.n == 17 && memcmp(key.p, from.p, 9) == 0) {
		uint64_t id = key_load_u64(key, 9);

		if (!list_has(out, id)) {
			if (out->n == max)
				return errinfo_set(why, ERR_TOO_LARGE,
				    "member of more than %zu groups", max);
			if (!list_add(out, a, id, MEMBER_GROUP))
				return no_memory(why);
		}
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Breadth first; cycles end where everything was seen. */
static enum err
add_all(struct db_txn *txn, struct arena *a, struct member m, size_t max,
    struct list *out, struct errinfo *why)
{
	struct db_cursor *cursor;
	enum err e = db_cursor_open(txn, DB_MEMBEROF, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = add_direct(cursor, a, m, max, out, why);
	for (size_t i = 0; i < out->n && e == ERR_OK; i++)
		e = add_direct(
		    cursor, a, (struct member){MEMBER_GROUP, out->id[i]}, max, out, why);
	db_cursor_close(cursor);
	return e;
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
hand_out(struct list *list, uint64_t **out, size_t *n_out)
{
	if (list->n > 0)
		qsort(list->id, list->n, sizeof *list->id, compare_ids);
	*out = list->id;
	*n_out = list->n;
}

enum err
groups_of(struct store_reader *reader, struct arena *a, uint64_t principal, size_t max,
    uint64_t **out, size_t *n_out, struct errinfo *why)
{
	struct list list = {0};
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = add_all(txn, a, (struct member){MEMBER_USER, principal}, max, &list, why);
	store_read_end(reader);
	if (e == ERR_OK)
		hand_out(&list, out, n_out);
	return e;
}

static enum err
add_administered(struct db_txn *txn, struct arena *a, uint64_t principal, size_t max,
    struct list *out, struct errinfo *why)
{
	struct list member_of = {0};
	struct db_cursor *cursor;
	enum err e = add_all(
	    txn, a, (struct member){MEMBER_USER, principal}, max, &member_of, why);

	if (e == ERR_OK)
		e = db_cursor_open(txn, DB_MEMBEROF, &cursor, why);
	if (e != ERR_OK)
		return e;
	e = add_direct(cursor, a, (struct member){ADMIN_USER, principal}, max, out, why);
	for (size_t i = 0; i < member_of.n && e == ERR_OK; i++)
		e = add_direct(cursor, a, (struct member){ADMIN_GROUP, member_of.id[i]},
		    max, out, why);
	db_cursor_close(cursor);
	return e;
}

enum err
groups_administered(struct store_reader *reader, struct arena *a, uint64_t principal,
    size_t max, uint64_t **out, size_t *n_out, struct errinfo *why)
{
	struct list list = {0};
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = add_administered(txn, a, principal, max, &list, why);
	store_read_end(reader);
	if (e == ERR_OK)
		hand_out(&list, out, n_out);
	return e;
}

static enum err
add_owned(struct db_cursor *cursor, struct arena *a, uint64_t principal, size_t max,
    struct list *out, struct errinfo *why)
{
	struct key from = key_group(0);
	struct bytes key, value;
	enum err e = db_cursor_seek(cursor, key_bytes(&from), &key, &value, why);

	while (e == ERR_OK && key.n == 9 && key.p[0] == 'i') {
		if (value.n < 8)
			return errinfo_set(why, ERR_DAMAGED, "a group is damaged");
		if (pack_load((const uint8_t *)value.p, 8) == principal) {
			if (out->n == max)
				return errinfo_set(why, ERR_TOO_LARGE,
				    "owner of more than %zu groups", max);
			if (!list_add(out, a, key_load_u64(key, 1), MEMBER_GROUP))
				return no_memory(why);
		}
		e = db_cursor_next(cursor, &key, &value, why);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
groups_owned(struct store_reader *reader, struct arena *a, uint64_t principal, size_t max,
    uint64_t **out, size_t *n_out, struct errinfo *why)
{
	struct list list = {0};
	struct db_cursor *cursor;
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_open(txn, DB_GROUP, &cursor, why);
	if (e == ERR_OK) {
		e = add_owned(cursor, a, principal, max, &list, why);
		db_cursor_close(cursor);
	}
	store_read_end(reader);
	if (e == ERR_OK)
		hand_out(&list, out, n_out);
	return e;
}

static enum err
group_store(struct write *w, const struct group *g, struct errinfo *why)
{
	struct key key = key_group(g->id);

	str_clear(&w->record);
	pack_u64(&w->record, g->owner);
	pack_u64(&w->record, (uint64_t)g->created_ms);
	pack_text(&w->record, g->name);
	pack_text(&w->record, g->description);
	return row_put(w->txn, DB_GROUP, &key, &w->record, why);
}

static enum err
put_link(
    struct write *w, uint64_t group, struct member m, bool remove, struct errinfo *why)
{
	struct key down = key_member(group, m), up = key_memberof(m, group);
	enum err e = remove ? db_delete(w->txn, DB_MEMBER, key_bytes(&down), why)
			    : db_put(w->txn, DB_MEMBER, key_bytes(&down), BYTES(""), why);

	if (remove && e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	return remove ? db_delete(w->txn, DB_MEMBEROF, key_bytes(&up), why)
		      : db_put(w->txn, DB_MEMBEROF, key_bytes(&up), BYTES(""), why);
}

/* Its members and administrators. */
static enum err
unlink_below(struct write *w, uint64_t group, struct errinfo *why)
{
	struct list list = {0};
	struct db_cursor *cursor;
	enum err e = db_cursor_open(w->txn, DB_MEMBER, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = list_members(cursor, &w->arena, group, &list, why);
	db_cursor_close(cursor);
	for (size_t i = 0; i < list.n && e == ERR_OK; i++)
		e = put_link(w, group,
		    (struct member){(enum member_kind)list.kind[i], list.id[i]}, true,
		    why);
	return e;
}

/* All members of `group`, and what it is itself in others. */
static enum err
unlink_all(struct write *w, uint64_t group, struct errinfo *why)
{
	struct member self = {MEMBER_GROUP, group}, admin = {ADMIN_GROUP, group};
	struct list parents = {0}, administered = {0};
	struct db_cursor *cursor;
	enum err e = unlink_below(w, group, why);

	if (e == ERR_OK)
		e = db_cursor_open(w->txn, DB_MEMBEROF, &cursor, why);
	if (e != ERR_OK)
		return e;
	e = add_direct(cursor, &w->arena, self, SIZE_MAX, &parents, why);
	if (e == ERR_OK)
		e = add_direct(cursor, &w->arena, admin, SIZE_MAX, &administered, why);
	db_cursor_close(cursor);
	for (size_t i = 0; i < parents.n && e == ERR_OK; i++)
		e = put_link(w, parents.id[i], self, true, why);
	for (size_t i = 0; i < administered.n && e == ERR_OK; i++)
		e = put_link(w, administered.id[i], admin, true, why);
	return e;
}

static enum err
apply_delete(struct change *change, struct write *w)
{
	struct groups_delete *r = container_of(change, struct groups_delete, change);
	struct key key = key_group(r->id);
	enum err e = db_delete(w->txn, DB_GROUP, key_bytes(&key), &change->why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(&change->why, e, "no such group");
	return e == ERR_OK ? unlink_all(w, r->id, &change->why) : e;
}

/* Would `group` contain itself with `member` in it? */
static enum err
check_nesting(struct write *w, uint64_t group, uint64_t member, struct errinfo *why)
{
	struct list above = {0};
	enum err e;

	if (group == member)
		return errinfo_set(why, ERR_CYCLE, "a group cannot contain itself");
	e = add_all(w->txn, &w->arena, (struct member){MEMBER_GROUP, group}, NESTED_MAX,
	    &above, why);
	if (e == ERR_OK && list_has(&above, member))
		return errinfo_set(why, ERR_CYCLE, "the group would contain itself");
	return e;
}

/* One that exists, and no cycle. */
static enum err
add_link(struct write *w, uint64_t group, struct member m, struct errinfo *why)
{
	bool is_group = m.kind == MEMBER_GROUP || m.kind == ADMIN_GROUP;
	struct identity_row user;
	struct group inner;
	enum err e = is_group ? group_load(w->txn, m.id, &w->arena, &inner, why)
			      : identity_load(w->txn, m.id, &user, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, e, "no such member");
	if (e == ERR_OK && m.kind == MEMBER_GROUP)
		e = check_nesting(w, group, m.id, why);
	if (e == ERR_OK && !is_member(m.kind))
		e = store_need(w, STORE_GROUP_ADMINS, why);
	return e == ERR_OK ? put_link(w, group, m, false, why) : e;
}

static enum err
apply_member(struct change *change, struct write *w)
{
	struct groups_member *r = container_of(change, struct groups_member, change);
	struct errinfo *why = &change->why;
	struct group group;
	enum err e = group_load(w->txn, r->group, &w->arena, &group, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, e, "no such group");
	if (e != ERR_OK)
		return e;
	return r->remove ? put_link(w, r->group, r->member, true, why)
			 : add_link(w, r->group, r->member, why);
}

static enum err
apply_replace(struct change *change, struct write *w)
{
	struct groups_replace *r = container_of(change, struct groups_replace, change);
	struct errinfo *why = &change->why;
	struct group group;
	enum err e = group_load(w->txn, r->group, &w->arena, &group, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, e, "no such group");
	if (e == ERR_OK && r->description.p != NULL) {
		group.description = r->description;
		e = group_store(w, &group, why);
	}
	if (e == ERR_OK)
		e = unlink_below(w, r->group, why);
	for (size_t i = 0; i < r->n_links && e == ERR_OK; i++)
		e = add_link(w, r->group, r->links[i], why);
	return e;
}

static enum err
apply_give(struct change *change, struct write *w)
{
	struct groups_give *r = container_of(change, struct groups_give, change);
	struct errinfo *why = &change->why;
	uint64_t principal = 0;
	struct group group;
	enum err e = group_load(w->txn, r->group, &w->arena, &group, why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, e, "no such group");
	if (e == ERR_OK)
		e = identity_principal(w->txn, group.owner, &principal, why);
	if (e == ERR_NOT_FOUND || (e == ERR_OK && principal != r->owned_by))
		return errinfo_set(why, ERR_CHANGED,
		    "the group '%.*s' is somebody else's", BYTES_ARG(group.name));
	group.owner = r->owner;
	return e == ERR_OK ? group_store(w, &group, why) : e;
}

static enum err
apply_create(struct change *change, struct write *w)
{
	struct groups_create *r = container_of(change, struct groups_create, change);
	struct errinfo *why = &change->why;
	struct key key;
	uint64_t id;
	enum err e;

	if (!groups_is_name(r->name))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "'%.*s' is not a group name: letters, digits and . _ - ~, at most %d",
		    BYTES_ARG(r->name), GROUP_NAME_MAX);
	e = group_id(w->txn, r->name, &id, why);
	if (e == ERR_OK)
		return errinfo_set(why, ERR_CONFLICT, "the group name '%.*s' is taken",
		    BYTES_ARG(r->name));
	if (e != ERR_NOT_FOUND)
		return e;
	r->id_out = write_take(w, COUNTER_GROUP, 1);
	key = key_name(r->name);
	str_clear(&w->record);
	pack_u64(&w->record, r->id_out);
	e = row_put(w->txn, DB_GROUP, &key, &w->record, why);
	if (e != ERR_OK)
		return e;
	e = group_store(w,
	    &(struct group){r->id_out, r->name, r->owner, r->description, w->now_ms},
	    why);
	for (size_t i = 0; i < r->n_links && e == ERR_OK; i++)
		e = add_link(w, r->id_out, r->links[i], why);
	return e;
}

void
groups_create(struct store *store, struct groups_create *r)
{
	r->change.apply = apply_create;
	store_submit(store, &r->change);
}

void
groups_delete(struct store *store, struct groups_delete *r)
{
	r->change.apply = apply_delete;
	store_submit(store, &r->change);
}

void
groups_member(struct store *store, struct groups_member *r)
{
	r->change.apply = apply_member;
	store_submit(store, &r->change);
}

void
groups_give(struct store *store, struct groups_give *r)
{
	r->change.apply = apply_give;
	store_submit(store, &r->change);
}

void
groups_replace(struct store *store, struct groups_replace *r)
{
	r->change.apply = apply_replace;
	store_submit(store, &r->change);
}
