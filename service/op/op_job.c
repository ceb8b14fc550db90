/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of asynchronous jobs: transfers, async-delete, async-setprops. A POST to the
 * list makes a job in phase PENDING (303 to it), which runs with PHASE=RUN in the same
 * request; what can be wrong with it beyond its form is found out when it runs, and is
 * the job's error then. Everything below is job_serve's.
 */
#include "service/op/job_reply.h"
#include "service/op/job_serve.h"
#include "service/op/ops.h"
#include "service/op/transfer.h"
#include "service/xml/node_xml.h"

struct state {
	struct op_call *call;
	struct job_ask ask;
	bool runs_at_once;
};

static void
answered(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);

	if (ask->err == ERR_OK) {
		op_see_other(s->call, job_url(s->call, ask->job.list, ask->job.id, ""));
		return;
	}
	s->call->why = ask->why;
	op_fail(s->call, ask->err);
}

static void
created(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);

	if (ask->err != ERR_OK || !s->runs_at_once) {
		answered(ask);
		return;
	}
	*ask = (struct job_ask){
	    .verb = JOB_ASK_RUN,
	    .loop = ask->loop,
	    .done = answered,
	    .arena = ask->arena,
	    .caller = ask->caller,
	    .list = ask->job.list,
	    .id = arena_copy(ask->arena, bytes_of(ask->job.id)),
	};
	jobs_ask(s->call->env->jobs, ask);
}

/* Does the job run with its creation? */
static enum err
take_phase(struct state *s)
{
	static const char *const once[] = {"PHASE", "target", NULL};
	struct bytes phase = op_param(s->call, "PHASE");
	enum err e = op_params_once(s->call, once);

	if (e != ERR_OK)
		return e;
	s->runs_at_once = bytes_caseeq(phase, BYTES("RUN"));
	if (phase.p == NULL || s->runs_at_once)
		return ERR_OK;
	return errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
	    "invalid PHASE value: %.*s", BYTES_ARG(phase));
}

static enum err
fill_transfer(struct op_call *call, struct job *job)
{
	struct transfer_doc doc;
	enum err e = transfer_xml_parse(call->arena, call->body,
	    call->env->settings->transfer_xml_max, &doc, &call->why);

	return e == ERR_OK ? transfer_input(call, &doc, &job->input) : e;
}

/* All parameters but those that are the job's own. */
static enum err
fill_delete(struct op_call *call, struct job *job)
{
	struct job_pair *pairs =
	    arena_array(call->arena, struct job_pair, call->n_params + 1);

	if (pairs == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	for (size_t i = 0; i < call->n_params; i++) {
		const struct op_param *p = &call->params[i];

		if (!bytes_caseeq(p->name, BYTES("RUNID")) &&
		    !bytes_caseeq(p->name, BYTES("PHASE")))
			pairs[job->n_parameters++] = (struct job_pair){p->name, p->value};
	}
	job->parameters = pairs;
	return ERR_OK;
}

static enum err
fill_setprops(struct op_call *call, struct job *job)
{
	const struct settings *settings = call->env->settings;
	const struct node_xml_limits limits = {
	    .bytes = settings->node_xml_max,
	    .properties = settings->properties_max,
	    .value_bytes = settings->property_max,
	};
	struct node_doc doc;

	job->input = call->body;
	return node_xml_parse(call->arena, call->body, &limits, &doc, &call->why);
}

/* What a job does later is decided by its owner's rights alone, so a token that has less
 * does not tell it to. */
static void
check_job(struct op_call *call)
{
	if (call->is_get || call->is_head || caller_has_full_reach(call->caller)) {
		op_pass(call);
		return;
	}
	op_fail(call, errinfo_set(&call->why, ERR_DENIED,
			  "a limited token does not start or change jobs"));
}

static void
create(struct op_call *call, enum job_list list,
    enum err (*fill)(struct op_call *call, struct job *job))
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = ERR_NO_MEMORY;

	if (s != NULL) {
		s->call = call;
		s->ask = (struct job_ask){
		    .verb = JOB_ASK_CREATE,
		    .loop = call->env->loop,
		    .done = created,
		    .arena = call->arena,
		    .caller = call->caller,
		    .job = {.list = list, .phase = JOB_PENDING},
		};
		job_set_owner(call, &s->ask.job);
		e = take_phase(s);
		if (e == ERR_OK)
			e = job_set_run_id(call, &s->ask.job);
		if (e == ERR_OK)
			e = fill(call, &s->ask.job);
	}
	if (e != ERR_OK)
		op_fail(call, e);
	else
		jobs_ask(call->env->jobs, &s->ask);
}

static bool
is_creation(const struct op_call *call)
{
	return call->is_post && call->rest.n <= 1;
}

static void
run_transfers(struct op_call *call)
{
	if (is_creation(call))
		create(call, JOB_LIST_TRANSFERS, fill_transfer);
	else
		job_serve(call, JOB_LIST_TRANSFERS);
}

const struct op op_transfers = {
    .name = "transfers", .check = check_job, .run = run_transfers};

static void
run_async_delete(struct op_call *call)
{
	if (is_creation(call))
		create(call, JOB_LIST_DELETE, fill_delete);
	else
		job_serve(call, JOB_LIST_DELETE);
}

const struct op op_async_delete = {.name = "async-delete",
    .audit = "delete",
    .check = check_job,
    .run = run_async_delete};

static void
run_async_setprops(struct op_call *call)
{
	if (is_creation(call))
		create(call, JOB_LIST_SETPROPS, fill_setprops);
	else
		job_serve(call, JOB_LIST_SETPROPS);
}

const struct op op_async_setprops = {.name = "async-setprops",
    .audit = "permissions",
    .check = check_job,
    .run = run_async_setprops};
