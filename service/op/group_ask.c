/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/group_ask.h"

#include "service/op/gms.h"

/* Who it is, without a look into the store: another one when an identity comes or goes. */
static struct bytes
key_of(const struct caller *c)
{
	return c->n_ids > 0
		   ? (struct bytes){(const char *)c->ids, c->n_ids * sizeof c->ids[0]}
		   : c->dn_key;
}

/* All names of an account. */
static enum err
ids_of_account(struct group_ask *ask, const struct account *account)
{
	struct space *space = ask->env->space;
	struct bytes *one;

	if (ask->env->settings->gms_id[0] == 'X' && account->n_dns > 0) {
		ask->gms.ids = account->dns;
		ask->gms.n_ids = account->n_dns;
		return ERR_OK;
	}
	one = arena_new(ask->arena, struct bytes);
	if (one == NULL)
		return ERR_NO_MEMORY;
	*one = ask->env->settings->gms_id[0] == 'X'
		   ? gms_own_dn(ask->arena, account->name, space->authority)
		   : account->name;
	ask->gms.ids = one;
	ask->gms.n_ids = 1;
	return one->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* ERR_NOT_FOUND: it knows users by the names of accounts. */
static enum err
ids_of_dn(struct group_ask *ask, struct bytes dn)
{
	struct bytes *one = arena_new(ask->arena, struct bytes);

	if (one == NULL)
		return ERR_NO_MEMORY;
	*one = dn;
	ask->gms.ids = one;
	ask->gms.n_ids = 1;
	return ask->env->settings->gms_id[0] == 'X' ? ERR_OK : ERR_NOT_FOUND;
}

static enum err
find_ids(struct group_ask *ask)
{
	const struct caller *c = ask->caller;
	struct identity_facts facts;
	struct account account;
	enum err e;

	if (c->principal == 0)
		return ids_of_dn(ask, c->dn);
	e = accounts_identity(c->reader, ask->arena, c->principal, &facts, NULL);
	if (e == ERR_OK && !facts.is_account)
		return ids_of_dn(ask, facts.name);
	if (e == ERR_OK)
		e = accounts_get(c->reader, ask->arena, facts.principal, &account, NULL);
	return e == ERR_OK ? ids_of_account(ask, &account) : e;
}

static void
take(struct group_ask *ask)
{
	ask->caller->outside = (struct caller_outside){
	    .is_unknown = !ask->gms.is_known,
	    .names = ask->gms.names.name,
	    .n = ask->gms.names.n,
	};
}

static void
answered(struct gms_ask *gms)
{
	struct group_ask *ask = container_of(gms, struct group_ask, gms);

	take(ask);
	ask->known(ask);
}

bool
group_ask(struct group_ask *ask)
{
	struct gms_remote *remote = ask->env->gms;
	enum gms_found found;
	enum err e;

	ask->caller->outside = (struct caller_outside){.n = 0};
	ask->gms = (struct gms_ask){
	    .loop = ask->env->loop,
	    .done = answered,
	    .arena = ask->arena,
	    .key = key_of(ask->caller),
	    .until_ms = UINT64_MAX,
	};
	if (remote == NULL || ask->caller->is_anonymous || ask->gms.key.n == 0)
		return true;
	found = gms_look(remote, &ask->gms);
	if (found == GMS_NOT_KNOWN) {
		e = find_ids(ask);
		if (e == ERR_NOT_FOUND)
			return true; /* in no group there */
		found = e == ERR_OK ? gms_ask(remote, &ask->gms) : GMS_ANSWERED;
	}
	if (found == GMS_ANSWERED)
		take(ask);
	return found == GMS_ANSWERED;
}

enum err
group_ask_refusal(struct op_call *call, struct bytes of)
{
	return errinfo_set(&call->why, ERR_GROUPS,
	    "%.*s: the group service %s cannot be asked at the moment whether you are in "
	    "one of its groups",
	    BYTES_ARG(of), call->env->settings->gms_authorities.items[0]);
}
