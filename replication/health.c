/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/health_sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"

enum { GOOD_PROBES = 3, SLOW_PROBE_MS = 2000, EWMA_SHIFT = 3 };

static const char *const names[STATES] = {
    "online", "suspect", "full", "readonly", "hung", "offline", "rejoin", "new", "drain"};

const char *
location_state_name(enum location_state state)
{
	return names[state];
}

static void
enter(struct sight *s, enum location_state seen, const char *reason)
{
	if (s->stuck > 0 && !health_is_away(seen)) {
		/* Whatever else is said of it, its disk still holds operations. */
		seen = STATE_HUNG;
		reason = "operations are still stuck";
	}
	(void)pthread_mutex_lock(&s->lock);
	if (health_is_away(seen) && (seen != s->seen || !s->is_doubtful))
		health_note_absence(s);
	(void)snprintf(s->seen_reason, sizeof s->seen_reason, "%s", reason);
	s->seen = seen;
	health_tell(s);
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

	if (health_is_away(s->seen))
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
