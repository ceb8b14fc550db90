/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/hand-over, at the public door /manage/hand-over: POST from= and to=, two
 * accounts, starts a job that hands over what the first one owns (hand_over.h) and shows
 * it. Below it, by the job's id, GET shows how far it is, POST action= abort ends it.
 * As all jobs it is also a resource of UWS: /vault/async-hand-over/ID.
 */
#include "service/core/check.h"
#include "service/op/hand_over.h"
#include "service/op/job_reply.h"
#include "service/op/job_serve.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/service_mode.h"

struct state {
	struct op_call *call;
	struct job_ask ask;
	struct job_pair pairs[2];
};

/* There is no such result before the job's end. */
static json_int_t
groups_of_job(const struct job *job)
{
	struct bytes prefix = BYTES("final:");
	uint64_t n = 0;

	for (size_t i = 0; i < job->n_results; i++)
		if (bytes_is(job->results[i].name, "groupcount") &&
		    bytes_starts(job->results[i].value, prefix))
			(void)bytes_u64(bytes_skip(job->results[i].value, prefix.n), &n);
	return (json_int_t)n;
}

/* What an account makes while it goes on is its own. */
static void
add_warning(struct op_call *call, const struct job *job, json_t *object)
{
	struct bytes from = job_parameter_of(job, "from");
	struct account a;
	struct errinfo why;

	if (accounts_find(call->env->reader, call->arena, from, &a, &why) != ERR_OK ||
	    a.state != ACCOUNT_ACTIVE)
		return;
	(void)json_object_set_new(object, "warning",
	    op_json_text(arena_format(call->arena,
		"'%.*s' is still active: what it makes meanwhile stays its own; disable "
		"it and hand over again",
		BYTES_ARG(from))));
}

static void
show(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);
	struct op_call *call = s->call;
	const struct job *job = &ask->job;
	json_t *object;

	if (ask->err != ERR_OK) {
		call->why = ask->why;
		op_fail(call, ask->err);
		return;
	}
	object = json_pack("{s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "id", job->id, "phase",
	    op_json_text(job_phase_name(job->phase)), "user",
	    op_json_text(job->owner_name), "from",
	    op_json_text(job_parameter_of(job, "from")), "to",
	    op_json_text(job_parameter_of(job, "to")), "nodes", (json_int_t)job->done,
	    "groups", groups_of_job(job), "failed", (json_int_t)job->failed);
	if (object != NULL && job->fault.p != NULL)
		(void)json_object_set_new(object, "message", op_json_text(job->message));
	if (object != NULL)
		add_warning(call, job, object);
	op_reply_json(call, 200, object);
}

static struct job_ask
ask_of(struct op_call *call, enum job_verb verb, void (*done)(struct job_ask *ask))
{
	return (struct job_ask){.verb = verb,
	    .loop = call->env->loop,
	    .done = done,
	    .arena = call->arena,
	    .caller = call->caller,
	    .list = JOB_LIST_HAND_OVER};
}

static void
created(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);
	struct bytes id;

	if (ask->err != ERR_OK) {
		show(ask);
		return;
	}
	id = arena_copy(ask->arena, bytes_of(ask->job.id));
	*ask = ask_of(s->call, JOB_ASK_RUN, show);
	ask->id = id;
	jobs_ask(s->call->env->jobs, ask);
}

static enum err
begin(struct state *s)
{
	static const char *const once[] = {"from", "to", NULL};
	struct op_call *call = s->call;
	struct hand_over h;
	struct bytes from, to;
	enum err e = op_params_once(call, once);

	if (e == ERR_OK)
		e = admin_param(call, "from", &from);
	if (e == ERR_OK)
		e = admin_param(call, "to", &to);
	if (e != ERR_OK)
		return e;
	call->audit_subject = from;
	e = service_mode_check_change(call);
	if (e == ERR_OK)
		e = hand_over_find(call, from, to, &h);
	if (e != ERR_OK)
		return e;
	s->pairs[0] = (struct job_pair){BYTES("from"), from};
	s->pairs[1] = (struct job_pair){BYTES("to"), to};
	s->ask = ask_of(call, JOB_ASK_CREATE, created);
	s->ask.job = (struct job){.list = JOB_LIST_HAND_OVER,
	    .phase = JOB_PENDING,
	    .parameters = s->pairs,
	    .n_parameters = 2};
	job_set_owner(call, &s->ask.job);
	jobs_ask(call->env->jobs, &s->ask);
	return ERR_OK;
}

static enum err
look_or_abort(struct state *s, struct bytes id)
{
	struct op_call *call = s->call;
	struct bytes action = op_param(call, "action");

	if (!call->is_get && !bytes_is(action, "abort"))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "action: '%.*s' is not abort", BYTES_ARG(action));
	s->ask = ask_of(call, call->is_get ? JOB_ASK_GET : JOB_ASK_ABORT, show);
	s->ask.id = id;
	jobs_ask(call->env->jobs, &s->ask);
	return ERR_OK;
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct bytes id;
	enum err e = s == NULL ? ERR_NO_MEMORY : admin_name(call, &id);

	if (e == ERR_OK) {
		s->call = call;
		e = id.n == 0 && call->is_post ? begin(s) : look_or_abort(s, id);
	}
	if (e != ERR_OK)
		op_fail(call, e);
}

const struct op op_admin_hand_over = {
    .name = "admin-hand-over", .audit = "account", .check = admin_check, .run = run};

static void
run_jobs(struct op_call *call)
{
	job_serve(call, JOB_LIST_HAND_OVER);
}

const struct op op_async_hand_over = {
    .name = "async-hand-over", .audit = "account", .check = admin_check, .run = run_jobs};
