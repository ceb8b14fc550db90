/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/census.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "storage/blob_census.h"

/* At most a tenth of the time is spent counting. */
enum { PERIOD_MS = 1000, PAUSE_FACTOR = 9 };

struct census {
	struct store_reader *reader;
	struct loop_timer *timer;
	struct blob_census round;
	uint64_t spent_us; /* on this round */
	pthread_mutex_t lock; /* of what was found */
	struct census_facts facts;
};

/* The round is complete. */
static void
publish(struct census *c)
{
	uint64_t now = clock_mono_ms(), sum = 0;
	struct census_facts *f = &c->facts;

	(void)pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < LOCATIONS_MAX; i++) {
		f->repairs[i] = c->round.repairs[i];
		f->removals[i] = c->round.removals[i];
		f->lacking[i] = c->round.lacking[i];
		sum += f->lacking[i];
		if (sum == 0)
			f->lacking_since_ms[i] = 0;
		else if (f->lacking_since_ms[i] == 0)
			f->lacking_since_ms[i] = now;
	}
	(void)pthread_mutex_unlock(&c->lock);
}

static void
next_page(void *arg)
{
	struct census *c = arg;
	uint64_t began_us = clock_mono_us(), pause_ms;
	struct errinfo why;
	enum err e = blob_census_page(c->reader, &c->round, &why);

	c->spent_us += clock_mono_us() - began_us;
	if (e == ERR_OK && !c->round.done) {
		loop_timer_set(c->timer, 1);
		return;
	}
	if (e == ERR_OK)
		publish(c);
	else
		log_debug("missing copies were not counted: %s", errinfo_text(&why));
	pause_ms = c->spent_us / 1000 * PAUSE_FACTOR;
	c->round = (struct blob_census){.done = false};
	c->spent_us = 0;
	loop_timer_set(c->timer, pause_ms > PERIOD_MS ? pause_ms : PERIOD_MS);
}

enum err
census_new(struct mirror *m, struct loop *loop, struct census **out, struct errinfo *why)
{
	struct census *c = calloc(1, sizeof *c);
	enum err e;

	if (c == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the census");
	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	c->timer = loop_timer_new(loop, next_page, c);
	e = c->timer == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer")
			     : store_reader_new(m->store, &c->reader, why);
	if (e != ERR_OK) {
		census_free(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

void
census_start(struct census *c)
{
	loop_timer_set(c->timer, 0);
}

void
census_stop(struct census *c)
{
	loop_timer_clear(c->timer);
}

void
census_free(struct census *c)
{
	if (c == NULL)
		return;
	loop_timer_free(c->timer);
	store_reader_free(c->reader);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

void
census_facts(struct census *c, struct census_facts *out)
{
	(void)pthread_mutex_lock(&c->lock);
	*out = c->facts;
	(void)pthread_mutex_unlock(&c->lock);
}
