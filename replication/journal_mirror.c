/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/journal_mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replication/journal_lane.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/digest.h"
#include "service/core/log.h"

enum { WATCH_MS = 200, FIRST_PAUSE_MS = 25, SETTLE_POLL_MS = 10 };

struct journal_mirror {
	struct journal_sink sink;
	struct journal_mirror_config config;
	struct journal_lanes all;
	struct journal_lane lane[LOCATIONS_MAX];
	unsigned n;
	struct loop_timer *timer;
	bool stopping;
	/* The writer's: */
	bool settled; /* locations had their time to come */
	struct str frame;
	unsigned needed; /* lanes, for the entry that is being appended */
	/* Under the lock: */
	struct journal_position at;
	struct journal_position before; /* the one before it, for take_back */
	uint64_t number; /* of the last frame */
	uint64_t entries, bytes, given_up;
	uint64_t missed[LOCATIONS_MAX]; /* the last seq a location lacks; 0: none */
};

static void
lock(struct journal_mirror *j)
{
	(void)pthread_mutex_lock(&j->all.lock);
}

static void
unlock(struct journal_mirror *j)
{
	(void)pthread_mutex_unlock(&j->all.lock);
}

/* Frames */

static void
add_header(struct journal_mirror *j, struct journal_header *h, struct bytes rows)
{
	uint8_t header[JOURNAL_HEADER_SIZE];

	(void)memcpy(h->store, j->all.store, sizeof h->store);
	h->n = (uint32_t)rows.n;
	h->rows_crc = crc32c(0, rows.p, rows.n);
	journal_header_encode(h, header);
	str_add(&j->frame, (struct bytes){(const char *)header, sizeof header});
	str_add(&j->frame, rows);
}

/* Sending, and waiting for it */

static void
send_frame(struct journal_mirror *j)
{
	j->number++;
	for (unsigned i = 0; i < j->n; i++)
		if (j->lane[i].live)
			journal_lane_add(
			    &j->lane[i], str_bytes(&j->frame), j->number, j->at.seq);
}

struct tally {
	unsigned have; /* lanes that have it durably */
	unsigned may; /* that may still come to have it */
	unsigned traces; /* that may have something of it, but will not say so */
};

static struct tally
count(const struct journal_mirror *j, uint64_t number)
{
	struct tally t = {0};

	for (unsigned i = 0; i < j->n; i++) {
		const struct journal_lane *lane = &j->lane[i];

		if (lane->durable >= number)
			t.have++;
		else if (lane->live)
			t.may++;
		else if (lane->perhaps >= number)
			t.traces++;
	}
	return t;
}

static struct timespec
deadline(uint64_t ms)
{
	struct timespec until;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return until;
}

/* Until enough lanes have the frame, or no more can come to have it. */
static void
wait_for(struct journal_mirror *j, uint64_t number, unsigned enough)
{
	struct timespec until = deadline(j->all.deadline_ms);
	struct tally t = count(j, number);

	while (t.have < enough && t.have + t.may >= enough) {
		if (pthread_cond_timedwait(&j->all.changed, &j->all.lock, &until) != 0)
			break;
		t = count(j, number);
	}
}

/* Until each lane that is there has the frame, or has failed. */
static void
wait_for_each(struct journal_mirror *j, uint64_t number)
{
	struct timespec until = deadline(j->all.deadline_ms);

	while (count(j, number).may > 0)
		if (pthread_cond_timedwait(&j->all.changed, &j->all.lock, &until) != 0)
			return;
}

/* What is being written comes back, or hangs. */
static void
wait_until_back(struct journal_mirror *j)
{
	struct timespec until = deadline(j->all.deadline_ms);
	bool out = true;

	while (out) {
		out = false;
		for (unsigned i = 0; i < j->n; i++)
			out |= j->lane[i].out && !j->lane[i].stuck;
		if (out &&
		    pthread_cond_timedwait(&j->all.changed, &j->all.lock, &until) != 0)
			return;
	}
}

/* Those that do not answer are not waited for again. */
static void
leave_behind(struct journal_mirror *j, uint64_t number)
{
	for (unsigned i = 0; i < j->n; i++)
		if (j->lane[i].live && j->lane[i].durable < number)
			journal_lane_leave(&j->lane[i]);
}

static unsigned
n_live(const struct journal_mirror *j)
{
	unsigned n = 0;

	for (unsigned i = 0; i < j->n; i++)
		n += j->lane[i].live;
	return n;
}

/* Whether one that failed is asked again before its pause is over. */
enum urgency { IN_TURN, AT_ONCE, WHATEVER_COMES };

static bool
is_usable(const struct journal_mirror *j, unsigned i, enum urgency urgency)
{
	switch (health_state(j->all.health, i)) {
	case STATE_ONLINE:
	case STATE_REJOIN:
	case STATE_NEW:
	case STATE_FULL: /* there may be room for this much */
		return true;
	case STATE_SUSPECT:
		return urgency == WHATEVER_COMES;
	case STATE_READONLY:
	case STATE_HUNG:
	case STATE_OFFLINE:
	case STATE_DRAIN:
	case STATES:
		break;
	}
	return false;
}

/* One failure is forgiven; who fails again and again is asked more and more rarely. */
static bool
is_its_turn(const struct journal_lane *lane)
{
	unsigned doublings = lane->failures < 8 ? lane->failures : 8;

	return lane->failures < 2 ||
	       clock_mono_ms() - lane->left_ms >= (uint64_t)FIRST_PAUSE_MS << doublings;
}

/* It is well again, and without it one more that fails would be one too many. */
static bool
is_needed(const struct journal_mirror *j, unsigned i)
{
	return n_live(j) <= j->needed && health_state(j->all.health, i) == STATE_ONLINE;
}

static void
join(struct journal_mirror *j, enum urgency urgency)
{
	for (unsigned i = 0; i < j->n; i++) {
		struct journal_lane *lane = &j->lane[i];

		if (!lane->live && !lane->out && is_usable(j, i, urgency) &&
		    (urgency != IN_TURN || is_its_turn(lane) || is_needed(j, i)))
			journal_lane_join(lane);
	}
}

/* Is there a lane that may hold `entry` and does not hold `begin`, which revokes it? */
static bool
is_at_large(const struct journal_mirror *j, uint64_t entry, uint64_t begin)
{
	for (unsigned i = 0; i < j->n; i++) {
		const struct journal_lane *lane = &j->lane[i];

		if ((lane->durable >= entry || lane->perhaps >= entry) &&
		    lane->durable < begin)
			return true;
	}
	return false;
}

/*
 * The entry behind j->at was not to be. A new term says so, durably: at enough locations
 * for any start to see it, or wherever the entry may be found.
 */
static void
take_out(struct journal_mirror *j, uint64_t entry)
{
	struct journal_header h = {
	    .kind = JOURNAL_BEGIN, .term = j->all.term + 1, .seq = j->at.seq};
	struct errinfo why;

	j->given_up++;
	j->all.term = h.term;
	j->all.term_after = h.seq;
	str_clear(&j->frame);
	add_header(j, &h, (struct bytes){"", 0});
	CHECK(!str_failed(&j->frame));
	/* One that failed a moment ago may take this, in a new file. */
	wait_until_back(j);
	join(j, WHATEVER_COMES);
	send_frame(j);
	wait_for_each(j, j->number);
	leave_behind(j, j->number);
	if (count(j, j->number).have >= j->config.copies ||
	    !is_at_large(j, entry, j->number))
		return;
	unlock(j);
	(void)errinfo_set(&why, ERR_QUORUM,
	    "a change that too few locations took cannot be revoked either: only a new "
	    "start can tell whether it is");
	j->config.give_up(&why);
	lock(j);
}

/* The writer's side */

static struct journal_mirror *
mirror_of(struct journal_sink *sink)
{
	return container_of(sink, struct journal_mirror, sink);
}

static uint64_t
sink_term(struct journal_sink *sink)
{
	return mirror_of(sink)->all.term;
}

/* At the start the locations are just being looked at. */
static void
let_them_come(struct journal_mirror *j)
{
	uint64_t until = clock_mono_ms() + j->config.settle_ms;

	if (j->settled)
		return;
	while (!health_settled(j->all.health) && clock_mono_ms() < until)
		(void)usleep(SETTLE_POLL_MS * 1000);
	j->settled = true;
	lock(j);
	join(j, AT_ONCE);
	unlock(j);
}

static void
note_missing(struct journal_mirror *j)
{
	for (unsigned i = 0; i < j->n; i++)
		if (!j->lane[i].live)
			j->missed[i] = j->at.seq;
}

/* The frame to all that are there; what came of it. */
static struct tally
offer(struct journal_mirror *j)
{
	send_frame(j);
	wait_for(j, j->number, j->needed);
	if (count(j, j->number).have < j->needed) {
		/* What is known to have failed needs not be revoked. */
		wait_until_back(j);
		leave_behind(j, j->number);
	}
	return count(j, j->number);
}

static enum err
append(struct journal_mirror *j, struct bytes rows, struct journal_position *out,
    struct errinfo *why)
{
	struct journal_header h = {
	    .kind = JOURNAL_ROWS,
	    .term = j->all.term,
	    .seq = j->at.seq + 1,
	    .crc_before = j->at.crc,
	};
	struct tally t = {0};

	str_clear(&j->frame);
	add_header(j, &h, rows);
	if (str_failed(&j->frame))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the journal");
	if (n_live(j) < j->n)
		join(j, IN_TURN);
	if (n_live(j) >= j->needed)
		t = offer(j);
	if (t.have + t.traces == 0) {
		/* Those that were away may be back, and the others be away. */
		join(j, AT_ONCE);
		if (n_live(j) >= j->needed)
			t = offer(j);
	}
	if (t.have < j->needed) {
		if (t.have + t.traces > 0)
			take_out(j, j->number);
		return errinfo_set(why, ERR_QUORUM,
		    "%u locations took the change into the journal, %u are needed",
		    t.have, j->needed);
	}
	j->before = j->at;
	j->at = (struct journal_position){h.term, h.seq, h.crc};
	j->entries++;
	j->bytes += j->frame.n;
	note_missing(j);
	*out = j->at;
	return ERR_OK;
}

static enum err
sink_append(struct journal_sink *sink, struct bytes rows, bool with_bytes,
    struct journal_position *out, struct errinfo *why)
{
	struct journal_mirror *j = mirror_of(sink);
	enum err e;

	let_them_come(j);
	lock(j);
	j->needed = with_bytes ? j->config.bytes_copies : j->config.copies;
	e = append(j, rows, out, why);
	unlock(j);
	return e;
}

static void
sink_take_back(struct journal_sink *sink)
{
	struct journal_mirror *j = mirror_of(sink);

	lock(j);
	j->at = j->before;
	take_out(j, j->number);
	unlock(j);
}

static void
sink_give_up(struct journal_sink *sink, const struct errinfo *why)
{
	mirror_of(sink)->config.give_up(why);
}

/* The loop's side */

/* Where nothing is to be written any more. */
static void
leave_if_told(struct journal_mirror *j, unsigned i)
{
	enum location_state state = health_state(j->all.health, i);

	if (j->lane[i].live && (state == STATE_READONLY || state == STATE_DRAIN))
		journal_lane_leave(&j->lane[i]);
}

static void
watch(void *arg)
{
	struct journal_mirror *j = arg;

	lock(j);
	for (unsigned i = 0; i < j->n; i++) {
		leave_if_told(j, i);
		journal_lane_watch(&j->lane[i]);
	}
	join(j, IN_TURN);
	unlock(j);
	if (!j->stopping)
		loop_timer_set(j->timer, WATCH_MS);
}

static enum err
init_lock(struct journal_mirror *j, struct errinfo *why)
{
	pthread_condattr_t attributes;

	if (pthread_condattr_init(&attributes) != 0)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the journal");
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&j->all.changed, &attributes) == 0);
	CHECK(pthread_mutex_init(&j->all.lock, NULL) == 0);
	(void)pthread_condattr_destroy(&attributes);
	return ERR_OK;
}

enum err
journal_mirror_new(const struct journal_mirror_config *config,
    struct journal_mirror **out, struct errinfo *why)
{
	const struct mirror *m = config->mirror;
	struct journal_mirror *j = calloc(1, sizeof *j);
	enum err e;

	if (j == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the journal");
	j->config = *config;
	j->sink = (struct journal_sink){.term = sink_term,
	    .append = sink_append,
	    .take_back = sink_take_back,
	    .give_up = sink_give_up};
	j->n = m->n;
	if (j->config.copies > j->n)
		j->config.copies = j->n;
	if (j->config.bytes_copies > j->n)
		j->config.bytes_copies = j->n;
	j->at = config->at;
	j->all.health = m->health;
	j->all.file_bytes = config->file_bytes;
	j->all.backlog_bytes = config->backlog_bytes;
	j->all.deadline_ms = config->deadline_ms;
	j->all.term = config->term;
	j->all.term_after = config->at.seq;
	(void)memcpy(j->all.store, m->store_uuid, STORE_UUID_SIZE);
	str_init(&j->frame, SIZE_MAX);
	e = init_lock(j, why);
	if (e != ERR_OK) {
		free(j);
		return e;
	}
	for (unsigned i = 0; i < j->n; i++) {
		journal_lane_init(&j->lane[i], &j->all, m->location[i]);
		if (config->has[i] < config->at.seq)
			j->missed[i] = config->at.seq;
	}
	j->timer = loop_timer_new(config->loop, watch, j);
	if (j->timer == NULL) {
		journal_mirror_free(j);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a timer");
	}
	*out = j;
	return ERR_OK;
}

struct journal_sink *
journal_mirror_sink(struct journal_mirror *j)
{
	return &j->sink;
}

void
journal_mirror_start(struct journal_mirror *j)
{
	loop_timer_set(j->timer, WATCH_MS);
}

void
journal_mirror_stop(struct journal_mirror *j)
{
	if (j->stopping)
		return;
	j->stopping = true;
	loop_timer_clear(j->timer);
	lock(j);
	for (unsigned i = 0; i < j->n; i++)
		journal_lane_leave(&j->lane[i]);
	unlock(j);
}

bool
journal_mirror_quiet(struct journal_mirror *j)
{
	bool quiet = true;

	lock(j);
	for (unsigned i = 0; i < j->n; i++)
		quiet &= !j->lane[i].out;
	unlock(j);
	return quiet;
}

void
journal_mirror_free(struct journal_mirror *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->n; i++)
		journal_lane_release(&j->lane[i]);
	loop_timer_free(j->timer);
	str_release(&j->frame);
	(void)pthread_cond_destroy(&j->all.changed);
	(void)pthread_mutex_destroy(&j->all.lock);
	free(j);
}

void
journal_mirror_facts(struct journal_mirror *j, struct journal_facts *out)
{
	*out = (struct journal_facts){.copies = j->config.copies};
	lock(j);
	out->at = j->at;
	out->live = n_live(j);
	out->entries = j->entries;
	out->bytes = j->bytes;
	out->given_up = j->given_up;
	for (unsigned i = 0; i < j->n; i++) {
		out->is_live[i] = j->lane[i].live;
		out->missed[i] = j->missed[i] != 0;
		out->backlog[i] = j->lane[i].backlog.n;
	}
	unlock(j);
}

void
journal_mirror_has_copy(struct journal_mirror *j, unsigned location, uint64_t seq)
{
	lock(j);
	if (j->missed[location] <= seq)
		j->missed[location] = 0;
	unlock(j);
}

void
journal_mirror_begin_anew(struct journal_mirror *j, unsigned location)
{
	lock(j);
	if (j->lane[location].live)
		journal_lane_leave(&j->lane[location]);
	j->missed[location] = j->at.seq;
	unlock(j);
}
