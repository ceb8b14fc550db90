/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   next_member ─► place ─► folder: (make it) ─────────────────────► member_done ─► next_member
 *                    │  ▲      file: put ─► fill ─► publish ────────►     or
 *                    │  │      link: make it ───────────────────────► member_failed
 *                    └──┘ a folder on the way is missing: make it
 *
 * A step that has to wait leaves `step` empty; what it waits for says which is next and
 * calls go(). So no step calls another, however many members need no waiting.
 */
#include "service/op/unpack.h"

#include <stdlib.h>

#include "service/core/check.h"
#include "service/op/file.h"
#include "service/op/file_publish.h"
#include "service/op/unpack_in.h"
#include "service/op/unpack_name.h"

enum {
	MEMBER_ARENA = 16 * 1024 * 1024,
	TICK_MS = 100, /* whoever is busy is tried again; an abort is noticed */
	SHOWN_MAX = 256, /* bytes of a name in a message */
};

struct unpack {
	struct op_call *call;
	struct job_part *part;
	struct path base; /* the container */
	uint64_t base_id;
	bool is_lost; /* it is not there any more */
	struct unpack_in *in;
	struct loop_timer *tick;
	void (*step)(struct unpack *u); /* NULL: it waits */
	bool is_going, is_over;
	bool waits_for_body, waits_for_turn;

	/* The member. Its call is ours with an arena that is cleared for each. */
	struct op_call member_call;
	struct arena arena;
	struct tar_in_member member;
	struct path path; /* below the container */
	struct op_target target;
	unsigned made; /* folders on its way */
	struct nodes_create create;
	struct mirror_put *put;
	bool is_filling;
	struct quota_hold hold;
	struct file_publish publish;

	uint64_t members, bytes, done, failed;
	bool gave_up; /* the first failure was the end */
	struct errinfo first; /* .code ERR_OK: nothing failed */
};

static void next_member(struct unpack *u);
static void place(struct unpack *u);

/* The container */

enum err
unpack_target(struct op_call *call, struct path path, struct op_target *out)
{
	enum err e = op_resolve_existing(
	    call, path, call->preauthorised ? OP_LEAF_AS_IS : OP_LEAF_FOLLOW, out);

	if (e == ERR_OK && op_leaf(out)->type != NODE_CONTAINER)
		return errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED,
		    "an archive can only be unpacked into a container");
	if (e == ERR_OK)
		e = op_authorize(call, ACL_CREATE, out);
	/* Only createNode says 403 here (architecture D35). */
	return e == ERR_PARENT_LOCKED ? op_fail_uri(call, ERR_NODE_LOCKED, out->path) : e;
}

struct bytes
unpack_awaited(struct op_call *call, struct path path)
{
	return arena_format(
	    call->arena, "unpack %.*s", BYTES_ARG(path_show(call->arena, path)));
}

bool
unpack_is_asked(struct op_call *call)
{
	struct errinfo why;
	struct node node;

	return call->preauthorised && call->grant.write && call->grant.job != 0 &&
	       call->grant.node_id != 0 &&
	       nodes_get(call->env->reader, call->arena, call->grant.node_id, &node,
		   &why) == ERR_OK &&
	       node.type == NODE_CONTAINER;
}

/* Its end */

static void
end_part(struct unpack *u)
{
	enum job_phase phase = JOB_COMPLETED;
	const char *fault = NULL, *message = NULL;

	if (u->first.code != ERR_OK)
		phase = u->gave_up || u->done == 0 ? JOB_ERROR : JOB_ABORTED;
	if (phase == JOB_ERROR) {
		fault = err_fault(u->first.code);
		message = errinfo_text(&u->first);
	}
	jobs_end_part_counted(u->part, phase, fault, message, u->done, u->failed);
	u->part = NULL;
}

static void
finish(struct unpack *u)
{
	struct op_call *call = u->call;

	loop_timer_clear(u->tick);
	unpack_in_free(u->in);
	u->in = NULL;
	end_part(u);
	if (u->first.code != ERR_OK) {
		call->why = u->first;
		op_fail(call, u->first.code);
		return;
	}
	op_reply_status(call, 201);
	op_finish(call);
}

static void
go(struct unpack *u)
{
	if (u->is_going)
		return;
	u->is_going = true;
	while (u->step != NULL && !u->is_over) {
		void (*step)(struct unpack * u) = u->step;

		u->step = NULL;
		step(u);
	}
	u->is_going = false;
	if (u->is_over)
		finish(u);
}

static void
go_on(struct unpack *u, void (*step)(struct unpack *u))
{
	u->step = step;
	go(u);
}

/* One member is over */

/* The name as a text; what is long is cut between two characters. */
static struct bytes
shown(struct bytes name)
{
	size_t n = name.n;

	if (n > SHOWN_MAX)
		for (n = SHOWN_MAX; n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80;)
			n--;
	return (struct bytes){name.p, n};
}

static void
note(struct unpack *u, enum err e, const struct errinfo *why)
{
	const char *text = why->code != ERR_OK ? errinfo_text(why) : err_text(e);

	if (u->first.code == ERR_OK && u->member.path.p != NULL)
		(void)errinfo_set(
		    &u->first, e, "'%.*s': %s", BYTES_ARG(shown(u->member.path)), text);
	else if (u->first.code == ERR_OK)
		(void)errinfo_set(&u->first, e, "%s", text);
}

static void
give_up(struct unpack *u, enum err e, const struct errinfo *why)
{
	/* What ends everything is what is told, even if something failed before. */
	u->first.code = ERR_OK;
	note(u, e, why);
	u->gave_up = u->is_over = true;
	u->failed++;
	go(u);
}

/* Would the next member meet it as well? */
static bool
is_for_all(enum err e)
{
	return e >= ERR_INTERNAL || e == ERR_QUOTA || e == ERR_QUORUM || e == ERR_BUSY ||
	       e == ERR_READ_ONLY || e == ERR_OFFLINE || e == ERR_TIMEOUT ||
	       e == ERR_BAD_REQUEST;
}

static void
member_over(struct unpack *u)
{
	quota_hold_end(u->call->env->space->quota_holds, &u->hold);
	u->hold = (struct quota_hold){.n = 0};
	if (u->put != NULL)
		mirror_put_abandon(u->put);
	u->put = NULL;
	u->is_filling = false;
}

static void
member_failed(struct unpack *u, enum err e)
{
	member_over(u);
	if (e == ERR_PARENT_LOCKED)
		e = ERR_NODE_LOCKED;
	if (is_for_all(e) || u->is_lost) {
		give_up(u, e, &u->member_call.why);
		return;
	}
	note(u, e, &u->member_call.why);
	u->failed++;
	go_on(u, next_member);
}

static void
member_done(struct unpack *u)
{
	member_over(u);
	u->done++;
	go_on(u, next_member);
}

static enum err
refuse(struct unpack *u, enum err e, const char *text)
{
	return errinfo_set(&u->member_call.why, e, "%s", text);
}

/* Where it goes */

/* As far as the path exists, links not followed; from the container we were given. */
static enum err
look(struct unpack *u)
{
	struct op_call *call = &u->member_call;
	struct op_target *t = &u->target;
	enum err e;

	*t = (struct op_target){.path = path_join(call->arena, u->base, u->path)};
	if (t->path.part == NULL && t->path.n > 0)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a path");
	e = nodes_walk(call->env->reader, call->arena, t->path, &t->trail, &call->why);
	if (e != ERR_OK)
		return e;
	u->is_lost = t->trail.n <= u->base.n || t->trail.node[u->base.n].id != u->base_id;
	if (u->is_lost)
		return errinfo_set(&call->why, ERR_CONTAINER_NOT_FOUND,
		    "the container is not where it was when the archive began");
	t->exists = t->trail.n == t->path.n + 1;
	if (!t->exists && op_leaf(t)->type != NODE_CONTAINER)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "'%.*s' on its way is no container", BYTES_ARG(op_leaf(t)->name));
	return op_judge(call, &t->trail, t->path, &t->facts);
}

/* May a node be made at `t`, which is not there yet? */
static enum err
check_new(struct unpack *u, const struct op_target *t, bool is_container)
{
	struct op_call *call = &u->member_call;
	enum err e = op_check_new_name(call, t->path);

	if (e == ERR_OK)
		e = op_authorize_new(call, t);
	if (e == ERR_OK && is_container &&
	    op_is_allocation_parent(call, path_front(t->path, t->path.n - 1)))
		e = refuse(u, ERR_DENIED, "self-allocate is not enabled");
	return e;
}

static void
create(struct unpack *u, const struct op_target *t, enum node_type type,
    struct bytes target, void (*done)(struct change *change))
{
	enum err e = check_new(u, t, type == NODE_CONTAINER);

	if (e == ERR_OK && u->call->caller->principal == 0)
		e = refuse(u, ERR_NOT_AUTHENTICATED, "sign in to create nodes");
	if (e != ERR_OK) {
		member_failed(u, e);
		return;
	}
	u->create = (struct nodes_create){
	    .change = {.loop = u->call->env->loop, .done = done},
	    .parent_id = op_leaf(t)->id,
	    .node = {.name = path_name(t->path),
		.type = type,
		.owner = u->call->caller->principal,
		.quota = NODE_NO_QUOTA,
		.target = target},
	};
	nodes_create(u->call->env->store, &u->create);
}

/* Folders */

static struct unpack *
of_change(struct change *change)
{
	return container_of(
	    container_of(change, struct nodes_create, change), struct unpack, create);
}

/* Somebody else may have made it, or removed its container: look again. */
static void
folder_made(struct change *change)
{
	struct unpack *u = of_change(change);
	enum err e = change->err;

	u->member_call.why = change->why;
	if (e == ERR_OK || e == ERR_DUPLICATE_NODE || e == ERR_CONTAINER_NOT_FOUND)
		go_on(u, place);
	else
		member_failed(u, e);
}

/* The first of the path that is missing. */
static void
make_folder(struct unpack *u)
{
	struct op_target t = u->target;

	if (++u->made > 2 * u->call->env->settings->path_depth) {
		member_failed(u, refuse(u, ERR_CONFLICT, "its containers come and go"));
		return;
	}
	t.path = path_front(t.path, t.trail.n);
	create(u, &t, NODE_CONTAINER, (struct bytes){NULL, 0}, folder_made);
}

static void
place_folder(struct unpack *u)
{
	if (!u->target.exists)
		make_folder(u);
	else if (op_leaf(&u->target)->type == NODE_CONTAINER)
		member_done(u);
	else
		member_failed(
		    u, refuse(u, ERR_DUPLICATE_NODE, "a node that is no container"));
}

/* Links */

static void
link_made(struct change *change)
{
	struct unpack *u = of_change(change);

	u->member_call.why = change->why;
	if (change->err == ERR_OK)
		member_done(u);
	else
		member_failed(u, change->err);
}

static void
place_link(struct unpack *u)
{
	struct op_call *call = &u->member_call;
	const struct op_target *t = &u->target;
	struct bytes target;
	struct path to;
	enum err e = unpack_link(call->arena, u->path, u->member.target,
	    (size_t)call->env->settings->path_depth, &to, &call->why);

	if (e != ERR_OK) {
		member_failed(u, e);
		return;
	}
	to = path_join(call->arena, u->base, to);
	target = op_uri(call, to);
	if (target.p == NULL)
		member_failed(u, refuse(u, ERR_NO_MEMORY, "no memory for a link"));
	else if (!t->exists)
		create(u, t, NODE_LINK, target, link_made);
	else if (op_leaf(t)->type == NODE_LINK && bytes_eq(op_leaf(t)->target, target))
		member_done(u);
	else
		member_failed(u, refuse(u, ERR_DUPLICATE_NODE, "another node"));
}

/* Files */

static void
published(struct file_publish *p, enum err err)
{
	struct unpack *u = container_of(p, struct unpack, publish);

	if (err == ERR_OK)
		mirror_put_commit(u->put);
	else if (p->file.change.outcome_open)
		mirror_put_leave(u->put);
	else
		mirror_put_abandon(u->put);
	u->put = NULL;
	if (err == ERR_OK)
		member_done(u);
	else
		member_failed(u, err);
}

static enum err
look_again(struct file_publish *p)
{
	struct unpack *u = container_of(p, struct unpack, publish);
	enum err e = look(u);

	if (e == ERR_OK && u->target.trail.n < u->target.path.n)
		e = op_fail_uri(&u->member_call, ERR_CONTAINER_NOT_FOUND, u->target.path);
	if (e == ERR_OK)
		e = file_may_write(&u->member_call, &u->target);
	p->target = u->target;
	return e;
}

static void
filled(void *arg, enum err err)
{
	struct unpack *u = arg;

	u->is_filling = false;
	if (err != ERR_OK) {
		struct errinfo why = *mirror_put_why(u->put);

		member_over(u);
		give_up(u, err, &why);
		return;
	}
	u->publish = (struct file_publish){
	    .call = &u->member_call,
	    .target = u->target,
	    .look_again = look_again,
	    .done = published,
	    .file = {.blob = *mirror_put_blob(u->put),
		.set_encoding = true}, /* that of the old bytes is not that of these */
	};
	quota_hold_end(u->call->env->space->quota_holds, &u->hold);
	file_publish(&u->publish);
}

static void
opened(void *arg, enum err err)
{
	struct unpack *u = arg;

	if (err != ERR_OK) {
		u->member_call.why = *mirror_put_why(u->put);
		member_failed(u, err);
		return;
	}
	u->is_filling = true;
	mirror_put_fill(u->put, unpack_in_file(u->in), filled, u);
}

static enum err
begin_put(struct unpack *u)
{
	struct op_call *call = &u->member_call;
	struct op_env *env = call->env;
	const struct op_target *t = &u->target;
	struct mirror_put_spec spec = {
	    .length = u->member.length,
	    .limit = env->settings->upload_max,
	    .path = path_show(call->arena, t->path),
	    .node_id = t->exists ? op_leaf(t)->id : 0,
	};
	enum err e = file_may_write(call, t);

	if (e == ERR_OK && spec.length > spec.limit)
		e = errinfo_set(&call->why, ERR_TOO_LARGE,
		    "it has %llu bytes, more than %llu", (unsigned long long)spec.length,
		    (unsigned long long)spec.limit);
	if (e == ERR_OK)
		e = file_reserve(call, t, spec.length, &u->hold);
	return e == ERR_OK
		   ? mirror_put_new(env->mirror, env->loop, &spec, &u->put, &call->why)
		   : e;
}

static void
place_file(struct unpack *u)
{
	enum err e = begin_put(u);

	if (e == ERR_BUSY) {
		member_over(u);
		u->waits_for_turn = true;
	} else if (e != ERR_OK) {
		member_failed(u, e);
	} else {
		mirror_put_open(u->put, opened, u);
	}
}

/* One member after the other */

static void
place(struct unpack *u)
{
	enum err e = look(u);

	if (e != ERR_OK)
		member_failed(u, e);
	else if (u->target.trail.n < u->target.path.n)
		make_folder(u);
	else if (u->member.kind == TAR_IN_FOLDER)
		place_folder(u);
	else if (u->member.kind == TAR_IN_LINK)
		place_link(u);
	else
		place_file(u);
}

static enum err
check_limits(struct unpack *u)
{
	const struct settings *s = u->call->env->settings;

	if (++u->members > s->unpack_entries)
		return errinfo_set(&u->member_call.why, ERR_TOO_LARGE,
		    "an archive of more than %llu members",
		    (unsigned long long)s->unpack_entries);
	if (u->member.length > s->unpack_bytes_max - u->bytes)
		return errinfo_set(&u->member_call.why, ERR_TOO_LARGE,
		    "the archive's files have more than %llu bytes",
		    (unsigned long long)s->unpack_bytes_max);
	u->bytes += u->member.length;
	return ERR_OK;
}

static enum err
check_member(struct unpack *u)
{
	struct op_call *call = &u->member_call;
	size_t depth = (size_t)call->env->settings->path_depth;
	enum err e;

	if (u->member.kind == TAR_IN_OTHER)
		return refuse(
		    u, ERR_INVALID_ARGUMENT, "it is no file, folder or symbolic link");
	e = unpack_path(call->arena, u->member.path, depth, &u->path, &call->why);
	if (e == ERR_OK && u->base.n + u->path.n > depth)
		e = refuse(u, ERR_INVALID_URI, "the path is too deep");
	if (e == ERR_OK && u->path.n == 0 && u->member.kind != TAR_IN_FOLDER)
		e = refuse(u, ERR_INVALID_URI, "it has no name");
	return e;
}

static enum err
keep(struct unpack *u, struct bytes *text)
{
	if (text->p != NULL)
		*text = arena_copy(&u->arena, *text);
	return text->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void
begin_member(struct unpack *u, const struct tar_in_member *member)
{
	enum err e;

	u->member = *member;
	u->made = 0;
	if (keep(u, &u->member.path) != ERR_OK ||
	    (member->target.p != NULL && keep(u, &u->member.target) != ERR_OK)) {
		member_failed(u, refuse(u, ERR_NO_MEMORY, "no memory for a name"));
		return;
	}
	e = check_limits(u);
	if (e != ERR_OK) {
		give_up(u, e, &u->member_call.why);
		return;
	}
	e = check_member(u);
	if (e != ERR_OK)
		member_failed(u, e);
	else if (u->path.n == 0)
		member_done(u); /* the container itself */
	else
		u->step = place;
}

/* Between two members: the one before is the last that was seen. */
static void
broke_off(struct unpack *u, const struct errinfo *why)
{
	struct errinfo told = *why;

	if (u->member.path.p != NULL)
		(void)errinfo_set(&told, why->code, "behind '%.*s': %s",
		    BYTES_ARG(shown(u->member.path)), errinfo_text(why));
	u->member.path = (struct bytes){NULL, 0};
	give_up(u, told.code, &told);
}

static void
next_member(struct unpack *u)
{
	const struct tar_in_member *member;
	struct errinfo why = {.code = ERR_OK};

	switch (unpack_in_next(u->in, &member, &why)) {
	case UNPACK_LATER:
		u->waits_for_body = true;
		break;
	case UNPACK_END:
		u->is_over = true;
		break;
	case UNPACK_FAILED:
		broke_off(u, &why);
		break;
	case UNPACK_MEMBER:
		arena_clear(&u->arena);
		u->member_call.why.code = ERR_OK;
		begin_member(u, member);
		break;
	}
}

static void
on_ready(void *arg)
{
	struct unpack *u = arg;

	u->waits_for_body = false;
	go_on(u, next_member);
}

static void
on_tick(void *arg)
{
	struct unpack *u = arg;
	bool aborted = job_part_is_aborted(u->part);

	loop_timer_set(u->tick, TICK_MS);
	if (aborted && (u->waits_for_body || u->is_filling || u->waits_for_turn)) {
		struct errinfo why;

		member_over(u);
		give_up(u, errinfo_set(&why, ERR_CONFLICT, "the job was aborted"), &why);
	} else if (u->waits_for_turn) {
		u->waits_for_turn = false;
		go_on(u, place);
	}
}

/* Its life */

enum err
unpack_start(struct op_call *call, const struct op_target *container,
    struct job_part *part, struct unpack **out)
{
	struct unpack *u = calloc(1, sizeof *u);
	enum err e = ERR_OK;

	if (u == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an archive");
	*out = u;
	u->call = call;
	u->part = part;
	u->base = container->path;
	u->base_id = op_leaf(container)->id;
	arena_init(&u->arena, MEMBER_ARENA);
	u->member_call = *call;
	u->member_call.arena = &u->arena;
	u->tick = loop_timer_new(call->env->loop, on_tick, u);
	if (u->tick == NULL)
		e = errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an archive");
	if (e == ERR_OK)
		e = unpack_in_new(call, part, on_ready, u, &u->in, &call->why);
	if (e != ERR_OK)
		return e;
	loop_timer_set(u->tick, TICK_MS);
	go_on(u, next_member);
	return ERR_OK;
}

void
unpack_free(struct unpack *u)
{
	if (u == NULL)
		return;
	loop_timer_free(u->tick);
	arena_release(&u->arena);
	free(u);
}
