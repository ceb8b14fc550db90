/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids for blobs: reserved before they are used, remembered while they are open. Linked
 * with --wrap=store_reserve, so that the store can refuse.
 */
#include "replication/blob_ids.h"
#include "tests/support/rig.h"

struct bench {
	struct rig rig;
	struct blob_ids *ids;
	bool woken;
	struct blob_ids_waiter waiter;
};

static struct bench *bench;
static bool refusing;

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier) */
void __real_store_reserve(struct store *store, struct store_reserve *r);
void __wrap_store_reserve(struct store *store, struct store_reserve *r);

static void
refused(struct loop_job *job)
{
	struct change *change = container_of(job, struct change, job);

	change->done(change);
}

void
__wrap_store_reserve(struct store *store, struct store_reserve *r)
{
	if (!refusing) {
		__real_store_reserve(store, r);
		return;
	}
	r->change.err =
	    errinfo_set(&r->change.why, ERR_NO_SPACE, "the test's store is full");
	r->change.job.run = refused;
	loop_post(r->change.loop, &r->change.job);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static int
open_bench(void **state)
{
	struct blob_ids_config config = {.n = 0};
	struct bench *b = calloc(1, sizeof *b);

	assert_non_null(b);
	rig_open_store(&b->rig, "");
	config.store = b->rig.store;
	config.loop = b->rig.loop;
	assert_ok(blob_ids_new(&config, &b->ids, &b->rig.why), &b->rig.why);
	bench = b;
	*state = b;
	return 0;
}

static bool
ids_are_quiet(struct rig *rig)
{
	(void)rig;
	return blob_ids_quiet(bench->ids);
}

static int
close_bench(void **state)
{
	struct bench *b = *state;

	blob_ids_stop(b->ids);
	rig_wait_until(&b->rig, ids_are_quiet);
	blob_ids_free(b->ids);
	rig_close_store(&b->rig);
	free(b);
	return 0;
}

static void
woken(struct loop_job *job)
{
	struct blob_ids_waiter *w = container_of(job, struct blob_ids_waiter, job);

	container_of(w, struct bench, waiter)->woken = true;
}

static void
wait_for_id(struct bench *b)
{
	b->woken = false;
	b->waiter = (struct blob_ids_waiter){.job = {.run = woken}, .loop = b->rig.loop};
	blob_ids_wait(b->ids, &b->waiter);
	rig_wait_flag(&b->rig, &b->woken);
}

static uint64_t
take(struct bench *b)
{
	uint64_t id;

	while (!blob_ids_take(b->ids, &id)) {
		wait_for_id(b);
		assert_err(b->waiter.err, ERR_OK);
	}
	return id;
}

static struct store_facts
facts_of(struct bench *b)
{
	struct store_facts facts;

	assert_ok(store_facts(b->rig.reader, &facts, &b->rig.why), &b->rig.why);
	return facts;
}

/* A commit, so that what was published is stored. */
static uint64_t
stored_oldest(struct bench *b)
{
	struct store_note note = {
	    .change = rig_change(&b->rig), .name = "n", .value = BYTES("v")};

	store_note(b->rig.store, &note);
	assert_ok(rig_wait_change(&b->rig, &note.change), &note.change.why);
	return facts_of(b).oldest_open_blob;
}

static void
every_id_is_reserved_before_it_is_used_and_new(void **state)
{
	struct bench *b = *state;
	uint64_t last = 0;

	for (unsigned i = 0; i < 3 * STORE_ID_BLOCK; i++) {
		uint64_t id = take(b);

		assert_true(id > last);
		assert_true(id < facts_of(b).blob_ids);
		last = id;
		blob_ids_close(b->ids, id);
	}
}

static void
the_next_block_is_fetched_ahead(void **state)
{
	struct bench *b = *state;
	uint64_t end, id = take(b);

	rig_wait_until(&b->rig, ids_are_quiet);
	end = facts_of(b).blob_ids;
	blob_ids_close(b->ids, id);
	for (unsigned i = 0; i < STORE_ID_BLOCK / 2 + 1; i++)
		blob_ids_close(b->ids, take(b));
	rig_wait_until(&b->rig, ids_are_quiet);
	assert_int_equal(facts_of(b).blob_ids, end + STORE_ID_BLOCK);
	for (unsigned i = 0; i < STORE_ID_BLOCK / 2; i++) {
		assert_true(blob_ids_take(b->ids, &id)); /* nobody waits */
		blob_ids_close(b->ids, id);
	}
}

static void
the_oldest_open_id_is_published_once_the_sweep_is_over(void **state)
{
	struct bench *b = *state;
	uint64_t before = stored_oldest(b);
	uint64_t first = take(b), second = take(b), third = take(b);

	assert_int_equal(stored_oldest(b), before);
	blob_ids_swept(b->ids);
	assert_int_equal(stored_oldest(b), first);
	blob_ids_close(b->ids, second);
	assert_int_equal(stored_oldest(b), first);
	blob_ids_close(b->ids, first);
	assert_int_equal(stored_oldest(b), third);
	blob_ids_close(b->ids, third);
	assert_int_equal(stored_oldest(b), third + 1);
}

static void
without_ids_nothing_is_published(void **state)
{
	struct bench *b = *state;
	uint64_t before = stored_oldest(b);

	blob_ids_swept(b->ids);
	assert_int_equal(stored_oldest(b), before);
}

static void
an_id_that_stays_open_keeps_its_place(void **state)
{
	struct bench *b = *state;
	uint64_t stays = take(b);

	blob_ids_swept(b->ids);
	for (unsigned i = 0; i < 2 * STORE_ID_BLOCK; i++)
		blob_ids_close(b->ids, take(b));
	assert_int_equal(stored_oldest(b), stays);
}

static void
who_waits_is_told_when_none_can_be_reserved(void **state)
{
	struct bench *b = *state;
	uint64_t id;

	refusing = true;
	for (unsigned i = 0; i < 2; i++) { /* each one asks again */
		assert_false(blob_ids_take(b->ids, &id));
		wait_for_id(b);
		assert_err(b->waiter.err, ERR_NO_SPACE);
		assert_non_null(strstr(errinfo_text(&b->waiter.why), "full"));
	}
	refusing = false;
	blob_ids_close(b->ids, take(b));
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BENCH(every_id_is_reserved_before_it_is_used_and_new),
	    BENCH(the_next_block_is_fetched_ahead),
	    BENCH(the_oldest_open_id_is_published_once_the_sweep_is_over),
	    BENCH(without_ids_nothing_is_published),
	    BENCH(an_id_that_stays_open_keeps_its_place),
	    BENCH(who_waits_is_told_when_none_can_be_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
