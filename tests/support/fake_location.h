/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_location - stands between a mirror and its locations and does to the calls what
 * the test says: refuse them, delay them, never answer them, or lie about what was read.
 *
 * It takes the place of the operations of locations that exist, so what it lets through
 * really happens on the disk, and what it refuses does not.
 *
 * Order: fake_interpose as the rig's `interpose` -> fake_rule* -> calls -> fake_release
 * of everything held before the mirror is stopped. A rule counts the calls of its kinds,
 * and acts on those from number `from` on, `times` of them. The first rule that acts on a
 * call decides.
 * Thread: every call must come from the loop the test runs. One rig at a time.
 */
#ifndef QUARTET_TESTS_FAKE_LOCATION_H
#define QUARTET_TESTS_FAKE_LOCATION_H

#include "service/core/check.h"
#include "tests/support/rig.h"

/* A call can be of several kinds: that of a small file begins, writes and finishes. */
enum fake_kind {
	FAKE_BEGIN = 1,
	FAKE_WRITE = 2,
	FAKE_FINISH = 4,
	FAKE_ABANDON = 8,
	FAKE_READ = 16,
	FAKE_REMOVE = 32,
	FAKE_LEAF = 64,
	FAKE_LIST = 128,
	FAKE_PROBE = 256,
	FAKE_META = 512, /* the catalogue's own files */
	FAKE_UPLOAD = FAKE_BEGIN | FAKE_WRITE | FAKE_FINISH,
};

enum fake_act {
	FAKE_REFUSE, /* fails with err and sys; not done, but for an abandon */
	FAKE_DELAY, /* done delay_ms later */
	FAKE_HANG, /* done, and answered, when it is released */
	FAKE_MUTE, /* done at once, answered when it is released */
	FAKE_FLIP, /* the byte at `offset` of the file is read wrong */
};

struct fake_rule {
	unsigned kinds;
	unsigned from; /* counted from 1; 0 is 1 */
	unsigned times; /* 0: all that come */
	enum fake_act act;
	enum err err;
	int sys;
	uint64_t delay_ms, offset;
	unsigned seen, acted;
};

struct fake;

/* A call that was not answered yet. */
struct fake_call {
	struct fake_call *next;
	struct fake *fake;
	struct location_call *call;
	void (*done)(struct location_call *call);
	struct fake_rule rule; /* as it was; kinds 0: none */
	bool held;
	bool answered; /* by the location; now it is held */
	struct loop_timer *timer;
};

enum { FAKE_RULES_MAX = 8 };

struct fake {
	struct location *location;
	const struct location_ops *real;
	struct fake_rule rule[FAKE_RULES_MAX];
	unsigned n_rules;
	struct fake_call *calls; /* oldest last */
	unsigned held, acted;
};

static struct fake fakes[LOCATIONS_MAX];

static inline unsigned
fake_kinds_of_put(const struct location_put *put)
{
	unsigned kinds = 0;

	kinds |= put->begin ? FAKE_BEGIN : 0;
	kinds |= put->piece != NULL ? FAKE_WRITE : 0;
	kinds |= put->finish ? FAKE_FINISH : 0;
	return put->abandon ? FAKE_ABANDON : kinds;
}

static inline unsigned
fake_kinds_of(struct location_call *call)
{
	switch (call->verb) {
	case LOCATION_PUT:
		return fake_kinds_of_put(container_of(call, struct location_put, call));
	case LOCATION_READ:
		return FAKE_READ;
	case LOCATION_REMOVE:
		return FAKE_REMOVE;
	case LOCATION_LEAF:
		return FAKE_LEAF;
	case LOCATION_LIST:
		return FAKE_LIST;
	case LOCATION_PROBE:
		return FAKE_PROBE;
	case LOCATION_META_WRITE:
	case LOCATION_META_READ:
	case LOCATION_META_LIST:
	case LOCATION_META_REMOVE:
	case LOCATION_FORMAT:
		return FAKE_META;
	}
	return 0;
}

/* The rule that acts on this call, by value; kinds 0 when there is none. */
static inline struct fake_rule
fake_match(struct fake *f, unsigned kinds)
{
	struct fake_rule found = {0};

	for (unsigned i = 0; i < f->n_rules; i++) {
		struct fake_rule *r = &f->rule[i];
		unsigned from = r->from == 0 ? 1 : r->from;

		if (!(r->kinds & kinds))
			continue;
		r->seen++;
		if (found.kinds != 0 || r->seen < from ||
		    (r->times != 0 && r->acted == r->times))
			continue;
		r->acted++;
		f->acted++;
		found = *r;
	}
	return found;
}

static inline void
fake_flip(const struct location_read *read, uint64_t offset)
{
	for (size_t i = 0; i < read->n; i++) {
		const struct location_range *r = &read->range[i];

		if (offset >= r->offset && offset < r->offset + r->n)
			((uint8_t *)r->to)[offset - r->offset] ^= 4;
	}
}

static inline void
fake_give_back(struct fake_call *c)
{
	struct fake_call **at = &c->fake->calls;
	struct location_call *call = c->call;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	call->done = c->done;
	loop_timer_free(c->timer);
	free(c);
	call->done(call);
}

static inline void
fake_spoil(struct location_call *call, const struct fake_rule *rule)
{
	call->err = rule->err;
	(void)errinfo_sys(&call->why, rule->err, rule->sys, "as the test wants it");
	if (call->verb == LOCATION_PROBE)
		container_of(call, struct location_probe, call)->attached =
		    rule->err != ERR_LOCATION_DOWN;
}

/* The location has answered. */
static inline void
fake_answered(struct location_call *call)
{
	struct fake_call *c = NULL;

	for (unsigned i = 0; i < LOCATIONS_MAX && c == NULL; i++)
		for (c = fakes[i].calls; c != NULL && c->call != call; c = c->next)
			continue;
	CHECK(c != NULL);
	if (c->rule.kinds != 0 && c->rule.act == FAKE_MUTE && c->held) {
		c->answered = true;
		return;
	}
	if (c->rule.kinds != 0 && c->rule.act == FAKE_FLIP)
		fake_flip(container_of(call, struct location_read, call), c->rule.offset);
	if (c->rule.kinds != 0 && c->rule.act == FAKE_REFUSE)
		fake_spoil(call, &c->rule);
	fake_give_back(c);
}

static inline void
fake_forward(struct fake_call *c)
{
	c->fake->real->submit(c->fake->location, c->call);
}

static inline void
fake_delayed(void *arg)
{
	fake_forward(arg);
}

static inline void
fake_refused(struct loop_job *job)
{
	fake_answered(container_of(job, struct location_call, job));
}

/* Answered without the location; an abandon it still sees, for it frees the file. */
static inline void
fake_refuse(struct fake_call *c, unsigned kinds)
{
	if (kinds & FAKE_ABANDON) {
		fake_forward(c);
		return;
	}
	c->call->submitted_us = c->call->finished_us = clock_mono_us();
	c->call->job.run = fake_refused;
	loop_post(c->call->loop, &c->call->job);
}

static inline void
fake_hold(struct fake_call *c)
{
	c->held = true;
	c->fake->held++;
	c->call->submitted_us = clock_mono_us();
	if (c->rule.act == FAKE_MUTE)
		fake_forward(c);
}

static inline void
fake_submit(struct location *location, struct location_call *call)
{
	struct fake *f = &fakes[location->index];
	struct fake_call *c = calloc(1, sizeof *c);
	unsigned kinds = fake_kinds_of(call);

	CHECK(c != NULL);
	*c = (struct fake_call){.next = f->calls,
	    .fake = f,
	    .call = call,
	    .done = call->done,
	    .rule = fake_match(f, kinds)};
	f->calls = c;
	call->done = fake_answered;
	if (c->rule.kinds == 0 || c->rule.act == FAKE_FLIP) {
		fake_forward(c);
	} else if (c->rule.act == FAKE_REFUSE) {
		fake_refuse(c, kinds);
	} else if (c->rule.act == FAKE_DELAY) {
		c->timer = loop_timer_new(call->loop, fake_delayed, c);
		CHECK(c->timer != NULL);
		loop_timer_set(c->timer, c->rule.delay_ms);
	} else {
		fake_hold(c);
	}
}

static inline void
fake_wake(struct location *location)
{
	fakes[location->index].real->wake(location);
}

static inline bool
fake_close(struct location *location, uint64_t wait_ms)
{
	struct fake *f = &fakes[location->index];

	CHECK(f->calls == NULL);
	location->ops = f->real;
	return location_close(location, wait_ms);
}

static inline void
fake_interpose(struct rig *rig)
{
	static const struct location_ops ops = {
	    .submit = fake_submit, .wake = fake_wake, .close = fake_close};

	for (unsigned i = 0; i < rig->mirror->n; i++) {
		fakes[i] = (struct fake){.location = rig->mirror->location[i],
		    .real = rig->mirror->location[i]->ops};
		rig->mirror->location[i]->ops = &ops;
	}
}

static inline void
fake_rule(unsigned location, struct fake_rule rule)
{
	struct fake *f = &fakes[location];

	CHECK(f->n_rules < FAKE_RULES_MAX);
	f->rule[f->n_rules++] = rule;
}

/* No rule any more; what is held stays so. */
static inline void
fake_calm(void)
{
	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		fakes[i].n_rules = fakes[i].acted = 0;
}

/* How many calls the rules acted on, at all locations, since the last calm. */
static inline unsigned
fake_acted(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		n += fakes[i].acted;
	return n;
}

static inline unsigned
fake_held(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		n += fakes[i].held;
	return n;
}

/* What is held at a location goes on. The oldest first, as a thawed disk would. */
static inline void
fake_release(unsigned location)
{
	struct fake *f = &fakes[location];

	for (;;) {
		struct fake_call *oldest = NULL;

		for (struct fake_call *c = f->calls; c != NULL; c = c->next)
			if (c->held)
				oldest = c;
		if (oldest == NULL)
			break;
		oldest->held = false;
		f->held--;
		if (oldest->rule.act == FAKE_HANG)
			fake_forward(oldest);
		else if (oldest->answered)
			fake_give_back(oldest);
	}
}

static inline void
fake_release_all(void)
{
	for (unsigned i = 0; i < LOCATIONS_MAX; i++)
		fake_release(i);
}

#endif
