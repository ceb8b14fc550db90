/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine over a real store, with runners that do what the test says. Engine, askers
 * and the test share one loop.
 */
#include "service/job/engine.h"

#include "service/job/job_record.h"
#include "storage/jobs.h"
#include "tests/support/rig.h"

enum { RUNS_MAX = 64, ALICE = 1 };

struct engine {
	struct rig rig;
	struct jobs *jobs;
	struct arena arena;
	struct caller alice, bob, nobody, admin;
	uint64_t alice_ids[1], bob_ids[1];
	/* Of the fake runners. */
	struct job_run *run[RUNS_MAX];
	size_t n_runs;
	unsigned n_aborts;
	bool ends_at_once, ends_on_abort;
	bool quiet;
};

static struct engine *the; /* what the runners are about */

static void
fake_start(struct job_run *run)
{
	the->run[the->n_runs++] = run;
	if (the->ends_at_once)
		job_run_end(run, &(struct job_outcome){.phase = JOB_COMPLETED});
}

static void
fake_abort(struct job_run *run)
{
	the->n_aborts++;
	if (the->ends_on_abort)
		job_run_end(run, &(struct job_outcome){.phase = JOB_ABORTED, .done = 5});
}

static bool
has_numbers(struct rig *rig)
{
	(void)rig;
	return jobs_ready(the->jobs);
}

static void
open_engine(struct engine *e)
{
	struct jobs_config config = {
	    .loop = e->rig.loop,
	    .store = e->rig.store,
	    .settings = &e->rig.settings,
	    .runner =
		{
		    [JOB_LIST_TRANSFERS] = {.start = fake_start},
		    [JOB_LIST_DELETE] = {.start = fake_start,
			.abort = fake_abort,
			.is_long = true},
		},
	};

	the = e;
	assert_ok(jobs_open(&config, &e->jobs, &e->rig.why), &e->rig.why);
	rig_wait_until(&e->rig, has_numbers);
}

static bool
is_quiet(struct rig *rig)
{
	(void)rig;
	return jobs_quiet(the->jobs);
}

static void
close_engine(struct engine *e)
{
	e->ends_on_abort = true;
	jobs_stop(e->jobs);
	rig_wait_until(&e->rig, is_quiet);
	jobs_free(e->jobs);
}

static int
setup(void **state)
{
	struct engine *e = calloc(1, sizeof *e);

	assert_non_null(e);
	rig_open_store(&e->rig, "jobs_running = 2\njobs_per_user = 4\n");
	arena_init(&e->arena, 64 << 20);
	e->alice_ids[0] = ALICE;
	e->bob_ids[0] = ALICE + 1;
	e->alice = (struct caller){.principal = ALICE, .ids = e->alice_ids, .n_ids = 1};
	e->bob = (struct caller){.principal = ALICE + 1, .ids = e->bob_ids, .n_ids = 1};
	e->nobody = (struct caller){.is_anonymous = true};
	e->admin = (struct caller){.principal = 99, .is_admin = true};
	open_engine(e);
	*state = e;
	return 0;
}

static int
teardown(void **state)
{
	struct engine *e = *state;

	close_engine(e);
	arena_release(&e->arena);
	rig_close_store(&e->rig);
	free(e);
	return 0;
}

static void
restart(struct engine *e)
{
	close_engine(e);
	rig_reopen_store(&e->rig);
	e->n_runs = 0;
	e->n_aborts = 0;
	e->ends_on_abort = false;
	open_engine(e);
}

/* Asking */

static void
answered(struct job_ask *ask)
{
	ask->loop = NULL; /* what is_answered looks at */
}

static void
send_ask(struct engine *e, struct job_ask *ask)
{
	ask->loop = e->rig.loop;
	ask->done = answered;
	ask->arena = &e->arena;
	if (ask->caller == NULL)
		ask->caller = &e->alice;
	jobs_ask(e->jobs, ask);
}

static struct job_ask *awaited;

static bool
is_answered(struct rig *rig)
{
	(void)rig;
	return awaited->loop == NULL;
}

static enum err
wait_answer(struct engine *e, struct job_ask *ask)
{
	awaited = ask;
	rig_wait_until(&e->rig, is_answered);
	return ask->err;
}

static enum err
ask(struct engine *e, struct job_ask *a)
{
	send_ask(e, a);
	return wait_answer(e, a);
}

static struct bytes
make(struct engine *e, enum job_list list)
{
	struct job_ask a = {.verb = JOB_ASK_CREATE,
	    .job = {.list = list,
		.phase = list == JOB_LIST_SYNC ? JOB_EXECUTING : JOB_PENDING,
		.owner = ALICE,
		.owner_name = BYTES("alice"),
		.input = BYTES("<in/>")}};
	struct bytes id;

	assert_ok(ask(e, &a), &a.why);
	id = arena_copy(&e->arena, bytes_of(a.job.id));
	assert_non_null(id.p);
	return id;
}

static enum err
say(struct engine *e, enum job_verb verb, enum job_list list, struct bytes id)
{
	struct job_ask a = {.verb = verb, .list = list, .id = id};

	return ask(e, &a);
}

static struct job
look(struct engine *e, enum job_list list, struct bytes id)
{
	struct job_ask a = {.verb = JOB_ASK_GET, .list = list, .id = id};

	assert_ok(ask(e, &a), &a.why);
	return a.job;
}

/* RUN is answered when the job is over, or after a while: not waited for here. */
static struct job_ask *
begin(struct engine *e, enum job_list list, struct bytes id)
{
	struct job_ask *a = arena_new(&e->arena, struct job_ask);
	size_t before = e->n_runs;

	assert_non_null(a);
	*a = (struct job_ask){.verb = JOB_ASK_RUN, .list = list, .id = id};
	send_ask(e, a);
	(void)look(e, list, id);
	assert_int_equal(e->n_runs, before + 1);
	return a;
}

/* Tests */

static void
a_job_is_kept_as_it_was_made(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct job job = look(e, JOB_LIST_DELETE, id);

	assert_int_equal(job.phase, JOB_PENDING);
	assert_int_equal(job.owner, ALICE);
	assert_bytes(job.owner_name, "alice");
	assert_bytes(job.input, "<in/>");
	assert_true(job.created_ms > 0 && job.started_ms == 0);
	assert_true(
	    job.destruction_ms - job.created_ms == (int64_t)e->rig.settings.job_lifetime);
}

static void
an_asynchronous_job_is_durable_when_its_creation_is_answered(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE), record;
	struct errinfo why;
	uint64_t number;

	assert_true(job_id_number(id, &number));
	assert_ok(jobs_get(e->rig.reader, &e->arena, number, &record, &why), &why);
}

static void
a_job_belongs_to_its_owner(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct {
		const struct caller *caller;
		enum err err;
	} rows[] = {{&e->alice, ERR_OK}, {&e->admin, ERR_OK}, {&e->bob, ERR_DENIED},
	    {&e->nobody, ERR_NOT_AUTHENTICATED}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct job_ask a = {.verb = JOB_ASK_GET,
		    .list = JOB_LIST_DELETE,
		    .id = id,
		    .caller = rows[i].caller};

		assert_err(ask(e, &a), rows[i].err);
	}
}

static void
a_job_of_a_dn_without_account_belongs_to_that_dn(void **state)
{
	struct engine *e = *state;
	struct caller one = {.dn_key = BYTES("one")}, other = {.dn_key = BYTES("other")};
	struct job_ask made = {.verb = JOB_ASK_CREATE,
	    .caller = &one,
	    .job = {.list = JOB_LIST_DELETE,
		.phase = JOB_PENDING,
		.owner_key = BYTES("one")}};
	struct job_ask get = {.verb = JOB_ASK_GET, .list = JOB_LIST_DELETE};

	assert_ok(ask(e, &made), &made.why);
	get.id = bytes_of(made.job.id);
	get.caller = &other;
	assert_err(ask(e, &get), ERR_DENIED);
	get.caller = &e->nobody;
	assert_err(ask(e, &get), ERR_NOT_AUTHENTICATED);
	get.caller = &one;
	assert_ok(ask(e, &get), &get.why);
}

static void
an_id_with_the_right_number_is_not_enough(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	char *other = arena_text(&e->arena, id);

	other[15] = other[15] == 'a' ? 'b' : 'a';
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_DELETE, bytes_of(other)), ERR_NOT_FOUND);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_SETPROPS, id), ERR_NOT_FOUND);
}

static void
a_quick_run_is_over_when_it_is_answered(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_TRANSFERS);
	struct job_ask a = {.verb = JOB_ASK_RUN, .list = JOB_LIST_TRANSFERS, .id = id};

	e->ends_at_once = true;
	assert_ok(ask(e, &a), &a.why);
	assert_int_equal(a.job.phase, JOB_COMPLETED);
	assert_true(a.job.started_ms > 0 && a.job.ended_ms >= a.job.started_ms);
	assert_err(say(e, JOB_ASK_RUN, JOB_LIST_TRANSFERS, id), ERR_DENIED);
}

static void
an_outcome_is_kept_whole(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_TRANSFERS);
	struct job_ask *run = begin(e, JOB_LIST_TRANSFERS, id);
	struct job_pair result = {BYTES("destination"), BYTES("vos://x")};
	struct job job;

	job_run_end(e->run[0], &(struct job_outcome){.phase = JOB_ERROR,
				   .results = &result,
				   .n_results = 1,
				   .fault = "NodeNotFound",
				   .message = "gone",
				   .done = 1,
				   .failed = 2});
	assert_ok(wait_answer(e, run), &run->why);
	job = look(e, JOB_LIST_TRANSFERS, id);
	assert_int_equal(job.phase, JOB_ERROR);
	assert_bytes(job.fault, "NodeNotFound");
	assert_bytes(job.message, "gone");
	assert_bytes(job.results[0].value, "vos://x");
	assert_int_equal(job.done, 1);
	assert_int_equal(job.failed, 2);
}

static void
few_long_jobs_run_at_a_time(void **state)
{
	struct engine *e = *state;
	struct bytes id[3];

	for (size_t i = 0; i < 3; i++)
		id[i] = make(e, JOB_LIST_DELETE);
	(void)begin(e, JOB_LIST_DELETE, id[0]);
	(void)begin(e, JOB_LIST_DELETE, id[1]);
	assert_err(say(e, JOB_ASK_RUN, JOB_LIST_DELETE, id[2]), ERR_OK);
	assert_int_equal(look(e, JOB_LIST_DELETE, id[2]).phase, JOB_QUEUED);
	assert_int_equal(e->n_runs, 2);
	job_run_end(e->run[0], &(struct job_outcome){.phase = JOB_COMPLETED});
	assert_int_equal(e->n_runs, 3);
	assert_int_equal(look(e, JOB_LIST_DELETE, id[2]).phase, JOB_EXECUTING);
}

static void
an_abort_reaches_pending_queued_and_running_jobs(void **state)
{
	struct engine *e = *state;
	struct bytes id[4];

	for (size_t i = 0; i < 4; i++)
		id[i] = make(e, JOB_LIST_DELETE);
	e->ends_on_abort = true;
	(void)begin(e, JOB_LIST_DELETE, id[0]);
	(void)begin(e, JOB_LIST_DELETE, id[1]);
	assert_err(say(e, JOB_ASK_RUN, JOB_LIST_DELETE, id[2]), ERR_OK);
	for (size_t i = 4; i > 1; i--) /* the queued one before a running one */
		assert_err(say(e, JOB_ASK_ABORT, JOB_LIST_DELETE, id[i - 1]), ERR_OK);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(look(e, JOB_LIST_DELETE, id[i]).phase, JOB_ABORTED);
	assert_int_equal(e->n_aborts, 1);
	assert_int_equal(e->n_runs, 2); /* the queued one never ran */
	assert_int_equal(look(e, JOB_LIST_DELETE, id[1]).done, 5);
}

static void
who_waits_hears_of_the_next_phase(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct job_ask wait = {
	    .verb = JOB_ASK_GET, .list = JOB_LIST_DELETE, .id = id, .wait_ms = 60000};

	send_ask(e, &wait);
	(void)begin(e, JOB_LIST_DELETE, id);
	assert_ok(wait_answer(e, &wait), &wait.why);
	assert_int_equal(wait.job.phase, JOB_EXECUTING);
}

static void
a_wait_ends_by_itself(void **state)
{
	struct engine *e = *state;
	struct job_ask wait = {.verb = JOB_ASK_GET,
	    .list = JOB_LIST_DELETE,
	    .id = make(e, JOB_LIST_DELETE),
	    .wait_ms = 20};

	assert_ok(ask(e, &wait), &wait.why);
	assert_int_equal(wait.job.phase, JOB_PENDING);
}

static void
a_removed_job_is_gone_even_while_it_runs(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct job_ask *run = begin(e, JOB_LIST_DELETE, id);

	assert_err(say(e, JOB_ASK_REMOVE, JOB_LIST_DELETE, id), ERR_OK);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_DELETE, id), ERR_NOT_FOUND);
	assert_int_equal(e->n_aborts, 1);
	assert_ok(wait_answer(e, run), &run->why);
	rig_run_for(&e->rig, 20); /* the removal is written meanwhile */
	job_run_end(e->run[0], &(struct job_outcome){.phase = JOB_ABORTED});
	restart(e);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_DELETE, id), ERR_NOT_FOUND);
}

static void
the_oldest_that_is_over_makes_room(void **state)
{
	struct engine *e = *state;
	struct bytes id[4];
	struct job_ask more = {.verb = JOB_ASK_CREATE,
	    .job = {.list = JOB_LIST_DELETE, .phase = JOB_PENDING, .owner = ALICE}};

	for (size_t i = 0; i < 4; i++)
		id[i] = make(e, i == 1 ? JOB_LIST_SYNC : JOB_LIST_DELETE);
	(void)make(e, JOB_LIST_DELETE);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_DELETE, id[0]), ERR_OK);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_SYNC, id[1]), ERR_NOT_FOUND);
	assert_err(ask(e, &more), ERR_BUSY);
}

static void
a_job_goes_at_its_destruction(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct job_ask edit = {.verb = JOB_ASK_EDIT,
	    .list = JOB_LIST_DELETE,
	    .id = id,
	    .destruction_ms = clock_wall_ms() + 20};

	assert_ok(ask(e, &edit), &edit.why);
	rig_run_for(&e->rig, 100);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_DELETE, id), ERR_NOT_FOUND);
}

static void
what_has_ended_is_archived_before_it_goes(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_TRANSFERS);
	struct job_pair result = {BYTES("destination"), BYTES("vos://x")};
	struct job_ask list = {.verb = JOB_ASK_LIST, .list = JOB_LIST_TRANSFERS};
	struct job_ask edit = {.verb = JOB_ASK_EDIT,
	    .list = JOB_LIST_TRANSFERS,
	    .id = id,
	    .destruction_ms = clock_wall_ms() + 20};
	struct job job;

	(void)begin(e, JOB_LIST_TRANSFERS, id);
	job_run_end(
	    e->run[0], &(struct job_outcome){
			   .phase = JOB_COMPLETED, .results = &result, .n_results = 1});
	assert_ok(ask(e, &edit), &edit.why);
	rig_run_for(&e->rig, 100);
	job = look(e, JOB_LIST_TRANSFERS, id);
	assert_int_equal(job.phase, JOB_ARCHIVED);
	assert_int_equal(job.n_results, 0);
	assert_ok(ask(e, &list), &list.why);
	assert_int_equal(list.n_list, 0);
	list = (struct job_ask){.verb = JOB_ASK_LIST,
	    .list = JOB_LIST_TRANSFERS,
	    .phases = 1U << JOB_ARCHIVED};
	assert_ok(ask(e, &list), &list.why);
	assert_int_equal(list.n_list, 1);
	restart(e);
	rig_run_for(&e->rig, 50);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id).phase, JOB_ARCHIVED);
	assert_err(say(e, JOB_ASK_REMOVE, JOB_LIST_TRANSFERS, id), ERR_OK);
	assert_err(say(e, JOB_ASK_GET, JOB_LIST_TRANSFERS, id), ERR_NOT_FOUND);
}

static void
what_runs_too_long_is_told_to_end(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_DELETE);
	struct job_ask edit = {.verb = JOB_ASK_EDIT,
	    .list = JOB_LIST_DELETE,
	    .id = id,
	    .set_execution = true,
	    .execution_s = 1};

	e->ends_on_abort = true;
	(void)begin(e, JOB_LIST_DELETE, id);
	assert_ok(ask(e, &edit), &edit.why); /* also while it runs */
	assert_int_equal(e->n_aborts, 0);
	rig_run_for(&e->rig, 1200);
	assert_int_equal(e->n_aborts, 1);
	assert_int_equal(look(e, JOB_LIST_DELETE, id).phase, JOB_ABORTED);
}

/* A transfer that is run and waits for bytes then. */
static void
wait_for_bytes(struct engine *e, struct bytes id, struct bytes awaits)
{
	(void)begin(e, JOB_LIST_TRANSFERS, id);
	job_run_end(e->run[e->n_runs - 1],
	    &(struct job_outcome){.phase = JOB_EXECUTING,
		.results = &(struct job_pair){BYTES("dataNode"), BYTES("vos://x")},
		.n_results = 1,
		.awaits = awaits});
}

static struct bytes
make_waiting(struct engine *e, struct bytes awaits)
{
	struct bytes id = make(e, JOB_LIST_TRANSFERS);

	wait_for_bytes(e, id, awaits);
	return id;
}

static void
moved_bytes_complete_the_newest_job_that_waits_for_them(void **state)
{
	struct engine *e = *state;
	struct bytes id[3] = {make_waiting(e, BYTES("push /a")),
	    make_waiting(e, BYTES("push /a")), make_waiting(e, BYTES("push /b"))};

	restart(e); /* who waits for what is known after that, too */
	jobs_moved_by(e->jobs, &e->bob, BYTES("push /a"));
	jobs_moved_by(e->jobs, &e->nobody, BYTES("push /a"));
	jobs_moved_by(e->jobs, &e->alice, BYTES("pull /a"));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(look(e, JOB_LIST_TRANSFERS, id[i]).phase, JOB_EXECUTING);
	for (size_t done = 0; done < 2; done++) {
		jobs_moved_by(e->jobs, &e->alice, BYTES("push /a"));
		assert_int_equal(look(e, JOB_LIST_TRANSFERS, id[0]).phase,
		    done == 1 ? JOB_COMPLETED : JOB_EXECUTING);
		assert_int_equal(look(e, JOB_LIST_TRANSFERS, id[1]).phase, JOB_COMPLETED);
	}
	jobs_moved_by(e->jobs, &e->alice, BYTES("push /a")); /* nobody is left */
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id[2]).phase, JOB_EXECUTING);
}

/* The clock of the URLs begins with the run, whenever the job was made. */
static void
who_waits_in_vain_is_aborted(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_TRANSFERS), other;

	e->rig.settings.preauth_lifetime = 1000;
	rig_run_for(&e->rig, 1100);
	wait_for_bytes(e, id, BYTES("push /a"));
	other = make_waiting(e, BYTES("push /b"));
	restart(e); /* all are looked at */
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id).phase, JOB_EXECUTING);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, other).phase, JOB_EXECUTING);
	rig_run_for(&e->rig, 1200);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id).phase, JOB_ABORTED);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, other).phase, JOB_ABORTED);
}

static void
who_is_aborted_or_gone_waits_for_nothing(void **state)
{
	struct engine *e = *state;
	struct bytes left = make_waiting(e, BYTES("push /a"));
	struct bytes aborted = make_waiting(e, BYTES("push /a"));
	struct bytes gone = make_waiting(e, BYTES("push /a"));

	assert_err(say(e, JOB_ASK_ABORT, JOB_LIST_TRANSFERS, aborted), ERR_OK);
	assert_err(say(e, JOB_ASK_REMOVE, JOB_LIST_TRANSFERS, gone), ERR_OK);
	jobs_moved_by(e->jobs, &e->alice, BYTES("push /a"));
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, aborted).phase, JOB_ABORTED);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, left).phase, JOB_COMPLETED);
}

static enum err
begin_part(struct engine *e, struct bytes id, enum job_phase from, struct job_part **out)
{
	struct job_ask a = {
	    .verb = JOB_ASK_BEGIN, .list = JOB_LIST_TRANSFERS, .from_phase = from};
	enum err err;

	assert_true(job_id_number(id, &a.number)); /* as a token names it */
	err = ask(e, &a);
	*out = a.part;
	return err;
}

static void
a_part_brings_the_bytes_a_job_awaits_and_its_counts(void **state)
{
	struct engine *e = *state;
	struct bytes id = make_waiting(e, BYTES("unpack /a"));
	struct job_part *part, *other;
	struct job job;

	assert_err(begin_part(e, id, JOB_SUSPENDED, &part), ERR_INVALID_ARGUMENT);
	assert_err(begin_part(e, id, JOB_EXECUTING, &part), ERR_OK);
	assert_err(begin_part(e, id, JOB_EXECUTING, &other), ERR_INVALID_ARGUMENT);
	jobs_moved_by(e->jobs, &e->alice, BYTES("unpack /a")); /* it is somebody's now */
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id).phase, JOB_EXECUTING);
	jobs_end_part_counted(part, JOB_ABORTED, NULL, NULL, 3, 1);
	rig_wait_until(&e->rig, is_quiet);
	job = look(e, JOB_LIST_TRANSFERS, id);
	assert_int_equal(job.phase, JOB_ABORTED);
	assert_int_equal(job.n_results, 3); /* behind what it had */
	assert_bytes(job.results[0].name, "dataNode");
	assert_bytes(job.results[1].name, "successcount");
	assert_bytes(job.results[1].value, "final:3");
	assert_bytes(job.results[2].name, "errorcount");
	assert_bytes(job.results[2].value, "final:1");
	assert_err(begin_part(e, id, JOB_EXECUTING, &other), ERR_INVALID_ARGUMENT);
}

static void
a_part_that_did_nothing_counts_nothing(void **state)
{
	struct engine *e = *state;
	struct bytes id = make_waiting(e, BYTES("unpack /a"));
	struct job_part *part;
	struct job job;

	assert_err(begin_part(e, id, JOB_EXECUTING, &part), ERR_OK);
	jobs_end_part_counted(part, JOB_ERROR, err_fault(ERR_QUOTA), "full", 0, 1);
	rig_wait_until(&e->rig, is_quiet);
	job = look(e, JOB_LIST_TRANSFERS, id);
	assert_int_equal(job.phase, JOB_ERROR);
	assert_int_equal(job.n_results, 1);
	assert_bytes(job.message, "full");
}

static void
a_part_hears_of_an_abort_and_what_it_says_then_counts_no_more(void **state)
{
	struct engine *e = *state;
	struct bytes id = make_waiting(e, BYTES("unpack /a"));
	struct job_part *part;

	assert_err(begin_part(e, id, JOB_EXECUTING, &part), ERR_OK);
	assert_false(job_part_is_aborted(part));
	assert_err(say(e, JOB_ASK_ABORT, JOB_LIST_TRANSFERS, id), ERR_OK);
	assert_true(job_part_is_aborted(part));
	jobs_end_part_counted(part, JOB_COMPLETED, NULL, NULL, 1, 0);
	rig_wait_until(&e->rig, is_quiet);
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, id).phase, JOB_ABORTED);
}

static void
a_list_holds_the_newest_first(void **state)
{
	struct engine *e = *state;
	struct bytes first = make(e, JOB_LIST_DELETE), second = make(e, JOB_LIST_DELETE);
	struct job_ask list = {.verb = JOB_ASK_LIST, .list = JOB_LIST_DELETE};

	(void)make(e, JOB_LIST_SYNC);
	assert_ok(ask(e, &list), &list.why);
	assert_int_equal(list.n_list, 2);
	assert_true(bytes_is(second, list.list_out[0].id));
	assert_true(bytes_is(first, list.list_out[1].id));
	list = (struct job_ask){
	    .verb = JOB_ASK_LIST, .list = JOB_LIST_DELETE, .caller = &e->bob};
	assert_ok(ask(e, &list), &list.why);
	assert_int_equal(list.n_list, 0);
}

static void
after_a_restart_long_jobs_go_on(void **state)
{
	struct engine *e = *state;
	struct bytes running = make(e, JOB_LIST_DELETE), queued[2];
	struct job job;

	(void)begin(e, JOB_LIST_DELETE, running);
	job_run_progress(e->run[0], 3, 1);
	assert_int_equal(look(e, JOB_LIST_DELETE, running).done, 3);
	for (size_t i = 0; i < 2; i++) {
		queued[i] = make(e, JOB_LIST_DELETE);
		(void)say(e, JOB_ASK_RUN, JOB_LIST_DELETE, queued[i]);
	}
	restart(e);
	rig_run_for(&e->rig, 50);
	assert_int_equal(e->n_runs, 2);
	assert_true(e->run[0]->is_resumed);
	assert_int_equal(e->run[0]->job.done, 5); /* what fake_abort said at the stop */
	assert_int_equal(look(e, JOB_LIST_DELETE, queued[1]).phase, JOB_QUEUED);
	job_run_end(e->run[0], &(struct job_outcome){.phase = JOB_COMPLETED, .done = 9});
	job = look(e, JOB_LIST_DELETE, running);
	assert_int_equal(job.phase, JOB_COMPLETED);
	assert_int_equal(job.done, 9);
}

static void
after_a_restart_other_running_jobs_are_in_error(void **state)
{
	struct engine *e = *state;
	struct bytes id = make(e, JOB_LIST_TRANSFERS), record;
	struct bytes pending = make(e, JOB_LIST_TRANSFERS);
	struct jobs_put put = {.number = 0};
	struct errinfo why;
	struct job job;

	/* As a kill leaves it: the record says EXECUTING, its runner is gone. */
	(void)begin(e, JOB_LIST_TRANSFERS, id);
	assert_true(job_id_number(id, &put.number));
	do {
		rig_run_for(&e->rig, 20);
		assert_ok(
		    jobs_get(e->rig.reader, &e->arena, put.number, &record, &why), &why);
		assert_ok(
		    job_record_decode(&e->arena, put.number, record, &job, &why), &why);
	} while (job.phase != JOB_EXECUTING);
	job_run_end(e->run[0], &(struct job_outcome){.phase = JOB_COMPLETED});
	close_engine(e);
	put.change = rig_change(&e->rig);
	put.record = record;
	jobs_put(e->rig.store, &put);
	assert_ok(rig_wait_change(&e->rig, &put.change), &put.change.why);
	open_engine(e);
	job = look(e, JOB_LIST_TRANSFERS, id);
	assert_int_equal(job.phase, JOB_ERROR);
	assert_bytes(job.fault, "InternalFault");
	assert_int_equal(look(e, JOB_LIST_TRANSFERS, pending).phase, JOB_PENDING);
}

static void
a_stop_answers_who_waits(void **state)
{
	struct engine *e = *state;
	struct job_ask wait = {.verb = JOB_ASK_GET,
	    .list = JOB_LIST_DELETE,
	    .id = make(e, JOB_LIST_DELETE),
	    .wait_ms = 600000};

	send_ask(e, &wait);
	rig_run_for(&e->rig, 10);
	jobs_stop(e->jobs);
	assert_ok(wait_answer(e, &wait), &wait.why);
}

#define ENGINE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ENGINE_TEST(a_job_is_kept_as_it_was_made),
	    ENGINE_TEST(an_asynchronous_job_is_durable_when_its_creation_is_answered),
	    ENGINE_TEST(a_job_belongs_to_its_owner),
	    ENGINE_TEST(a_job_of_a_dn_without_account_belongs_to_that_dn),
	    ENGINE_TEST(an_id_with_the_right_number_is_not_enough),
	    ENGINE_TEST(a_quick_run_is_over_when_it_is_answered),
	    ENGINE_TEST(an_outcome_is_kept_whole),
	    ENGINE_TEST(few_long_jobs_run_at_a_time),
	    ENGINE_TEST(an_abort_reaches_pending_queued_and_running_jobs),
	    ENGINE_TEST(who_waits_hears_of_the_next_phase),
	    ENGINE_TEST(a_wait_ends_by_itself),
	    ENGINE_TEST(a_removed_job_is_gone_even_while_it_runs),
	    ENGINE_TEST(the_oldest_that_is_over_makes_room),
	    ENGINE_TEST(a_job_goes_at_its_destruction),
	    ENGINE_TEST(what_has_ended_is_archived_before_it_goes),
	    ENGINE_TEST(what_runs_too_long_is_told_to_end),
	    ENGINE_TEST(moved_bytes_complete_the_newest_job_that_waits_for_them),
	    ENGINE_TEST(who_waits_in_vain_is_aborted),
	    ENGINE_TEST(who_is_aborted_or_gone_waits_for_nothing),
	    ENGINE_TEST(a_part_brings_the_bytes_a_job_awaits_and_its_counts),
	    ENGINE_TEST(a_part_that_did_nothing_counts_nothing),
	    ENGINE_TEST(a_part_hears_of_an_abort_and_what_it_says_then_counts_no_more),
	    ENGINE_TEST(a_list_holds_the_newest_first),
	    ENGINE_TEST(after_a_restart_long_jobs_go_on),
	    ENGINE_TEST(after_a_restart_other_running_jobs_are_in_error),
	    ENGINE_TEST(a_stop_answers_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
