/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/verify.h"

#include "replication/copy_check.h"

enum { STOP_MS = 10 };

static void next_copy(struct verify *v);

/* No pauses; but the end of the service ends it. */
static uint64_t
hold(void *arg, size_t n)
{
	struct verify *v = arg;

	(void)n;
	if (!v->m->stopping)
		return 0;
	copy_check_cancel(v->check);
	return STOP_MS;
}

static void
checked(void *arg, enum err err, const struct errinfo *why)
{
	struct verify *v = arg;

	v->copy[v->next] = *why;
	v->copy[v->next].code = err;
	v->next++;
	next_copy(v);
}

static void
answer(struct loop_job *job)
{
	struct verify *v = container_of(job, struct verify, job);

	v->done(v);
}

static bool
start_check(struct verify *v)
{
	struct copy_check_spec spec = {
	    .m = v->m,
	    .loop = v->m->loop,
	    .blob = v->blob,
	    .location = v->next,
	    .md5 = true,
	    .hold = hold,
	    .done = checked,
	    .arg = v,
	};
	enum location_state state = health_state(v->m->health, v->next);
	struct errinfo *why = &v->copy[v->next];

	if (state == STATE_HUNG || state == STATE_OFFLINE || v->m->stopping) {
		(void)errinfo_set(why, ERR_LOCATION_DOWN, "the location is %s",
		    location_state_name(state));
		return false;
	}
	v->check = copy_check_new(&spec);
	if (v->check == NULL)
		(void)errinfo_set(why, ERR_NO_MEMORY, "no memory to read it");
	return v->check != NULL;
}

static void
next_copy(struct verify *v)
{
	while (v->next < v->m->n) {
		if (start_check(v))
			return;
		v->next++;
	}
	v->job.run = answer;
	loop_post(v->loop, &v->job);
}

static void
begin(struct loop_job *job)
{
	next_copy(container_of(job, struct verify, job));
}

void
verify_copies(struct mirror *m, struct verify *v)
{
	v->m = m;
	v->next = 0;
	v->job.run = begin;
	loop_post(m->loop, &v->job);
}
