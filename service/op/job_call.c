/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/job_call.h"

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
	if (run->job.owner == 0 && bytes_is(run->job.owner_key, JOB_OPERATOR)) {
		jc->caller.is_anonymous = false;
		jc->caller.is_admin = true;
		jc->caller.name = run->job.owner_name;
		return ERR_OK;
	}
	return caller_from_identity(&jc->caller, run->job.owner, &jc->call.why);
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
