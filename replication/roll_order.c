/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command, step by step; one at a time at each location.
 *
 *   READONLY, DRAIN, TAKE_OUT, ONLINE                              ┌─► SAVING ─► SETTLING
 *   REPLACE                          SCANNING ─► FORMATTING ─► RESETTING ┘
 *
 * Up to FORMATTING nothing has changed. If the record cannot be saved then, the disk is
 * made but is not taken, and the command can be given again.
 */
#include <string.h>

#include "replication/journal_mirror.h"
#include "replication/roll_entry.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

enum { SETTLE_MS = 5000 };

static void
answer(struct loop_job *job)
{
	struct roll_command *c = container_of(job, struct roll_command, job);

	c->done(c);
}

static void
reply(struct roll_command *c, enum err err, const struct errinfo *why)
{
	c->err = err;
	if (why != NULL)
		c->why = *why;
	c->job.run = answer;
	loop_post(c->loop, &c->job);
}

static void
finish(struct roll_entry *e, enum err err, const struct errinfo *why)
{
	struct roll_command *c = e->command;

	e->command = NULL;
	e->step = ROLL_NOTHING;
	if (c != NULL)
		reply(c, err, why);
}

static void
refuse(struct roll_entry *e, enum err err, const char *text)
{
	struct errinfo why;

	(void)errinfo_set(&why, err, "location %u: %s", e->index + 1, text);
	finish(e, err, &why);
}

/* The record */

static void
save(struct roll_entry *e)
{
	e->step = ROLL_SAVING;
	e->retry_ms = 0;
	roll_look(e);
}

static void
settle(struct roll_entry *e)
{
	struct health_facts facts;

	health_facts(e->roll->m->health, e->index, &facts);
	e->probes_then = facts.probes;
	e->settle_until_ms = clock_mono_ms() + SETTLE_MS;
	e->step = ROLL_SETTLING;
	health_probe_now(e->roll->m->health, e->index);
}

void
roll_order_saved(struct roll_entry *e, enum err err, const struct errinfo *why)
{
	static const char *const said[] = {
	    "back in use", "read-only", "drained", "taken out", "another disk"};

	if (err != ERR_OK) {
		e->now = e->saved;
		finish(e, err, why);
		return;
	}
	log_info("location %u is %s by order of the operator", e->index + 1,
	    said[e->command->verb]);
	if (e->command->verb == ROLL_REPLACE && e->roll->m->journal != NULL)
		journal_mirror_begin_anew(e->roll->m->journal, e->index);
	settle(e);
}

void
roll_order_cancel(struct roll_entry *e)
{
	if (e->command != NULL)
		refuse(e, ERR_CANCELLED, "the service stops");
}

/* Replacing */

static void
become_new(struct roll_entry *e, enum err err, const struct errinfo *why)
{
	struct roll *roll = e->roll;
	struct store_facts facts;
	struct errinfo text;

	if (err == ERR_OK && roll->stopping)
		err = errinfo_set(&text, ERR_CANCELLED, "the service stops");
	else if (err == ERR_OK)
		err = store_facts(roll->reader, &facts, &text);
	else
		text = *why;
	if (err != ERR_OK) {
		finish(e, err, &text);
		return;
	}
	e->forgotten = 0;
	/* The order that was given for the disk before goes with it. */
	e->now = (struct roll_record){
	    .has_disk = true,
	    .is_new = true,
	    .new_from = blob_ids_next(roll->m->ids, facts.blob_ids),
	};
	(void)memcpy(e->now.disk, e->format.uuid, sizeof e->now.disk);
	save(e);
}

static void
was_reset(struct change *change)
{
	struct store_note *note = container_of(change, struct store_note, change);
	struct roll_entry *e = container_of(note, struct roll_entry, note);

	e->busy = false;
	if (e->command != NULL)
		become_new(e, change->err, &change->why);
}

static void
reset_cursor(struct roll_entry *e)
{
	e->busy = true;
	e->note = (struct store_note){
	    .change = {.loop = e->roll->loop, .done = was_reset},
	    .name = e->cursor_name,
	};
	store_note(e->roll->m->store, &e->note);
}

/* What was out when the order came has come back, and the order was seen to. */
static bool
is_settled(const struct roll_entry *e)
{
	const struct mirror *m = e->roll->m;
	struct health_facts facts;

	health_facts(m->health, e->index, &facts);
	switch (e->command->verb) {
	case ROLL_TAKE_OUT:
		return facts.probes > e->probes_then && m->location[e->index]->out == 0;
	case ROLL_ONLINE:
	case ROLL_REPLACE: /* one that was out knew nothing of it */
		return facts.state != STATE_OFFLINE || facts.probes > e->probes_then + 1;
	case ROLL_READONLY:
	case ROLL_DRAIN:
		break;
	}
	return true;
}

void
roll_order_tick(struct roll_entry *e)
{
	if (e->step == ROLL_RESETTING && !e->busy)
		reset_cursor(e);
	else if (e->step == ROLL_SETTLING &&
		 (is_settled(e) || clock_mono_ms() >= e->settle_until_ms))
		finish(e, ERR_OK, NULL);
}

static void
formatted(struct location_call *call)
{
	struct location_format *f = container_of(call, struct location_format, call);
	struct roll_entry *e = container_of(f, struct roll_entry, format);

	e->formatting = false;
	if (e->command == NULL)
		return; /* the service stops */
	if (call->err != ERR_OK)
		refuse(e, call->err, errinfo_text(&call->why));
	else
		e->step = ROLL_RESETTING; /* as soon as nothing else is written */
}

static void
format(struct roll_entry *e)
{
	e->step = ROLL_FORMATTING;
	e->formatting = true;
	e->format = (struct location_format){
	    .call = {.verb = LOCATION_FORMAT, .loop = e->roll->loop, .done = formatted},
	    .root = e->command->root,
	};
	location_submit(e->roll->m->location[e->index], &e->format.call);
}

static void
scan_page(struct roll_entry *e)
{
	struct errinfo why;
	char text[160];
	bool more;
	enum err err = blob_only_at(
	    e->roll->reader, e->index, &e->scan_after, &e->scan_found, &more, &why);

	if (err != ERR_OK) {
		finish(e, err, &why);
		return;
	}
	if (more) {
		loop_timer_set(e->roll->scan, 0);
		return;
	}
	if (e->scan_found == 0) {
		format(e);
		return;
	}
	(void)snprintf(text, sizeof text,
	    "%llu files have no good copy elsewhere and would be lost (--force)",
	    (unsigned long long)e->scan_found);
	refuse(e, ERR_CONFLICT, text);
}

void
roll_order_scan(void *arg)
{
	struct roll *roll = arg;

	for (unsigned i = 0; i < roll->m->n; i++)
		if (roll->entry[i].step == ROLL_SCANNING)
			scan_page(&roll->entry[i]);
}

static void
replace(struct roll_entry *e)
{
	enum location_state state = health_state(e->roll->m->health, e->index);
	bool is_there = state != STATE_OFFLINE && state != STATE_HUNG;

	if (is_there && !e->command->force) {
		refuse(e, ERR_CONFLICT,
		    "its disk is there and works: take it out first (quartet location "
		    "offline)");
		return;
	}
	e->scan_after = e->scan_found = 0;
	if (e->command->force) {
		format(e);
		return;
	}
	e->step = ROLL_SCANNING;
	loop_timer_set(e->roll->scan, 0);
}

/* Orders */

static bool
would_be_too_few(const struct roll_entry *e)
{
	const struct mirror *m = e->roll->m;
	location_map writable = health_writable(m->health, m->write_quorum);
	location_map rest = writable & (location_map) ~(1u << e->index);

	return rest != writable && (unsigned)__builtin_popcount(rest) < m->write_quorum;
}

static void
order(struct roll_entry *e)
{
	static const enum location_order orders[] = {
	    LOCATION_AS_IT_IS, LOCATION_READONLY, LOCATION_DRAINED, LOCATION_TAKEN_OUT};

	e->now.order = orders[e->command->verb];
	if (e->command->verb == ROLL_ONLINE && e->command->force)
		e->now.has_disk = false; /* it is the one that is seen next */
	else if (e->now.order == e->saved.order) {
		finish(e, ERR_OK, NULL);
		return;
	}
	if (e->now.order != LOCATION_AS_IT_IS && !e->command->force &&
	    would_be_too_few(e)) {
		e->now.order = e->saved.order;
		refuse(e, ERR_CONFLICT,
		    "too few locations would be left to write to (--force)");
		return;
	}
	save(e);
}

static void
take(struct loop_job *job)
{
	struct roll_command *c = container_of(job, struct roll_command, job);
	struct roll_entry *e = &c->roll->entry[c->location];

	if (c->roll->stopping || e->command != NULL) {
		(void)errinfo_set(&c->why, ERR_BUSY,
		    "location %u: another command is being carried out", c->location + 1);
		reply(c, ERR_BUSY, NULL);
		return;
	}
	e->command = c;
	if (c->verb == ROLL_REPLACE)
		replace(e);
	else
		order(e);
}

void
roll_command(struct roll *roll, struct roll_command *command)
{
	command->roll = roll;
	command->job.run = take;
	loop_post(roll->loop, &command->job);
}
