/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/gms.h"

#include <stdlib.h>

#include "auth/dn.h"

#define USER_PREFIX "user-"

enum { GROUPS_MAX = 10000, DOCUMENT_MAX = 64 * 1024 * 1024 };

static const enum member_kind kind_of[GROUP_ROLES] = {
    [GROUP_MEMBERS_OF] = MEMBER_GROUP,
    [USER_MEMBERS] = MEMBER_USER,
    [GROUP_ADMINS] = ADMIN_GROUP,
    [USER_ADMINS] = ADMIN_USER,
};

enum err
gms_caller(struct op_call *call, enum gms_right right)
{
	const struct caller *caller = call->caller;

	if (caller->is_anonymous)
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED, "%s",
		    caller->refused.code != ERR_OK ? errinfo_text(&caller->refused)
						   : "groups are for those who sign in");
	if (right != GMS_SEE && !caller_has_all_rights(caller))
		return errinfo_set(
		    &call->why, ERR_DENIED, "a limited proxy or token changes no groups");
	return ERR_OK;
}

static bool
has(const uint64_t *ids, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static enum err
is_allowed(
    struct op_call *call, const struct group *group, enum gms_right right, bool *out)
{
	struct caller *caller = call->caller;
	uint64_t *ids;
	size_t n;
	enum err e;

	*out = caller->is_admin || caller_owns(caller, group->owner);
	if (*out || right == GMS_REMOVE)
		return ERR_OK;
	e = groups_administered(call->env->reader, call->arena, caller->principal,
	    GROUPS_MAX, &ids, &n, &call->why);
	if (e != ERR_OK)
		return e;
	*out = has(ids, n, group->id);
	if (*out || right == GMS_CHANGE)
		return ERR_OK;
	e = groups_of(call->env->reader, call->arena, caller->principal, GROUPS_MAX, &ids,
	    &n, &call->why);
	*out = e == ERR_OK && has(ids, n, group->id);
	return e;
}

enum err
gms_find(struct op_call *call, struct bytes name, enum gms_right right, struct group *out)
{
	static const char *const what[] = {"see", "change", "remove"};
	bool allowed = false;
	enum err e = groups_find(call->env->reader, call->arena, name, out, &call->why);

	if (e == ERR_NOT_FOUND)
		return errinfo_set(&call->why, e, "no group '%.*s'", BYTES_ARG(name));
	if (e == ERR_OK)
		e = is_allowed(call, out, right, &allowed);
	if (e == ERR_OK && !allowed)
		e = errinfo_set(&call->why, ERR_DENIED, "you may not %s the group '%.*s'",
		    what[right], BYTES_ARG(name));
	return e;
}

/* To documents */

struct bytes
gms_prefix(struct op_call *call)
{
	/* Clients accept no other authority (architecture D44). */
	static const struct bytes alias = {"cadc.nrc.ca/gms", 15};
	struct bytes where = settings_is_outside_group(call->env->settings, alias)
				 ? call->env->space->group_authority
				 : alias;

	return arena_format(call->arena, "ivo://%.*s?", BYTES_ARG(where));
}

struct bytes
gms_uri(struct op_call *call, struct bytes name)
{
	struct bytes prefix = gms_prefix(call);

	return arena_format(call->arena, "%.*s%.*s", BYTES_ARG(prefix), BYTES_ARG(name));
}

struct bytes
gms_own_dn(struct arena *a, struct bytes account, struct bytes authority)
{
	return arena_format(
	    a, "CN=%.*s,OU=users,O=%.*s", BYTES_ARG(account), BYTES_ARG(authority));
}

static enum err
show_user(struct op_call *call, uint64_t id, struct group_user *out)
{
	struct identity_facts facts;
	struct account account;
	enum err e =
	    accounts_identity(call->env->reader, call->arena, id, &facts, &call->why);

	if (e != ERR_OK)
		return e;
	out->uri = arena_format(call->arena, "ivo://%.*s?" USER_PREFIX "%llu",
	    BYTES_ARG(call->env->space->group_authority),
	    (unsigned long long)facts.principal);
	if (!facts.is_account) {
		out->dn = facts.name;
		return out->uri.p != NULL ? ERR_OK : ERR_NO_MEMORY;
	}
	e = accounts_get(
	    call->env->reader, call->arena, facts.principal, &account, &call->why);
	if (e != ERR_OK)
		return e;
	out->name = account.name;
	out->dn = account.n_dns > 0 ? account.dns[0]
				    : gms_own_dn(call->arena, account.name,
					  call->env->space->authority);
	return out->uri.p != NULL && out->dn.p != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum group_role
role_of(enum member_kind kind)
{
	enum group_role role = 0;

	while (kind_of[role] != kind)
		role++;
	return role;
}

static enum err
show_link(struct op_call *call, const struct member *m, struct group_link *out)
{
	struct group group;
	enum err e;

	*out = (struct group_link){.role = role_of(m->kind)};
	if (m->kind == MEMBER_USER || m->kind == ADMIN_USER)
		return show_user(call, m->id, &out->user);
	e = groups_get(call->env->reader, call->arena, m->id, &group, &call->why);
	if (e == ERR_OK)
		out->group_uri = gms_uri(call, group.name);
	return e == ERR_OK && out->group_uri.p == NULL ? ERR_NO_MEMORY : e;
}

static enum err
show_links(struct op_call *call, uint64_t group, struct group_document *out)
{
	struct group_link *links;
	struct member *members;
	size_t n;
	enum err e =
	    groups_links(call->env->reader, call->arena, group, &members, &n, &call->why);

	if (e != ERR_OK)
		return e;
	links = arena_array(call->arena, struct group_link, n + 1);
	if (links == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		e = show_link(call, &members[i], &links[out->n_links]);
		if (e == ERR_OK)
			out->n_links++;
		else if (e == ERR_NOT_FOUND)
			e = ERR_OK; /* removed since */
	}
	out->links = links;
	return e;
}

enum err
gms_document(struct op_call *call, const struct group *group, bool whole,
    struct group_document *out)
{
	enum err e;

	*out = (struct group_document){
	    .uri = gms_uri(call, group->name),
	    .description = group->description,
	    .modified_ms = group->created_ms,
	};
	e = out->uri.p == NULL ? ERR_NO_MEMORY
			       : show_user(call, group->owner, &out->owner);
	return e == ERR_OK && whole ? show_links(call, group->id, out) : e;
}

void
gms_show(struct op_call *call, int status, struct bytes name)
{
	struct group_document document;
	struct group group;
	struct str text;
	enum err e =
	    groups_find(call->env->reader, call->arena, name, &group, &call->why);

	if (e == ERR_OK)
		e = gms_document(call, &group, true, &document);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	str_init(&text, DOCUMENT_MAX);
	group_xml_write(&text, &document);
	op_finish_str(call, status, "text/xml", &text);
}

/* From documents */

static enum err
by_uri(struct op_call *call, struct bytes uri, uint64_t *out)
{
	size_t mark = bytes_find(uri, '?');
	struct bytes id =
	    mark < uri.n ? bytes_skip(uri, mark + 1) : (struct bytes){"", 0};
	struct identity_facts facts;
	uint64_t number = 0;
	enum err e;

	if (!bytes_starts(id, BYTES(USER_PREFIX)))
		return ERR_NOT_FOUND;
	if (!bytes_u64(bytes_skip(id, sizeof USER_PREFIX - 1), &number))
		return ERR_NOT_FOUND;
	e = accounts_identity(call->env->reader, call->arena, number, &facts, &call->why);
	if (e == ERR_OK)
		*out = facts.principal;
	return e;
}

static enum err
by_dn(struct op_call *call, struct bytes text, uint64_t *out)
{
	struct identity_facts facts;
	struct dn dn;
	struct bytes key;
	enum err e = dn_parse(call->arena, text, &dn, &call->why);

	if (e != ERR_OK)
		return e;
	key = dn_key(call->arena, &dn);
	if (key.p == NULL)
		return ERR_NO_MEMORY;
	e = accounts_identity_of_dn(
	    call->env->reader, call->arena, key, &facts, &call->why);
	if (e == ERR_OK)
		*out = facts.principal;
	return e;
}

enum err
gms_user(struct op_call *call, const struct group_user *user, uint64_t *out)
{
	struct account account;
	enum err e = ERR_NOT_FOUND;

	if (user->uri.n > 0)
		e = by_uri(call, user->uri, out);
	if (e == ERR_NOT_FOUND && user->name.n > 0) {
		e = accounts_find(
		    call->env->reader, call->arena, user->name, &account, &call->why);
		if (e == ERR_OK)
			*out = account.id;
	}
	if (e == ERR_NOT_FOUND && user->dn.n > 0)
		e = by_dn(call, user->dn, out);
	if (e == ERR_NOT_FOUND) {
		struct bytes said = user->name.n > 0 ? user->name : user->dn;

		return errinfo_set(&call->why, e, "no user '%.*s'",
		    BYTES_ARG(said.n > 0 ? said : user->uri));
	}
	return e;
}

static enum err
read_link(struct op_call *call, const struct group_link *link, struct member *out)
{
	struct group group;
	struct bytes name;
	enum err e;

	out->kind = kind_of[link->role];
	if (out->kind == MEMBER_USER || out->kind == ADMIN_USER)
		return gms_user(call, &link->user, &out->id);
	if (!caller_group_name(call->caller, link->group_uri, &name))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "'%.*s' is not a group of this service", BYTES_ARG(link->group_uri));
	e = groups_find(call->env->reader, call->arena, name, &group, &call->why);
	if (e == ERR_OK)
		out->id = group.id;
	return e == ERR_NOT_FOUND
		   ? errinfo_set(&call->why, e, "no group '%.*s'", BYTES_ARG(name))
		   : e;
}

enum err
gms_links(struct op_call *call, const struct group_document *doc, size_t spare,
    struct member **out, size_t *n_out)
{
	struct member *links =
	    arena_array(call->arena, struct member, doc->n_links + spare + 1);
	enum err e = links == NULL ? ERR_NO_MEMORY : ERR_OK;

	for (size_t i = 0; i < doc->n_links && e == ERR_OK; i++)
		e = read_link(call, &doc->links[i], &links[i]);
	*out = links;
	*n_out = doc->n_links;
	return e;
}
