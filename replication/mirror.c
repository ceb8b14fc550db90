/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/census.h"
#include "replication/gc.h"
#include "replication/repair.h"
#include "replication/roll.h"
#include "replication/scrub.h"
#include "replication/small.h"
#include "replication/sweep.h"
#include "service/core/check.h"

static enum err
read_uuid(struct mirror *m, struct errinfo *why)
{
	struct store_reader *reader;
	struct store_facts facts;
	enum err e = store_reader_new(m->store, &reader, why);

	if (e != ERR_OK)
		return e;
	e = store_facts(reader, &facts, why);
	store_reader_free(reader);
	if (e == ERR_OK)
		(void)memcpy(m->store_uuid, facts.uuid, STORE_UUID_SIZE);
	return e;
}

static enum err
open_locations(struct mirror *m, const struct settings *s, struct errinfo *why)
{
	for (; m->n < s->locations.n; m->n++) {
		struct location_dir_config config = {
		    .root = s->locations.items[m->n],
		    .index = m->n,
		    .engine = s->io,
		    .depth = (unsigned)s->io_depth,
		    .threads = (unsigned)s->io_threads,
		};
		struct errinfo note = {.code = ERR_OK};
		enum err e;

		(void)memcpy(config.store, m->store_uuid, STORE_UUID_SIZE);
		e = location_dir_open(&config, &m->location[m->n], &note);
		if (e != ERR_OK) {
			if (why != NULL)
				*why = note;
			return e;
		}
		(void)snprintf(m->engine_note, sizeof m->engine_note, "%s", note.text);
	}
	return ERR_OK;
}

static enum err
make_parts(struct mirror *m, const struct mirror_config *config, struct errinfo *why)
{
	const struct settings *s = config->settings;
	struct health_config health = {
	    .n = m->n,
	    .probe_period_ms = s->probe_period,
	    .io_deadline_ms = s->io_deadline,
	    .reserve_bytes = s->reserve_bytes,
	    .reserve_percent = s->reserve_percent,
	    .reserve_inodes = s->reserve_inodes,
	    .changed = config->state_changed,
	    .arg = config->arg,
	};
	struct blob_ids_config ids = {.store = m->store, .n = m->n, .loop = config->loop};
	enum err e;

	(void)memcpy(health.location, m->location, sizeof health.location);
	(void)memcpy(ids.location, m->location, sizeof ids.location);
	e = health_new(&health, config->loop, m->pool, &m->health, why);
	if (e == ERR_OK)
		e = roll_new(m, config->loop, &m->roll, why);
	if (e == ERR_OK)
		e = blob_ids_new(&ids, &m->ids, why);
	if (e == ERR_OK)
		e = sweep_new(m, config->loop, s->sweep_limit, &m->sweep, why);
	if (e == ERR_OK)
		e = small_new(m, config->loop, s, &m->small, why);
	if (e == ERR_OK)
		e = gc_new(m, config->loop, &m->gc, why);
	if (e == ERR_OK)
		e = repair_new(m, config->loop, s, &m->repair, why);
	if (e == ERR_OK)
		e = scrub_new(m, config->loop, s, &m->scrub, why);
	if (e == ERR_OK)
		e = census_new(m, config->loop, &m->census, why);
	if (e == ERR_OK && (m->pins = pins_new()) == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for pins");
	return e;
}

enum err
mirror_new(const struct mirror_config *config, struct mirror **out, struct errinfo *why)
{
	const struct settings *s = config->settings;
	struct mirror *m = calloc(1, sizeof *m);
	enum err e;

	if (m == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the locations");
	CHECK(s->locations.n <= LOCATIONS_MAX);
	m->store = config->store;
	m->pool = config->pool;
	m->workers = config->workers;
	m->loop = config->loop;
	m->write_quorum = (unsigned)s->write_quorum;
	m->straggler_wait_ms = s->straggler_wait;
	m->slow_backlog_bytes = s->slow_backlog;
	m->slow_time_ms = s->slow_time;
	m->io_deadline_ms = s->io_deadline;
	m->read_deadline_ms = s->read_deadline;
	hedges_init(&m->hedges, s->hedge_after, (unsigned)s->hedge_percent);
	e = read_uuid(m, why);
	if (e == ERR_OK)
		e = open_locations(m, s, why);
	if (e == ERR_OK)
		e = make_parts(m, config, why);
	if (e != ERR_OK) {
		(void)mirror_free(m, 1000);
		return e;
	}
	*out = m;
	return ERR_OK;
}

void
mirror_start(struct mirror *m)
{
	health_start(m->health);
	roll_start(m->roll);
	sweep_start(m->sweep);
	gc_start(m->gc);
	repair_start(m->repair);
	scrub_start(m->scrub);
	census_start(m->census);
	blob_ids_start(m->ids);
	small_start(m->small);
}

void
mirror_stop_repairs(struct mirror *m)
{
	m->stopping = true;
	scrub_stop(m->scrub);
	repair_stop(m->repair);
	small_stop(m->small);
}

void
mirror_stop(struct mirror *m)
{
	health_stop(m->health);
	roll_stop(m->roll);
	sweep_stop(m->sweep);
	gc_stop(m->gc);
	mirror_stop_repairs(m);
	census_stop(m->census);
	blob_ids_stop(m->ids);
}

unsigned
mirror_copies(const struct mirror *m, const struct blob *blob)
{
	struct blob pack = {.have = 0};
	unsigned n;

	if (blob->pack != 0 && small_record(m->small, blob->pack, &pack, NULL) == ERR_OK)
		blob = &pack;
	n = (unsigned)__builtin_popcount(blob->have);
	return blob->small && n < m->write_quorum ? m->write_quorum : n;
}

bool
mirror_idle(const struct mirror *m)
{
	return m->work == 0;
}

bool
mirror_quiet(const struct mirror *m)
{
	return mirror_idle(m) && (m->ids == NULL || blob_ids_quiet(m->ids)) &&
	       (m->roll == NULL || roll_quiet(m->roll)) &&
	       (m->gc == NULL || gc_quiet(m->gc)) &&
	       (m->repair == NULL || repair_quiet(m->repair)) &&
	       (m->scrub == NULL || scrub_quiet(m->scrub)) &&
	       (m->small == NULL || small_quiet(m->small)) &&
	       (m->sweep == NULL || sweep_quiet(m->sweep)) &&
	       (m->health == NULL || health_quiet(m->health));
}

bool
mirror_free(struct mirror *m, uint64_t wait_ms)
{
	bool clean = mirror_quiet(m);

	for (unsigned i = 0; i < m->n; i++)
		clean &= location_close(m->location[i], clean ? wait_ms : 0);
	if (!clean)
		return false; /* someone still writes into what would be freed */
	roll_free(m->roll);
	gc_free(m->gc);
	scrub_free(m->scrub);
	repair_free(m->repair);
	census_free(m->census);
	small_free(m->small);
	sweep_free(m->sweep);
	health_free(m->health);
	blob_ids_free(m->ids);
	pins_free(m->pins);
	free(m);
	return true;
}

const char *
mirror_engine_note(const struct mirror *m)
{
	return m->engine_note;
}

const char *
mirror_engine(const struct mirror *m, unsigned location)
{
	return location_dir_engine(m->location[location]);
}
