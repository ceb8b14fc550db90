/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/health_sight.h"

#include <stdio.h>
#include <string.h>

#include "service/core/clock.h"

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
	    (s->order != LOCATION_AS_IT_IS && !health_is_away(s->seen))) {
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

void
health_tell(struct sight *s)
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

void
health_note_absence(struct sight *s)
{
	s->is_doubtful = true;
	s->merged = 0;
	s->absences++;
}

/* By its state alone. */
static enum health_read
may_read_at_all(const struct sight *s)
{
	enum location_state state = s->state;

	switch (state) {
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
		health_note_absence(s);
	if (s->order == LOCATION_TAKEN_OUT && s->order != order) {
		/* What was seen of it is old. */
		s->seen = STATE_OFFLINE;
		(void)snprintf(
		    s->seen_reason, sizeof s->seen_reason, "it was taken out until now");
	}
	s->order = order;
	health_tell(s);
}

void
health_was_away(struct health *h, unsigned location)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	health_note_absence(s);
	health_tell(s);
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
	health_tell(s);
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
	health_tell(s);
}

void
health_filled(struct health *h, unsigned location)
{
	struct sight *s = &h->sight[location];

	(void)pthread_mutex_lock(&s->lock);
	s->is_new = false;
	health_tell(s);
}
