/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/job_serve.h"

#include "service/core/isotime.h"
#include "service/op/job_reply.h"

struct state {
	struct op_call *call;
	struct job_ask ask;
	struct bytes child; /* "phase", "results/destination"; "": the job itself */
};

static struct state *
of_ask(struct job_ask *ask)
{
	return container_of(ask, struct state, ask);
}

static void
fail_asked(struct state *s)
{
	s->call->why = s->ask.why;
	op_fail(s->call, s->ask.err);
}

/* Reading */

static void
got(struct job_ask *ask)
{
	struct state *s = of_ask(ask);

	if (ask->err != ERR_OK)
		fail_asked(s);
	else
		job_reply(s->call, &ask->job, s->child);
}

/* Seconds; negative, or more than we allow: as long as we allow. */
static enum err
parse_wait(struct op_call *call, uint64_t *ms_out)
{
	uint64_t most = call->env->settings->job_wait_max, s;
	struct bytes text = op_param(call, "WAIT"), number;

	*ms_out = 0;
	if (text.p == NULL)
		return ERR_OK;
	number = bytes_skip(text, text.n > 0 && text.p[0] == '-');
	if (!bytes_u64(number, &s))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "WAIT=%.*s is no number of seconds", BYTES_ARG(text));
	*ms_out = number.n < text.n || s > most / 1000 ? most : s * 1000;
	return ERR_OK;
}

static enum err
parse_phase(struct op_call *call, struct bytes text, enum job_phase *out)
{
	if (job_phase_parse(text, out))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "invalid PHASE value: %.*s",
	    BYTES_ARG(text));
}

static enum err
ask_get(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes phase = op_param(call, "PHASE");
	enum err e = ERR_OK;

	s->ask.verb = JOB_ASK_GET;
	s->ask.done = got;
	if (s->child.n == 0 || bytes_is(s->child, "phase")) {
		e = parse_wait(call, &s->ask.wait_ms);
		if (e == ERR_OK && phase.p != NULL)
			e = parse_phase(call, phase, &s->ask.wait_phase);
	}
	return e;
}

static void
listed(struct job_ask *ask)
{
	struct state *s = of_ask(ask);

	if (ask->err != ERR_OK)
		fail_asked(s);
	else
		job_reply_list(s->call, ask->list, ask->list_out, ask->n_list);
}

static enum err
ask_list(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes last = op_param(call, "LAST"), after = op_param(call, "AFTER");
	enum err e = ERR_OK;

	s->ask.verb = JOB_ASK_LIST;
	s->ask.done = listed;
	for (size_t i = 0; i < call->n_params && e == ERR_OK; i++) {
		enum job_phase phase;

		if (!bytes_caseeq(call->params[i].name, BYTES("PHASE")))
			continue;
		e = parse_phase(call, call->params[i].value, &phase);
		if (e == ERR_OK)
			s->ask.phases |= 1U << phase;
	}
	if (e == ERR_OK && last.p != NULL &&
	    (!bytes_u64(last, &s->ask.last) || s->ask.last == 0))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "LAST=%.*s is no number of jobs", BYTES_ARG(last));
	if (e == ERR_OK && after.p != NULL && !isotime_parse(after, &s->ask.after_ms))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "AFTER=%.*s is no time",
		    BYTES_ARG(after));
	return e;
}

/* Changing */

static void
changed(struct job_ask *ask)
{
	struct state *s = of_ask(ask);

	if (ask->err != ERR_OK)
		fail_asked(s);
	else
		op_see_other(s->call, job_url(s->call, ask->list, ask->job.id, ""));
}

static void
removed(struct job_ask *ask)
{
	struct state *s = of_ask(ask);

	if (ask->err != ERR_OK)
		fail_asked(s);
	else
		op_see_other(s->call, job_list_url(s->call, ask->list));
}

static enum err
ask_phase(struct state *s)
{
	struct bytes phase = op_param(s->call, "PHASE");

	if (bytes_caseeq(phase, BYTES("RUN")))
		s->ask.verb = JOB_ASK_RUN;
	else if (bytes_caseeq(phase, BYTES("ABORT")))
		s->ask.verb = JOB_ASK_ABORT;
	else
		return errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
		    "invalid PHASE value: %.*s", BYTES_ARG(phase));
	return ERR_OK;
}

static enum err
ask_destruction(struct state *s)
{
	struct bytes text = op_param(s->call, "DESTRUCTION");

	if (text.p != NULL && isotime_parse(text, &s->ask.destruction_ms) &&
	    s->ask.destruction_ms > 0)
		return ERR_OK;
	return errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
	    "DESTRUCTION=%.*s is no time", BYTES_ARG(text));
}

static enum err
ask_execution(struct state *s)
{
	struct bytes text = op_param(s->call, "EXECUTIONDURATION");

	s->ask.set_execution = true;
	if (text.p != NULL && bytes_u64(text, &s->ask.execution_s) &&
	    s->ask.execution_s <= UINT32_MAX)
		return ERR_OK;
	return errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
	    "EXECUTIONDURATION=%.*s is no number of seconds", BYTES_ARG(text));
}

static enum err
ask_parameters(struct state *s)
{
	struct op_call *call = s->call;
	struct job_pair *pairs =
	    arena_array(call->arena, struct job_pair, call->n_params + 1);

	if (pairs == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	for (size_t i = 0; i < call->n_params; i++)
		pairs[i] = (struct job_pair){call->params[i].name, call->params[i].value};
	s->ask.parameters = pairs;
	s->ask.n_parameters = call->n_params;
	return ERR_OK;
}

static enum err
ask_remove(struct state *s)
{
	s->ask.verb = JOB_ASK_REMOVE;
	s->ask.done = removed;
	return ERR_OK;
}

static enum err
ask_post(struct state *s)
{
	static const char *const fixed[] = {"owner", "quote", "error", "results"};
	struct op_call *call = s->call;

	s->ask.verb = JOB_ASK_EDIT;
	s->ask.done = changed;
	if (s->child.n == 0 && bytes_caseeq(op_param(call, "ACTION"), BYTES("DELETE")))
		return ask_remove(s);
	if (s->child.n == 0 || bytes_is(s->child, "parameters"))
		return ask_parameters(s);
	if (bytes_is(s->child, "phase"))
		return ask_phase(s);
	if (bytes_is(s->child, "destruction"))
		return ask_destruction(s);
	if (bytes_is(s->child, "executionduration"))
		return ask_execution(s);
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		if (bytes_is(s->child, fixed[i]))
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "not modifiable: %.*s", BYTES_ARG(s->child));
	return errinfo_set(
	    &call->why, ERR_NOT_FOUND, "not found: %.*s", BYTES_ARG(s->child));
}

/* "/JOB/results/x/" -> "JOB", "results/x" */
static void
take_path(struct state *s)
{
	struct bytes rest = bytes_skip(s->call->rest, s->call->rest.n > 0);

	if (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	s->ask.id = (struct bytes){rest.p, bytes_find(rest, '/')};
	s->child = bytes_skip(rest, s->ask.id.n);
	s->child = bytes_skip(s->child, s->child.n > 0);
}

/* PHASE filters a list by several values; everywhere else there is one. */
static enum err
check_once(struct state *s)
{
	static const char *const of_list[] = {"LAST", "AFTER", NULL};
	static const char *const of_job[] = {
	    "WAIT", "PHASE", "ACTION", "DESTRUCTION", "EXECUTIONDURATION", NULL};

	return op_params_once(s->call, s->ask.id.n == 0 ? of_list : of_job);
}

static enum err
ask_whatever(struct state *s)
{
	struct op_call *call = s->call;
	enum err e = check_once(s);

	if (e != ERR_OK)
		return e;
	if (call->is_get || call->is_head)
		return s->ask.id.n == 0 ? ask_list(s) : ask_get(s);
	if (call->is_post && s->ask.id.n > 0)
		return ask_post(s);
	if (call->is_delete && s->ask.id.n > 0 && s->child.n == 0)
		return ask_remove(s);
	return errinfo_set(
	    &call->why, ERR_INVALID_ARGUMENT, "only a job can be changed or removed");
}

void
job_serve(struct op_call *call, enum job_list list)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = ERR_NO_MEMORY;

	if (s != NULL) {
		s->call = call;
		s->ask = (struct job_ask){
		    .loop = call->env->loop,
		    .arena = call->arena,
		    .caller = call->caller,
		    .list = list,
		};
		take_path(s);
		e = ask_whatever(s);
	}
	if (e != ERR_OK)
		op_fail(call, e);
	else
		jobs_ask(call->env->jobs, &s->ask);
}
