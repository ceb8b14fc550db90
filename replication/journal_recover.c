/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/journal_recover.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replication/meta_copy.h"
#include "service/core/check.h"
#include "service/core/log.h"
#include "storage/location.h"
#include "storage/store_replay.h"

enum { PATH_SIZE = 4096 };

/* One location's journal. Left to its thread if that does not come back in time. */
struct reading {
	char root[PATH_SIZE];
	unsigned number;
	uint8_t store[STORE_UUID_SIZE];
	uint64_t after;
	struct journal_index index;
	bool has_copy; /* of the catalogue */
	enum err err;
	struct errinfo why;
	pthread_t thread;
};

/* The earliest seq behind which a term above the given one began. */
struct begin {
	uint64_t term, after;
};

/* An entry somewhere. */
struct found {
	uint64_t seq;
	unsigned location;
	const struct journal_found *entry;
};

struct recovery {
	const struct journal_recover_config *config;
	struct store_replay *replay;
	struct store_replay_facts facts; /* as it was found */
	struct reading *reading[LOCATIONS_MAX]; /* NULL: not at hand */
	struct begin *begin;
	size_t n_begins;
	struct found *found; /* by seq */
	size_t n_found;
	struct str rows;
};

/* Is there a copy of the catalogue, good or not? */
static bool
find_copy(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	uint64_t seq;
	int64_t time;
	bool found = false;

	if (d == NULL)
		return false;
	while (!found && (entry = readdir(d)) != NULL)
		found = meta_copy_name_parse(bytes_of(entry->d_name), &seq, &time);
	(void)closedir(d);
	return found;
}

static void *
read_journal(void *arg)
{
	struct reading *r = arg;
	char dir[PATH_SIZE + sizeof LOCATION_META_DIR + 1];

	r->err = location_dir_check(r->root, r->number, r->store, &r->why);
	if (r->err != ERR_OK)
		return NULL;
	(void)snprintf(dir, sizeof dir, "%s/" LOCATION_META_DIR, r->root);
	r->err = journal_index_read(dir, r->store, r->after, &r->index, &r->why);
	r->has_copy = r->err == ERR_OK && find_copy(dir);
	return NULL;
}

static struct reading *
start_reading(const struct recovery *v, unsigned i)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->number = i;
	r->after = v->facts.at.seq;
	r->index.dir_fd = -1;
	(void)memcpy(r->store, v->facts.uuid, sizeof r->store);
	(void)snprintf(r->root, sizeof r->root, "%s", v->config->root[i]);
	if (pthread_create(&r->thread, NULL, read_journal, r) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

/* True when it is at hand. */
static bool
end_reading(struct reading *r, const struct timespec *until)
{
	if (pthread_timedjoin_np(r->thread, NULL, until) != 0) {
		log_warning("the journal of location %u cannot be read in time: left out",
		    r->number + 1);
		(void)pthread_detach(r->thread);
		return false;
	}
	if (r->err != ERR_OK) {
		log_warning("the journal of location %u is left out: %s", r->number + 1,
		    errinfo_text(&r->why));
		free(r);
		return false;
	}
	if (r->index.damaged > 0)
		log_warning("%llu files of the journal of location %u end in something "
			    "that is no entry",
		    (unsigned long long)r->index.damaged, r->number + 1);
	return true;
}

static void
read_all(struct recovery *v)
{
	struct reading *r[LOCATIONS_MAX];
	struct timespec until;

	for (unsigned i = 0; i < v->config->n; i++)
		r[i] = start_reading(v, i);
	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += (time_t)(v->config->deadline_ms / 1000) + 1;
	for (unsigned i = 0; i < v->config->n; i++)
		if (r[i] != NULL && end_reading(r[i], &until))
			v->reading[i] = r[i];
}

static int
by_seq(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static enum err
collect(struct recovery *v, struct errinfo *why)
{
	size_t n = 0;

	for (unsigned i = 0; i < v->config->n; i++)
		n += v->reading[i] == NULL ? 0 : v->reading[i]->index.n_entries;
	v->begin = calloc(n + 1, sizeof *v->begin);
	v->found = calloc(n + 1, sizeof *v->found);
	if (v->begin == NULL || v->found == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the journals");
	for (unsigned i = 0; i < v->config->n; i++) {
		const struct journal_index *index;

		if (v->reading[i] == NULL)
			continue;
		index = &v->reading[i]->index;
		for (size_t k = 0; k < index->n_entries; k++) {
			const struct journal_header *h = &index->entry[k].header;

			if (h->kind == JOURNAL_BEGIN)
				v->begin[v->n_begins++] = (struct begin){h->term, h->seq};
			else
				v->found[v->n_found++] =
				    (struct found){h->seq, i, &index->entry[k]};
		}
	}
	if (v->n_found > 0)
		qsort(v->found, v->n_found, sizeof *v->found, by_seq);
	return ERR_OK;
}

/* Was it given up before anybody was told? */
static bool
is_revoked(const struct recovery *v, const struct journal_header *h)
{
	if (h->term < v->facts.at.term)
		return true;
	for (size_t i = 0; i < v->n_begins; i++)
		if (v->begin[i].term > h->term && v->begin[i].after < h->seq)
			return true;
	return false;
}

/* The first good copy of the entry behind `at`, among those from *next on. */
static enum err
find_next(struct recovery *v, const struct journal_position *at, size_t *next,
    const struct journal_found **out, struct errinfo *why)
{
	enum err e = ERR_NOT_FOUND;

	while (*next < v->n_found && v->found[*next].seq <= at->seq)
		++*next;
	for (size_t i = *next; i < v->n_found && v->found[i].seq == at->seq + 1; i++) {
		const struct found *f = &v->found[i];

		if (is_revoked(v, &f->entry->header) ||
		    (at->seq > 0 && f->entry->header.crc_before != at->crc))
			continue;
		e = journal_index_rows(
		    &v->reading[f->location]->index, f->entry, &v->rows, why);
		if (e == ERR_OK) {
			*out = f->entry;
			return ERR_OK;
		}
		log_warning("location %u: %s", f->location + 1, errinfo_text(why));
	}
	return e;
}

static enum err
apply_all(struct recovery *v, struct journal_recovered *out, struct errinfo *why)
{
	const struct journal_found *entry;
	size_t next = 0;
	enum err e;

	while ((e = find_next(v, &out->at, &next, &entry, why)) == ERR_OK) {
		e = store_replay_apply(
		    v->replay, &entry->header, str_bytes(&v->rows), why);
		if (e != ERR_OK)
			return e;
		out->at = (struct journal_position){
		    entry->header.term, entry->header.seq, entry->header.crc};
		out->applied++;
	}
	return e == ERR_NOT_FOUND || e == ERR_DAMAGED || e == ERR_IO ? ERR_OK : e;
}

/* Entries that count, behind one that is missing. */
static uint64_t
last_that_counts(const struct recovery *v)
{
	uint64_t last = 0;

	for (size_t i = 0; i < v->n_found; i++)
		if (!is_revoked(v, &v->found[i].entry->header))
			last = v->found[i].seq;
	return last;
}

static enum err
check_whole(
    const struct recovery *v, const struct journal_recovered *out, struct errinfo *why)
{
	const struct journal_recover_config *c = v->config;
	uint64_t last = last_that_counts(v);

	if (last > out->at.seq)
		return errinfo_set(why, ERR_DAMAGED,
		    "the journals go on to change %llu, but none of those at hand has "
		    "change %llu",
		    (unsigned long long)last, (unsigned long long)out->at.seq + 1);
	if (c->is_restored && out->at_hand + c->copies < c->n + 1)
		return errinfo_set(why, ERR_DAMAGED,
		    "with %u of %u journals at hand changes may be missing; %u are "
		    "needed",
		    out->at_hand, c->n, c->n + 1 - c->copies);
	return ERR_OK;
}

static void
release(struct recovery *v)
{
	for (unsigned i = 0; i < v->config->n; i++) {
		if (v->reading[i] != NULL)
			journal_index_release(&v->reading[i]->index);
		free(v->reading[i]);
	}
	free(v->begin);
	free(v->found);
	str_release(&v->rows);
}

/*
 * A disk that has just replaced another lacks what that one had of the journal, until it has
 * a copy of the catalogue, as every other location has: it is no witness.
 */
static void
note_what_they_have(const struct recovery *v, struct journal_recovered *out)
{
	for (unsigned i = 0; i < v->config->n; i++) {
		if (v->reading[i] == NULL)
			continue;
		out->at_hand += v->reading[i]->has_copy;
		out->has[i] = v->reading[i]->index.last_seq;
	}
}

enum err
journal_recover(const struct journal_recover_config *config,
    struct journal_recovered *out, struct errinfo *why)
{
	struct recovery v = {.config = config};
	struct errinfo ignored;
	enum err e = store_replay_open(config->store, &v.replay, why);
	enum err whole = ERR_OK, closed;

	*out = (struct journal_recovered){.terms = 1};
	if (e != ERR_OK)
		return e;
	store_replay_facts(v.replay, &v.facts);
	out->at = v.facts.at;
	str_init(&v.rows, SIZE_MAX);
	read_all(&v);
	note_what_they_have(&v, out);
	e = collect(&v, why);
	if (e == ERR_OK)
		e = apply_all(&v, out, why);
	if (e == ERR_OK)
		whole = check_whole(&v, out, why);
	if (e == ERR_OK && config->is_restored &&
	    (whole == ERR_OK || config->accept_loss))
		e = store_replay_leap(v.replay, whole != ERR_OK, why);
	store_replay_facts(v.replay, &v.facts);
	out->terms = v.facts.terms;
	release(&v);
	closed = store_replay_close(v.replay, e == ERR_OK, e == ERR_OK ? why : &ignored);
	if (e != ERR_OK || closed != ERR_OK)
		return e != ERR_OK ? e : closed;
	return config->accept_loss ? ERR_OK : whole;
}
