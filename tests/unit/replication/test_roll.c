/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of locations, and commands that change it. */
#include "tests/unit/replication/puts.h"

#include "replication/repair.h"
#include "replication/roll.h"
#include "replication/roll_record.h"

enum { AT = 1, FILES = 6 };

static int
open_repairing(void **state)
{
	static struct rig rig;

	rig = (struct rig){.io = engine_name, .tune = patient, .repairs = true};
	fake_io_reset();
	rig_open(&rig, "gc_delay = 0");
	*state = &rig;
	return 0;
}

#define ROLL(test) cmocka_unit_test_setup_teardown(test, open_repairing, close_rig)

static void
carried_out(struct roll_command *c)
{
	loop_stop(c->loop);
	c->loop = NULL;
}

static enum err
command(struct rig *rig, struct roll_command c)
{
	c.loop = rig->loop;
	c.done = carried_out;
	roll_command(rig->mirror->roll, &c);
	while (c.loop != NULL)
		loop_run(rig->loop);
	rig->why = c.why;
	return c.err;
}

static enum err
tell(struct rig *rig, enum roll_verb verb, unsigned location)
{
	return command(rig, (struct roll_command){.verb = verb, .location = location});
}

static enum location_state
state_of(struct rig *rig, unsigned location)
{
	return health_state(rig->mirror->health, location);
}

static void
move(const struct rig *rig, unsigned location, const char *from, const char *to)
{
	char a[128], b[128];

	(void)snprintf(a, sizeof a, "%s/%u%s", rig->dir, location + 1, from);
	(void)snprintf(b, sizeof b, "%s/%u%s", rig->dir, location + 1, to);
	assert_int_equal(rename(a, b), 0);
}

static void
make_place(const struct rig *rig, unsigned location)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%u", rig->dir, location + 1);
	assert_int_equal(mkdir(path, 0750), 0);
}

static bool
it_is_offline(struct rig *rig)
{
	return state_of(rig, AT) == STATE_OFFLINE;
}

static bool
it_is_online(struct rig *rig)
{
	return state_of(rig, AT) == STATE_ONLINE;
}

static void
store_files(struct rig *rig, struct blob blob[FILES])
{
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", i);
		blob[i] = upload_file(rig, name, i + 1, 3000 * i + 1);
	}
	rig_wait_until(rig, puts_are_over);
}

static void
a_record_is_read_as_it_was_written(void **state)
{
	struct roll_record r = {.order = LOCATION_DRAINED,
			       .has_disk = true,
			       .is_doubtful = true,
			       .is_new = true,
			       .disk = "which disk it is",
			       .new_from = 0x0123456789abcdef},
			   back;
	uint8_t bytes[ROLL_RECORD_SIZE];
	struct errinfo why;

	(void)state;
	roll_record_encode(&r, bytes);
	assert_ok(roll_record_decode(
		      (struct bytes){(const char *)bytes, sizeof bytes}, &back, &why),
	    &why);
	assert_int_equal(back.order, r.order);
	assert_true(back.has_disk && back.is_doubtful && back.is_new);
	assert_memory_equal(back.disk, r.disk, sizeof r.disk);
	assert_true(back.new_from == r.new_from);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 1;
		assert_err(
		    roll_record_decode(
			(struct bytes){(const char *)bytes, sizeof bytes}, &back, &why),
		    ERR_DAMAGED);
		bytes[i] ^= 1;
	}
	assert_err(
	    roll_record_decode(
		(struct bytes){(const char *)bytes, sizeof bytes - 1}, &back, &why),
	    ERR_DAMAGED);
}

static void
an_order_holds_over_restarts(void **state)
{
	struct rig *rig = *state;

	assert_ok(tell(rig, ROLL_DRAIN, AT), &rig->why);
	assert_int_equal(state_of(rig, AT), STATE_DRAIN);
	assert_int_equal(health_writable(rig->mirror->health, 3), 13);
	rig_stop_mirror(rig);
	rig_start_mirror(rig);
	rig_run_for(rig, 300);
	assert_int_equal(state_of(rig, AT), STATE_DRAIN);
	assert_ok(tell(rig, ROLL_READONLY, AT), &rig->why);
	assert_int_equal(state_of(rig, AT), STATE_READONLY);
	assert_ok(tell(rig, ROLL_ONLINE, AT), &rig->why);
	rig_wait_until(rig, rig_all_online);
	rig_restart_mirror(rig);
}

static void
too_few_locations_to_write_to_are_not_left(void **state)
{
	struct rig *rig = *state;
	struct roll_command forced = {
	    .verb = ROLL_READONLY, .location = 2, .force = true};

	assert_ok(tell(rig, ROLL_READONLY, AT), &rig->why);
	assert_err(tell(rig, ROLL_DRAIN, 2), ERR_CONFLICT);
	assert_err(tell(rig, ROLL_TAKE_OUT, 2), ERR_CONFLICT);
	assert_int_equal(state_of(rig, 2), STATE_ONLINE);
	/* Of one that does not take anything anyway nothing is lost. */
	assert_ok(tell(rig, ROLL_DRAIN, AT), &rig->why);
	assert_ok(command(rig, forced), &rig->why);
	assert_int_equal(state_of(rig, 2), STATE_READONLY);
	assert_ok(tell(rig, ROLL_ONLINE, 2), &rig->why);
	assert_ok(tell(rig, ROLL_ONLINE, AT), &rig->why);
	rig_wait_until(rig, rig_all_online);
}

static bool
the_absence_is_noted(struct rig *rig)
{
	struct roll_record record = {.is_doubtful = false};
	uint8_t bytes[ROLL_RECORD_SIZE];
	size_t n;

	return store_get_note(rig->reader, "location.2", bytes, sizeof bytes, &n, NULL) ==
		   ERR_OK &&
	       roll_record_decode(
		   (struct bytes){(const char *)bytes, n}, &record, NULL) == ERR_OK &&
	       record.is_doubtful;
}

static void
a_restart_does_not_forget_an_absence(void **state)
{
	struct rig *rig = *state;

	assert_false(the_absence_is_noted(rig));
	move(rig, AT, "", ".away");
	rig_wait_until(rig, it_is_offline);
	rig_wait_until(rig, the_absence_is_noted);
	rig_stop_mirror(rig);
	move(rig, AT, ".away", "");
	rig_start_mirror(rig);
	assert_true(health_is_doubtful(rig->mirror->health, AT));
	assert_false(health_is_doubtful(rig->mirror->health, AT + 1));
	rig_wait_until(rig, rig_all_online);
	rig_run_for(rig, 500);
	assert_false(the_absence_is_noted(rig));
	rig_restart_mirror(rig);
}

static void
an_empty_disk_is_filled(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES], later;

	store_files(rig, blob);
	rig_run_for(rig, 200); /* which disk it is, is written down */
	move(rig, AT, "", ".old");
	rig_wait_until(rig, it_is_offline);
	assert_err(tell(rig, ROLL_REPLACE, AT), ERR_CONFIG); /* nothing is there */
	make_place(rig, AT);
	assert_ok(tell(rig, ROLL_REPLACE, AT), &rig->why);
	assert_int_equal(state_of(rig, AT), STATE_NEW);
	later = upload_file(rig, "later", 99, 5000);
	rig_wait_until(rig, puts_are_over);
	assert_int_equal(blob_now(rig, later.id).have, 15);
	rig_wait_until(rig, it_is_online);
	for (unsigned i = 0; i < FILES; i++) {
		assert_int_equal(blob_now(rig, blob[i].id).have, 15);
		assert_true(rig_has_copy(rig, AT, &blob[i]));
	}
	assert_int_equal(rig_files(rig, AT, "blob"), FILES + 1);
	/* The old one is not taken any more, after a restart neither. */
	move(rig, AT, "", ".new");
	move(rig, AT, ".old", "");
	rig_wait_until(rig, it_is_offline);
	rig_stop_mirror(rig);
	rig_start_mirror(rig);
	rig_run_for(rig, 300);
	assert_int_equal(state_of(rig, AT), STATE_OFFLINE);
	move(rig, AT, "", ".old");
	move(rig, AT, ".new", "");
	rig_wait_until(rig, rig_all_online);
}

/* The disk may go on being filled by another process. */
static void
a_restart_in_the_middle_goes_on(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];

	store_files(rig, blob);
	rig_run_for(rig, 200);
	move(rig, AT, "", ".old");
	rig_wait_until(rig, it_is_offline);
	make_place(rig, AT);
	repair_hold(rig->mirror->repair, true);
	assert_ok(tell(rig, ROLL_REPLACE, AT), &rig->why);
	rig_run_for(rig, 300);
	assert_int_equal(state_of(rig, AT), STATE_NEW);
	assert_int_equal(blob_now(rig, blob[2].id).have, 13);
	rig_stop_mirror(rig);
	rig_start_mirror(rig);
	assert_int_equal(health_may_read(rig->mirror->health, AT, 1), READ_NEVER);
	rig_wait_until(rig, it_is_online);
	assert_int_equal(blob_now(rig, blob[2].id).have, 15);
	assert_int_equal(rig_files(rig, AT, "blob"), FILES);
}

static void
what_would_be_lost_is_not_replaced(void **state)
{
	struct rig *rig = *state;
	struct blob blob[FILES];
	struct blob_lost lost = {.change = {.loop = NULL}};
	struct roll_command forced = {
	    .verb = ROLL_REPLACE, .location = AT, .force = true};

	store_files(rig, blob);
	repair_hold(rig->mirror->repair, true);
	assert_err(tell(rig, ROLL_REPLACE, AT), ERR_CONFLICT); /* it works */
	for (unsigned i = 0; i < rig->mirror->n; i++) {
		if (i == AT)
			continue;
		lost = (struct blob_lost){
		    .change = rig_change(rig), .id = blob[3].id, .location = i};
		blob_lost(rig->store, &lost);
		assert_ok(rig_wait_change(rig, &lost.change), &lost.change.why);
	}
	move(rig, AT, "", ".old");
	rig_wait_until(rig, it_is_offline);
	make_place(rig, AT);
	assert_err(tell(rig, ROLL_REPLACE, AT), ERR_CONFLICT);
	assert_non_null(strstr(errinfo_text(&rig->why), "1 files"));
	assert_int_equal(rig_files(rig, AT, ""), 0);
	assert_int_equal(blob_now(rig, blob[3].id).have, 1 << AT);
	/* The operator knows that it is lost. */
	assert_ok(command(rig, forced), &rig->why);
	rig_run_for(rig, 300);
	assert_int_equal(blob_now(rig, blob[3].id).have, 0);
	assert_int_equal(facts_of(rig).blobs_lost, 1);
	repair_hold(rig->mirror->repair, false);
	rig_wait_until(rig, it_is_online);
}

static void
a_damaged_record_stops_nobody(void **state)
{
	struct rig *rig = *state;
	struct store_note note = {.name = "location.2", .value = BYTES("damaged")};

	rig_run_for(rig, 300); /* the good one is written down */
	note.change = rig_change(rig);
	store_note(rig->store, &note);
	assert_ok(rig_wait_change(rig, &note.change), &note.change.why);
	rig_stop_mirror(rig);
	rig_start_mirror(rig);
	assert_true(health_is_doubtful(rig->mirror->health, AT));
	rig_wait_until(rig, rig_all_online);
}

static void
one_command_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct roll_command a = {.verb = ROLL_TAKE_OUT,
				.location = AT,
				.loop = rig->loop,
				.done = carried_out},
			    b = a;

	b.verb = ROLL_DRAIN;
	roll_command(rig->mirror->roll, &a);
	roll_command(rig->mirror->roll, &b);
	while (a.loop != NULL || b.loop != NULL)
		loop_run(rig->loop);
	assert_ok(a.err, &a.why);
	assert_int_equal(b.err, ERR_BUSY);
	assert_int_equal(state_of(rig, AT), STATE_OFFLINE);
	assert_ok(tell(rig, ROLL_ONLINE, AT), &rig->why);
	rig_wait_until(rig, rig_all_online);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_read_as_it_was_written),
	    ROLL(an_order_holds_over_restarts),
	    ROLL(too_few_locations_to_write_to_are_not_left),
	    ROLL(a_restart_does_not_forget_an_absence),
	    ROLL(an_empty_disk_is_filled),
	    ROLL(a_restart_in_the_middle_goes_on),
	    ROLL(what_would_be_lost_is_not_replaced),
	    ROLL(a_damaged_record_stops_nobody),
	    ROLL(one_command_at_a_time),
	};

	/* What is the engine's is tested where it is: storage/test_location_format.c. */
#ifdef __SANITIZE_THREAD__
	return run_with("threads", tests) != 0;
#else
	return run_with("auto", tests) != 0;
#endif
}
