/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/meta_call.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service/core/check.h"

struct meta_call {
	struct location *location;
	union {
		struct location_call call; /* each of the others begins with it */
		struct location_meta_write write;
		struct location_meta_remove remove;
		struct location_meta_list list;
	} u;
	char name[LOCATION_META_NAME_SIZE], publish[LOCATION_META_NAME_SIZE];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done, left; /* nobody waits any more */
	uint8_t memory[];
};

void
meta_call_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	CHECK(pthread_condattr_init(&attributes) == 0);
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(cond, &attributes) == 0);
	(void)pthread_condattr_destroy(&attributes);
}

bool
meta_call_sleep(
    pthread_mutex_t *lock, pthread_cond_t *cond, const bool *flag, uint64_t ms)
{
	struct timespec until;
	bool up;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_mutex_lock(lock);
	while (!*flag && pthread_cond_timedwait(cond, lock, &until) == 0)
		continue;
	up = *flag;
	(void)pthread_mutex_unlock(lock);
	return up;
}

struct meta_call *
meta_call_new(struct location *location, size_t room)
{
	struct meta_call *c = calloc(1, sizeof *c + room);

	if (c == NULL)
		return NULL;
	c->location = location;
	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	meta_call_cond_init(&c->changed);
	return c;
}

uint8_t *
meta_call_memory(struct meta_call *c)
{
	return c->memory;
}

void
meta_call_free(struct meta_call *c)
{
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* On the location's thread. */
static void
came_back(struct location_call *call)
{
	struct meta_call *c = container_of(call, struct meta_call, u.call);
	bool left;

	(void)pthread_mutex_lock(&c->lock);
	c->done = true;
	left = c->left;
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	if (!left)
		return;
	if (call->verb == LOCATION_META_LIST)
		free(c->u.list.found);
	meta_call_free(c);
}

/* False: it is the location's now. */
static bool
carry_out(struct meta_call *c, enum location_verb verb, uint64_t deadline_ms)
{
	bool done;

	c->u.call.verb = verb;
	c->u.call.loop = NULL;
	c->u.call.done = came_back;
	location_submit(c->location, &c->u.call);
	(void)meta_call_sleep(&c->lock, &c->changed, &c->done, deadline_ms);
	(void)pthread_mutex_lock(&c->lock);
	done = c->done;
	c->left = !done;
	(void)pthread_mutex_unlock(&c->lock);
	return done;
}

static enum err
end(struct meta_call *c, bool done, const char *location, struct errinfo *why)
{
	enum err e;

	if (!done)
		return errinfo_set(
		    why, ERR_TIMEOUT, "%s does not answer in time", location);
	e = c->u.call.err;
	if (e != ERR_OK)
		*why = c->u.call.why;
	meta_call_free(c);
	return e;
}

enum err
meta_call_write(struct meta_call *c, const char *name, uint64_t offset, size_t n,
    const char *publish, uint64_t deadline_ms, struct errinfo *why)
{
	const char *location = c->location->name;

	(void)snprintf(c->name, sizeof c->name, "%s", name);
	(void)snprintf(
	    c->publish, sizeof c->publish, "%s", publish == NULL ? "" : publish);
	c->u.write = (struct location_meta_write){
	    .name = c->name,
	    .publish = publish == NULL ? NULL : c->publish,
	    .begin = offset == 0,
	    .sync = publish != NULL,
	    .from = c->memory,
	    .n = n,
	    .offset = offset,
	};
	return end(c, carry_out(c, LOCATION_META_WRITE, deadline_ms), location, why);
}

enum err
meta_call_remove(struct location *location, const char *name, uint64_t deadline_ms,
    struct errinfo *why)
{
	struct meta_call *c = meta_call_new(location, 0);

	if (c == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a call");
	(void)snprintf(c->name, sizeof c->name, "%s", name);
	c->u.remove.name = c->name;
	return end(
	    c, carry_out(c, LOCATION_META_REMOVE, deadline_ms), location->name, why);
}

enum err
meta_call_list(struct location *location, uint64_t deadline_ms,
    struct location_meta_found **found_out, size_t *n_out, struct errinfo *why)
{
	struct meta_call *c = meta_call_new(location, 0);
	bool done;

	*found_out = NULL;
	*n_out = 0;
	if (c == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a call");
	done = carry_out(c, LOCATION_META_LIST, deadline_ms);
	if (done && c->u.call.err == ERR_OK) {
		*found_out = c->u.list.found;
		*n_out = c->u.list.n;
	}
	return end(c, done, location->name, why);
}
