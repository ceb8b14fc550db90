/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/job_call.h"

#include "service/core/clock.h"

enum { AT_LEAST_MS = 1000 /* so that a job goes on where the service is slow */ };

enum err
job_call_init(struct job_call *jc, const struct job_run *run, struct arena *a)
{
	struct op_env *env = run->env;
	const struct settings *s = env->settings;

	*jc = (struct job_call){.call = {.env = env, .arena = a}};
	jc->call.caller = &jc->caller;
	/* The door is not known here; what is served by TLS is. */
	jc->call.base_url = arena_format(a, "%s://%s/vault",
	    s->listen_tls.n > 0 ? "https" : "http", s->hosts.items[0]);
	if (jc->call.base_url.p == NULL)
		return errinfo_set(&jc->call.why, ERR_NO_MEMORY, "no memory for a job");
	caller_init(&jc->caller, a, env->reader, s, env->space->group_authority);
	jc->caller.outside = run->outside;
	if (run->job.owner == 0 && bytes_is(run->job.owner_key, JOB_OPERATOR)) {
		jc->caller.is_anonymous = false;
		jc->caller.is_admin = true;
		jc->caller.name = run->job.owner_name;
		return ERR_OK;
	}
	return caller_from_identity(&jc->caller, run->job.owner, &jc->call.why);
}

static void
take(struct job_groups *g)
{
	uint64_t soon = clock_mono_ms() + AT_LEAST_MS;

	g->run->outside = g->caller.outside;
	g->run->outside_until_ms =
	    g->ask.gms.until_ms > soon ? g->ask.gms.until_ms : soon;
	g->known(g);
}

static void
asked(struct group_ask *ask)
{
	take(container_of(ask, struct job_groups, ask));
}

void
job_groups_ask(struct job_groups *g)
{
	struct op_env *env = g->run->env;
	struct errinfo why;

	caller_init(&g->caller, g->arena, env->reader, env->settings,
	    env->space->group_authority);
	g->ask = (struct group_ask){
	    .env = env, .arena = g->arena, .caller = &g->caller, .known = asked};
	/* Who is gone stays anonymous here, and job_call_init says why. */
	(void)!caller_from_identity(&g->caller, g->run->job.owner, &why);
	if (group_ask(&g->ask))
		take(g);
}

/* Of a run that has not begun. */
struct beginning {
	struct job_groups groups;
	void (*begin)(struct job_run *run);
};

static void
known_at_first(struct job_groups *g)
{
	struct job_run *run = g->run;

	if (run->told_to_end)
		job_run_end(run, &(struct job_outcome){.phase = JOB_ABORTED});
	else
		container_of(g, struct beginning, groups)->begin(run);
}

void
job_groups_begin(struct job_run *run, void (*begin)(struct job_run *run))
{
	struct op_env *env = run->env;
	struct beginning *b;

	run->outside_until_ms = UINT64_MAX;
	b = env->gms == NULL ? NULL : arena_new(&run->arena, struct beginning);
	if (env->gms == NULL) {
		begin(run);
	} else if (b == NULL) {
		job_run_end(run, &(struct job_outcome){.phase = JOB_ERROR,
				     .fault = err_fault(ERR_NO_MEMORY),
				     .message = err_text(ERR_NO_MEMORY)});
	} else {
		b->begin = begin;
		b->groups = (struct job_groups){
		    .run = run, .arena = &run->arena, .known = known_at_first};
		job_groups_ask(&b->groups);
	}
}

void
job_call_fail(struct job_run *run, struct job_call *jc, enum err err)
{
	struct job_outcome outcome = {.phase = JOB_ERROR, .fault = err_fault(err)};

	if (jc->call.why.code == ERR_OK)
		(void)errinfo_set(&jc->call.why, err, "%s", err_text(err));
	outcome.message = errinfo_text(&jc->call.why);
	job_run_end(run, &outcome);
}
