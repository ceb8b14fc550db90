/* SPDX-License-Identifier: Apache-2.0 */
/* What a pass does about what it finds, when it is told something in between, and verify. */
#include "tests/unit/replication/puts.h"

#include "replication/scrub.h"
#include "replication/verify.h"

enum { LOCATION = 2, LARGE = 3 * 1024 * 1024 + 4711, FILES = 5 };

static void
quick(struct rig *rig)
{
	patient(rig);
	rig->settings.scrub_rate = 1ULL << 33;
	rig->settings.scrub_save = 10;
	rig->settings.scrub_bad_percent = 100;
	rig->settings.scrub_bad_max = 3;
}

static void
slow(struct rig *rig)
{
	quick(rig);
	rig->settings.scrub_rate = 64 * 1024;
}

static int
open_quick(void **state)
{
	return open_rig_tuned(state, quick);
}

static int
open_slow(void **state)
{
	return open_rig_tuned(state, slow);
}

#define QUICK(test) cmocka_unit_test_setup_teardown(test, open_quick, close_rig)
#define SLOW(test)  cmocka_unit_test_setup_teardown(test, open_slow, close_rig)

static const struct scrub_pass *
pass_at(struct rig *rig, unsigned location, enum scrub_kind kind)
{
	static struct scrub_facts facts;

	scrub_facts(rig->mirror->scrub, location, &facts);
	return &facts.pass[kind];
}

static void
obeyed(struct scrub_order *order)
{
	order->locations = 0;
}

/* To all locations. */
static void
order(struct rig *rig, enum scrub_verb verb, enum scrub_kind kind, bool report_only)
{
	struct scrub_order o = {.verb = verb,
	    .locations = 15,
	    .report_only = report_only,
	    .loop = rig->loop,
	    .done = obeyed};

	o.kinds[kind] = true;
	scrub_order(rig->mirror->scrub, &o);
	while (o.locations != 0)
		rig_run_for(rig, 1);
}

static bool
all_are_idle(struct rig *rig)
{
	for (unsigned i = 0; i < rig->mirror->n; i++)
		for (unsigned k = 0; k < SCRUB_KINDS; k++)
			if (pass_at(rig, i, (enum scrub_kind)k)->state != SCRUB_IDLE)
				return false;
	return mirror_idle(rig->mirror);
}

static void
run_pass(struct rig *rig, enum scrub_kind kind, bool report_only)
{
	order(rig, SCRUB_START, kind, report_only);
	rig_wait_until(rig, all_are_idle);
}

static void
store_files(struct rig *rig, struct blob blob[FILES])
{
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", i);
		blob[i] = upload_file(rig, name, i + 1, i == 0 ? LARGE : 1000 * i);
	}
	rig_wait_until(rig, puts_are_over);
}

static void
flip(struct rig *rig, unsigned location, const struct blob *blob)
{
	char path[160];
	uint8_t byte;
	int fd;

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 500), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 500), 1);
	(void)close(fd);
}

static void
remove_copy(struct rig *rig, unsigned location, const struct blob *blob)
{
	char path[160];

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	assert_int_equal(unlink(path), 0);
}

static void
a_bad_copy_is_put_aside_and_due(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	flip(rig, LOCATION, &blob[3]);
	remove_copy(rig, LOCATION, &blob[4]);
	run_pass(rig, SCRUB_DEEP, true);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->bad, 1);
	assert_int_equal(blob_now(rig, blob[3].id).have, 15);
	assert_int_equal(rig_files(rig, LOCATION, "bad"), 0);
	assert_int_equal(facts_of(rig).repairs_due, 0);
	run_pass(rig, SCRUB_DEEP, false);
	for (unsigned i = 0; i < 4; i++) {
		const struct scrub_pass *p = pass_at(rig, i, SCRUB_DEEP);

		assert_int_equal(p->files, FILES);
		assert_int_equal(p->bad, i == LOCATION);
		assert_int_equal(p->missing, i == LOCATION);
		assert_int_equal(rig_files(rig, i, "bad"), i == LOCATION);
	}
	assert_int_equal(blob_now(rig, blob[3].id).have, 15 & ~(1 << LOCATION));
	assert_int_equal(facts_of(rig).repairs_due, 2);
	run_pass(rig, SCRUB_DEEP, false); /* what is not counted is not looked at */
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->files, FILES - 2);
}

static bool
one_has_stopped(struct rig *rig)
{
	return pass_at(rig, LOCATION, SCRUB_DEEP)->state == SCRUB_STOPPED &&
	       mirror_idle(rig->mirror);
}

static void
too_much_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	for (unsigned i = 0; i < FILES; i++)
		flip(rig, LOCATION, &blob[i]);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, one_has_stopped);
	rig_run_for(rig, 50);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->bad, 3);
	assert_int_equal(rig_files(rig, LOCATION, "bad"), 3);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, all_are_idle);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->bad, FILES);
	assert_int_equal(facts_of(rig).repairs_due, FILES);
}

static bool
the_others_are_through(struct rig *rig)
{
	for (unsigned i = 0; i < 4; i++)
		if (i != LOCATION && pass_at(rig, i, SCRUB_DEEP)->state != SCRUB_IDLE)
			return false;
	return true;
}

static void
a_read_that_hangs_holds_up_one_location(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	fault(LOCATION, FAKE_IO_READ, FAKE_IO_HOLD, 0);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, the_others_are_through);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->state, SCRUB_RUNNING);
	fake_io_calm(LOCATION);
	fake_io_release(LOCATION);
	rig_wait_until(rig, all_are_idle);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->files, FILES);
}

/* Bad or not: it was told to stop before it knew. */
static void
what_comes_back_after_an_order_is_void(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	flip(rig, LOCATION, &blob[0]);
	fault(LOCATION, FAKE_IO_READ, FAKE_IO_HOLD, 0);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, the_others_are_through);
	order(rig, SCRUB_STOP, SCRUB_DEEP, false);
	fake_io_calm(LOCATION);
	fake_io_release(LOCATION);
	rig_wait_until(rig, puts_are_over);
	rig_run_for(rig, 50);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->state, SCRUB_OFF);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->bad, 0);
	assert_int_equal(blob_now(rig, blob[0].id).have, 15);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, all_are_idle);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->bad, 1);
}

static bool
one_was_read(struct rig *rig)
{
	return pass_at(rig, LOCATION, SCRUB_DEEP)->files >= 1;
}

static void
it_stops_at_once_and_goes_on_after_a_restart(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];
	uint64_t began;

	for (unsigned i = 0; i < 2; i++)
		blob[i] =
		    upload_file(rig, i == 0 ? "small" : "large", i, i == 0 ? 500 : LARGE);
	rig_wait_until(rig, puts_are_over);
	order(rig, SCRUB_START, SCRUB_DEEP, false);
	rig_wait_until(rig, one_was_read);
	began = clock_mono_ms();
	rig_restart_mirror(rig); /* the large one would take 48 s */
	assert_in_range(clock_mono_ms() - began, 0, 10000);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->state, SCRUB_RUNNING);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_DEEP)->files, 1);
	assert_true(pass_at(rig, LOCATION, SCRUB_DEEP)->at == blob[0].id);
}

static void
a_damaged_record_begins_anew(void **state)
{
	struct rig *rig = *state;
	static const size_t sizes[] = {1, SCRUB_KINDS * SCRUB_RECORD_SIZE};

	for (unsigned i = 0; i < 2; i++) {
		char record[SCRUB_KINDS * SCRUB_RECORD_SIZE] = "nonsense";
		struct store_note note = {.change = rig_change(rig), .name = "scrub.1"};

		note.value = (struct bytes){record, sizes[i]};
		store_note(rig->store, &note);
		assert_ok(rig_wait_change(rig, &note.change), &note.change.why);
		rig_restart_mirror(rig);
		assert_int_equal(pass_at(rig, 0, SCRUB_DEEP)->state, SCRUB_IDLE);
		assert_int_equal(pass_at(rig, 0, SCRUB_DEEP)->ended_ms, 0);
	}
	run_pass(rig, SCRUB_DEEP, false);
	assert_true(pass_at(rig, 0, SCRUB_DEEP)->ended_ms > 0);
}

/* The copy that a listing missed is there when it is looked for, and the other way. */
static void
listing_alone_decides_nothing(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];
	char path[160], kept[170];

	store_files(rig, blob);
	rig_copy_path(rig, LOCATION, blob[2].id, blob[2].md5, path);
	(void)snprintf(kept, sizeof kept, "%s/kept", rig->dir);
	assert_int_equal(rename(path, kept), 0);
	fault(LOCATION, FAKE_IO_OPEN, FAKE_IO_HOLD, 0);
	order(rig, SCRUB_START, SCRUB_SHALLOW, false);
	while (fake_io_held(LOCATION) == 0)
		rig_run_for(rig, 5);
	assert_int_equal(rename(kept, path), 0);
	fake_io_calm(LOCATION);
	fake_io_release(LOCATION);
	rig_wait_until(rig, all_are_idle);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_SHALLOW)->missing, 0);
	assert_int_equal(blob_now(rig, blob[2].id).have, 15);
}

static void
an_uncounted_copy_that_is_good_is_counted(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];
	struct blob_lost lost = {.change = rig_change(rig), .location = LOCATION};

	store_files(rig, blob);
	lost.id = blob[1].id;
	blob_lost(rig->store, &lost);
	assert_ok(rig_wait_change(rig, &lost.change), &lost.change.why);
	assert_int_equal(facts_of(rig).repairs_due, 1);
	run_pass(rig, SCRUB_SHALLOW, false);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_SHALLOW)->found, 1);
	assert_int_equal(blob_now(rig, blob[1].id).have, 15);
	assert_int_equal(facts_of(rig).repairs_due, 0);
}

static void
verified(struct verify *v)
{
	v->loop = NULL;
}

static void
verify_tells_of_each_location(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];
	struct verify v = {.loop = rig->loop, .done = verified};
	char root[160], away[170];

	store_files(rig, blob);
	v.blob = blob[0];
	flip(rig, 1, &blob[0]);
	remove_copy(rig, 2, &blob[0]);
	(void)snprintf(root, sizeof root, "%s/4", rig->dir);
	(void)snprintf(away, sizeof away, "%s.away", root);
	assert_int_equal(rename(root, away), 0);
	while (health_state(rig->mirror->health, 3) != STATE_OFFLINE)
		rig_run_for(rig, 5);
	verify_copies(rig->mirror, &v);
	while (v.loop != NULL)
		rig_run_for(rig, 5);
	assert_int_equal(v.copy[0].code, ERR_OK);
	assert_int_equal(v.copy[1].code, ERR_DAMAGED);
	assert_int_equal(v.copy[2].code, ERR_NOT_FOUND);
	assert_int_equal(v.copy[3].code, ERR_LOCATION_DOWN);
	assert_int_equal(blob_now(rig, blob[0].id).have, 15);
	assert_int_equal(rename(away, root), 0);
}

/* A location is away, without the copies of the first `n` blobs when it is back. */
static void
bounce(struct rig *rig, const struct blob *blob, unsigned n)
{
	char root[160], away[170];

	(void)snprintf(root, sizeof root, "%s/%d", rig->dir, LOCATION + 1);
	(void)snprintf(away, sizeof away, "%s.away", root);
	assert_int_equal(rename(root, away), 0);
	while (health_state(rig->mirror->health, LOCATION) != STATE_OFFLINE)
		rig_run_for(rig, 5);
	assert_int_equal(rename(away, root), 0);
	for (unsigned i = 0; i < n; i++)
		remove_copy(rig, LOCATION, &blob[i]);
}

/* Whatever was ordered about scrubbing; that holds on. */
static void
who_was_away_is_looked_through_though_scrubbing_is_off(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	order(rig, SCRUB_STOP, SCRUB_SHALLOW, false);
	bounce(rig, blob, 2);
	rig_wait_until(rig, rig_all_online);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, blob[0].id).have, 15 - (1 << LOCATION));
	assert_int_equal(blob_now(rig, blob[1].id).have, 15 - (1 << LOCATION));
	assert_int_equal(blob_now(rig, blob[2].id).have, 15);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_SHALLOW)->state, SCRUB_OFF);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_SHALLOW)->missing, 2);
}

static bool
it_has_stopped(struct rig *rig)
{
	return pass_at(rig, LOCATION, SCRUB_SHALLOW)->state == SCRUB_STOPPED;
}

/* And is not believed until the operator has looked. */
static void
who_comes_back_without_too_much_waits_for_the_operator(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	bounce(rig, blob, FILES);
	rig_wait_until(rig, it_has_stopped);
	rig_run_for(rig, 300);
	assert_int_equal(health_state(rig->mirror->health, LOCATION), STATE_REJOIN);
	assert_int_equal(pass_at(rig, LOCATION, SCRUB_SHALLOW)->missing, 3);
	order(rig, SCRUB_START, SCRUB_SHALLOW, false);
	rig_wait_until(rig, rig_all_online);
	rig_wait_until(rig, puts_are_over);
	for (unsigned i = 0; i < FILES; i++)
		assert_int_equal(blob_now(rig, blob[i].id).have, 15 - (1 << LOCATION));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUICK(a_bad_copy_is_put_aside_and_due),
	    QUICK(too_much_is_left_alone),
	    QUICK(a_read_that_hangs_holds_up_one_location),
	    QUICK(what_comes_back_after_an_order_is_void),
	    SLOW(it_stops_at_once_and_goes_on_after_a_restart),
	    QUICK(a_damaged_record_begins_anew),
	    QUICK(listing_alone_decides_nothing),
	    QUICK(an_uncounted_copy_that_is_good_is_counted),
	    QUICK(verify_tells_of_each_location),
	    QUICK(who_was_away_is_looked_through_though_scrubbing_is_off),
	    QUICK(who_comes_back_without_too_much_waits_for_the_operator),
	};

	return run_with_both_engines(tests);
}
