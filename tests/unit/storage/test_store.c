/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a whole: batches, their answers, ids that are never given out twice. */
#include "tests/support/fake_sync.h"
#include "tests/unit/storage/catalogue.h"

/* What happened on the writer's thread: 'a' a change was applied, 'd' it was answered. */
struct diary {
	char text[256];
	size_t n;
	sem_t go, there;
};

struct entry {
	struct change change;
	struct diary *diary;
	const char *name; /* of a note to write; NULL: none */
	enum err verdict;
	bool blocks; /* until the test says go */
};

static enum err
apply_entry(struct change *change, struct write *w)
{
	struct entry *e = container_of(change, struct entry, change);

	e->diary->text[e->diary->n++] = 'a';
	if (e->blocks) {
		(void)sem_post(&e->diary->there);
		(void)sem_wait(&e->diary->go);
	}
	if (e->name != NULL) {
		enum err err = db_put(
		    w->txn, DB_META, bytes_of(e->name), BYTES("value"), &change->why);

		if (err != ERR_OK)
			return err;
	}
	return e->verdict;
}

static void
entry_done(struct change *change)
{
	struct entry *e = container_of(change, struct entry, change);

	e->diary->text[e->diary->n++] = 'd';
}

static void
diary_open(struct diary *d)
{
	*d = (struct diary){.n = 0};
	assert_int_equal(sem_init(&d->go, 0, 0), 0);
	assert_int_equal(sem_init(&d->there, 0, 0), 0);
}

static void
submit_entry(struct catalogue *c, struct diary *d, struct entry *e)
{
	e->diary = d;
	e->change = (struct change){.done = entry_done, .apply = apply_entry};
	store_submit(c->rig.store, &e->change);
}

/* One that holds the writer up, so that what follows gathers. */
static void
hold_up(struct catalogue *c, struct diary *d, struct entry *first)
{
	diary_open(d);
	*first = (struct entry){.blocks = true};
	submit_entry(c, d, first);
	(void)sem_wait(&d->there);
}

/* The writer's thread ends and begins anew: what it did can be looked at. */
static void
reopen(struct catalogue *c)
{
	store_reader_free(c->rig.reader);
	store_close(c->rig.store); /* waits for all */
	c->rig.reader = NULL;
	c->rig.store = NULL;
	assert_ok(
	    store_open(&c->rig.store_config, &c->rig.store, &c->rig.why), &c->rig.why);
	assert_ok(
	    store_reader_new(c->rig.store, &c->rig.reader, &c->rig.why), &c->rig.why);
}

static void
go_on(struct catalogue *c, struct diary *d)
{
	(void)sem_post(&d->go);
	reopen(c);
}

static bool
is_stored(struct catalogue *c, const char *name)
{
	struct db_txn *txn;
	struct bytes value;
	enum err e;

	assert_ok(store_read_begin(c->rig.reader, &txn, &c->why), &c->why);
	e = db_get(txn, DB_META, bytes_of(name), &value, &c->why);
	store_read_end(c->rig.reader);
	assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
	return e == ERR_OK;
}

static void
what_waits_is_one_batch_and_answered_after_its_commit(void **state)
{
	struct catalogue *c = *state;
	struct entry first, more[5] = {{.name = NULL}};
	struct diary d;

	hold_up(c, &d, &first);
	for (unsigned i = 0; i < 5; i++)
		submit_entry(c, &d, &more[i]);
	go_on(c, &d);
	assert_string_equal(d.text, "adaaaaaddddd");
}

static void
a_batch_is_no_longer_than_is_set(void **state)
{
	struct catalogue *c = *state;
	struct entry first, more[10] = {{.name = NULL}};
	struct diary d;

	c->rig.store_config.batch_max = 4;
	rig_reopen_store(&c->rig);
	hold_up(c, &d, &first);
	for (unsigned i = 0; i < 10; i++)
		submit_entry(c, &d, &more[i]);
	go_on(c, &d);
	assert_string_equal(d.text, "adaaaaddddaaaaddddaadd");
}

static void
one_refusal_does_not_spoil_a_batch(void **state)
{
	struct catalogue *c = *state;
	struct entry first,
	    more[3] = {{.name = "one"}, {.name = "two", .verdict = ERR_CONFLICT},
		{.name = "three"}};
	struct diary d;

	hold_up(c, &d, &first);
	for (unsigned i = 0; i < 3; i++)
		submit_entry(c, &d, &more[i]);
	go_on(c, &d);
	assert_string_equal(d.text, "adaaaddd");
	assert_err(more[0].change.err, ERR_OK);
	assert_err(more[1].change.err, ERR_CONFLICT);
	assert_string_not_equal(errinfo_text(&more[1].change.why), "");
	assert_err(more[2].change.err, ERR_OK);
	assert_true(is_stored(c, "one"));
	assert_false(is_stored(c, "two"));
	assert_true(is_stored(c, "three"));
}

/* A failed sync may still have left everything on the disk. */
static void
a_failed_commit_leaves_open_what_became_of_its_changes(void **state)
{
	struct catalogue *c = *state;
	struct entry good = {.name = "good"}, bad = {.verdict = ERR_NODE_LOCKED};
	struct diary d;

	diary_open(&d);
	assert_false(is_stored(c, "good"));
	syncs_left = 0;
	submit_entry(c, &d, &good);
	submit_entry(c, &d, &bad);
	reopen(c);
	syncs_left = INT32_MAX;
	assert_err(good.change.err, ERR_IO);
	assert_true(good.change.outcome_open);
	assert_int_not_equal(bad.change.err, ERR_OK);
	assert_false(bad.change.outcome_open);
	good.change.outcome_open = false;
	submit_entry(c, &d, &good);
	go_on(c, &d);
	assert_ok(good.change.err, &good.change.why);
	assert_false(good.change.outcome_open);
	assert_true(is_stored(c, "good"));
}

static void
a_batch_of_refusals_alone_is_answered(void **state)
{
	struct catalogue *c = *state;
	struct entry first,
	    more[2] = {{.name = "x", .verdict = ERR_QUOTA}, {.verdict = ERR_CYCLE}};
	struct diary d;

	hold_up(c, &d, &first);
	for (unsigned i = 0; i < 2; i++)
		submit_entry(c, &d, &more[i]);
	go_on(c, &d);
	assert_string_equal(d.text, "adaadd");
	assert_err(more[0].change.err, ERR_QUOTA);
	assert_err(more[1].change.err, ERR_CYCLE);
	assert_false(is_stored(c, "x"));
}

static void
closing_waits_for_everything_submitted(void **state)
{
	enum { MANY = 100 };
	struct catalogue *c = *state;
	struct entry *more = calloc(MANY, sizeof *more);
	struct entry first;
	struct diary d;

	assert_non_null(more);
	hold_up(c, &d, &first);
	for (unsigned i = 0; i < MANY; i++)
		submit_entry(c, &d, &more[i]);
	go_on(c, &d);
	assert_int_equal(d.n, 2 * (MANY + 1));
	free(more);
}

static uint64_t
reserve(struct catalogue *c)
{
	struct store_reserve r = {.first_out = 0};

	assert_done(c, run(c, store_reserve, &r));
	return r.first_out;
}

static void
ids_are_never_given_out_twice(void **state)
{
	struct catalogue *c = *state;
	uint64_t last = 0;

	for (unsigned i = 0; i < 6; i++) {
		struct store_facts facts;
		uint64_t first = reserve(c);

		assert_true(first > last || (i == 0 && first > 0));
		last = first + STORE_ID_BLOCK - 1;
		assert_ok(store_facts(c->rig.reader, &facts, &c->why), &c->why);
		assert_int_equal(facts.blob_ids, last + 1); /* before anybody uses one */
		if (i % 2 == 1)
			rig_reopen_store(&c->rig);
	}
}

static void
the_oldest_open_upload_is_stored_with_the_next_batch(void **state)
{
	struct catalogue *c = *state;
	struct store_facts facts;

	store_set_oldest_open(c->rig.store, 77);
	(void)reserve(c);
	assert_ok(store_facts(c->rig.reader, &facts, &c->why), &c->why);
	assert_int_equal(facts.oldest_open_blob, 77);
	rig_reopen_store(&c->rig);
	(void)reserve(c); /* a new process knows nothing better */
	assert_ok(store_facts(c->rig.reader, &facts, &c->why), &c->why);
	assert_int_equal(facts.oldest_open_blob, 77);
}

static void
what_is_released_is_swept_from_the_first_file_on(void **state)
{
	struct catalogue *c = *state;
	struct store_note note = {.name = NULL};
	struct store_facts facts;

	store_set_oldest_open(c->rig.store, 77);
	(void)reserve(c);
	assert_done(c, run(c, store_release_unknown, &note));
	rig_reopen_store(&c->rig);
	assert_ok(store_facts(c->rig.reader, &facts, &c->why), &c->why);
	assert_int_equal(facts.oldest_open_blob, 1);
	assert_int_equal(facts.keep_unknown_below, 0);
}

static void
notes_are_kept_replaced_and_deleted(void **state)
{
	struct catalogue *c = *state;
	struct store_note note = {.name = "key", .value = BYTES("0123456789")};
	char value[16] = "";
	size_t n;

	assert_err(
	    store_get_note(c->rig.reader, "key", value, 5, &n, &c->why), ERR_NOT_FOUND);
	assert_done(c, run(c, store_note, &note));
	assert_ok(store_get_note(c->rig.reader, "key", value, 5, &n, &c->why), &c->why);
	assert_int_equal(n, 10);
	assert_string_equal(value, "01234");
	note.value = BYTES("x");
	assert_done(c, run(c, store_note, &note));
	rig_reopen_store(&c->rig);
	assert_ok(store_get_note(c->rig.reader, "key", value, 5, &n, &c->why), &c->why);
	assert_int_equal(n, 1);
	note.value = (struct bytes){NULL, 0};
	assert_done(c, run(c, store_note, &note));
	assert_done(c, run(c, store_note, &note));
	assert_err(
	    store_get_note(c->rig.reader, "key", value, 5, &n, &c->why), ERR_NOT_FOUND);
}

static void
a_store_is_formatted_once(void **state)
{
	struct catalogue *c = *state;

	store_reader_free(c->rig.reader);
	store_close(c->rig.store);
	assert_err(
	    store_format(&c->rig.store_config, "other", &c->rig.why), ERR_CONFLICT);
	assert_ok(
	    store_open(&c->rig.store_config, &c->rig.store, &c->rig.why), &c->rig.why);
	assert_ok(
	    store_reader_new(c->rig.store, &c->rig.reader, &c->rig.why), &c->rig.why);
}

/* Overwrite the record of the format. */
static enum err
open_with_format(struct catalogue *c, const uint8_t *format, size_t n)
{
	struct db *db;
	struct db_txn *txn;
	struct store *store;
	enum err e;

	assert_ok(db_open(c->rig.store_config.dir, c->rig.store_config.map_bytes, 8,
		      false, &db, &c->why),
	    &c->why);
	assert_ok(db_write_begin(db, NULL, &txn, &c->why), &c->why);
	assert_ok(db_put(txn, DB_META, BYTES("format"),
		      (struct bytes){(const char *)format, n}, &c->why),
	    &c->why);
	assert_ok(db_commit(txn, &c->why), &c->why);
	db_close(db);
	e = store_open(&c->rig.store_config, &store, &c->why);
	if (e == ERR_OK)
		store_close(store);
	return e;
}

static void
a_store_of_a_newer_server_is_refused(void **state)
{
	struct catalogue *c = *state;
	uint8_t format[26] = {1, 0};

	store_reader_free(c->rig.reader);
	store_close(c->rig.store);
	assert_err(open_with_format(c, format, 25), ERR_DAMAGED);
	format[0] = 2;
	assert_err(open_with_format(c, format, 26), ERR_CONFIG);
	format[0] = 1;
	format[9] = 0x80; /* an incompatible feature that nobody knows */
	assert_err(open_with_format(c, format, 26), ERR_CONFIG);
	format[9] = 0;
	format[18] = 1; /* a compatible one, and a minor step */
	format[1] = 1;
	assert_ok(open_with_format(c, format, 26), &c->why);
	format[18] = format[1] = 0;
	assert_ok(open_with_format(c, format, 26), &c->why);
	assert_ok(
	    store_open(&c->rig.store_config, &c->rig.store, &c->rig.why), &c->rig.why);
	assert_ok(
	    store_reader_new(c->rig.store, &c->rig.reader, &c->rig.why), &c->rig.why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(what_waits_is_one_batch_and_answered_after_its_commit),
	    CATALOGUE_TEST(a_batch_is_no_longer_than_is_set),
	    CATALOGUE_TEST(one_refusal_does_not_spoil_a_batch),
	    CATALOGUE_TEST(a_failed_commit_leaves_open_what_became_of_its_changes),
	    CATALOGUE_TEST(a_batch_of_refusals_alone_is_answered),
	    CATALOGUE_TEST(closing_waits_for_everything_submitted),
	    CATALOGUE_TEST(ids_are_never_given_out_twice),
	    CATALOGUE_TEST(the_oldest_open_upload_is_stored_with_the_next_batch),
	    CATALOGUE_TEST(what_is_released_is_swept_from_the_first_file_on),
	    CATALOGUE_TEST(notes_are_kept_replaced_and_deleted),
	    CATALOGUE_TEST(a_store_is_formatted_once),
	    CATALOGUE_TEST(a_store_of_a_newer_server_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
