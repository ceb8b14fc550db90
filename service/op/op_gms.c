/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /gms: the group service that cadc-groups asks, and IVOA GMS 1.0.
 *
 *   GET    /gms/search                       names of the caller's groups, as text (GM-3);
 *                                            group=NAME..: of these those it is in
 *   GET    /gms/search?role=R[&groupID=G]    R: member, admin, owner; a document
 *   GET    /gms/groups/G                     a document
 *   PUT    /gms/groups                       make one of a document
 *   POST   /gms/groups/G                     members and administrators are those of it
 *   DELETE /gms/groups/G
 *   PUT, DELETE /gms/groups/G/userMembers/U?idType=HTTP|X500&userID=U
 *   PUT, DELETE /gms/groups/G/groupMembers/M?groupID=G&groupID2=M
 *
 * A client swaps G and M in the last one's path when it removes; so its parameters, which
 * are right, win.
 */
#include <stdlib.h>

#include "service/core/encode.h"
#include "service/op/gms.h"
#include "service/op/ops.h"

enum { GROUPS_MAX = 10000, TEXT_MAX = 64 * 1024 * 1024, STEPS_MAX = 3 };

/* Searching */

static enum err
groups_by_role(struct op_call *call, struct bytes role, uint64_t **ids, size_t *n)
{
	struct store_reader *reader = call->env->reader;
	uint64_t who = call->caller->principal;

	if (role.p == NULL || bytes_caseeq(role, BYTES("member")))
		return groups_of(
		    reader, call->arena, who, GROUPS_MAX, ids, n, &call->why);
	if (bytes_caseeq(role, BYTES("admin")))
		return groups_administered(
		    reader, call->arena, who, GROUPS_MAX, ids, n, &call->why);
	if (bytes_caseeq(role, BYTES("owner")))
		return groups_owned(
		    reader, call->arena, who, GROUPS_MAX, ids, n, &call->why);
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "role must be member, admin or owner, not '%.*s'", BYTES_ARG(role));
}

/* Named by one of the `group` parameters, or there are none? */
static bool
is_wanted(const struct op_call *call, struct bytes name)
{
	bool asked = false;

	for (size_t i = 0; i < call->n_params; i++) {
		if (!bytes_caseeq(call->params[i].name, BYTES("group")))
			continue;
		asked = true;
		if (bytes_eq(call->params[i].value, name))
			return true;
	}
	return !asked;
}

static void
answer_names(struct op_call *call, const struct group *groups, size_t n)
{
	struct str text;

	str_init(&text, TEXT_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(call, groups[i].name))
			continue;
		str_add(&text, groups[i].name);
		str_adds(&text, "\r\n");
	}
	op_finish_str(call, 200, "text/plain", &text);
}

static void
answer_documents(struct op_call *call, const struct group *groups, size_t n)
{
	struct group_document *list =
	    arena_array(call->arena, struct group_document, n + 1);
	struct bytes only = op_param(call, "groupID");
	size_t used = 0;
	struct str text;
	enum err e = list == NULL ? ERR_NO_MEMORY : ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK; i++)
		if (only.p == NULL || bytes_eq(only, groups[i].name))
			e = gms_document(call, &groups[i], false, &list[used++]);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	str_init(&text, TEXT_MAX);
	group_xml_write_list(&text, list, used);
	op_finish_str(call, 200, "text/xml", &text);
}

static int
by_name(const void *a, const void *b)
{
	return bytes_cmp(
	    ((const struct group *)a)->name, ((const struct group *)b)->name);
}

static void
run_search(struct op_call *call)
{
	struct bytes role = op_param(call, "role");
	struct group *groups = NULL;
	uint64_t *ids = NULL;
	size_t n = 0, found = 0;
	enum err e = gms_caller(call, GMS_SEE);

	if (e == ERR_OK && call->caller->principal != 0)
		e = groups_by_role(call, role, &ids, &n);
	if (e == ERR_OK) {
		groups = arena_array(call->arena, struct group, n + 1);
		e = groups == NULL ? ERR_NO_MEMORY : ERR_OK;
	}
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		e = groups_get(
		    call->env->reader, call->arena, ids[i], &groups[found], &call->why);
		found += e == ERR_OK;
		if (e == ERR_NOT_FOUND)
			e = ERR_OK; /* removed since */
	}
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	qsort(groups, found, sizeof *groups, by_name);
	if (role.p != NULL)
		answer_documents(call, groups, found);
	else
		answer_names(call, groups, found);
}

const struct op op_gms_search = {.name = "gms-search", .run = run_search};

/* Paths: "", "/G", "/G/userMembers/U", "/G/groupMembers/M" */

struct steps {
	struct bytes step[STEPS_MAX];
	size_t n;
};

static enum err
read_steps(struct op_call *call, struct steps *out)
{
	struct bytes rest = call->rest;

	*out = (struct steps){.n = 0};
	while (rest.n > 1 && out->n < STEPS_MAX) {
		struct bytes step, raw;

		rest = bytes_skip(rest, 1); /* '/' */
		raw = rest;
		/* The last one may be a distinguished name, with anything in it. */
		raw.n = out->n == STEPS_MAX - 1 ? rest.n : bytes_find(rest, '/');
		if (!pct_decode(call->arena, raw, false, &step))
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "a broken escape in the path");
		out->step[out->n++] = step;
		rest = bytes_skip(rest, raw.n);
	}
	return ERR_OK;
}

static void
run_get(struct op_call *call)
{
	struct group group;
	struct steps steps;
	enum err e = gms_caller(call, GMS_SEE);

	if (e == ERR_OK)
		e = read_steps(call, &steps);
	if (e == ERR_OK && steps.n != 1)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "one group is shown at a time: /gms/groups/NAME");
	if (e == ERR_OK)
		e = gms_find(call, steps.step[0], GMS_SEE, &group);
	if (e == ERR_OK)
		gms_show(call, 200, group.name);
	else
		op_fail(call, e);
}

const struct op op_gms_get = {.name = "gms-get", .run = run_get};

/* Changing */

struct wish {
	struct op_call *call;
	struct bytes name; /* of the group, to be shown then */
	int status;
	struct groups_create create;
	struct groups_replace replace;
	struct groups_member member;
	struct groups_delete remove;
};

static void
done(struct wish *w, const struct change *change)
{
	struct op_call *call = w->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
	} else if (w->name.p != NULL) {
		gms_show(call, w->status, w->name);
	} else {
		op_reply_status(call, w->status);
		op_finish(call);
	}
}

static void
created(struct change *change)
{
	struct groups_create *c = container_of(change, struct groups_create, change);

	done(container_of(c, struct wish, create), change);
}

static void
replaced(struct change *change)
{
	struct groups_replace *r = container_of(change, struct groups_replace, change);

	done(container_of(r, struct wish, replace), change);
}

static void
member_changed(struct change *change)
{
	struct groups_member *m = container_of(change, struct groups_member, change);

	done(container_of(m, struct wish, member), change);
}

static void
removed(struct change *change)
{
	struct groups_delete *d = container_of(change, struct groups_delete, change);

	done(container_of(d, struct wish, remove), change);
}

static enum err
read_document(struct op_call *call, struct group_document *doc, struct bytes *name)
{
	enum err e = group_xml_read(call->arena, call->body,
	    (size_t)call->env->settings->group_xml_max, doc, &call->why);

	if (e == ERR_OK &&
	    (!caller_group_name(call->caller, doc->uri, name) || !groups_is_name(*name)))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "'%.*s' is not the uri of a group of this service",
		    BYTES_ARG(doc->uri));
	return e;
}

static enum err
check_number(struct op_call *call)
{
	uint64_t max = call->env->settings->groups_per_owner, *ids;
	size_t n = 0;
	enum err e;

	if (call->caller->is_admin)
		return ERR_OK;
	e = groups_owned(call->env->reader, call->arena, call->caller->principal,
	    (size_t)max, &ids, &n, &call->why);
	if (e == ERR_TOO_LARGE || (e == ERR_OK && n >= max))
		return errinfo_set(&call->why, ERR_DENIED,
		    "nobody may own more than %llu groups (groups_per_owner)",
		    (unsigned long long)max);
	return e;
}

/* Who makes a group owns it, and is in it. */
static enum err
create(struct wish *w)
{
	struct op_call *call = w->call;
	struct group_document doc;
	struct member *links;
	size_t n;
	enum err e = read_document(call, &doc, &w->name);

	if (e == ERR_OK && call->caller->principal == 0)
		e = errinfo_set(&call->why, ERR_DENIED,
		    "groups are made by those who have an account");
	if (e == ERR_OK)
		e = check_number(call);
	if (e == ERR_OK)
		e = gms_links(call, &doc, 1, &links, &n);
	if (e != ERR_OK)
		return e;
	links[n++] = (struct member){MEMBER_USER, call->caller->principal};
	w->status = 201;
	w->create = (struct groups_create){
	    .change = {.loop = call->env->loop, .done = created},
	    .name = w->name,
	    .description = doc.description,
	    .owner = call->caller->principal,
	    .links = links,
	    .n_links = n,
	};
	groups_create(call->env->store, &w->create);
	return ERR_OK;
}

static enum err
replace(struct wish *w, struct bytes name)
{
	struct op_call *call = w->call;
	struct group_document doc;
	struct member *links;
	struct group group;
	size_t n;
	enum err e = gms_find(call, name, GMS_CHANGE, &group);

	if (e == ERR_OK)
		e = read_document(call, &doc, &w->name);
	if (e == ERR_OK && !bytes_eq(w->name, group.name))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "the document is of another group: %.*s", BYTES_ARG(doc.uri));
	if (e == ERR_OK)
		e = gms_links(call, &doc, 0, &links, &n);
	if (e != ERR_OK)
		return e;
	w->status = 200;
	w->replace = (struct groups_replace){
	    .change = {.loop = call->env->loop, .done = replaced},
	    .group = group.id,
	    .description = doc.description.p != NULL ? doc.description : BYTES(""),
	    .links = links,
	    .n_links = n,
	};
	groups_replace(call->env->store, &w->replace);
	return ERR_OK;
}

static enum err
remove_group(struct wish *w, struct bytes name)
{
	struct op_call *call = w->call;
	struct group group;
	enum err e = gms_find(call, name, GMS_REMOVE, &group);

	if (e != ERR_OK)
		return e;
	w->status = 200;
	w->remove = (struct groups_delete){
	    .change = {.loop = call->env->loop, .done = removed}, .id = group.id};
	groups_delete(call->env->store, &w->remove);
	return ERR_OK;
}

static enum err
named_user(struct op_call *call, struct bytes step, struct member *out)
{
	struct bytes type = op_param(call, "idType"), id = op_param(call, "userID");
	struct group_user user = {.name = {"", 0}};

	if (id.p == NULL)
		id = step;
	if (type.p == NULL || bytes_caseeq(type, BYTES("HTTP")))
		user.name = id;
	else if (bytes_caseeq(type, BYTES("X500")))
		user.dn = id;
	else
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "idType must be HTTP or X500, not '%.*s'", BYTES_ARG(type));
	out->kind = MEMBER_USER;
	return gms_user(call, &user, &out->id);
}

static enum err
named_group(struct op_call *call, struct bytes name, struct member *out)
{
	struct group group;
	enum err e =
	    groups_find(call->env->reader, call->arena, name, &group, &call->why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(&call->why, e, "no group '%.*s'", BYTES_ARG(name));
	*out = (struct member){MEMBER_GROUP, group.id};
	return e;
}

static enum err
change_member(struct wish *w, const struct steps *steps)
{
	struct op_call *call = w->call;
	struct bytes name = steps->step[0], inner = steps->step[2];
	bool is_user = bytes_is(steps->step[1], "userMembers");
	struct group group;
	enum err e;

	if (!is_user && op_param(call, "groupID").p != NULL &&
	    op_param(call, "groupID2").p != NULL) {
		name = op_param(call, "groupID");
		inner = op_param(call, "groupID2");
	}
	if (!is_user && !bytes_is(steps->step[1], "groupMembers"))
		return errinfo_set(&call->why, ERR_NOT_FOUND,
		    "a group has userMembers and groupMembers, no '%.*s'",
		    BYTES_ARG(steps->step[1]));
	e = gms_find(call, name, GMS_CHANGE, &group);
	w->member = (struct groups_member){
	    .change = {.loop = call->env->loop, .done = member_changed},
	    .group = group.id,
	    .remove = call->is_delete,
	};
	if (e == ERR_OK)
		e = is_user ? named_user(call, inner, &w->member.member)
			    : named_group(call, inner, &w->member.member);
	if (e != ERR_OK)
		return e;
	w->status = call->is_delete ? 200 : 201;
	groups_member(call->env->store, &w->member);
	return ERR_OK;
}

static void
run_change(struct op_call *call)
{
	struct wish *w = arena_new(call->arena, struct wish);
	struct steps steps;
	enum err e = w == NULL ? ERR_NO_MEMORY : read_steps(call, &steps);

	if (e == ERR_OK)
		w->call = call;
	if (e == ERR_OK && call->is_put && steps.n == 0)
		e = create(w);
	else if (e == ERR_OK && call->is_post && steps.n == 1)
		e = replace(w, steps.step[0]);
	else if (e == ERR_OK && call->is_delete && steps.n == 1)
		e = remove_group(w, steps.step[0]);
	else if (e == ERR_OK && !call->is_post && steps.n == STEPS_MAX)
		e = change_member(w, &steps);
	else if (e == ERR_OK)
		e = errinfo_set(
		    &call->why, ERR_NOT_FOUND, "there is nothing of that kind to change");
	if (e != ERR_OK)
		op_fail(call, e);
}

static void
check_change(struct op_call *call)
{
	enum err e = gms_caller(call, GMS_CHANGE);

	if (e == ERR_OK)
		op_pass(call);
	else
		op_fail(call, e);
}

const struct op op_gms_change = {
    .name = "gms-change", .audit = "group", .check = check_change, .run = run_change};
