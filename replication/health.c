/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/health.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"

enum { GOOD_PROBES = 3, SLOW_PROBE_MS = 2000, EWMA_SHIFT = 3 };

/* One location as it is seen. */
struct sight {
	struct health *h;
	struct location *location;
	_Atomic enum location_state state; /* as it is told */
	_Atomic enum location_state seen; /* ... by probes and users alone */
	_Atomic unsigned reads;
	_Atomic uint64_t read_us; /* exponentially weighted; fades while nobody reads */
	_Atomic uint64_t
	    late_us; /* what is out longer than others waited for it; fades, too */
	_Atomic bool was_read; /* since the last probe */
	_Atomic int stuck;
	_Atomic uint64_t errors;
	_Atomic unsigned good_probes; /* in a row */
	pthread_mutex_t lock; /* of the texts and numbers below */
	char reason[ERRINFO_TEXT_SIZE];
	int64_t since_ms;
	char seen_reason[ERRINFO_TEXT_SIZE];
	uint64_t free_bytes, total_bytes, free_inodes, probes;
	uint8_t disk[STORE_UUID_SIZE], expected[STORE_UUID_SIZE];
	bool has_disk, is_expected;

	/* Where it stands. */
	_Atomic enum location_order order;
	_Atomic bool is_doubtful, is_new;
	_Atomic unsigned absences, merged; /* merged: leaves */
	_Atomic uint64_t new_from, forgotten;

	/* The probe; the loop's own. */
	struct location_probe probe;
	bool probing, overdue;
	bool due; /* at once */
	_Atomic bool answered;
	uint64_t probed_ms;
};

struct health {
	struct health_config config;
	struct loop *loop;
	struct loop_timer *tick;
	struct piece *pages[LOCATIONS_MAX];
	struct sight sight[LOCATIONS_MAX];
	bool stopping;
};

static const char *const names[STATES] = {
    "online", "suspect", "full", "readonly", "hung", "offline", "rejoin", "new", "drain"};

const char *
location_state_name(enum location_state state)
{
	return names[state];
}

static bool
is_away(enum location_state seen)
{
	return seen == STATE_HUNG || seen == STATE_OFFLINE;
}

static const char *const order_reasons[LOCATION_ORDERS] = {
    "",
    "by order of the operator",
    "by order of the operator",
    "taken out by the operator",
};

/* What is told of what is seen. `reason` is set if it is not that of what is seen. */
static enum location_state
judge(const struct sight *s, const char **reason)
{
	static const enum location_state ordered[LOCATION_ORDERS] = {
	    STATE_ONLINE, STATE_READONLY, STATE_DRAIN, STATE_OFFLINE};

	if (s->order == LOCATION_TAKEN_OUT ||
	    (s->order != LOCATION_AS_IT_IS && !is_away(s->seen))) {
		*reason = order_reasons[s->order];
		return ordered[s->order];
	}
	if (s->seen != STATE_ONLINE)
		return s->seen;
	if (s->is_new) {
		*reason = "its disk was empty, and is being filled";
		return STATE_NEW;
	}
	if (s->is_doubtful) {
		*reason = "it was away, and is being looked through";
		return STATE_REJOIN;
	}
	return STATE_ONLINE;
}

/* Something that matters has changed. With the lock, which is given back. */
static void
tell(struct sight *s)
{
	struct health *h = s->h;
	char text[ERRINFO_TEXT_SIZE];
	const char *reason = s->seen_reason;
	enum location_state state = judge(s, &reason);
	bool changed = s->state != state;

	(void)snprintf(text, sizeof text, "%s", reason);
	(void)snprintf(s->reason, sizeof s->reason, "%s", text);
	if (changed) {
		s->state = state;
		s->since_ms = clock_wall_ms();
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (changed && h->config.changed != NULL)
		h->config.changed(h->config.arg, s->location->index, state, text);
}

static void
note_absence(struct sight *s)
{
	s->is_doubtful = true;
	s->merged = 0;
	s->absences++;
}

static void
enter(struct sight *s, enum location_state seen, const char *reason)
{
	if (s->stuck > 0 && !is_away(seen)) {
		/* Whatever else is said of it, its disk still holds operations. */
		seen = STATE_HUNG;
		reason = "operations are still stuck";
	}
	(void)pthread_mutex_lock(&s->lock);
	if (is_away(seen) && (seen != s->seen || !s->is_doubtful))
		note_absence(s);
	(void)snprintf(s->seen_reason, sizeof s->seen_reason, "%s", reason);
	s->seen = seen;
	tell(s);
}

static uint64_t
reserve(const struct health *h, const struct sight *s)
{
	uint64_t share = s->total_bytes / 100 * h->config.reserve_percent;

	return share < h->config.reserve_bytes ? share : h->config.reserve_bytes;
}

static bool
has_room(const struct health *h, const struct sight *s)
{
	uint64_t needed = reserve(h, s);

	if (s->seen == STATE_FULL)
		needed *= 2;
	return s->free_bytes >= needed && s->free_inodes >= h->config.reserve_inodes;
}

/* The location does not answer as it should, but does answer. */
static void
suspect(struct sight *s, const char *reason)
{
	s->good_probes = 0;
	enter(s, STATE_SUSPECT, reason);
}

static void
judge_failure(struct sight *s, int sys, const char *text)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		enter(s, STATE_FULL, text);
		break;
	case EROFS:
		enter(s, STATE_READONLY, text);
		break;
	default:
		suspect(s, text);
		break;
	}
}

static void
judge_success(struct sight *s, uint64_t took_ms)
{
	struct health *h = s->h;

	/* Or one slow read would keep readers away, and the estimate as it is, for good. */
	if (!s->was_read)
		s->read_us = s->read_us / 2;
	s->late_us = s->late_us / 2;
	s->was_read = false;
	if (took_ms > SLOW_PROBE_MS) {
		suspect(s, "a probe took more than two seconds");
		return;
	}
	s->good_probes++;
	if (!has_room(h, s))
		enter(s, STATE_FULL,
		    "less space or fewer inodes are free than the reserve");
	else if (s->seen != STATE_SUSPECT || s->good_probes >= GOOD_PROBES)
		enter(s, STATE_ONLINE, "");
}

static void
probe_done(struct location_call *call)
{
	struct location_probe *p = container_of(call, struct location_probe, call);
	struct sight *s = container_of(p, struct sight, probe);

	s->probing = false;
	s->answered = true;
	if (s->overdue) {
		s->overdue = false;
		health_stuck(s->h, s->location->index, -1);
	}
	(void)pthread_mutex_lock(&s->lock);
	s->probes++;
	if (p->attached) {
		s->free_bytes = p->free_bytes;
		s->total_bytes = p->total_bytes;
		s->free_inodes = p->free_inodes;
		(void)memcpy(s->disk, p->uuid, sizeof s->disk);
		s->has_disk = true;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (call->err == ERR_OK) {
		judge_success(s, (call->finished_us - call->submitted_us) / 1000);
		return;
	}
	if (call->err == ERR_LOCATION_DOWN) {
		enter(s, STATE_OFFLINE, errinfo_text(&call->why));
		return;
	}
	judge_failure(s, call->why.sys, errinfo_text(&call->why));
}

static void
start_probe(struct health *h, struct sight *s)
{
	s->probe = (struct location_probe){
	    .call = {.verb = LOCATION_PROBE, .loop = h->loop, .done = probe_done},
	    .piece = h->pages[s->location->index],
	    .look_only = s->order == LOCATION_READONLY || s->order == LOCATION_DRAINED,
	    .detach = s->order == LOCATION_TAKEN_OUT,
	};
	(void)pthread_mutex_lock(&s->lock);
	s->probe.is_expected = s->is_expected;
	(void)memcpy(s->probe.expected, s->expected, sizeof s->expected);
	(void)pthread_mutex_unlock(&s->lock);
	s->probing = true;
	s->due = false;
	s->probed_ms = clock_mono_ms();
	location_submit(s->location, &s->probe.call);
}

static void
watch_probe(struct sight *s, uint64_t now)
{
	struct health *h = s->h;

	if (s->overdue)
		return;
	if (now - s->probed_ms >= h->config.io_deadline_ms) {
		s->overdue = true;
		s->answered = true;
		health_stuck(h, s->location->index, +1);
		enter(s, STATE_HUNG, "a probe does not come back");
	} else if (now - s->probed_ms > SLOW_PROBE_MS && s->seen == STATE_ONLINE) {
		/* New uploads do without it from now on. */
		suspect(s, "a probe takes more than two seconds");
	}
}

static void
tick(void *arg)
{
	struct health *h = arg;
	uint64_t now = clock_mono_ms();

	if (h->stopping)
		return;
	for (unsigned i = 0; i < h->config.n; i++) {
		struct sight *s = &h->sight[i];

		if (s->probing)
			watch_probe(s, now);
		else if (now - s->probed_ms >= h->config.probe_period_ms ||
			 s->probed_ms == 0 || s->due)
			start_probe(h, s);
	}
	loop_timer_set(h->tick,
	    h->config.probe_period_ms < 1000 ? h->config.probe_period_ms / 2 : 500);
}

enum err
health_new(const struct health_config *config, struct loop *loop, struct pool *pool,
    struct health **out, struct errinfo *why)
{
	struct health *h = calloc(1, sizeof *h);

	if (h == NULL)
		return errinfo_set(
		    why, ERR_NO_MEMORY, "no memory for the health of locations");
	h->config = *config;
	h->loop = loop;
	h->tick = loop_timer_new(loop, tick, h);
	for (unsigned i = 0; i < config->n; i++) {
		struct sight *s = &h->sight[i];

		s->h = h;
		s->location = config->location[i];
		s->state = s->seen = STATE_OFFLINE;
		s->since_ms = clock_wall_ms();
		(void)snprintf(s->reason, sizeof s->reason, "not probed yet");
		(void)snprintf(s->seen_reason, sizeof s->seen_reason, "not probed yet");
		CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
		h->pages[i] = pool_take(pool, PIECE_SMALL);
		if (h->pages[i] == NULL || h->tick == NULL) {
			health_free(h);
			return errinfo_set(
			    why, ERR_NO_MEMORY, "no memory to probe locations");
		}
	}
	*out = h;
	return ERR_OK;
}

void
health_start(struct health *h)
{
	loop_timer_set(h->tick, 0);
}

void
health_stop(struct health *h)
{
	h->stopping = true;
	loop_timer_clear(h->tick);
}

bool
health_quiet(const struct health *h)
{
	for (unsigned i = 0; i < h->config.n; i++)
		if (h->sight[i].probing)
			return false;
	return true;
}

void
health_free(struct health *h)
{
	if (h == NULL)
		return;
	CHECK(health_quiet(h));
	for (unsigned i = 0; i < h->config.n; i++) {
		piece_unref(h->pages[i]);
		(void)pthread_mutex_destroy(&h->sight[i].lock);
	}
	loop_timer_free(h->tick);
	free(h);
}

enum location_state
health_state(const struct health *h, unsigned location)
{
	return h->sight[location].state;
}

location_map
health_writable(const struct health *h, unsigned needed)
{
	location_map good = 0, suspect = 0;

	for (unsigned i = 0; i < h->config.n; i++) {
		if (location_state_takes_files(h->sight[i].state))
			good |= (location_map)(1u << i);
		else if (h->sight[i].state == STATE_SUSPECT)
			suspect |= (location_map)(1u << i);
	}
	for (unsigned i = 0; i < h->config.n; i++)
		if ((unsigned)__builtin_popcount(good) < needed && suspect >> i & 1)
			good |= (location_map)(1u << i);
	return good;
}

void
health_failed(struct health *h, unsigned location, int sys, const char *what)
{
	struct sight *s = &h->sight[location];

	if (is_away(s->seen))
		return; /* known, and for a probe to end */
	if (sys == 0 || sys == ENOENT || sys == ENOMEM || sys == EMFILE || sys == ENFILE)
		return;
	s->errors++;
	if (sys != ENOSPC && sys != EDQUOT && sys != EROFS &&
	    (s->seen == STATE_FULL || s->seen == STATE_READONLY))
		return; /* a suspect may be written to, these must not */
	judge_failure(s, sys, what);
}

void
health_stuck(struct health *h, unsigned location, int change)
{
	struct sight *s = &h->sight[location];

	s->stuck += change;
	if (change > 0)
		enter(s, STATE_HUNG, "an operation does not come back");
}

/* By its state alone. */
static enum health_read
may_read_at_all(const struct sight *s)
{
	switch (s->state) {
	case STATE_ONLINE:
	case STATE_FULL:
	case STATE_READONLY:
	case STATE_REJOIN:
	case STATE_NEW:
		return s->seen == STATE_SUSPECT ? READ_LAST : READ_FIRST;
	case STATE_SUSPECT:
	case STATE_DRAIN:
		return READ_LAST;
	case STATE_HUNG:
	case STATE_OFFLINE:
	case STATES:
		break;
	}
	return READ_NEVER;
}

enum health_read
health_may_read(const struct health *h, unsigned location, uint64_t id)
{
	const struct sight *s = &h->sight[location];
	enum health_read may = may_read_at_all(s);

	if (may == READ_NEVER || (!s->is_new && !s->is_doubtful))
		return may;
	if (s->is_new)
		return id >= s->new_from || id <= s->forgotten ? may : READ_NEVER;
	return blob_leaf(id) < s->merged ? may : READ_LAST;
}

void
health_expect(struct health *h, unsigned location, const uint8_t uuid[STORE_UUID_SIZE])
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	s->is_expected = uuid != NULL;
	if (uuid == NULL)
		s->has_disk = false; /* the next one is */
	if (uuid != NULL)
		(void)memcpy(s->expected, uuid, sizeof s->expected);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
health_disk(struct health *h, unsigned location, uint8_t uuid_out[STORE_UUID_SIZE])
{
	struct sight *s = &h->sight[location];
	bool has;

	(void)pthread_mutex_lock(&s->lock);
	has = s->has_disk;
	(void)memcpy(uuid_out, s->disk, sizeof s->disk);
	(void)pthread_mutex_unlock(&s->lock);
	return has;
}

void
health_order(struct health *h, unsigned location, enum location_order order)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	if (order == LOCATION_TAKEN_OUT && s->order != order)
		note_absence(s);
	if (s->order == LOCATION_TAKEN_OUT && s->order != order) {
		/* What was seen of it is old. */
		s->seen = STATE_OFFLINE;
		(void)snprintf(
		    s->seen_reason, sizeof s->seen_reason, "it was taken out until now");
	}
	s->order = order;
	tell(s);
}

void
health_was_away(struct health *h, unsigned location)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	note_absence(s);
	tell(s);
}

bool
health_is_doubtful(const struct health *h, unsigned location)
{
	return h->sight[location].is_doubtful;
}

unsigned
health_absences(const struct health *h, unsigned location)
{
	return h->sight[location].absences;
}

void
health_merged_to(struct health *h, unsigned location, unsigned leaves, unsigned absences)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	if (s->absences == absences)
		s->merged = leaves;
	(void)pthread_mutex_unlock(&s->lock);
}

void
health_merged(struct health *h, unsigned location, unsigned absences)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	if (s->absences == absences)
		s->is_doubtful = false;
	tell(s);
}

void
health_is_new(struct health *h, unsigned location, uint64_t from, uint64_t forgotten)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	s->new_from = from;
	s->forgotten = forgotten;
	if (!s->is_new)
		s->is_doubtful = false; /* that was said of the disk before */
	s->is_new = true;
	tell(s);
}

void
health_filled(struct health *h, unsigned location)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	s->is_new = false;
	tell(s);
}

void
health_probe_now(struct health *h, unsigned location)
{
	h->sight[location].due = true;
	if (!h->stopping)
		loop_timer_set(h->tick, 0);
}

void
health_read_begun(struct health *h, unsigned location)
{
	h->sight[location].reads++;
}

void
health_read_ended(struct health *h, unsigned location, uint64_t us)
{
	struct sight *s = &h->sight[location];
	uint64_t old = s->read_us;

	s->reads--;
	s->was_read = true;
	/* Two loops may lose one another's sample here; it is an estimate. */
	s->read_us = old == 0 ? us : old - (old >> EWMA_SHIFT) + (us >> EWMA_SHIFT);
}

uint64_t
health_read_us(const struct health *h, unsigned location)
{
	return h->sight[location].read_us;
}

void
health_read_slow(struct health *h, unsigned location, uint64_t us)
{
	struct sight *s = &h->sight[location];

	if (s->late_us < us)
		s->late_us = us;
}

uint64_t
health_read_score(const struct health *h, unsigned location)
{
	const struct sight *s = &h->sight[location];

	return (s->read_us > s->late_us ? s->read_us : s->late_us) * (s->reads + 1u);
}

void
health_facts(struct health *h, unsigned location, struct health_facts *out)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	*out = (struct health_facts){
	    .state = s->state,
	    .since_ms = s->since_ms,
	    .free_bytes = s->free_bytes,
	    .total_bytes = s->total_bytes,
	    .free_inodes = s->free_inodes,
	    .errors = s->errors,
	    .probes = s->probes,
	    .stuck = (unsigned)s->stuck,
	    .reads = s->reads,
	    .read_us = s->read_us,
	    .order = s->order,
	    .is_new = s->is_new,
	    .is_doubtful = s->is_doubtful,
	};
	(void)snprintf(out->reason, sizeof out->reason, "%s", s->reason);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
health_settled(const struct health *h)
{
	for (unsigned i = 0; i < h->config.n; i++)
		if (!h->sight[i].answered)
			return false;
	return true;
}
