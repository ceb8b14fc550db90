/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/blob_ids.h"

#include <pthread.h>
#include <stdlib.h>

#include "service/core/check.h"

enum { LOW_MARK = STORE_ID_BLOCK / 2 };

struct open_id {
	struct open_id *prev, *next; /* ascending */
	uint64_t id;
};

struct block {
	uint64_t next, end;
};

struct blob_ids {
	struct blob_ids_config config;
	struct loop_job fetch_job;
	struct store_reserve reserve;
	unsigned leaves_out; /* calls to make them; the loop's own */

	pthread_mutex_t lock; /* of everything below */
	struct block current, spare;
	bool fetching, swept, stopping;
	struct open_id *first, *last;
	struct blob_ids_waiter *waiters;
};

/* Called with the lock held. */
static void
publish_oldest(struct blob_ids *ids)
{
	uint64_t oldest = ids->current.next;

	if (!ids->swept || ids->current.end == 0)
		return;
	if (ids->first != NULL)
		oldest = ids->first->id;
	else if (ids->current.next == ids->current.end && ids->spare.end != 0)
		oldest = ids->spare.next;
	store_set_oldest_open(ids->config.store, oldest);
}

struct leaf_call {
	struct location_leaf leaf;
	struct blob_ids *ids;
};

static void
leaf_made(struct location_call *call)
{
	struct location_leaf *leaf = container_of(call, struct location_leaf, call);
	struct leaf_call *l = container_of(leaf, struct leaf_call, leaf);

	l->ids->leaves_out--;
	free(l); /* if it failed, the leaf is made on demand */
}

static void
make_leaves(struct blob_ids *ids, unsigned leaf)
{
	for (unsigned i = 0; i < ids->config.n; i++) {
		struct leaf_call *l = calloc(1, sizeof *l);

		if (l == NULL)
			return;
		l->ids = ids;
		l->leaf.call = (struct location_call){
		    .verb = LOCATION_LEAF, .loop = ids->config.loop, .done = leaf_made};
		l->leaf.leaf = leaf;
		ids->leaves_out++;
		location_submit(ids->config.location[i], &l->leaf.call);
	}
}

/* Called with the lock held. */
static void
add_block(struct blob_ids *ids, uint64_t first)
{
	struct block block = {first, first + STORE_ID_BLOCK};

	if (ids->current.next == ids->current.end)
		ids->current = block;
	else
		ids->spare = block;
	publish_oldest(ids);
}

/* Those who wait get an id, or are told why there is none; the next one asks again. */
static void
reserved(struct change *change)
{
	struct blob_ids *ids = container_of(change, struct blob_ids, reserve.change);
	struct blob_ids_waiter *w, *next;

	if (change->err == ERR_OK)
		make_leaves(ids, blob_leaf(ids->reserve.first_out));
	(void)pthread_mutex_lock(&ids->lock);
	if (change->err == ERR_OK)
		add_block(ids, ids->reserve.first_out);
	ids->fetching = false;
	w = ids->waiters;
	ids->waiters = NULL;
	(void)pthread_mutex_unlock(&ids->lock);
	for (; w != NULL; w = next) {
		next = w->next;
		w->err = change->err;
		w->why = change->why;
		loop_post(w->loop, &w->job);
	}
}

static void
fetch(struct loop_job *job)
{
	struct blob_ids *ids = container_of(job, struct blob_ids, fetch_job);

	ids->reserve = (struct store_reserve){
	    .change = {.loop = ids->config.loop, .done = reserved}};
	store_reserve(ids->config.store, &ids->reserve);
}

/* Called with the lock held. */
static void
fetch_if_low(struct blob_ids *ids)
{
	uint64_t left = ids->current.end - ids->current.next;

	if (ids->fetching || ids->stopping || ids->spare.end != 0 || left > LOW_MARK)
		return;
	ids->fetching = true;
	loop_post(ids->config.loop, &ids->fetch_job);
}

enum err
blob_ids_new(
    const struct blob_ids_config *config, struct blob_ids **out, struct errinfo *why)
{
	struct blob_ids *ids = calloc(1, sizeof *ids);

	if (ids == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for blob ids");
	ids->config = *config;
	ids->fetch_job.run = fetch;
	CHECK(pthread_mutex_init(&ids->lock, NULL) == 0);
	*out = ids;
	return ERR_OK;
}

void
blob_ids_start(struct blob_ids *ids)
{
	(void)pthread_mutex_lock(&ids->lock);
	fetch_if_low(ids);
	(void)pthread_mutex_unlock(&ids->lock);
}

void
blob_ids_stop(struct blob_ids *ids)
{
	(void)pthread_mutex_lock(&ids->lock);
	ids->stopping = true;
	(void)pthread_mutex_unlock(&ids->lock);
}

bool
blob_ids_quiet(struct blob_ids *ids)
{
	bool fetching;

	(void)pthread_mutex_lock(&ids->lock);
	fetching = ids->fetching;
	(void)pthread_mutex_unlock(&ids->lock);
	return !fetching && ids->leaves_out == 0;
}

void
blob_ids_free(struct blob_ids *ids)
{
	struct open_id *next;

	if (ids == NULL)
		return;
	for (struct open_id *o = ids->first; o != NULL; o = next) {
		next = o->next; /* an upload that a hung location never gave back */
		free(o);
	}
	(void)pthread_mutex_destroy(&ids->lock);
	free(ids);
}

/* Called with the lock held. */
static void
append(struct blob_ids *ids, struct open_id *o)
{
	o->prev = ids->last;
	if (ids->last != NULL)
		ids->last->next = o;
	else
		ids->first = o;
	ids->last = o;
	publish_oldest(ids);
}

bool
blob_ids_reopen(struct blob_ids *ids, uint64_t id)
{
	struct open_id *o = calloc(1, sizeof *o);

	if (o == NULL)
		return false;
	o->id = id;
	(void)pthread_mutex_lock(&ids->lock);
	CHECK(ids->last == NULL || ids->last->id < id);
	append(ids, o);
	(void)pthread_mutex_unlock(&ids->lock);
	return true;
}

/* Called with the lock held. */
static bool
take(struct blob_ids *ids, struct open_id *o)
{
	if (ids->current.next == ids->current.end) {
		ids->current = ids->spare;
		ids->spare = (struct block){0, 0};
	}
	fetch_if_low(ids);
	if (ids->current.next == ids->current.end)
		return false;
	o->id = ids->current.next++;
	append(ids, o);
	return true;
}

bool
blob_ids_take(struct blob_ids *ids, uint64_t *id_out)
{
	struct open_id *o = calloc(1, sizeof *o);
	bool good;

	if (o == NULL)
		return false;
	(void)pthread_mutex_lock(&ids->lock);
	good = take(ids, o);
	(void)pthread_mutex_unlock(&ids->lock);
	if (good)
		*id_out = o->id;
	else
		free(o);
	return good;
}

void
blob_ids_wait(struct blob_ids *ids, struct blob_ids_waiter *w)
{
	bool ready;

	(void)pthread_mutex_lock(&ids->lock);
	ready = ids->current.next < ids->current.end || ids->spare.end != 0;
	if (!ready) {
		w->next = ids->waiters;
		ids->waiters = w;
		fetch_if_low(ids);
	}
	(void)pthread_mutex_unlock(&ids->lock);
	if (!ready)
		return;
	w->err = ERR_OK;
	loop_post(w->loop, &w->job);
}

/* Called with the lock held. Those at the ends are asked for most: the oldest, and those
 * that are just being uploaded. */
static struct open_id *
find(struct blob_ids *ids, uint64_t id)
{
	struct open_id *up = ids->first, *down = ids->last;

	while (up != NULL && up->id <= id && down->id >= id) {
		if (up->id == id)
			return up;
		if (down->id == id)
			return down;
		up = up->next;
		down = down->prev;
		if (down == NULL)
			break;
	}
	return NULL;
}

void
blob_ids_close(struct blob_ids *ids, uint64_t id)
{
	struct open_id *o;

	(void)pthread_mutex_lock(&ids->lock);
	o = find(ids, id);
	CHECK(o != NULL);
	*(o->prev != NULL ? &o->prev->next : &ids->first) = o->next;
	*(o->next != NULL ? &o->next->prev : &ids->last) = o->prev;
	publish_oldest(ids);
	(void)pthread_mutex_unlock(&ids->lock);
	free(o);
}

uint64_t
blob_ids_next(struct blob_ids *ids, uint64_t otherwise)
{
	uint64_t next = otherwise;

	(void)pthread_mutex_lock(&ids->lock);
	if (ids->current.next < ids->current.end)
		next = ids->current.next;
	else if (ids->spare.end != 0)
		next = ids->spare.next;
	(void)pthread_mutex_unlock(&ids->lock);
	return next;
}

bool
blob_ids_is_open(struct blob_ids *ids, uint64_t id)
{
	bool is;

	(void)pthread_mutex_lock(&ids->lock);
	is = find(ids, id) != NULL;
	(void)pthread_mutex_unlock(&ids->lock);
	return is;
}

void
blob_ids_swept(struct blob_ids *ids)
{
	(void)pthread_mutex_lock(&ids->lock);
	ids->swept = true;
	publish_oldest(ids);
	(void)pthread_mutex_unlock(&ids->lock);
}
