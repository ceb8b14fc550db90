/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job that hands over what an account owns (hand_over.h).
 *
 *   all nodes by their ids, LOOK at a time ─► a change for each that is the account's
 *   then its groups                        ─► likewise
 *
 * A few changes are under way at a time, and each is refused by the store if somebody
 * else has become the owner meanwhile, so that requests go on and nothing of theirs is
 * lost. Before each page it is looked again whether it may go on. After a restart it
 * begins anew: what is done is not the account's any more.
 *
 *   everything handed over    COMPLETED  successcount, groupcount
 *   some of it could not be   ERROR      and errorcount
 */
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/hand_over.h"
#include "service/op/job_call.h"
#include "service/op/runners.h"
#include "service/op/service_mode.h"
#include "service/xml/json_out.h"

enum {
	WINDOW = 128, /* changes under way */
	LOOK = 2048, /* nodes looked at in one go */
	GROUPS_MAX = 100000, /* of one owner */
	PAGE_ARENA = 16 * 1024 * 1024,
	SAVE_MS = 500, /* between two records of how far it is */
	LINE_MAX = 16 * 1024, /* of the audit log */
};

struct state;

/* A change under way. */
struct item {
	struct item *next;
	struct state *s;
	bool is_group;
	union {
		struct change change;
		struct nodes_update update;
		struct groups_give give;
	} request;
};

struct state {
	struct job_run *run;
	struct op_env *env;
	struct bytes from, to; /* names */
	struct arena page;
	struct item items[WINDOW];
	struct item *free;
	unsigned under_way;
	uint64_t after; /* the last node looked at */
	bool nodes_over, groups_known;
	uint64_t *group; /* those to hand over */
	size_t n_groups, next_group;
	uint64_t done, groups, failed;
	struct errinfo first; /* failure */
	bool ending, aborted, stopped; /* stopped: by a failure that ends it all */
	bool posted; /* `again` is on its way */
	struct loop_job again;
	uint64_t saved_ms;
};

static void advance(struct state *s);

/* Counting, and the end */

static void
count_failures(struct state *s, uint64_t n, enum err err, const char *text)
{
	s->failed += n;
	if (n > 0 && s->first.code == ERR_OK)
		(void)errinfo_set(&s->first, err, "%s", text);
}

static void
save(struct state *s)
{
	uint64_t now = clock_mono_ms();

	if (now - s->saved_ms < SAVE_MS)
		return;
	s->saved_ms = now;
	job_run_progress(s->run, s->done, s->failed);
}

/* In the log, and one line in the audit log. */
static void
tell_end(const struct state *s, enum job_phase phase)
{
	const struct job *job = &s->run->job;
	struct bytes name = job_phase_name(phase);
	char when[ISOTIME_SIZE];
	struct str line;

	log_info("job %s: %.*s handed over %llu nodes and %llu groups from %.*s to %.*s: "
		 "%.*s, %llu failed",
	    job->id, BYTES_ARG(job->owner_name), (unsigned long long)s->done,
	    (unsigned long long)s->groups, BYTES_ARG(s->from), BYTES_ARG(s->to),
	    BYTES_ARG(name), (unsigned long long)s->failed);
	if (!log_has_audit())
		return;
	isotime_format(clock_wall_ms(), when);
	str_init(&line, LINE_MAX);
	str_addf(&line, "{\"time\":\"%sZ\",\"event\":\"hand-over\",", when);
	json_out_member(&line, "user", job->owner_name);
	str_addc(&line, ',');
	json_out_member(&line, "from", s->from);
	str_addc(&line, ',');
	json_out_member(&line, "to", s->to);
	str_addf(&line,
	    ",\"job\":\"%s\",\"phase\":\"%.*s\",\"nodes\":%llu,\"groups\":%llu,"
	    "\"failed\":%llu}",
	    job->id, BYTES_ARG(name), (unsigned long long)s->done,
	    (unsigned long long)s->groups, (unsigned long long)s->failed);
	if (!str_failed(&line))
		log_audit(str_bytes(&line));
	str_release(&line);
}

static struct bytes
final_count(struct state *s, uint64_t n)
{
	return arena_format(&s->run->arena, "final:%llu", (unsigned long long)n);
}

static void
finish(struct state *s)
{
	struct job_pair results[] = {{BYTES("successcount"), final_count(s, s->done)},
	    {BYTES("groupcount"), final_count(s, s->groups)},
	    {BYTES("errorcount"), final_count(s, s->failed)}};
	struct job_outcome outcome = {.phase = JOB_COMPLETED,
	    .results = results,
	    .n_results = s->failed > 0 ? 3 : 2,
	    .done = s->done,
	    .failed = s->failed};
	struct errinfo why = s->first;

	if (!s->stopped)
		(void)errinfo_set(&why, s->first.code,
		    "%llu could not be handed over, the first: %s",
		    (unsigned long long)s->failed, errinfo_text(&s->first));
	if (s->aborted) {
		outcome.phase = JOB_ABORTED;
	} else if (s->stopped || s->failed > 0) {
		outcome.phase = JOB_ERROR;
		outcome.fault = err_fault(why.code);
		outcome.message = errinfo_text(&why);
	}
	if (!s->run->by_stop) /* else it goes on after the restart */
		tell_end(s, outcome.phase);
	arena_release(&s->page);
	job_run_end(s->run, &outcome); /* the state is gone with its arena */
}

/* It will not go better further on. */
static void
stop(struct state *s, enum err err, const struct errinfo *why)
{
	s->ending = s->stopped = true;
	(void)errinfo_set(&s->first, err, "%s",
	    why->code == ERR_OK ? err_text(err) : errinfo_text(why));
}

/* Changes */

static void
item_done(struct change *change)
{
	struct item *item = container_of(change, struct item, request.change);
	struct state *s = item->s;

	if (change->err == ERR_OK && item->is_group)
		s->groups++;
	else if (change->err == ERR_OK)
		s->done++;
	else if (change->err != ERR_NODE_NOT_FOUND && change->err != ERR_NOT_FOUND &&
		 change->err != ERR_CHANGED) /* gone, or somebody else's by now */
		count_failures(s, 1, change->err, errinfo_text(&change->why));
	item->next = s->free;
	s->free = item;
	s->under_way--;
	if (s->under_way <= WINDOW / 2)
		advance(s);
}

static struct item *
take_item(struct state *s, bool is_group)
{
	struct item *item = s->free;

	CHECK(item != NULL);
	s->free = item->next;
	s->under_way++;
	item->is_group = is_group;
	return item;
}

static void
give_node(struct state *s, const struct hand_over *h, uint64_t id)
{
	struct nodes_update *update = &take_item(s, false)->request.update;

	*update = (struct nodes_update){
	    .change = {.loop = s->env->loop, .done = item_done},
	    .id = id,
	    .owned_by = h->from.id,
	    .patch = {.set_owner = true, .owner = h->to.id},
	    .properties_max = s->env->settings->properties_max,
	};
	nodes_update(s->env->store, update);
}

static void
give_group(struct state *s, const struct hand_over *h, uint64_t id)
{
	struct groups_give *give = &take_item(s, true)->request.give;

	*give = (struct groups_give){
	    .change = {.loop = s->env->loop, .done = item_done},
	    .group = id,
	    .owned_by = h->from.id,
	    .owner = h->to.id,
	};
	groups_give(s->env->store, give);
}

static enum err
step_nodes(struct state *s, struct op_call *call, const struct hand_over *h)
{
	struct nodes_owned page;
	enum err e = nodes_owned(s->env->reader, &s->page, h->ids, h->n_ids, s->after,
	    LOOK, WINDOW - s->under_way, &page, &call->why);

	if (e != ERR_OK)
		return e;
	count_failures(s, page.damaged, ERR_DAMAGED, "the record of a node is damaged");
	for (size_t i = 0; i < page.n; i++)
		give_node(s, h, page.id[i]);
	s->after = page.last;
	s->nodes_over = !page.more;
	return ERR_OK;
}

/* Of all its identities. */
static enum err
list_groups(struct state *s, struct op_call *call, const struct hand_over *h)
{
	struct arena *a = &s->run->arena;

	for (size_t i = 0; i < h->n_ids; i++) {
		uint64_t *found, *all;
		size_t n;
		enum err e = groups_owned(s->env->reader, &s->page, h->ids[i], GROUPS_MAX,
		    &found, &n, &call->why);

		if (e != ERR_OK)
			return e;
		all = arena_array(a, uint64_t, s->n_groups + n + 1);
		if (all == NULL)
			return errinfo_set(
			    &call->why, ERR_NO_MEMORY, "no memory for a list of groups");
		for (size_t k = 0; k < s->n_groups; k++)
			all[k] = s->group[k];
		for (size_t k = 0; k < n; k++)
			all[s->n_groups + k] = found[k];
		s->group = all;
		s->n_groups += n;
	}
	s->groups_known = true;
	return ERR_OK;
}

static enum err
step_groups(struct state *s, struct op_call *call, const struct hand_over *h)
{
	enum err e = s->groups_known ? ERR_OK : list_groups(s, call, h);

	if (e != ERR_OK)
		return e;
	while (s->next_group < s->n_groups && s->under_way < WINDOW)
		give_group(s, h, s->group[s->next_group++]);
	s->ending = s->next_group == s->n_groups;
	return ERR_OK;
}

/* May it go on, and as whom? Then a page more. */
static void
step(struct state *s)
{
	struct hand_over h;
	struct job_call jc;
	enum err e;

	arena_clear(&s->page);
	e = job_call_init(&jc, s->run, &s->page);
	if (e == ERR_OK && !jc.caller.is_admin)
		e = errinfo_set(
		    &jc.call.why, ERR_DENIED, "only an administrator does that");
	if (e == ERR_OK)
		e = service_mode_check_change(&jc.call);
	if (e == ERR_OK)
		e = hand_over_find(&jc.call, s->from, s->to, &h);
	if (e == ERR_OK)
		e = s->nodes_over ? step_groups(s, &jc.call, &h)
				  : step_nodes(s, &jc.call, &h);
	if (e != ERR_OK)
		stop(s, e, &jc.call.why);
}

static void
go_on(struct loop_job *job)
{
	struct state *s = container_of(job, struct state, again);

	s->posted = false;
	advance(s);
}

static void
advance(struct state *s)
{
	if (s->posted)
		return;
	if (!s->ending && s->under_way < WINDOW)
		step(s);
	if (s->ending && s->under_way == 0) {
		finish(s);
		return;
	}
	save(s);
	if (!s->ending && s->under_way < WINDOW) {
		s->posted = true;
		s->again.run = go_on;
		loop_post(s->env->loop, &s->again);
	}
}

static void
start(struct job_run *run)
{
	struct state *s = arena_new(&run->arena, struct state);

	run->state = s;
	if (s == NULL) {
		job_run_end(run, &(struct job_outcome){.phase = JOB_ERROR,
				     .fault = err_fault(ERR_NO_MEMORY),
				     .message = err_text(ERR_NO_MEMORY)});
		return;
	}
	s->run = run;
	s->env = run->env;
	s->from = job_parameter_of(&run->job, "from");
	s->to = job_parameter_of(&run->job, "to");
	s->done = run->job.done; /* before a restart */
	s->saved_ms = clock_mono_ms();
	arena_init(&s->page, PAGE_ARENA);
	for (size_t i = 0; i < WINDOW; i++) {
		s->items[i].s = s;
		s->items[i].next = s->free;
		s->free = &s->items[i];
	}
	advance(s);
}

static void
abort_it(struct job_run *run)
{
	struct state *s = run->state;

	s->ending = s->aborted = true;
	if (!s->posted && s->under_way == 0)
		advance(s);
}

const struct job_runner run_hand_over = {
    .start = start, .abort = abort_it, .is_long = true};
