/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/quota_hold.h"

#include <pthread.h>
#include <stdlib.h>

#include "service/core/check.h"

/* A container that uploads go to; few at a time, found by looking at all. */
struct row {
	uint64_t id, bytes;
};

struct quota_holds {
	pthread_mutex_t lock;
	struct row *rows;
	size_t n, room;
};

struct quota_holds *
quota_holds_new(void)
{
	struct quota_holds *holds = calloc(1, sizeof *holds);

	if (holds != NULL)
		CHECK(pthread_mutex_init(&holds->lock, NULL) == 0);
	return holds;
}

void
quota_holds_free(struct quota_holds *holds)
{
	if (holds == NULL)
		return;
	(void)pthread_mutex_destroy(&holds->lock);
	free(holds->rows);
	free(holds);
}

/* The row of a container; NULL: none. */
static struct row *
find(const struct quota_holds *holds, uint64_t id)
{
	for (size_t i = 0; i < holds->n; i++)
		if (holds->rows[i].id == id)
			return &holds->rows[i];
	return NULL;
}

static bool
make_room(struct quota_holds *holds, size_t more)
{
	size_t room = holds->room == 0 ? 16 : holds->room;
	struct row *rows;

	while (room < holds->n + more)
		room *= 2;
	if (room == holds->room)
		return true;
	rows = realloc(holds->rows, room * sizeof *rows);
	if (rows == NULL)
		return false;
	holds->rows = rows;
	holds->room = room;
	return true;
}

static enum err
check(const struct quota_holds *holds, const struct nodes_trail *trail, uint64_t bytes,
    uint64_t asked, struct errinfo *why)
{
	for (size_t i = 0; i < trail->n; i++) {
		const struct node *node = &trail->node[i];
		const struct row *row = find(holds, node->id);
		uint64_t used = node->total_bytes + (row == NULL ? 0 : row->bytes);

		if (node->type == NODE_CONTAINER && node->quota != NODE_NO_QUOTA &&
		    (used > node->quota || bytes > node->quota - used))
			return errinfo_set(why, ERR_QUOTA,
			    "used=%llu limit=%llu requested=%llu",
			    (unsigned long long)used, (unsigned long long)node->quota,
			    (unsigned long long)asked);
	}
	return ERR_OK;
}

static void
add(struct quota_holds *holds, uint64_t id, uint64_t bytes)
{
	struct row *row = find(holds, id);

	if (row == NULL) {
		row = &holds->rows[holds->n++];
		*row = (struct row){id, 0};
	}
	row->bytes += bytes;
}

/* The containers of a trail that have a limit. */
static enum err
collect(const struct nodes_trail *trail, struct arena *a, struct quota_hold *hold,
    struct errinfo *why)
{
	uint64_t *id = arena_array(a, uint64_t, trail->n + 1);

	if (id == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "the path is too long");
	for (size_t i = 0; i < trail->n; i++)
		if (trail->node[i].type == NODE_CONTAINER &&
		    trail->node[i].quota != NODE_NO_QUOTA)
			id[hold->n++] = trail->node[i].id;
	hold->id = id;
	return ERR_OK;
}

enum err
quota_hold_begin(struct quota_holds *holds, const struct nodes_trail *trail,
    uint64_t bytes, uint64_t asked, struct arena *a, struct quota_hold *hold,
    struct errinfo *why)
{
	enum err e;

	*hold = (struct quota_hold){.bytes = bytes};
	e = collect(trail, a, hold, why);
	if (e != ERR_OK || hold->n == 0)
		return e;
	CHECK(pthread_mutex_lock(&holds->lock) == 0);
	e = check(holds, trail, bytes, asked, why);
	if (e == ERR_OK && !make_room(holds, hold->n))
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for an upload");
	for (size_t i = 0; i < hold->n && e == ERR_OK; i++)
		add(holds, hold->id[i], bytes);
	CHECK(pthread_mutex_unlock(&holds->lock) == 0);
	if (e != ERR_OK)
		hold->n = 0;
	return e;
}

void
quota_hold_end(struct quota_holds *holds, struct quota_hold *hold)
{
	if (hold->n == 0)
		return;
	CHECK(pthread_mutex_lock(&holds->lock) == 0);
	for (size_t i = 0; i < hold->n; i++) {
		struct row *row = find(holds, hold->id[i]);

		CHECK(row != NULL && row->bytes >= hold->bytes);
		row->bytes -= hold->bytes;
		if (row->bytes == 0)
			*row = holds->rows[--holds->n];
	}
	CHECK(pthread_mutex_unlock(&holds->lock) == 0);
	hold->n = 0;
}

uint64_t
quota_held(struct quota_holds *holds, uint64_t id)
{
	const struct row *row;
	uint64_t bytes;

	CHECK(pthread_mutex_lock(&holds->lock) == 0);
	row = find(holds, id);
	bytes = row == NULL ? 0 : row->bytes;
	CHECK(pthread_mutex_unlock(&holds->lock) == 0);
	return bytes;
}
