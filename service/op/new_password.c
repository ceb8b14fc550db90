/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/new_password.h"

#include "service/core/check.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024 };

static void
hash(struct worker_job *job)
{
	struct new_password *p = container_of(job, struct new_password, job);

	p->made = password_hash(p->password.p, p->password.n, p->hash);
}

static void
hashed(struct loop_job *job)
{
	struct worker_job *w = container_of(job, struct worker_job, done);
	struct new_password *p = container_of(w, struct new_password, job);

	p->done(p, p->made ? ERR_OK : ERR_NO_MEMORY);
}

void
new_password_hash(struct new_password *p, struct op_call *call, struct bytes password,
    void (*done)(struct new_password *p, enum err err))
{
	*p = (struct new_password){.call = call, .password = password, .done = done};
	if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX) {
		done(p, errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX));
		return;
	}
	p->job = (struct worker_job){
	    .work = hash, .loop = call->env->loop, .done = {.run = hashed}};
	worker_submit(call->env->workers, &p->job);
}
