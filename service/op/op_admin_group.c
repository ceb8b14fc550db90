/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/groups: GET lists or shows groups; POST creates one (name, owner) or, with a
 * name in the path, changes it: add, drop (an account, or group:NAME), remove.
 */
#include "service/core/check.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

enum { LIST_PAGE = 1000 };

static struct bytes
identity_name(struct op_call *call, uint64_t id)
{
	struct identity_facts facts;

	return accounts_identity(call->env->reader, call->arena, id, &facts, NULL) ==
		       ERR_OK
		   ? facts.name
		   : BYTES("?");
}

static json_t *
member_text(struct op_call *call, const struct member *m)
{
	struct group group;

	if (m->kind == MEMBER_USER)
		return op_json_text(identity_name(call, m->id));
	if (groups_get(call->env->reader, call->arena, m->id, &group, NULL) != ERR_OK)
		return json_null();
	return op_json_text(
	    arena_format(call->arena, "group:%.*s", BYTES_ARG(group.name)));
}

static json_t *
group_object(struct op_call *call, const struct group *g, bool with_members)
{
	json_t *object = json_pack("{s:o,s:I,s:o,s:o}", "name", op_json_text(g->name),
	    "id", (json_int_t)g->id, "owner", op_json_text(identity_name(call, g->owner)),
	    "description", op_json_text(g->description));
	struct member *members;
	json_t *list;
	size_t n;

	if (!with_members || groups_members(call->env->reader, call->arena, g->id,
				 &members, &n, NULL) != ERR_OK)
		return object;
	list = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, member_text(call, &members[i]));
	(void)json_object_set_new(object, "members", list);
	return object;
}

static enum err
find(struct op_call *call, struct bytes name, struct group *out)
{
	enum err e = groups_find(call->env->reader, call->arena, name, out, &call->why);

	return e == ERR_NOT_FOUND
		   ? errinfo_set(&call->why, e, "no group '%.*s'", BYTES_ARG(name))
		   : e;
}

static void
show(struct op_call *call, struct bytes name)
{
	struct group g;
	enum err e = find(call, name, &g);

	if (e == ERR_OK)
		op_reply_json(call, 200, group_object(call, &g, true));
	else
		op_fail(call, e);
}

static void
run_list(struct op_call *call)
{
	struct bytes name, after = BYTES("");
	struct group *groups;
	json_t *list;
	size_t n;
	enum err e = admin_name(call, &name);

	if (e == ERR_OK && name.n > 0) {
		show(call, name);
		return;
	}
	list = json_array();
	do {
		n = 0;
		if (e == ERR_OK)
			e = groups_list(call->env->reader, call->arena, after, LIST_PAGE,
			    &groups, &n, &call->why);
		for (size_t i = 0; e == ERR_OK && i < n; i++)
			(void)json_array_append_new(
			    list, group_object(call, &groups[i], false));
		if (n > 0)
			after = groups[n - 1].name;
	} while (e == ERR_OK && n == LIST_PAGE);
	if (e == ERR_OK) {
		op_reply_json(call, 200, list);
		return;
	}
	json_decref(list);
	op_fail(call, e);
}

const struct op op_admin_group_get = {
    .name = "admin-group-get", .check = admin_check, .run = run_list};

struct state {
	struct op_call *call;
	struct bytes name;
	struct group group;
	size_t next; /* parameter to look at */
	struct groups_create create;
	struct groups_delete remove;
	struct groups_member member;
};

static void next_step(struct state *s);

static bool
failed(struct state *s, const struct change *change)
{
	if (change->err == ERR_OK)
		return false;
	s->call->why = change->why;
	op_fail(s->call, change->err);
	return true;
}

static void
member_changed(struct change *change)
{
	struct groups_member *m = container_of(change, struct groups_member, change);
	struct state *s = container_of(m, struct state, member);

	if (!failed(s, change))
		next_step(s);
}

/* "alice" or "group:team-a". */
static enum err
parse_member(struct op_call *call, struct bytes text, struct member *out)
{
	struct bytes prefix = BYTES("group:");
	struct account account;
	struct group group;
	enum err e;

	if (bytes_starts(text, prefix)) {
		e = find(call, bytes_skip(text, prefix.n), &group);
		if (e == ERR_OK)
			*out = (struct member){MEMBER_GROUP, group.id};
		return e;
	}
	e = accounts_find(call->env->reader, call->arena, text, &account, &call->why);
	if (e == ERR_OK)
		*out = (struct member){MEMBER_USER, account.id};
	return e == ERR_NOT_FOUND
		   ? errinfo_set(&call->why, e, "no account '%.*s'", BYTES_ARG(text))
		   : e;
}

static void
change_member(struct state *s, struct bytes text, bool remove)
{
	enum err e;

	s->member = (struct groups_member){
	    .change = {.loop = s->call->env->loop, .done = member_changed},
	    .group = s->group.id,
	    .remove = remove,
	};
	e = parse_member(s->call, text, &s->member.member);
	if (e == ERR_OK)
		groups_member(s->call->env->store, &s->member);
	else
		op_fail(s->call, e);
}

static void
removed(struct change *change)
{
	struct groups_delete *d = container_of(change, struct groups_delete, change);
	struct state *s = container_of(d, struct state, remove);

	if (!failed(s, change))
		op_reply_json(
		    s->call, 200, json_pack("{s:o}", "removed", op_json_text(s->name)));
}

static void
next_step(struct state *s)
{
	while (s->next < s->call->n_params) {
		const struct op_param *p = &s->call->params[s->next++];

		if (bytes_is(p->name, "add") || bytes_is(p->name, "drop")) {
			change_member(s, p->value, bytes_is(p->name, "drop"));
			return;
		}
		if (bytes_is(p->name, "remove")) {
			s->remove = (struct groups_delete){
			    .change = {.loop = s->call->env->loop, .done = removed},
			    .id = s->group.id,
			};
			groups_delete(s->call->env->store, &s->remove);
			return;
		}
	}
	show(s->call, s->name);
}

static void
created(struct change *change)
{
	struct groups_create *c = container_of(change, struct groups_create, change);
	struct state *s = container_of(c, struct state, create);

	if (!failed(s, change))
		show(s->call, s->name);
}

static void
create(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes owner = op_param(call, "owner");
	struct account account;
	enum err e = admin_param(call, "name", &s->name);

	if (owner.p == NULL)
		owner = bytes_of(call->env->settings->administrators.items[0]);
	if (e == ERR_OK)
		e = accounts_find(
		    call->env->reader, call->arena, owner, &account, &call->why);
	if (e != ERR_OK) {
		op_fail(call, e == ERR_NOT_FOUND
				  ? errinfo_set(&call->why, e, "no account '%.*s'",
					BYTES_ARG(owner))
				  : e);
		return;
	}
	s->create = (struct groups_create){
	    .change = {.loop = call->env->loop, .done = created},
	    .name = s->name,
	    .description = op_param(call, "description"),
	    .owner = account.id,
	};
	groups_create(call->env->store, &s->create);
}

static void
run_change(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : admin_name(call, &s->name);

	if (e == ERR_OK) {
		s->call = call;
		if (s->name.n == 0) {
			create(s);
			return;
		}
		e = find(call, s->name, &s->group);
	}
	if (e == ERR_OK)
		next_step(s);
	else
		op_fail(call, e);
}

const struct op op_admin_group_change = {.name = "admin-group-change",
    .audit = "group",
    .check = admin_check,
    .run = run_change};
