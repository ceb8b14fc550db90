/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/roll_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

enum { PERIOD_MS = 100, RETRY_MS = 2000 };

/* Writing it down */

static bool
is_saved(const struct roll_entry *e)
{
	uint8_t a[ROLL_RECORD_SIZE], b[ROLL_RECORD_SIZE];

	roll_record_encode(&e->now, a);
	roll_record_encode(&e->saved, b);
	return memcmp(a, b, sizeof a) == 0;
}

/* What a record means for health. */
static void
apply(struct roll_entry *e)
{
	struct health *health = e->roll->m->health;
	const struct roll_record *r = &e->saved;

	health_expect(health, e->index, r->has_disk ? r->disk : NULL);
	if (r->is_new)
		health_is_new(health, e->index, r->new_from, e->forgotten);
	else
		health_filled(health, e->index);
	health_order(health, e->index, r->order);
}

static void
saved(struct change *change)
{
	struct store_note *note = container_of(change, struct store_note, change);
	struct roll_entry *e = container_of(note, struct roll_entry, note);
	bool was_new = e->saved.is_new;

	e->busy = false;
	if (change->err != ERR_OK) {
		e->retry_ms = clock_mono_ms() + RETRY_MS;
		if (e->step == ROLL_SAVING)
			roll_order_saved(e, change->err, &change->why);
		return;
	}
	e->saved = e->saving;
	apply(e);
	if (was_new && !e->saved.is_new)
		log_info(
		    "location %u: its new disk has all that it should", e->index + 1);
	if (e->step == ROLL_SAVING && is_saved(e))
		roll_order_saved(e, ERR_OK, &change->why);
	else
		roll_look(e);
}

static void
save(struct roll_entry *e)
{
	e->saving = e->now;
	roll_record_encode(&e->saving, e->value);
	e->busy = true;
	e->note = (struct store_note){
	    .change = {.loop = e->roll->loop, .done = saved},
	    .name = e->note_name,
	    .value = {(const char *)e->value, sizeof e->value},
	};
	store_note(e->roll->m->store, &e->note);
}

/* Filling it: first what was there is forgotten, then repair has it to do. */

static void
forgot(struct change *change)
{
	struct blob_forget *forget = container_of(change, struct blob_forget, change);
	struct roll_entry *e = container_of(forget, struct roll_entry, forget);

	e->busy = false;
	if (change->err != ERR_OK) {
		e->retry_ms = clock_mono_ms() + RETRY_MS;
		return;
	}
	if (!e->now.is_new || e->step > ROLL_FORMATTING)
		return; /* it was replaced once more */
	e->forgotten = forget->upto_out;
	health_is_new(e->roll->m->health, e->index, e->now.new_from, e->forgotten);
}

static void
fill(struct roll_entry *e)
{
	struct roll *roll = e->roll;
	bool any = true;

	if (e->forgotten + 1 < e->now.new_from) {
		e->busy = true;
		e->forget = (struct blob_forget){
		    .change = {.loop = roll->loop, .done = forgot},
		    .location = e->index,
		    .after = e->forgotten,
		    .end = e->now.new_from,
		    .cursor = e->cursor_name,
		};
		blob_forget(roll->m->store, &e->forget);
	} else if (health_state(roll->m->health, e->index) == STATE_NEW &&
		   blob_repairs_below(
		       roll->reader, e->index, e->now.new_from, &any, NULL) == ERR_OK &&
		   !any) {
		e->now.is_new = false;
		save(e);
	}
}

void
roll_look(struct roll_entry *e)
{
	struct health *health = e->roll->m->health;

	if (e->busy || e->roll->stopping)
		return;
	if (!e->now.has_disk && !e->saved.has_disk)
		e->now.has_disk = health_disk(health, e->index, e->now.disk);
	/* A disk that is becoming new has nothing to be looked through. */
	e->now.is_doubtful =
	    health_is_doubtful(health, e->index) && (!e->now.is_new || e->saved.is_new);
	if (clock_mono_ms() < e->retry_ms && e->step != ROLL_SAVING)
		return;
	if (!is_saved(e))
		save(e);
	else if (e->now.is_new && e->step <= ROLL_FORMATTING)
		fill(e);
}

static void
tick(void *arg)
{
	struct roll *roll = arg;

	if (roll->stopping)
		return;
	for (unsigned i = 0; i < roll->m->n; i++) {
		roll_order_tick(&roll->entry[i]);
		roll_look(&roll->entry[i]);
	}
	loop_timer_set(roll->timer, PERIOD_MS);
}

/* Life */

static enum err
load(struct roll_entry *e, struct errinfo *why)
{
	struct roll *roll = e->roll;
	uint8_t record[ROLL_RECORD_SIZE];
	size_t n;
	enum err e1 =
	    store_get_note(roll->reader, e->note_name, record, sizeof record, &n, why);

	if (e1 == ERR_NOT_FOUND)
		return ERR_OK; /* it was never seen */
	if (e1 == ERR_OK)
		e1 = roll_record_decode(
		    (struct bytes){(const char *)record, n}, &e->saved, why);
	if (e1 == ERR_OK)
		e1 = blob_forgotten(roll->reader, e->cursor_name, &e->forgotten, why);
	if (e1 == ERR_DAMAGED) {
		log_warning("location %u: what was known of it is lost: it is looked "
			    "through (%s)",
		    e->index + 1, errinfo_text(why));
		e->saved = (struct roll_record){.is_doubtful = true};
		e1 = ERR_OK;
	}
	if (e1 != ERR_OK)
		return e1;
	e->now = e->saved;
	apply(e);
	if (e->saved.is_doubtful)
		health_was_away(roll->m->health, e->index);
	return ERR_OK;
}

enum err
roll_new(struct mirror *m, struct loop *loop, struct roll **out, struct errinfo *why)
{
	struct roll *roll = calloc(1, sizeof *roll);
	enum err e;

	if (roll == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the locations");
	roll->m = m;
	roll->loop = loop;
	roll->timer = loop_timer_new(loop, tick, roll);
	roll->scan = loop_timer_new(loop, roll_order_scan, roll);
	e = roll->timer == NULL || roll->scan == NULL
		? errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer")
		: store_reader_new(m->store, &roll->reader, why);
	for (unsigned i = 0; i < m->n && e == ERR_OK; i++) {
		struct roll_entry *entry = &roll->entry[i];

		entry->roll = roll;
		entry->index = i;
		(void)snprintf(
		    entry->note_name, sizeof entry->note_name, "location.%u", i + 1);
		(void)snprintf(
		    entry->cursor_name, sizeof entry->cursor_name, "forgotten.%u", i + 1);
		e = load(entry, why);
	}
	if (e != ERR_OK) {
		roll_free(roll);
		return e;
	}
	*out = roll;
	return ERR_OK;
}

void
roll_start(struct roll *roll)
{
	loop_timer_set(roll->timer, PERIOD_MS);
}

void
roll_stop(struct roll *roll)
{
	if (roll->stopping)
		return;
	roll->stopping = true;
	loop_timer_clear(roll->timer);
	loop_timer_clear(roll->scan);
	for (unsigned i = 0; i < roll->m->n; i++)
		roll_order_cancel(&roll->entry[i]);
}

bool
roll_quiet(const struct roll *roll)
{
	for (unsigned i = 0; i < roll->m->n; i++)
		if (roll->entry[i].busy || roll->entry[i].formatting)
			return false;
	return true;
}

void
roll_free(struct roll *roll)
{
	if (roll == NULL)
		return;
	CHECK(roll_quiet(roll));
	loop_timer_free(roll->timer);
	loop_timer_free(roll->scan);
	store_reader_free(roll->reader);
	free(roll);
}
