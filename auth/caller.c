/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/caller.h"

#include <stdlib.h>
#include <string.h>

#include "auth/dn.h"

enum { GROUPS_MAX = 10000 };

void
caller_init(struct caller *c, struct arena *a, struct store_reader *reader,
    const struct settings *settings, struct bytes group_authority)
{
	*c = (struct caller){
	    .arena = a,
	    .reader = reader,
	    .settings = settings,
	    .group_authority = group_authority,
	    .is_anonymous = true,
	    .name = BYTES("anonymous"),
	};
}

static bool
is_administrator(const struct caller *c, struct bytes account)
{
	const struct settings_list *list = &c->settings->administrators;

	for (size_t i = 0; i < list->n; i++)
		if (bytes_is(account, list->items[i]))
			return true;
	return false;
}

enum err
caller_from_account(struct caller *c, const struct account *account, struct errinfo *why)
{
	uint64_t *ids;

	if (account->state != ACCOUNT_ACTIVE) {
		(void)errinfo_set(&c->refused, ERR_NOT_AUTHENTICATED,
		    "the account '%.*s' %s", BYTES_ARG(account->name),
		    account->state == ACCOUNT_PENDING ? "is not approved yet"
						      : "is disabled");
		return ERR_OK;
	}
	ids = arena_array(c->arena, uint64_t, account->n_dns + 1);
	if (ids == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an identity");
	ids[0] = account->id;
	if (account->n_dns > 0)
		(void)memcpy(ids + 1, account->dn_ids, account->n_dns * sizeof *ids);
	c->is_anonymous = false;
	c->principal = account->id;
	c->ids = ids;
	c->n_ids = account->n_dns + 1;
	c->name = account->name;
	c->is_admin = is_administrator(c, account->name);
	return ERR_OK;
}

/* `certified_ms`: how old what speaks for it is. */
static enum err
become_account(struct caller *c, uint64_t id, int64_t certified_ms, struct errinfo *why)
{
	struct account account;
	enum err e = accounts_get(c->reader, c->arena, id, &account, why);

	if (e != ERR_OK)
		return e;
	if (certified_ms < account.valid_from_ms) {
		(void)errinfo_set(&c->refused, ERR_NOT_AUTHENTICATED,
		    "your certificate was revoked; run: cadc-get-cert");
		return ERR_OK;
	}
	return caller_from_account(c, &account, why);
}

static enum err
become_identity(struct caller *c, const struct identity_facts *facts,
    int64_t certified_ms, struct errinfo *why)
{
	uint64_t *ids;

	if (facts->is_account)
		return become_account(c, facts->principal, certified_ms, why);
	ids = arena_array(c->arena, uint64_t, 1);
	if (ids == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an identity");
	ids[0] = facts->id;
	c->is_anonymous = false;
	c->principal = facts->id;
	c->ids = ids;
	c->n_ids = 1;
	c->name = facts->name;
	return ERR_OK;
}

enum err
caller_from_dn(
    struct caller *c, struct bytes text, int64_t certified_ms, struct errinfo *why)
{
	struct identity_facts facts;
	struct dn dn;
	enum err e = dn_parse(c->arena, text, &dn, why);

	if (e != ERR_OK)
		return e;
	c->dn = text;
	c->dn_key = dn_key(c->arena, &dn);
	if (c->dn_key.p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a DN");
	e = accounts_identity_of_dn(c->reader, c->arena, c->dn_key, &facts, why);
	if (e == ERR_OK)
		return become_identity(c, &facts, certified_ms, why);
	if (e != ERR_NOT_FOUND)
		return e;
	/* Somebody certified whom nobody here knows: no groups, owns nothing yet. */
	c->is_anonymous = false;
	c->name = text;
	return ERR_OK;
}

enum err
caller_from_identity(struct caller *c, uint64_t id, struct errinfo *why)
{
	struct identity_facts facts;
	enum err e;

	if (id == 0)
		return ERR_OK;
	e = accounts_identity(c->reader, c->arena, id, &facts, why);
	if (e == ERR_NOT_FOUND)
		return errinfo_set(why, ERR_DENIED, "the identity is gone");
	return e == ERR_OK ? become_identity(c, &facts, INT64_MAX, why) : e;
}

/* In the owner's name, but not with an administrator's rights. */
static enum err
become_guest(struct caller *c, struct errinfo *why)
{
	c->is_admin = false;
	c->name = arena_format(c->arena, "guest of %.*s", BYTES_ARG(c->name));
	return c->name.p == NULL
		   ? errinfo_set(why, ERR_NO_MEMORY, "no memory for an identity")
		   : ERR_OK;
}

enum err
caller_from_token(struct caller *c, const struct token *token, struct errinfo *why)
{
	enum err e = path_parse(
	    c->arena, token->path, (size_t)c->settings->path_depth, &c->scope, why);

	if (e != ERR_OK)
		return e;
	c->token_id = token->id;
	c->token_kind = token->kind;
	c->link = token->link;
	c->read_only = token->read_only;
	c->drop_only = token->drop_only;
	e = become_account(c, token->account, INT64_MAX, why);
	return e == ERR_OK && token->kind == TOKEN_GUEST ? become_guest(c, why) : e;
}

bool
caller_has_full_reach(const struct caller *c)
{
	return !c->read_only && !c->drop_only && c->scope.n == 0;
}

bool
caller_has_all_rights(const struct caller *c)
{
	return !c->is_limited && caller_has_full_reach(c);
}

bool
caller_in_scope(const struct caller *c, struct path path)
{
	if (path.n < c->scope.n)
		return false;
	for (size_t i = 0; i < c->scope.n; i++)
		if (!bytes_eq(path.part[i], c->scope.part[i]))
			return false;
	return true;
}

bool
caller_owns(const struct caller *c, uint64_t owner)
{
	for (size_t i = 0; i < c->n_ids; i++)
		if (c->ids[i] == owner)
			return true;
	return false;
}

uint64_t
caller_job_owner(const struct caller *c)
{
	return c->token_kind == TOKEN_GUEST ? c->token_id : c->principal;
}

bool
caller_owns_job(const struct caller *c, uint64_t owner)
{
	return c->token_kind == TOKEN_GUEST ? owner == c->token_id
					    : caller_owns(c, owner);
}

/* "ivo://WHERE?NAME" in its two parts. */
static bool
part_uri(struct bytes uri, struct bytes *where, struct bytes *name)
{
	static const struct bytes scheme = {"ivo://", 6};
	size_t question;

	if (uri.n < scheme.n || !bytes_caseeq((struct bytes){uri.p, scheme.n}, scheme))
		return false;
	uri = bytes_skip(uri, scheme.n);
	question = bytes_find(uri, '?');
	if (question == uri.n)
		return false;
	*where = (struct bytes){uri.p, question};
	*name = bytes_skip(uri, question + 1);
	return true;
}

bool
caller_group_name(const struct caller *c, struct bytes uri, struct bytes *name_out)
{
	static const struct bytes alias = {"cadc.nrc.ca/gms", 15};
	struct bytes where, name;

	if (!part_uri(uri, &where, &name) ||
	    settings_is_outside_group(c->settings, where) ||
	    !(bytes_caseeq(where, alias) || bytes_caseeq(where, c->group_authority)))
		return false;
	*name_out = name;
	return true;
}

bool
caller_outside_name(const struct caller *c, struct bytes uri, struct bytes *name_out)
{
	struct bytes where, name;

	if (!part_uri(uri, &where, &name) ||
	    !settings_is_outside_group(c->settings, where))
		return false;
	*name_out = name;
	return true;
}

static bool
has_group(const struct caller *c, uint64_t id)
{
	size_t low = 0, high = c->n_groups;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->groups[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->n_groups && c->groups[low] == id;
}

static enum err
load_groups(struct caller *c, struct errinfo *why)
{
	uint64_t *ids;
	enum err e;

	if (c->groups_known)
		return ERR_OK;
	if (c->principal != 0) {
		e = groups_of(c->reader, c->arena, c->principal, GROUPS_MAX, &ids,
		    &c->n_groups, why);
		if (e != ERR_OK)
			return e;
		c->groups = ids;
	}
	c->groups_known = true;
	return ERR_OK;
}

static int
compare_names(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static enum membership
in_outside_group(const struct caller *c, struct bytes name)
{
	if (c->outside.is_unknown)
		return MEMBER_UNKNOWN;
	return c->outside.n > 0 && bsearch(&name, c->outside.names, c->outside.n,
				       sizeof name, compare_names) != NULL
		   ? MEMBER_YES
		   : MEMBER_NO;
}

static enum err
in_group(struct caller *c, struct bytes uri, enum membership *out, struct errinfo *why)
{
	struct bytes name;
	uint64_t id;
	enum err e;

	*out = MEMBER_NO;
	if (caller_outside_name(c, uri, &name)) {
		*out = in_outside_group(c, name);
		return ERR_OK;
	}
	if (c->n_groups == 0 || !caller_group_name(c, uri, &name))
		return ERR_OK;
	e = groups_id(c->reader, name, &id, why);
	if (e == ERR_OK && has_group(c, id))
		*out = MEMBER_YES;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
caller_in_groups(struct caller *c, const struct node_groups *groups, enum membership *out,
    struct errinfo *why)
{
	enum err e = load_groups(c, why);

	*out = MEMBER_NO;
	for (size_t i = 0; e == ERR_OK && i < groups->n && *out != MEMBER_YES; i++) {
		enum membership one;

		e = in_group(c, groups->uri[i], &one, why);
		if (e == ERR_OK && one != MEMBER_NO)
			*out = one;
	}
	return e;
}

enum err
caller_judge(
    struct caller *c, const struct node *node, struct acl_node *out, struct errinfo *why)
{
	enum membership reads = MEMBER_NO, writes = MEMBER_NO;
	enum err e = ERR_OK;

	*out = (struct acl_node){
	    .is_public = node->is_public == NODE_TRUE,
	    .is_locked = node->is_locked == NODE_TRUE,
	    .is_owner = caller_owns(c, node->owner),
	};
	if (c->is_anonymous || out->is_owner)
		return ERR_OK; /* groups cannot change anything */
	if (node->group_read.n > 0)
		e = caller_in_groups(c, &node->group_read, &reads, why);
	if (e == ERR_OK && node->group_write.n > 0)
		e = caller_in_groups(c, &node->group_write, &writes, why);
	out->in_read_group = reads == MEMBER_YES;
	out->in_write_group = writes == MEMBER_YES;
	out->maybe_in_read_group = reads == MEMBER_UNKNOWN;
	out->maybe_in_write_group = writes == MEMBER_UNKNOWN;
	return e;
}
