/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/job_reply.h"

#include "service/core/isotime.h"
#include "service/op/job_call.h"
#include "service/xml/job_xml.h"

enum { DOCUMENT_MAX = 64 * 1024 * 1024, RUN_ID_MAX = 64 /* DALI 1.1 3.4.6 */ };

static const char *const list_names[JOB_LISTS] = {
    [JOB_LIST_TRANSFERS] = "transfers",
    [JOB_LIST_SYNC] = "synctrans",
    [JOB_LIST_DELETE] = "async-delete",
    [JOB_LIST_SETPROPS] = "async-setprops",
    [JOB_LIST_HAND_OVER] = "async-hand-over",
};

struct bytes
job_list_url(struct op_call *call, enum job_list list)
{
	return arena_format(
	    call->arena, "%.*s/%s", BYTES_ARG(call->base_url), list_names[list]);
}

struct bytes
job_url(struct op_call *call, enum job_list list, const char *id, const char *tail)
{
	/* Clients look for the job of a synchronous transfer among the others. */
	if (list == JOB_LIST_SYNC)
		list = JOB_LIST_TRANSFERS;
	return arena_format(call->arena, "%.*s/%s/%s%s", BYTES_ARG(call->base_url),
	    list_names[list], id, tail);
}

void
job_set_owner(const struct op_call *call, struct job *job)
{
	const struct caller *c = call->caller;

	job->owner = caller_job_owner(c);
	if (c->is_anonymous)
		return;
	job->owner_name = c->name;
	if (c->principal == 0)
		job->owner_key = c->dn_key.p == NULL ? BYTES(JOB_OPERATOR) : c->dn_key;
}

static size_t
count_characters(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80; /* not a UTF-8 tail */
	return n;
}

enum err
job_set_run_id(struct op_call *call, struct job *job)
{
	static const char *const once[] = {"RUNID", NULL};
	struct bytes run_id = op_param(call, "RUNID");
	enum err e = op_params_once(call, once);

	if (e != ERR_OK)
		return e;
	if (count_characters(run_id) > RUN_ID_MAX)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "RUNID: at most %d characters", RUN_ID_MAX);
	if (run_id.n > 0)
		job->run_id = call->run_id = run_id;
	return ERR_OK;
}

void
job_set_error(struct op_call *call, struct job *job, enum err err)
{
	job->phase = JOB_ERROR;
	job->fault = bytes_of(err_fault(err));
	if (call->why.code == ERR_OK)
		(void)errinfo_set(&call->why, err, "%s", err_text(err));
	job->message = bytes_of(errinfo_text(&call->why));
}

/*
 * The text of errorSummary. One client reads the kind of failure from words in it
 * (client-contract 8.3): "permission", "not found", "exist".
 */
static struct bytes
summary_of(struct op_call *call, const struct job *job)
{
	const char *words = "";

	if (bytes_is(job->fault, "NodeNotFound") ||
	    bytes_is(job->fault, "ContainerNotFound"))
		words = " not found";
	else if (bytes_is(job->fault, "DuplicateNode"))
		words = " already exists";
	else if (bytes_is(job->fault, "NotAuthenticated"))
		words = " (permission denied)";
	return arena_format(call->arena, "%.*s: %.*s%s", BYTES_ARG(job->fault),
	    BYTES_ARG(job->message), words);
}

/* Where a result is: the details of a transfer are ours, others are URIs. */
static struct bytes
href_of(struct op_call *call, const struct job *job, const struct job_pair *result)
{
	if (bytes_is(result->name, "transferDetails"))
		return job_url(call, job->list, job->id, "/results/transferDetails");
	return result->value;
}

/* The same job may succeed later: the service was the reason, not what was asked. */
static bool
is_transient(const struct job *job)
{
	return bytes_is(job->fault, "ServiceBusy");
}

static int64_t
destruction_of(const struct op_call *call, const struct job *job)
{
	return job_destruction(job->phase, job->created_ms, job->destruction_ms,
	    call->env->settings->job_pending_lifetime);
}

static enum err
view_of(struct op_call *call, const struct job *job, struct job_view *out)
{
	struct job_parameter *parameters =
	    arena_array(call->arena, struct job_parameter, job->n_parameters + 1);
	struct job_result *results =
	    arena_array(call->arena, struct job_result, job->n_results + 1);

	if (parameters == NULL || results == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "the job is too large");
	for (size_t i = 0; i < job->n_parameters; i++)
		parameters[i] = (struct job_parameter){
		    job->parameters[i].name, job->parameters[i].value};
	for (size_t i = 0; i < job->n_results; i++)
		results[i] = (struct job_result){
		    job->results[i].name, href_of(call, job, &job->results[i])};
	*out = (struct job_view){
	    .id = bytes_of(job->id),
	    .run_id = job->run_id,
	    .owner = job->owner_name,
	    .phase = job_phase_name(job->phase),
	    .creation_ms = job->created_ms,
	    .start_ms = job->started_ms,
	    .end_ms = job->ended_ms,
	    .destruction_ms = destruction_of(call, job),
	    .execution_seconds = job->execution_s,
	    .parameters = parameters,
	    .n_parameters = job->n_parameters,
	    .results = results,
	    .n_results = job->n_results,
	};
	if (job->fault.p != NULL)
		out->error = (struct job_error){
		    .message = summary_of(call, job),
		    .is_transient = is_transient(job),
		    .has_detail = true,
		};
	if (job->list == JOB_LIST_TRANSFERS || job->list == JOB_LIST_SYNC)
		out->job_info = job->input;
	return ERR_OK;
}

static void
finish_str(struct op_call *call, struct str *text)
{
	enum err e = op_reply_str(call, 200, "text/xml", text);

	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}

static void
reply_xml(struct op_call *call, const struct job *job,
    void (*write)(struct str *s, const struct job_view *view))
{
	struct job_view view;
	struct str text;
	enum err e = view_of(call, job, &view);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	str_init(&text, DOCUMENT_MAX);
	write(&text, &view);
	finish_str(call, &text);
}

/* Bare, without a line end: clients compare the whole body. */
static void
reply_word(struct op_call *call, struct bytes word)
{
	if (word.p == NULL)
		word = BYTES("");
	op_reply_text(call, 200, "text/plain", word);
	op_finish(call);
}

static void
reply_time(struct op_call *call, int64_t ms)
{
	char text[ISOTIME_SIZE];

	isotime_format(ms, text);
	reply_word(call, arena_format(call->arena, "%sZ", text));
}

static void
reply_error(struct op_call *call, const struct job *job)
{
	if (job->fault.p == NULL)
		op_fail(
		    call, errinfo_set(&call->why, ERR_NOT_FOUND, "the job has no error"));
	else if (bytes_is(job->fault, "ServiceBusy"))
		/* No client compares this one: it shows its user what the operator said. */
		reply_word(call, arena_format(call->arena, "%.*s: %.*s",
				     BYTES_ARG(job->fault), BYTES_ARG(job->message)));
	else
		reply_word(call, job_error_word(job->fault));
}

static void
reply_result(struct op_call *call, const struct job *job, struct bytes id)
{
	bool is_details = bytes_is(id, "transferDetails");
	/* Those of a refused synchronous transfer say why. */
	bool exists = is_details && job->list == JOB_LIST_SYNC;
	struct bytes url = {NULL, 0};

	for (size_t i = 0; i < job->n_results; i++)
		if (bytes_eq(job->results[i].name, id)) {
			url = job->results[i].value;
			exists = true;
		}
	if (!exists) {
		op_fail(call, errinfo_set(&call->why, ERR_NOT_FOUND,
				  "result not found: %.*s", BYTES_ARG(id)));
		return;
	}
	if (is_details)
		url = arena_format(
		    call->arena, "%.*s/xfer/%s", BYTES_ARG(call->base_url), job->id);
	op_see_other(call, url);
}

void
job_reply(struct op_call *call, const struct job *job, struct bytes child)
{
	struct bytes results = BYTES("results/");

	if (child.n == 0)
		reply_xml(call, job, job_xml_write);
	else if (bytes_is(child, "phase"))
		reply_word(call, job_phase_name(job->phase));
	else if (bytes_is(child, "error"))
		reply_error(call, job);
	else if (bytes_is(child, "results"))
		reply_xml(call, job, job_xml_results);
	else if (bytes_is(child, "parameters"))
		reply_xml(call, job, job_xml_parameters);
	else if (bytes_is(child, "owner"))
		reply_word(call, job->owner_name);
	else if (bytes_is(child, "quote")) /* none is given */
		reply_word(call, (struct bytes){NULL, 0});
	else if (bytes_is(child, "destruction"))
		reply_time(call, destruction_of(call, job));
	else if (bytes_is(child, "executionduration"))
		reply_word(call, arena_format(call->arena, "%llu",
				     (unsigned long long)job->execution_s));
	else if (bytes_starts(child, results))
		reply_result(call, job, bytes_skip(child, results.n));
	else
		op_fail(call, errinfo_set(&call->why, ERR_NOT_FOUND, "not found: %.*s",
				  BYTES_ARG(child)));
}

void
job_reply_list(struct op_call *call, enum job_list list, const struct job *jobs, size_t n)
{
	struct str text;

	str_init(&text, DOCUMENT_MAX);
	job_xml_list_open(&text);
	for (size_t i = 0; i < n; i++) {
		struct job_view view = {
		    .id = bytes_of(jobs[i].id),
		    .run_id = jobs[i].run_id,
		    .owner = jobs[i].owner_name,
		    .phase = job_phase_name(jobs[i].phase),
		    .creation_ms = jobs[i].created_ms,
		};

		job_xml_list_add(&text, &view, job_url(call, list, jobs[i].id, ""));
	}
	job_xml_list_close(&text);
	finish_str(call, &text);
}
