/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT files/preauth:TOKEN/PATH where the token is for a container: an archive that a
 * negotiation was about (unpack.h). op_file_put finds out and passes the call on.
 *
 *   check   the job waits for it; container and right as they are now ─► op_pass
 *   run     the job is begun ─► unpack
 */
#include "service/op/file_txn.h"
#include "service/op/ops.h"
#include "service/op/package.h"
#include "service/op/unpack.h"

enum { DOCUMENT_MAX = 16 * 1024 * 1024 };

struct state {
	struct op_call *call;
	struct job_ask ask;
	struct op_target container;
	struct unpack *unpack;
};

static void
ask(struct state *s, enum job_verb verb, void (*done)(struct job_ask *ask))
{
	struct op_call *call = s->call;

	s->ask = (struct job_ask){
	    .verb = verb,
	    .loop = call->env->loop,
	    .done = done,
	    .arena = call->arena,
	    .caller = call->caller,
	    .list = JOB_LIST_TRANSFERS,
	    .number = call->grant.job,
	    .from_phase = JOB_EXECUTING,
	};
	jobs_ask(call->env->jobs, &s->ask);
}

static enum err
check_request(struct op_call *call)
{
	if (!call->has_body)
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "there is no archive");
	if (op_header(call, "content-range").p != NULL || file_txn_asked(call))
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "an archive comes in one piece");
	if (op_header(call, "content-encoding").p != NULL)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "Content-Encoding: a tar must not be compressed");
	return ERR_OK;
}

static enum err
check_job(struct op_call *call, const struct job *job)
{
	struct transfer_doc doc;
	enum err e =
	    transfer_xml_parse(call->arena, job->input, DOCUMENT_MAX, &doc, &call->why);

	if (e == ERR_OK && !package_is_pushed(&doc))
		e = errinfo_set(&call->why, ERR_DENIED, "the job unpacks nothing");
	if (e == ERR_OK && job->phase != JOB_EXECUTING)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "the job of this URL is in phase %.*s",
		    BYTES_ARG(job_phase_name(job->phase)));
	return e;
}

static enum err
check_container(struct state *s)
{
	struct op_call *call = s->call;
	enum err e = unpack_target(call, call->preauth_path, &s->container);

	if (e == ERR_OK && op_leaf(&s->container)->id != call->grant.node_id)
		e = errinfo_set(&call->why, ERR_DENIED,
		    "the URL was made for another node than is there now");
	return e;
}

static void
told(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);
	enum err e = ask->err;

	if (e != ERR_OK)
		s->call->why = ask->why;
	if (e == ERR_OK)
		e = check_job(s->call, &ask->job);
	if (e == ERR_OK)
		e = check_container(s);
	if (e != ERR_OK)
		op_fail(s->call, e);
	else
		op_pass(s->call);
}

static void
check(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : check_request(call);

	call->state = s;
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	ask(s, JOB_ASK_GET, told);
}

static void
begun(struct job_ask *ask)
{
	struct state *s = container_of(ask, struct state, ask);
	struct op_call *call = s->call;
	enum err e = ask->err;

	if (e != ERR_OK) {
		call->why = ask->why;
		op_fail(call, e);
		return;
	}
	e = unpack_start(call, &s->container, ask->part, &s->unpack);
	if (e == ERR_OK)
		return;
	jobs_end_part(ask->part, JOB_ERROR, err_fault(e), errinfo_text(&call->why));
	op_fail(call, e);
}

static void
run(struct op_call *call)
{
	ask(call->state, JOB_ASK_BEGIN, begun);
}

static void
release(struct op_call *call)
{
	struct state *s = call->state;

	if (s != NULL)
		unpack_free(s->unpack);
}

const struct op op_unpack = {
    .name = "unpack", .groups = true, .check = check, .run = run, .release = release};
