/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synchronous transfers (VOSpace 2.1 3.6.3, client-contract 6.3).
 *
 *   POST synctrans, a document   job ─► 303 transfers/JOB/results/transferDetails
 *                                      ─► 303 xfer/JOB ─► 200, endpoints
 *   the same with the package view      job ─► 303 pkg/JOB/run ─► 200, an archive
 *   GET or POST synctrans?TARGET=&DIRECTION=&PROTOCOL=   303 to the bytes; no job
 *
 * Endpoints carry secrets and are made when the details are fetched; what the job keeps
 * is the document that was posted. A refusal is a job in ERROR and details without
 * endpoints, or the status of the details (negotiate_by_status).
 */
#include "service/op/job_reply.h"
#include "service/op/job_serve.h"
#include "service/op/ops.h"
#include "service/op/package.h"
#include "service/op/transfer.h"

#define CORE      "ivo://ivoa.net/vospace/core#"
#define CADC_VIEW "ivo://cadc.nrc.ca/vospace/view#"

enum { DOCUMENT_MAX = 16 * 1024 * 1024 };

struct state {
	struct op_call *call;
	struct job_ask ask;
	struct transfer_doc doc;
};

static struct state *
make_state(struct op_call *call, enum job_verb verb, void (*done)(struct job_ask *ask))
{
	struct state *s = arena_new(call->arena, struct state);

	if (s == NULL)
		return NULL;
	s->call = call;
	s->ask = (struct job_ask){
	    .verb = verb,
	    .loop = call->env->loop,
	    .done = done,
	    .arena = call->arena,
	    .caller = call->caller,
	    .list = JOB_LIST_TRANSFERS,
	};
	return s;
}

static struct state *
of_ask(struct job_ask *ask)
{
	return container_of(ask, struct state, ask);
}

/* Documents */

static void
created(struct job_ask *ask)
{
	struct state *s = of_ask(ask);

	if (ask->err != ERR_OK) {
		s->call->why = ask->why;
		op_fail(s->call, ask->err);
		return;
	}
	if (ask->job.phase == JOB_SUSPENDED)
		op_see_other(s->call, package_url(s->call, ask->job.id));
	else
		op_see_other(s->call, job_url(s->call, JOB_LIST_TRANSFERS, ask->job.id,
					  "/results/transferDetails"));
}

/* What the job is from the beginning: what can be had, or why not. */
static enum err
negotiate_now(struct op_call *call, const struct transfer_doc *doc, struct job *job)
{
	struct package_spec package;
	struct negotiation n;
	enum err e;

	if (package_asked(doc)) {
		job->phase = JOB_SUSPENDED;
		e = package_read(call, doc, "", &package);
	} else {
		job->phase = JOB_EXECUTING;
		e = negotiate_check(call, doc, &n);
		if (e == ERR_OK)
			e = transfer_results(call, doc, &n, job);
	}
	if (e == ERR_OK || e >= ERR_INTERNAL)
		return e;
	job_set_error(call, job, e); /* a refusal, not a failure of ours */
	return ERR_OK;
}

/* A job for s->doc, which has all it asks for at once. */
static void
make_job(struct state *s)
{
	struct op_call *call = s->call;
	struct job *job = &s->ask.job;
	enum err e;

	job->list = JOB_LIST_SYNC;
	job_set_owner(call, job);
	e = job_set_run_id(call, job);
	if (e == ERR_OK)
		e = negotiate_now(call, &s->doc, job);
	if (e == ERR_OK)
		e = transfer_input(call, &s->doc, &job->input);
	if (e == ERR_OK)
		jobs_ask(call->env->jobs, &s->ask);
	else
		op_fail(call, e);
}

static void
negotiate_document(struct op_call *call)
{
	struct state *s = make_state(call, JOB_ASK_CREATE, created);
	enum err e =
	    s == NULL ? ERR_NO_MEMORY
		      : transfer_xml_parse(call->arena, call->body,
			    call->env->settings->transfer_xml_max, &s->doc, &call->why);

	if (e == ERR_OK)
		make_job(s);
	else
		op_fail(call, e);
}

/* Parameters */

/* TARGET as often as there is one, and RESPONSEFORMAT. */
static enum err
package_from_params(struct op_call *call, struct transfer_doc *doc)
{
	size_t n = op_param_count(call, "TARGET");
	struct bytes *targets = arena_array(call->arena, struct bytes, n + 1);
	struct transfer_param *param = arena_new(call->arena, struct transfer_param);

	if (targets == NULL || param == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	doc->targets = targets;
	doc->n_targets = 0;
	for (size_t i = 0; i < call->n_params; i++)
		if (bytes_caseeq(call->params[i].name, BYTES("TARGET")))
			targets[doc->n_targets++] = call->params[i].value;
	*param = (struct transfer_param){
	    BYTES(CORE "format"), op_param(call, "RESPONSEFORMAT")};
	if (param->value.p != NULL)
		doc->view.params = (struct transfer_params){param, 1};
	return ERR_OK;
}

/* The form of a page: an archive of several nodes needs a job as with a document. */
static void
package_by_params(struct op_call *call, const struct transfer_doc *doc)
{
	struct state *s = make_state(call, JOB_ASK_CREATE, created);
	enum err e = ERR_NO_MEMORY;

	if (s != NULL) {
		s->doc = *doc;
		e = package_from_params(call, &s->doc);
	}
	if (e == ERR_OK)
		make_job(s);
	else
		op_fail(call, e);
}

static enum err
view_from_params(struct op_call *call, struct transfer_doc *doc)
{
	struct bytes view = op_param(call, "VIEW"), cutout = op_param(call, "cutout");
	struct transfer_param *param;

	if (view.p == NULL || view.n == 0 || bytes_is(view, "data"))
		return ERR_OK;
	if (bytes_is(view, "cutout"))
		doc->view.uri = BYTES(CADC_VIEW "cutout");
	else if (bytes_is(view, "header"))
		doc->view.uri = BYTES(CADC_VIEW "header");
	else
		doc->view.uri = view;
	if (cutout.p == NULL)
		return ERR_OK;
	param = arena_new(call->arena, struct transfer_param);
	if (param == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	*param = (struct transfer_param){doc->view.uri, cutout};
	doc->view.params = (struct transfer_params){param, 1};
	return ERR_OK;
}

/* The document that the parameters stand for. */
static enum err
doc_from_params(struct op_call *call, struct transfer_doc *doc)
{
	struct bytes *target = arena_new(call->arena, struct bytes);
	size_t n = op_param_count(call, "PROTOCOL");
	struct transfer_protocol *protocols =
	    arena_array(call->arena, struct transfer_protocol, n + 1);

	if (target == NULL || protocols == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	*target = op_param(call, "TARGET");
	*doc = (struct transfer_doc){
	    .targets = target,
	    .n_targets = 1,
	    .direction = op_param(call, "DIRECTION"),
	    .protocols = protocols,
	};
	if (target->p == NULL || doc->direction.p == NULL || n == 0)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "missing parameters: TARGET, DIRECTION and PROTOCOL are needed");
	for (size_t i = 0; i < call->n_params; i++)
		if (bytes_caseeq(call->params[i].name, BYTES("PROTOCOL")))
			protocols[doc->n_protocols++].uri = call->params[i].value;
	return view_from_params(call, doc);
}

/* A refusal is told where the bytes would be, by their own answer (D29). */
static enum err
refused_url(struct op_call *call, const struct transfer_doc *doc, struct bytes *out)
{
	struct path path;
	struct str s;
	enum err e = op_parse_uri(call, doc->targets[0], &path);

	if (e != ERR_OK)
		return e;
	str_init(&s, DOCUMENT_MAX);
	str_add(&s, call->base_url);
	str_adds(&s, "/files");
	path_encode(&s, path);
	*out = str_failed(&s) ? (struct bytes){NULL, 0}
			      : arena_copy(call->arena, str_bytes(&s));
	str_release(&s);
	return out->p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a URL")
		   : ERR_OK;
}

/* Refused because of the node, not because the question makes no sense. */
static bool
is_about_node(enum err e)
{
	return e != ERR_INVALID_URI && e != ERR_PROTOCOL_NOT_SUPPORTED &&
	       e != ERR_VIEW_NOT_SUPPORTED && e != ERR_OPERATION_NOT_SUPPORTED;
}

static void
negotiate_params(struct op_call *call)
{
	static const char *const target_once[] = {"TARGET", NULL};
	static const char *const once[] = {"DIRECTION", "VIEW", "cutout",
	    "RESPONSEFORMAT", "SECURITYMETHOD", "REQUEST", NULL};
	struct transfer_doc doc;
	struct negotiation n;
	struct bytes url;
	enum err e = op_params_once(call, once);

	if (e == ERR_OK)
		e = doc_from_params(call, &doc);
	if (e == ERR_OK && package_asked(&doc)) {
		package_by_params(call, &doc);
		return;
	}
	if (e == ERR_OK)
		e = op_params_once(call, target_once);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	e = negotiate_check(call, &doc, &n);
	if (e == ERR_OK && n.unpack)
		e = errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED,
		    "an archive is unpacked by a job: post a document");
	if (e == ERR_OK)
		e = negotiate_url(call, &n, 0, &url);
	else if (e < ERR_INTERNAL && is_about_node(e) &&
		 bytes_caseeq(op_param(call, "REQUEST"), BYTES("redirect")))
		e = refused_url(call, &doc, &url);
	if (e != ERR_OK)
		op_fail(call, e);
	else
		op_see_other(call, url);
}

/* A body that is no form is a document; one client sends its content type without it. */
static bool
has_document(const struct op_call *call)
{
	return call->is_post && bytes_trim(call->body).n > 0 && !op_has_form(call);
}

static void
run_sync(struct op_call *call)
{
	if (call->rest.n > 1)
		job_serve(call, JOB_LIST_SYNC);
	else if (has_document(call))
		negotiate_document(call);
	else if (call->n_params == 0 && !call->is_post)
		job_serve(call, JOB_LIST_SYNC);
	else
		negotiate_params(call);
}

const struct op op_transfer_sync = {
    .name = "transfer-sync", .groups = true, .guests = GUESTS_MAY, .run = run_sync};

/* Details */

static void
reply_doc(struct op_call *call, const struct transfer_doc *doc)
{
	struct str text;

	str_init(&text, DOCUMENT_MAX);
	transfer_xml_write(&text, doc);
	op_finish_str(call, 200, "text/xml", &text);
}

static void
reply_refusal(struct state *s, enum err err)
{
	struct transfer_doc doc;

	if (negotiate_by_status(&s->doc)) {
		op_fail(s->call, err);
		return;
	}
	doc = negotiate_refusal(&s->doc);
	reply_doc(s->call, &doc);
}

/* Why the job is in ERROR, as the fault it was. */
static enum err
fault_of(struct op_call *call, const struct job *job)
{
	const char *word = arena_text(call->arena, job->fault);
	enum err e = word == NULL ? ERR_NO_MEMORY : err_from_fault(word);

	return errinfo_set(
	    &call->why, e == ERR_OK ? ERR_INTERNAL : e, "%.*s", BYTES_ARG(job->message));
}

/* The one endpoint of an archive, under every protocol that was asked for. */
static void
reply_package(struct state *s, const struct job *job)
{
	struct op_call *call = s->call;
	struct transfer_doc doc = s->doc;
	struct transfer_protocol *p =
	    arena_array(call->arena, struct transfer_protocol, doc.n_protocols + 1);
	struct bytes url = package_url(call, job->id);

	if (p == NULL || url.p == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	for (size_t i = 0; i < doc.n_protocols; i++) {
		p[i] = doc.protocols[i];
		p[i].endpoint = url;
	}
	doc.protocols = p;
	reply_doc(call, &doc);
}

static void
reply_details(struct state *s, const struct job *job)
{
	struct op_call *call = s->call;
	struct transfer_doc answer;
	struct negotiation n;
	enum err e;

	if (negotiate_direction(s->doc.direction) == NEGOTIATE_MOVE) {
		reply_doc(call, &s->doc);
		return;
	}
	if (job->phase == JOB_PENDING || job->phase == JOB_ABORTED ||
	    job->phase == JOB_ARCHIVED) {
		op_fail(call, errinfo_set(&call->why, ERR_NOT_FOUND,
				  "the transfer is in phase %.*s",
				  BYTES_ARG(job_phase_name(job->phase))));
		return;
	}
	if (job->fault.p != NULL) {
		reply_refusal(s, fault_of(call, job));
		return;
	}
	if (package_asked(&s->doc)) {
		reply_package(s, job);
		return;
	}
	transfer_name_target(job, &s->doc);
	e = negotiate_check(call, &s->doc, &n); /* what was so may have changed */
	if (e == ERR_OK)
		e = negotiate_answer(call, &s->doc, &n, job->number, &answer);
	if (e == ERR_OK)
		reply_doc(call, &answer);
	else if (e < ERR_INTERNAL)
		reply_refusal(s, e);
	else
		op_fail(call, e);
}

static void
found(struct job_ask *ask)
{
	struct state *s = of_ask(ask);
	enum err e = ask->err;

	s->call->why = ask->why;
	if (e == ERR_OK)
		e = transfer_xml_parse(
		    s->call->arena, ask->job.input, DOCUMENT_MAX, &s->doc, &s->call->why);
	if (e != ERR_OK)
		op_fail(s->call, e);
	else
		reply_details(s, &ask->job);
}

static void
run_details(struct op_call *call)
{
	struct state *s = make_state(call, JOB_ASK_GET, found);

	if (s == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	s->ask.id = bytes_skip(call->rest, call->rest.n > 0);
	jobs_ask(call->env->jobs, &s->ask);
}

const struct op op_transfer_details = {
    .name = "transfer-details", .groups = true, .guests = GUESTS_MAY, .run = run_details};
