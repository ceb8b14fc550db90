/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/op/negotiate.h"
#include "service/op/remote_job_private.h"
#include "service/op/views.h"

enum { FAILURES_MAX = 64 * 1024 };

/* The end */

static void
release(struct remote_job *job)
{
	job->way->release(job);
	remote_drop(job->exchange);
	job->exchange = NULL;
	remote_end_turn(job->call->env->remote, &job->turn);
	str_release(&job->failures);
}

static void
note(const struct remote_job *job, const char *outcome)
{
	struct str peer;

	str_init(&peer, PEER_HOST_SIZE * 2);
	peer_show(&job->endpoint.peer, &peer);
	if (!str_failed(&peer))
		log_info("job %s: %s %s: %s", job->run->job.id, job->way->direction,
		    peer.p, outcome);
	str_release(&peer);
}

void
remote_job_done(struct remote_job *job)
{
	struct job_pair result = {BYTES("dataNode"), op_uri(job->call, job->target.path)};

	note(job, "done");
	release(job);
	job_run_end(
	    job->run, &(struct job_outcome){
			  .phase = JOB_COMPLETED, .results = &result, .n_results = 1});
}

void
remote_job_refuse(struct remote_job *job, enum err err)
{
	release(job);
	job_call_fail(job->run, job->jc, err);
}

void
remote_job_abort(struct remote_job *job)
{
	if (job->asks_for_groups || job->way->is_ending(job))
		return;
	release(job);
	job_run_end(job->run, &(struct job_outcome){.phase = JOB_ABORTED});
}

static void
groups_known(struct job_groups *g)
{
	struct remote_job *job = container_of(g, struct remote_job, groups);

	job->asks_for_groups = false;
	job->jc->caller.outside = job->run->outside;
	if (job->run->told_to_end)
		remote_job_abort(job);
	else
		job->go_on(job);
}

/* What a group service said may be too old by now. */
static void
with_groups(struct remote_job *job, void (*go_on)(struct remote_job *job))
{
	if (clock_mono_ms() < job->run->outside_until_ms) {
		go_on(job);
		return;
	}
	job->go_on = go_on;
	job->asks_for_groups = true;
	job->groups = (struct job_groups){
	    .run = job->run, .arena = &job->run->arena, .known = groups_known};
	job_groups_ask(&job->groups);
}

/* All have been tried; the text is longer than an errinfo's. */
static void
give_up(struct remote_job *job)
{
	struct bytes text = {NULL, 0};

	str_addc(&job->failures, '\0');
	if (!str_failed(&job->failures))
		text = arena_copy(&job->run->arena, str_bytes(&job->failures));
	release(job);
	job_run_end(job->run,
	    &(struct job_outcome){.phase = JOB_ERROR,
		.fault = err_fault(ERR_TRANSFER_FAILED),
		.message = text.p != NULL ? text.p : err_text(ERR_TRANSFER_FAILED)});
}

/* Endpoints */

static bool
is_usable(const struct remote_job *job, const struct transfer_protocol *p)
{
	/* The space has no credentials to show. */
	return bytes_caseeq(p->uri, job->way->protocol) && negotiate_is_anonymous(p);
}

/* What makes the document one that cannot be carried out at all. */
static enum err
check_protocols(struct remote_job *job)
{
	struct errinfo *why = &job->call->why;
	size_t max = (size_t)job->call->env->settings->target_max;
	bool usable = false;

	for (size_t i = 0; i < job->doc->n_protocols; i++) {
		const struct transfer_protocol *p = &job->doc->protocols[i];
		enum err e = ERR_OK;

		if (!is_usable(job, p))
			continue;
		usable = true;
		if (p->endpoint.p == NULL || bytes_trim(p->endpoint).n == 0)
			return errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "%s: a protocol has no endpoint", job->way->direction);
		e = endpoint_parse(bytes_trim(p->endpoint), max, &job->endpoint, why);
		if (e != ERR_OK)
			return e;
	}
	return usable ? ERR_OK
		      : errinfo_set(why, ERR_PROTOCOL_NOT_SUPPORTED,
			    "%s: ask for %.*s without security method",
			    job->way->direction, BYTES_ARG(job->way->protocol));
}

/* False: there is none any more. */
static bool
take_endpoint(struct remote_job *job)
{
	const struct settings *s = job->call->env->settings;

	while (
	    job->next < job->doc->n_protocols && job->tries < s->remote_endpoints_max) {
		const struct transfer_protocol *p = &job->doc->protocols[job->next++];

		if (is_usable(job, p) &&
		    endpoint_parse(bytes_trim(p->endpoint), (size_t)s->target_max,
			&job->endpoint, &job->call->why) == ERR_OK) {
			job->tries++;
			return true;
		}
	}
	return false;
}

uint64_t
remote_job_time_left(const struct remote_job *job)
{
	uint64_t now = clock_mono_ms();

	return now < job->until_ms ? job->until_ms - now : 0;
}

static void
attempt(struct remote_job *job)
{
	if (remote_job_time_left(job) > 0 && take_endpoint(job))
		job->way->attempt(job);
	else
		give_up(job);
}

void
remote_job_failed(struct remote_job *job, const struct errinfo *why)
{
	note(job, errinfo_text(why));
	if (job->failures.n > 0)
		str_adds(&job->failures, "; ");
	peer_show(&job->endpoint.peer, &job->failures);
	str_addf(&job->failures, ": %s", errinfo_text(why));
	job->call->why = (struct errinfo){.code = ERR_OK};
	job->way->release(job);
	remote_drop(job->exchange);
	job->exchange = NULL;
	with_groups(job, attempt);
}

/* The beginning */

static enum err
check_document(struct remote_job *job)
{
	struct op_call *call = job->call;
	struct bytes view = job->doc->view.uri;

	if (!remote_is_on(call->env->settings))
		return errinfo_set(&call->why, ERR_OPERATION_NOT_SUPPORTED,
		    "%s is not offered", job->way->direction);
	if (job->doc->n_targets != 1)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "one target is needed, not %zu", job->doc->n_targets);
	/* Whole files only, either way. */
	if (view.p != NULL && !views_allowed(view, true))
		return errinfo_set(
		    &call->why, ERR_VIEW_NOT_SUPPORTED, "%.*s", BYTES_ARG(view));
	return op_parse_uri(call, job->doc->targets[0], &job->path);
}

/* It may have waited long: what was true may not be any more. */
static void
check_again(struct remote_job *job)
{
	enum err e = job->way->check(job);

	job->until_ms = clock_mono_ms() + job->call->env->settings->remote_time_max;
	if (e != ERR_OK)
		remote_job_refuse(job, e);
	else
		attempt(job);
}

static void
my_turn(struct remote_turn *turn)
{
	with_groups(container_of(turn, struct remote_job, turn), check_again);
}

void
remote_job_start(struct job_run *run, struct job_call *jc, const struct transfer_doc *doc,
    const struct remote_way *way, struct remote_job **out)
{
	struct remote_job *job = arena_new(&run->arena, struct remote_job);
	enum err e;

	if (job == NULL) {
		job_call_fail(run, jc, ERR_NO_MEMORY);
		return;
	}
	job->run = run;
	job->jc = jc;
	job->call = &jc->call;
	job->doc = doc;
	job->way = way;
	job->turn.run = my_turn;
	job->turn.owner = run->job.owner;
	str_init(&job->failures, FAILURES_MAX);
	e = check_document(job);
	if (e == ERR_OK)
		e = way->check(job);
	if (e == ERR_OK)
		e = check_protocols(job);
	if (e != ERR_OK) {
		job_call_fail(run, jc, e);
		return;
	}
	*out = job;
	remote_take_turn(job->call->env->remote, &job->turn);
}
