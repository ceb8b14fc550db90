/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an asynchronous transfer does (VOSpace 2.1 6.2, 6.4): moves and copies are made by
 * relocate.h; push and pull are negotiated, and the rest is the client's; transfers with
 * other services are those of remote_job.h.
 */
#include "service/op/package.h"
#include "service/op/relocate.h"
#include "service/op/remote_job.h"
#include "service/op/runners.h"
#include "service/op/transfer.h"

struct state {
	struct job_run *run;
	struct job_call jc;
	struct transfer_doc doc;
	struct remote_job *remote; /* NULL: it is none */
};

static void
fail(struct state *s, enum err err)
{
	job_call_fail(s->run, &s->jc, err);
}

/* Negotiation */

/* Its part is done, the client's is not: `phase` says what is waited for. */
static void
pass_to_client(struct state *s, enum job_phase phase, const struct job *job)
{
	job_run_end(s->run, &(struct job_outcome){.phase = phase,
				.results = job->results,
				.n_results = job->n_results,
				.awaits = job->awaits});
}

static void
negotiate(struct state *s)
{
	struct op_call *call = &s->jc.call;
	struct negotiation n;
	struct job job = {.n_results = 0};
	enum err e = negotiate_check(call, &s->doc, &n);

	if (e == ERR_OK)
		e = transfer_results(call, &s->doc, &n, &job);
	if (e != ERR_OK)
		fail(s, e);
	else
		pass_to_client(s, JOB_EXECUTING, &job);
}

static void
promise_package(struct state *s)
{
	struct package_spec package;
	struct job_pair result = {BYTES("transferDetails"), BYTES("")};
	struct job job = {.results = &result, .n_results = 1};
	enum err e = package_read(&s->jc.call, &s->doc, s->run->job.id, &package);

	if (e != ERR_OK)
		fail(s, e);
	else
		pass_to_client(s, JOB_SUSPENDED, &job);
}

/* Which of them */

static void
run_document(struct state *s)
{
	switch (negotiate_direction(s->doc.direction)) {
	case NEGOTIATE_PULL:
	case NEGOTIATE_PUSH:
		if (package_asked(&s->doc))
			promise_package(s);
		else
			negotiate(s);
		break;
	case NEGOTIATE_MOVE:
		relocate(s->run, &s->jc, &s->doc);
		break;
	case NEGOTIATE_OTHER:
		if (bytes_caseeq(s->doc.direction, BYTES("pullToVoSpace")))
			remote_job_start(
			    s->run, &s->jc, &s->doc, &remote_pull, &s->remote);
		else if (bytes_caseeq(s->doc.direction, BYTES("pushFromVoSpace")))
			remote_job_start(
			    s->run, &s->jc, &s->doc, &remote_push, &s->remote);
		else
			fail(s,
			    errinfo_set(&s->jc.call.why, ERR_INVALID_ARGUMENT,
				"'%.*s' is no direction", BYTES_ARG(s->doc.direction)));
		break;
	}
}

static void
begin(struct job_run *run)
{
	struct state *s = arena_new(&run->arena, struct state);
	struct op_env *env = run->env;
	enum err e;

	if (s == NULL) {
		job_run_end(run, &(struct job_outcome){.phase = JOB_ERROR,
				     .fault = err_fault(ERR_NO_MEMORY),
				     .message = err_text(ERR_NO_MEMORY)});
		return;
	}
	s->run = run;
	run->state = s;
	e = job_call_init(&s->jc, run, &run->arena);
	if (e == ERR_OK)
		e = transfer_xml_parse(&run->arena, run->job.input,
		    4 * env->settings->transfer_xml_max, &s->doc, &s->jc.call.why);
	if (e != ERR_OK)
		fail(s, e);
	else
		run_document(s);
}

static void
start(struct job_run *run)
{
	job_groups_begin(run, begin);
}

/* Everything else is short. */
static void
abort_it(struct job_run *run)
{
	struct state *s = run->state;

	if (s != NULL && s->remote != NULL)
		remote_job_abort(s->remote);
}

const struct job_runner run_transfer = {.start = start, .abort = abort_it};
