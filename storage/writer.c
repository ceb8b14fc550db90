/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/kill_point.h"
#include "storage/keys.h"
#include "storage/pack.h"

enum {
	SCRATCH_LIMIT = 64 * 1024 * 1024,
	ROWS_MAX = 256 * 1024 * 1024, /* of a batch */
	ROWS_ENOUGH = 16 * 1024 * 1024, /* then the rest waits for the next one */
	TERMS_SPARE = 2,
	TERMS_AHEAD = 1024,
	GATHER_US = 500, /* that more are waited for, at most */
	GATHER_REST = 8, /* batches, after one for which nobody came */
};

struct writer {
	struct db *db;
	struct journal_sink *journal; /* NULL: none */
	struct str rows; /* of the batch, for the journal */
	bool
	    unsure; /* the last commit failed: see if one works before the journal is asked */
	unsigned batch_max;
	struct write w;
	struct queue queue;
	_Atomic uint64_t submitted;
	uint64_t taken;
	/* Of the last round: how many changes, when, and how many may wait soon. */
	uint64_t answered, answered_us, wanted;
	unsigned gather_rest; /* rounds */
	struct store_counts counts;
	_Atomic uint64_t oldest_open;
	_Atomic uint64_t version; /* of what readers see: batches so far */
	_Atomic bool stopping;
	pthread_t thread;
};

static const char *const counter_names[COUNTERS] = {
    [COUNTER_NODE] = META_NEXT_NODE,
    [COUNTER_BLOB] = META_NEXT_BLOB,
    [COUNTER_IDENTITY] = "next.identity",
    [COUNTER_GROUP] = "next.group",
    [COUNTER_JOB] = "next.job",
};

enum err
store_get_number(struct db_txn *txn, const char *name, uint64_t fallback, uint64_t *out,
    struct errinfo *why)
{
	struct bytes value;
	enum err e = db_get(txn, DB_META, bytes_of(name), &value, why);

	if (e == ERR_NOT_FOUND) {
		*out = fallback;
		return ERR_OK;
	}
	if (e == ERR_OK && value.n != 8)
		e = errinfo_set(why, ERR_DAMAGED, "metadata store: bad %s", name);
	if (e == ERR_OK)
		*out = pack_load((const uint8_t *)value.p, 8);
	return e;
}

enum err
store_put_number(struct db_txn *txn, const char *name, uint64_t v, struct errinfo *why)
{
	uint8_t value[8];

	pack_store(value, v, sizeof value);
	return db_put(txn, DB_META, bytes_of(name),
	    (struct bytes){(const char *)value, sizeof value}, why);
}

static enum err
load_counters(struct write *w, struct db_txn *txn, struct errinfo *why)
{
	enum err e = ERR_OK;

	for (enum counter c = 0; c < COUNTERS && e == ERR_OK; c++)
		e = store_get_number(txn, counter_names[c], 1, &w->counters[c], why);
	return e;
}

static enum err
save_counters(struct write *w, struct db_txn *txn, struct errinfo *why)
{
	if (!w->counters_changed)
		return ERR_OK;
	for (enum counter c = 0; c < COUNTERS; c++) {
		enum err e = store_put_number(txn, counter_names[c], w->counters[c], why);

		if (e != ERR_OK)
			return e;
	}
	w->counters_changed = false;
	return ERR_OK;
}

static enum err
write_init(struct write *w, struct db *db, const struct store_config *config,
    struct errinfo *why)
{
	struct db_txn *txn;
	enum err e = db_write_begin(db, NULL, &txn, why);

	*w = (struct write){.gc_delay_ms = config->gc_delay_ms};
	if (e != ERR_OK)
		return e;
	e = load_counters(w, txn, why);
	if (e == ERR_OK)
		e = store_get_number(txn, META_OLDEST_OPEN, 1, &w->oldest_open, why);
	if (e == ERR_OK)
		e = store_get_number(txn, META_TERMS, 1, &w->terms, why);
	db_abort(txn);
	if (e != ERR_OK)
		return e;
	w->totals = totals_new();
	if (w->totals == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for totals");
	arena_init(&w->arena, SCRATCH_LIMIT);
	str_init(&w->record, SCRATCH_LIMIT);
	return ERR_OK;
}

static void
write_release(struct write *w)
{
	totals_free(w->totals);
	arena_release(&w->arena);
	str_release(&w->record);
}

/* One change in a child of `batch`; its outcome goes into the change. */
static void
apply(struct write *w, struct db *db, struct db_txn *batch, struct change *change)
{
	change->why = (struct errinfo){.code = ERR_OK};
	change->err = db_write_begin(db, batch, &w->txn, &change->why);
	if (change->err != ERR_OK)
		return;
	totals_mark(w->totals);
	change->err = change->apply(change, w);
	if (change->err == ERR_OK)
		change->err = db_commit(w->txn, &change->why);
	else
		db_abort(w->txn);
	if (change->err != ERR_OK) {
		totals_undo(w->totals);
		if (change->why.code == ERR_OK)
			(void)errinfo_set(
			    &change->why, change->err, "%s", err_text(change->err));
	}
	w->txn = NULL;
	arena_clear(&w->arena);
	str_clear(&w->record);
}

/* All that a batch writes besides its changes. */
static enum err
finish_batch(struct write *w, struct db_txn *batch, struct errinfo *why)
{
	enum err e = totals_flush(w->totals, batch, why);

	if (e == ERR_OK)
		e = save_counters(w, batch, why);
	return e;
}

static void
answer_on_loop(struct loop_job *job)
{
	struct change *change = container_of(job, struct change, job);

	change->done(change);
}

static void
answer(struct change *change)
{
	change->job.run = answer_on_loop;
	if (change->loop == NULL)
		change->done(change);
	else
		loop_post(change->loop, &change->job);
}

/*
 * Terms are set aside in the store before the journal sees them, so that none is ever
 * used twice: the next one, and those for batches that are taken back.
 */
static enum err
set_terms_aside(struct writer *writer, struct errinfo *why)
{
	uint64_t term = writer->journal->term(writer->journal);
	struct db_txn *txn;
	enum err e;

	if (term + TERMS_SPARE <= writer->w.terms && !writer->unsure)
		return ERR_OK;
	e = db_write_begin(writer->db, NULL, &txn, why);
	if (e != ERR_OK)
		return e;
	e = store_put_number(txn, META_TERMS, term + TERMS_AHEAD, why);
	if (e != ERR_OK) {
		db_abort(txn);
		return e;
	}
	e = db_commit(txn, why);
	if (e == ERR_OK) {
		writer->w.terms = term + TERMS_AHEAD;
		writer->unsure = false;
	}
	return e;
}

/* The changes, or as many as one entry of the journal should hold. */
static struct queue_item *
apply_all(
    struct writer *writer, struct db_txn *batch, struct queue_item *first, bool *any_out)
{
	struct queue_item *last = NULL;

	*any_out = false;
	for (struct queue_item *i = first; i != NULL; i = i->next) {
		struct change *change = container_of(i, struct change, item);

		apply(&writer->w, writer->db, batch, change);
		*any_out |= change->err == ERR_OK;
		last = i;
		if (writer->rows.n > ROWS_ENOUGH)
			break;
	}
	return last;
}

static enum err
append(struct writer *writer, struct db_txn *batch, bool *appended, struct errinfo *why)
{
	uint8_t value[JOURNAL_POSITION_SIZE];
	struct journal_position at;
	enum err e;

	if (writer->journal == NULL)
		return ERR_OK;
	e = writer->journal->append(
	    writer->journal, str_bytes(&writer->rows), writer->w.has_bytes, &at, why);
	if (e != ERR_OK)
		return e;
	*appended = true;
	kill_point("j1");
	journal_position_encode(&at, value);
	return db_put(batch, DB_META, BYTES(META_JOURNAL),
	    (struct bytes){(const char *)value, sizeof value}, why);
}

/*
 * All of a batch is applied: into the journal, then into the store (D60). *open_out: see
 * struct change's outcome_open.
 */
static enum err
commit(struct writer *writer, struct db_txn *batch, uint64_t oldest, bool *open_out,
    struct errinfo *why)
{
	struct write *w = &writer->w;
	bool appended = false;
	enum err e = finish_batch(w, batch, why);

	if (e == ERR_OK && oldest != w->oldest_open)
		e = store_put_number(batch, META_OLDEST_OPEN, oldest, why);
	db_record(writer->db, NULL);
	if (e == ERR_OK)
		e = append(writer, batch, &appended, why);
	if (e != ERR_OK) {
		db_abort(batch);
	} else {
		e = db_commit(batch, why);
		writer->version++; /* perhaps for nothing, but before anybody is told */
		*open_out = e != ERR_OK && e != ERR_META_FULL && e != ERR_NO_MEMORY;
	}
	if (e == ERR_OK) {
		w->oldest_open = oldest;
		return ERR_OK;
	}
	w->counters_changed = true;
	writer->unsure = true;
	if (appended && *open_out)
		writer->journal->give_up(writer->journal, why);
	else if (appended)
		writer->journal->take_back(writer->journal);
	return e;
}

/* *last_out: the last change that is part of it. */
static enum err
run_batch(struct writer *writer, struct queue_item *first, struct queue_item **last_out,
    bool *open_out, struct errinfo *why)
{
	struct write *w = &writer->w;
	uint64_t oldest = writer->oldest_open;
	struct db_txn *batch;
	bool any;
	enum err e = ERR_OK;

	if (writer->journal != NULL)
		e = set_terms_aside(writer, why);
	if (e == ERR_OK)
		e = db_write_begin(writer->db, NULL, &batch, why);
	if (e != ERR_OK)
		return e;
	w->now_ms = clock_wall_ms();
	w->has_bytes = false;
	if (writer->journal != NULL) {
		str_clear(&writer->rows);
		db_record(writer->db, &writer->rows);
	}
	*last_out = apply_all(writer, batch, first, &any);
	if (any)
		return commit(writer, batch, oldest, open_out, why);
	totals_clear(w->totals);
	db_abort(batch);
	db_record(writer->db, NULL);
	return ERR_OK;
}

/* Cut at most `max` items off *list. */
static struct queue_item *
cut(struct queue_item **list, unsigned max)
{
	struct queue_item *first = *list, *last = first;

	while (--max > 0 && last->next != NULL)
		last = last->next;
	*list = last->next;
	last->next = NULL;
	return first;
}

static void
count_batch(struct store_counts *counts, const struct queue_item *first,
    uint64_t began_us, enum err e)
{
	uint64_t n = 0;

	for (const struct queue_item *i = first; i != NULL; i = i->next)
		n++;
	metric_observe(&counts->batch, metric_sizes, n);
	metric_observe(&counts->commit_us, metric_times_us, clock_mono_us() - began_us);
	metric_add(&counts->failures, e != ERR_OK);
}

/* Returns those that are not part of the batch. */
static struct queue_item *
commit_and_answer(struct writer *writer, struct queue_item *first)
{
	struct errinfo why = {.code = ERR_OK};
	struct queue_item *last = NULL, *rest = NULL, *next;
	bool outcome_open = false;
	uint64_t began_us = clock_mono_us();
	enum err e = run_batch(writer, first, &last, &outcome_open, &why);

	if (last != NULL) {
		rest = last->next;
		last->next = NULL;
	}
	count_batch(&writer->counts, first, began_us, e);
	for (struct queue_item *i = first; i != NULL; i = next) {
		struct change *change = container_of(i, struct change, item);

		next = i->next; /* the change is the caller's again once answered */
		change->outcome_open = outcome_open && change->err == ERR_OK;
		if (e != ERR_OK) {
			change->err = e;
			change->why = why;
		}
		answer(change);
	}
	return rest;
}

static uint64_t
waiting(const struct writer *writer)
{
	return writer->submitted - writer->taken;
}

/*
 * Those that were answered just now are likely to be back in less time than a commit
 * takes. Without a moment's wait for them they and those that waited meanwhile would take
 * turns for ever, with twice the commits. For a while it is not tried again when they did
 * not come.
 */
static void
gather(struct writer *writer)
{
	uint64_t now_us = clock_mono_us(), until_us = writer->answered_us + GATHER_US;

	if (waiting(writer) >= writer->wanted || now_us >= until_us)
		return;
	if (writer->gather_rest > 0) {
		writer->gather_rest--;
		return;
	}
	(void)usleep((useconds_t)(until_us - now_us));
	if (waiting(writer) < writer->wanted - writer->answered * 3 / 4)
		writer->gather_rest = GATHER_REST;
}

static void
run_round(struct writer *writer, struct queue_item *taken)
{
	writer->answered = 0;
	for (const struct queue_item *i = taken; i != NULL; i = i->next)
		writer->answered++;
	writer->taken += writer->answered;
	while (taken != NULL) {
		struct queue_item *batch = cut(&taken, writer->batch_max);

		while (batch != NULL)
			batch = commit_and_answer(writer, batch);
	}
	writer->answered_us = clock_mono_us();
	writer->wanted = waiting(writer) + writer->answered;
}

static void *
write_batches(void *arg)
{
	struct writer *writer = arg;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: gather's sleep is short */
	for (;;) {
		bool stopping =
		    writer->stopping; /* before the take: what follows is the rest */
		struct queue_item *taken;
		struct pollfd p = {.fd = queue_fd(&writer->queue), .events = POLLIN};

		if (waiting(writer) > 0)
			gather(writer);
		taken = queue_take(&writer->queue);
		if (taken != NULL)
			run_round(writer, taken);
		if (stopping)
			return NULL;
		if (taken != NULL)
			continue;
		/* The take may have swallowed the wake-up that says so. */
		if (!writer->stopping && poll(&p, 1, -1) < 0)
			CHECK(errno == EINTR);
	}
}

enum err
writer_new(struct db *db, const struct store_config *config, struct writer **out,
    struct errinfo *why)
{
	struct writer *writer = calloc(1, sizeof *writer);
	enum err e;
	int failed;

	if (writer == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the writer");
	writer->db = db;
	writer->batch_max = config->batch_max;
	e = write_init(&writer->w, db, config, why);
	if (e != ERR_OK)
		goto fail;
	/* Stays at what the last process left until its leftovers are swept. */
	writer->oldest_open = writer->w.oldest_open;
	str_init(&writer->rows, ROWS_MAX);
	e = queue_init(&writer->queue, why);
	if (e != ERR_OK)
		goto fail;
	failed = pthread_create(&writer->thread, NULL, write_batches, writer);
	if (failed != 0) {
		queue_release(&writer->queue);
		e = errinfo_sys(why, ERR_INTERNAL, failed, "cannot start the writer");
		goto fail;
	}
	(void)pthread_setname_np(writer->thread, "meta-writer");
	*out = writer;
	return ERR_OK;
fail:
	write_release(&writer->w);
	free(writer);
	return e;
}

void
writer_free(struct writer *writer)
{
	if (writer == NULL)
		return;
	writer->stopping = true;
	queue_wake(&writer->queue);
	(void)pthread_join(writer->thread, NULL);
	queue_release(&writer->queue);
	str_release(&writer->rows);
	write_release(&writer->w);
	free(writer);
}

void
writer_set_journal(struct writer *writer, struct journal_sink *journal)
{
	writer->journal = journal;
}

void
writer_submit(struct writer *writer, struct change *change)
{
	writer->submitted++;
	queue_push(&writer->queue, &change->item);
}

uint64_t
writer_version(const struct writer *writer)
{
	return writer->version;
}

const struct store_counts *
writer_counts(const struct writer *writer)
{
	return &writer->counts;
}

void
writer_set_oldest_open(struct writer *writer, uint64_t blob_id)
{
	writer->oldest_open = blob_id;
}

enum err
writer_apply_now(struct db *db, const struct store_config *config, struct change *change,
    struct errinfo *why)
{
	struct db_txn *batch = NULL;
	struct write w;
	enum err e = write_init(&w, db, config, why);

	if (e == ERR_OK)
		e = db_write_begin(db, NULL, &batch, why);
	if (e != ERR_OK)
		goto out;
	w.now_ms = clock_wall_ms();
	apply(&w, db, batch, change);
	e = change->err;
	if (e != ERR_OK && why != NULL)
		*why = change->why;
	if (e == ERR_OK)
		e = finish_batch(&w, batch, why);
	if (e == ERR_OK) {
		e = db_commit(batch, why);
		batch = NULL;
	}
out:
	if (batch != NULL)
		db_abort(batch);
	write_release(&w);
	return e;
}
