/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET pkg/JOB/run: the archive that a negotiation with the package view promised
 * (server-contract 6.7). The job waits in phase SUSPENDED, runs while the archive streams
 * and is over with it; a second GET is refused like any job that is over. HEAD says what
 * a GET would and runs nothing. pkg/JOB is the job.
 */
#include "service/op/job_serve.h"
#include "service/op/ops.h"
#include "service/op/package.h"

enum { DOCUMENT_MAX = 16 * 1024 * 1024 };

struct state {
	struct op_call *call;
	struct job_ask ask;
};

static enum err
read_job(struct op_call *call, const struct job *job, struct package_spec *out)
{
	struct transfer_doc doc;
	enum err e =
	    transfer_xml_parse(call->arena, job->input, DOCUMENT_MAX, &doc, &call->why);

	if (e == ERR_OK && !package_asked(&doc))
		e = errinfo_set(&call->why, ERR_NOT_FOUND, "the job makes no package");
	return e == ERR_OK ? package_read(call, &doc, job->id, out) : e;
}

static void
told(struct job_ask *ask)
{
	struct op_call *call = container_of(ask, struct state, ask)->call;
	struct package_spec spec;
	enum err e = ask->err;

	if (e != ERR_OK)
		call->why = ask->why;
	if (e == ERR_OK)
		e = read_job(call, &ask->job, &spec);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	package_reply_fields(call, &spec);
	call->reply.length = UINT64_MAX;
	op_finish(call);
}

static void
begun(struct job_ask *ask)
{
	struct op_call *call = container_of(ask, struct state, ask)->call;
	struct package_spec spec;
	enum err e = ask->err;

	if (e != ERR_OK) {
		call->why = ask->why;
		op_fail(call, e);
		return;
	}
	e = read_job(call, &ask->job, &spec);
	if (e == ERR_OK)
		e = package_source(call, &spec, ask->part, &call->reply.source);
	if (e != ERR_OK) {
		jobs_end_part(
		    ask->part, JOB_ERROR, err_fault(e), errinfo_text(&call->why));
		op_fail(call, e);
		return;
	}
	package_reply_fields(call, &spec);
	call->reply.length = UINT64_MAX;
	op_finish(call);
}

/* "/JOB/run" -> "JOB"; .p NULL: it is not of that form. */
static struct bytes
job_to_run(struct bytes rest)
{
	struct bytes path = bytes_skip(rest, rest.n > 0);
	struct bytes id = {path.p, bytes_find(path, '/')};

	return bytes_is(bytes_skip(path, id.n), "/run") ? id : (struct bytes){NULL, 0};
}

static void
run(struct op_call *call)
{
	struct bytes id = job_to_run(call->rest);
	struct state *s;

	if (id.p == NULL) {
		job_serve(call, JOB_LIST_TRANSFERS);
		return;
	}
	s = arena_new(call->arena, struct state);
	if (s == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	s->call = call;
	if (!call->is_head && call->caller->token_kind != TOKEN_GUEST)
		call->audit = "read";
	s->ask = (struct job_ask){
	    .verb = call->is_head ? JOB_ASK_GET : JOB_ASK_BEGIN,
	    .loop = call->env->loop,
	    .done = call->is_head ? told : begun,
	    .arena = call->arena,
	    .caller = call->caller,
	    .list = JOB_LIST_TRANSFERS,
	    .id = id,
	    .from_phase = JOB_SUSPENDED,
	};
	jobs_ask(call->env->jobs, &s->ask);
}

const struct op op_package = {
    .name = "package", .groups = true, .guests = GUESTS_AUDITED, .run = run};
