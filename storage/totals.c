/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/totals.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "storage/keys.h"
#include "storage/node.h"
#include "storage/node_codec.h"

struct entry {
	uint64_t id; /* 0 = free */
	struct total delta;
};

struct step {
	uint64_t id;
	struct total delta;
};

struct totals {
	struct entry *entries; /* open addressing, a power of two, never over half full */
	size_t room, used;
	struct step *steps; /* since the mark, for undo */
	size_t n_steps, steps_room;
};

enum { FIRST_ROOM = 256, DEPTH_LIMIT = 100000 };

struct totals *
totals_new(void)
{
	struct totals *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->room = FIRST_ROOM;
	t->entries = calloc(t->room, sizeof *t->entries);
	if (t->entries == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
totals_free(struct totals *t)
{
	if (t == NULL)
		return;
	free(t->entries);
	free(t->steps);
	free(t);
}

/* The entry of `id`, or the free one where it belongs. */
static struct entry *
find(const struct totals *t, uint64_t id)
{
	size_t at = (size_t)(id * 0x9e3779b97f4a7c15u) & (t->room - 1);

	while (t->entries[at].id != 0 && t->entries[at].id != id)
		at = (at + 1) & (t->room - 1);
	return &t->entries[at];
}

static bool
grow(struct totals *t)
{
	struct entry *old = t->entries;
	size_t old_room = t->room;

	t->entries = calloc(t->room * 2, sizeof *t->entries);
	if (t->entries == NULL) {
		t->entries = old;
		return false;
	}
	t->room *= 2;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].id != 0)
			*find(t, old[i].id) = old[i];
	free(old);
	return true;
}

static bool
remember(struct totals *t, uint64_t id, struct total delta)
{
	if (t->n_steps == t->steps_room) {
		size_t room = t->steps_room == 0 ? 64 : t->steps_room * 2;
		struct step *steps = realloc(t->steps, room * sizeof *steps);

		if (steps == NULL)
			return false;
		t->steps = steps;
		t->steps_room = room;
	}
	t->steps[t->n_steps++] = (struct step){id, delta};
	return true;
}

static bool
add_one(struct totals *t, uint64_t id, struct total delta)
{
	struct entry *e;

	if (t->used * 2 >= t->room && !grow(t))
		return false;
	if (!remember(t, id, delta))
		return false;
	e = find(t, id);
	t->used += e->id == 0;
	e->id = id;
	e->delta.bytes += delta.bytes;
	e->delta.files += delta.files;
	return true;
}

void
totals_mark(struct totals *t)
{
	t->n_steps = 0;
}

void
totals_undo(struct totals *t)
{
	while (t->n_steps > 0) {
		const struct step *s = &t->steps[--t->n_steps];
		struct entry *e = find(t, s->id);

		e->delta.bytes -= s->delta.bytes;
		e->delta.files -= s->delta.files;
	}
}

struct total
totals_pending(const struct totals *t, uint64_t id)
{
	const struct entry *e = find(t, id);

	return e->id == 0 ? (struct total){0, 0} : e->delta;
}

/* The bytes added to `id` since the mark. */
static int64_t
added(const struct totals *t, uint64_t id)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < t->n_steps; i++)
		if (t->steps[i].id == id)
			bytes += t->steps[i].delta.bytes;
	return bytes;
}

/* A move inside a container that is over its quota already does not make it fuller. */
static enum err
check_quota(const struct totals *t, uint64_t id, struct bytes record, uint64_t quota,
    struct total delta, uint64_t what, struct errinfo *why)
{
	uint64_t bytes, files, used;
	enum err e;

	if (quota == NODE_NO_QUOTA || delta.bytes <= 0 || added(t, id) + delta.bytes <= 0)
		return ERR_OK;
	e = node_record_totals(id, record, &bytes, &files, why);
	if (e != ERR_OK)
		return e;
	used = bytes + (uint64_t)totals_pending(t, id).bytes;
	if (used + (uint64_t)delta.bytes <= quota)
		return ERR_OK;
	return errinfo_set(why, ERR_QUOTA, "used=%llu limit=%llu requested=%llu",
	    (unsigned long long)used, (unsigned long long)quota,
	    (unsigned long long)what);
}

enum err
totals_add(struct totals *t, struct db_txn *txn, uint64_t id, struct total delta,
    uint64_t what, struct errinfo *why)
{
	if (delta.bytes == 0 && delta.files == 0)
		return ERR_OK;
	for (unsigned depth = 0; id != 0; depth++) {
		struct key key = key_id(id);
		struct bytes record;
		uint64_t parent, quota;
		enum err e = db_get(txn, DB_NODE, key_bytes(&key), &record, why);

		if (e == ERR_NOT_FOUND || depth > DEPTH_LIMIT)
			return errinfo_set(why, ERR_DAMAGED,
			    "container %llu has no way to the root",
			    (unsigned long long)id);
		if (e == ERR_OK)
			e = node_record_parent(id, record, &parent, &quota, why);
		if (e == ERR_OK)
			e = check_quota(t, id, record, quota, delta, what, why);
		if (e != ERR_OK)
			return e;
		if (!add_one(t, id, delta))
			return errinfo_set(why, ERR_NO_MEMORY, "no memory for totals");
		id = parent;
	}
	return ERR_OK;
}

static enum err
flush_one(struct db_txn *txn, const struct entry *entry, struct errinfo *why)
{
	struct key key = key_id(entry->id);
	struct bytes record;
	uint64_t bytes, files;
	uint8_t *copy;
	enum err e = db_get(txn, DB_NODE, key_bytes(&key), &record, why);

	if (e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e == ERR_OK)
		e = node_record_totals(entry->id, record, &bytes, &files, why);
	if (e != ERR_OK)
		return e;
	copy = malloc(record.n);
	if (copy == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for totals");
	(void)memcpy(copy, record.p, record.n);
	node_record_set_totals(entry->id, copy, record.n,
	    bytes + (uint64_t)entry->delta.bytes, files + (uint64_t)entry->delta.files);
	e = db_put(txn, DB_NODE, key_bytes(&key),
	    (struct bytes){(const char *)copy, record.n}, why);
	free(copy);
	return e;
}

enum err
totals_flush(struct totals *t, struct db_txn *txn, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < t->room && e == ERR_OK; i++) {
		const struct entry *entry = &t->entries[i];

		if (entry->id != 0 &&
		    (entry->delta.bytes != 0 || entry->delta.files != 0))
			e = flush_one(txn, entry, why);
	}
	totals_clear(t);
	return e;
}

void
totals_clear(struct totals *t)
{
	if (t->used > 0)
		(void)memset(t->entries, 0, t->room * sizeof *t->entries);
	t->used = 0;
	t->n_steps = 0;
}
