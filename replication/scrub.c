/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/scrub_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/loss.h"
#include "replication/sweep.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

enum {
	PERIOD_MS = 100,
	IDLE_PUBLISH_MS = 500,
	AWAY_MS = 200, /* between two looks at a location that is not online */
	MEASURE_MS = 5000,
	PUBLISH_MS = 200,
};

static const char *const kind_names[SCRUB_KINDS] = {"shallow", "deep"};

/* Facts */

/* When the next blob behind `after` was made; INT64_MAX: there is none. */
static int64_t
next_made_ms(struct scrub *s, uint64_t after)
{
	struct blob blob;
	size_t n;

	if (blob_list(s->reader, after, &blob, 1, &n, NULL) != ERR_OK || n == 0)
		return INT64_MAX;
	return blob.created_ms;
}

static int64_t
oldest_ms(struct scrub_lane *lane, enum scrub_kind kind)
{
	const struct scrub_pass *pass = &lane->pass[kind];
	bool by_id = kind == SCRUB_DEEP && !pass->report_only;

	return scrub_pass_oldest(pass, next_made_ms(lane->scrub, by_id ? pass->at : 0));
}

static void
measure(struct scrub_lane *lane)
{
	uint64_t now = clock_mono_ms(), ms = now - lane->measured_ms;

	if (ms < MEASURE_MS)
		return;
	lane->seen.bytes_per_second =
	    (lane->read_bytes - lane->measured_bytes) * 1000 / ms;
	lane->measured_bytes = lane->read_bytes;
	lane->measured_ms = now;
}

/* What others see of it. */
static void
publish(struct scrub_lane *lane)
{
	struct store_facts facts = {.nodes = 0};
	struct scrub_facts *seen = &lane->seen;

	lane->published_ms = clock_mono_ms();
	if (store_facts(lane->scrub->reader, &facts, NULL) != ERR_OK)
		return; /* it stays as it was */
	(void)pthread_mutex_lock(&lane->scrub->lock);
	measure(lane);
	for (unsigned k = 0; k < SCRUB_KINDS; k++) {
		seen->pass[k] = lane->pass[k];
		seen->oldest_ms[k] = oldest_ms(lane, (enum scrub_kind)k);
	}
	seen->read_bytes = lane->read_bytes;
	seen->errors = lane->errors;
	seen->total[SCRUB_SHALLOW] = blob_leaves(facts.blob_ids);
	seen->total[SCRUB_DEEP] = facts.blobs;
	(void)pthread_mutex_unlock(&lane->scrub->lock);
}

static void
publish_sometimes(struct scrub_lane *lane, uint64_t ms)
{
	if (clock_mono_ms() - lane->published_ms >= ms)
		publish(lane);
}

void
scrub_facts(struct scrub *s, unsigned location, struct scrub_facts *out)
{
	(void)pthread_mutex_lock(&s->lock);
	*out = s->lane[location].seen;
	(void)pthread_mutex_unlock(&s->lock);
}

/* Writing it down */

static void save(struct scrub_lane *lane);

static void
saved(struct change *change)
{
	struct store_note *note = container_of(change, struct store_note, change);
	struct scrub_lane *lane = container_of(note, struct scrub_lane, note);

	lane->saving = false;
	if (lane->unsaved && change->err == ERR_OK)
		save(lane);
}

static void
save(struct scrub_lane *lane)
{
	lane->unsaved = lane->saving;
	if (lane->saving)
		return;
	for (unsigned k = 0; k < SCRUB_KINDS; k++)
		scrub_pass_encode(&lane->pass[k], lane->record + k * SCRUB_RECORD_SIZE);
	lane->saving = true;
	lane->saved_ms = clock_mono_ms();
	lane->note = (struct store_note){
	    .change = {.loop = lane->scrub->loop, .done = saved},
	    .name = lane->note_name,
	    .value = {(const char *)lane->record, sizeof lane->record},
	};
	store_note(lane->scrub->m->store, &lane->note);
}

static void
load(struct scrub_lane *lane)
{
	struct errinfo why;
	size_t n;

	if (store_get_note(lane->scrub->reader, lane->note_name, lane->record,
		sizeof lane->record, &n, NULL) != ERR_OK)
		return; /* it never was scrubbed */
	for (unsigned k = 0; k < SCRUB_KINDS; k++)
		if (n != sizeof lane->record ||
		    scrub_pass_decode(
			(struct bytes){(const char *)lane->record + k * SCRUB_RECORD_SIZE,
			    SCRUB_RECORD_SIZE},
			&lane->pass[k], &why) != ERR_OK)
			log_warning("location %u: how far the %s scrub was is not known "
				    "any more",
			    lane->index + 1, kind_names[k]);
}

/* The ends of a step */

bool
scrub_is_void(const struct scrub_lane *lane)
{
	return lane->scrub->stopping || lane->orders != lane->step_orders;
}

void
scrub_rest(struct scrub_lane *lane, uint64_t ms)
{
	lane->busy = false;
	if (!lane->scrub->stopping)
		loop_timer_set(lane->timer, ms);
}

void
scrub_next(struct scrub_lane *lane)
{
	if (clock_mono_ms() - lane->saved_ms >= lane->scrub->save_ms)
		save(lane);
	scrub_rest(lane, 0);
}

/* It can be believed again, unless it was away once more. */
static void
end_merge(struct scrub_lane *lane)
{
	lane->merging = false;
	if (lane->was_off)
		lane->pass[SCRUB_SHALLOW].state = SCRUB_OFF;
	health_merged(lane->scrub->m->health, lane->index, lane->absences);
}

void
scrub_leaf_done(struct scrub_lane *lane)
{
	if (lane->merging)
		health_merged_to(lane->scrub->m->health, lane->index,
		    (unsigned)lane->pass[SCRUB_SHALLOW].at, lane->absences);
	scrub_next(lane);
}

void
scrub_through(struct scrub_lane *lane, enum scrub_kind kind)
{
	struct scrub_pass *pass = &lane->pass[kind];

	scrub_pass_end(pass, clock_wall_ms());
	if (lane->merging && kind == SCRUB_SHALLOW)
		end_merge(lane);
	log_info("location %u: %s scrub is through: %llu copies, %llu bad, %llu missing, "
		 "%llu found again, %llu unknown files%s",
	    lane->index + 1, kind_names[kind], (unsigned long long)pass->files,
	    (unsigned long long)pass->bad, (unsigned long long)pass->missing,
	    (unsigned long long)pass->found, (unsigned long long)pass->unknown,
	    pass->report_only ? ", nothing was changed" : "");
	save(lane);
	publish(lane);
	scrub_rest(lane, 0);
}

void
scrub_halt(struct scrub_lane *lane, enum scrub_kind kind, const char *what)
{
	lane->pass[kind].state = SCRUB_STOPPED;
	log_error(
	    "location %u: the %s scrub stops, there are too many %s: is it the whole "
	    "location? (quartet scrub start goes on)",
	    lane->index + 1, kind_names[kind], what);
	scrub_shallow_reset(lane);
	lane->n = lane->next = 0;
	save(lane);
	publish(lane);
	scrub_rest(lane, 0);
}

/* What steps share */

static bool
is_there(const struct scrub_lane *lane)
{
	enum location_state state = health_state(lane->scrub->m->health, lane->index);

	return state == STATE_ONLINE || (state == STATE_REJOIN && lane->merging);
}

uint64_t
scrub_pause(struct scrub_lane *lane, size_t n)
{
	struct scrub *s = lane->scrub;

	publish_sometimes(lane, PUBLISH_MS);
	if (!is_there(lane))
		return AWAY_MS;
	/* Clients are better served by a location that is soon whole again. */
	return scrub_pace_wait(&lane->pace, clock_mono_us(),
	    lane->merging ? 0 : s->m->location[lane->index]->out, n, s->rate);
}

uint64_t
scrub_hold(void *arg, size_t n)
{
	struct scrub_lane *lane = arg;
	uint64_t pause = scrub_pause(lane, n);

	if (pause == 0)
		lane->read_bytes += n;
	return pause;
}

static bool
is_counted(const struct scrub_lane *lane, uint64_t id)
{
	struct blob blob;

	return blob_get(lane->scrub->reader, id, &blob, NULL) == ERR_OK &&
	       (blob.have >> lane->index & 1);
}

static bool
is_too_much(const struct scrub_lane *lane, const struct scrub_pass *pass)
{
	const struct scrub *s = lane->scrub;
	struct store_facts facts = {.blobs = 0};

	if (pass->report_only || pass->confirmed)
		return false;
	/* Of a location that was away some may be missing; of a small one that is much. */
	return store_facts(s->reader, &facts, NULL) != ERR_OK ||
	       pass->bad + pass->missing >= scrub_limit(facts.blobs, s->bad_max,
						lane->merging ? 100 : s->bad_percent);
}

bool
scrub_lost(
    struct scrub_lane *lane, enum scrub_kind kind, const struct blob *blob, bool is_there)
{
	struct scrub_pass *pass = &lane->pass[kind];

	if (!is_counted(lane, blob->id))
		return true; /* it is gone meanwhile, or a reader was here before */
	if (is_too_much(lane, pass))
		return false;
	lane->errors++;
	pass->bad += is_there;
	pass->missing += !is_there;
	log_warning("location %u: the copy of blob %llu is %s", lane->index + 1,
	    (unsigned long long)blob->id, is_there ? "bad" : "missing");
	if (!pass->report_only)
		loss_note(lane->scrub->m, lane->scrub->loop, blob, lane->index, is_there);
	return true;
}

/* What is done when */

static bool
is_due(struct scrub_lane *lane, enum scrub_kind kind)
{
	uint64_t period = lane->scrub->period_ms[kind];
	int64_t oldest = oldest_ms(lane, kind);

	return period > 0 && oldest != INT64_MAX &&
	       clock_wall_ms() - oldest >= (int64_t)period;
}

static bool
is_running(struct scrub_lane *lane, enum scrub_kind kind)
{
	struct scrub_pass *pass = &lane->pass[kind];

	if (pass->state == SCRUB_IDLE && is_due(lane, kind)) {
		scrub_pass_begin(pass, false, clock_wall_ms());
		save(lane);
	}
	return pass->state == SCRUB_RUNNING;
}

/* Not before the sweep is through: what it is about to remove is no finding. */
static bool
is_ready(const struct scrub_lane *lane)
{
	const struct mirror *m = lane->scrub->m;
	struct sweep_facts sweep;

	sweep_facts(m->sweep, lane->index, &sweep);
	return (sweep.state == SWEEP_DONE || sweep.state == SWEEP_STOPPED) &&
	       is_there(lane);
}

/*
 * It was away and is back: everything that lies there is laid beside the catalogue, from
 * the first leaf on, whatever was ordered about scrubbing. Only a pass that stopped because
 * too much is bad goes on when the operator says so.
 */
static void
merge_if_due(struct scrub_lane *lane)
{
	struct scrub_pass *pass = &lane->pass[SCRUB_SHALLOW];
	struct health *health = lane->scrub->m->health;
	unsigned absences = health_absences(health, lane->index);
	bool confirmed = pass->confirmed;

	if (health_state(health, lane->index) != STATE_REJOIN)
		return;
	if ((lane->merging && lane->absences == absences) ||
	    pass->state == SCRUB_STOPPED) {
		lane->merging = true;
		return;
	}
	scrub_shallow_reset(lane);
	lane->was_off = lane->merging ? lane->was_off : pass->state == SCRUB_OFF;
	lane->merging = true;
	lane->absences = absences;
	scrub_pass_begin(pass, false, clock_wall_ms());
	pass->confirmed = confirmed;
	health_merged_to(health, lane->index, 0, absences);
}

/* The listing is short and daily: it goes first. */
static void
step(void *arg)
{
	struct scrub_lane *lane = arg;

	CHECK(!lane->busy);
	publish_sometimes(lane, IDLE_PUBLISH_MS);
	merge_if_due(lane);
	if (!is_ready(lane)) {
		scrub_rest(lane, PERIOD_MS);
		return;
	}
	lane->busy = true;
	if (lane->orders != lane->step_orders) {
		lane->step_orders = lane->orders;
		scrub_shallow_reset(lane);
		lane->n = lane->next = 0;
	}
	if (is_running(lane, SCRUB_SHALLOW))
		scrub_shallow_step(lane);
	else if (is_running(lane, SCRUB_DEEP))
		scrub_deep_step(lane);
	else
		scrub_rest(lane, PERIOD_MS);
}

/* Orders */

static void
answer(struct loop_job *job)
{
	struct scrub_order *order = container_of(job, struct scrub_order, job);

	order->done(order);
}

static void
obey(struct scrub_lane *lane, const struct scrub_order *order)
{
	for (unsigned k = 0; k < SCRUB_KINDS; k++)
		if (order->kinds[k])
			scrub_pass_order(&lane->pass[k], order->verb, order->report_only,
			    clock_wall_ms());
	lane->orders++;
	save(lane);
	publish(lane);
	if (lane->check != NULL)
		copy_check_cancel(lane->check);
	if (!lane->busy)
		scrub_rest(lane, 0);
}

static void
take_order(struct loop_job *job)
{
	struct scrub_order *order = container_of(job, struct scrub_order, job);
	struct scrub *s = order->scrub;

	for (unsigned i = 0; i < s->m->n && !s->stopping; i++)
		if (order->locations >> i & 1)
			obey(&s->lane[i], order);
	order->job.run = answer;
	loop_post(order->loop, &order->job);
}

void
scrub_order(struct scrub *s, struct scrub_order *order)
{
	order->scrub = s;
	order->job.run = take_order;
	loop_post(s->loop, &order->job);
}

/* Life */

static enum err
lane_init(struct scrub_lane *lane, struct scrub *s, unsigned index, struct errinfo *why)
{
	lane->scrub = s;
	lane->index = index;
	(void)snprintf(lane->note_name, sizeof lane->note_name, "scrub.%u", index + 1);
	lane->timer = loop_timer_new(s->loop, step, lane);
	if (lane->timer == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer");
	lane->saved_ms = lane->measured_ms = clock_mono_ms();
	load(lane);
	publish(lane);
	return ERR_OK;
}

static void
take_settings(struct scrub *s, const struct settings *settings)
{
	s->rate = settings->scrub_rate;
	s->period_ms[SCRUB_SHALLOW] = settings->scrub_shallow_period;
	s->period_ms[SCRUB_DEEP] = settings->scrub_deep_period;
	s->save_ms = settings->scrub_save;
	s->bad_max = settings->scrub_bad_max;
	s->bad_percent = settings->scrub_bad_percent;
	s->unknown_max = settings->sweep_limit;
}

enum err
scrub_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct scrub **out, struct errinfo *why)
{
	struct scrub *s = calloc(1, sizeof *s);
	struct store_facts facts;
	enum err e;

	if (s == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for scrubbing");
	CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	s->m = m;
	s->loop = loop;
	take_settings(s, settings);
	e = store_reader_new(m->store, &s->reader, why);
	if (e == ERR_OK)
		e = store_facts(s->reader, &facts, why);
	if (e == ERR_OK)
		s->ids_end = facts.blob_ids;
	s->keep_below = facts.keep_unknown_below;
	for (unsigned i = 0; i < m->n && e == ERR_OK; i++)
		e = lane_init(&s->lane[i], s, i, why);
	if (e != ERR_OK) {
		scrub_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
scrub_start(struct scrub *s)
{
	for (unsigned i = 0; i < s->m->n; i++)
		loop_timer_set(s->lane[i].timer, PERIOD_MS);
}

static void
stop_lane(struct scrub_lane *lane)
{
	loop_timer_clear(lane->timer);
	if (lane->check != NULL)
		copy_check_cancel(lane->check);
	for (unsigned k = 0; k < SCRUB_KINDS; k++)
		if (lane->pass[k].state == SCRUB_RUNNING) {
			save(lane);
			break;
		}
}

void
scrub_stop(struct scrub *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	for (unsigned i = 0; i < s->m->n; i++)
		stop_lane(&s->lane[i]);
}

bool
scrub_quiet(const struct scrub *s)
{
	for (unsigned i = 0; i < s->m->n; i++)
		if (s->lane[i].busy || s->lane[i].saving)
			return false;
	return true;
}

void
scrub_free(struct scrub *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < LOCATIONS_MAX; i++) {
		struct scrub_lane *lane = &s->lane[i];

		CHECK(!lane->busy && !lane->saving);
		loop_timer_free(lane->timer);
		scrub_shallow_reset(lane);
	}
	store_reader_free(s->reader);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
