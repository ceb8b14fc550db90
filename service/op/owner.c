/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/owner.h"

#include "auth/dn.h"
#include "service/core/check.h"
#include "service/op/target.h"

static void
ensured(struct change *change)
{
	struct accounts_ensure_dn *r =
	    container_of(change, struct accounts_ensure_dn, change);
	struct owner_ask *ask = container_of(r, struct owner_ask, ensure);

	ask->id_out = r->id_out;
	if (change->err != ERR_OK)
		ask->call->why = change->why;
	ask->known(ask, change->err);
}

static void
ensure_dn(struct owner_ask *ask, struct bytes key, struct bytes text)
{
	ask->ensure = (struct accounts_ensure_dn){
	    .change = {.loop = ask->call->env->loop, .done = ensured},
	    .key = key,
	    .text = text,
	};
	accounts_ensure_dn(ask->call->env->store, &ask->ensure);
}

/* Somebody else, named by an administrator. */
static void
find_named(struct owner_ask *ask)
{
	struct op_call *call = ask->call;
	struct bytes name = bytes_trim(ask->creator);
	struct account account;
	struct bytes key, text;
	struct dn dn;
	enum err e =
	    accounts_find(call->env->reader, call->arena, name, &account, &call->why);

	if (e == ERR_OK) {
		ask->id_out = account.id;
		ask->known(ask, ERR_OK);
		return;
	}
	if (e != ERR_NOT_FOUND) {
		ask->known(ask, e);
		return;
	}
	if (dn_parse(call->arena, name, &dn, NULL) != ERR_OK) {
		ask->known(ask, errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				    "nobody is called '%.*s'", BYTES_ARG(name)));
		return;
	}
	key = dn_key(call->arena, &dn);
	text = dn_canonical(call->arena, &dn);
	if (key.p == NULL || text.p == NULL)
		ask->known(
		    ask, errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a DN"));
	else
		ensure_dn(ask, key, text);
}

void
owner_find(struct op_call *call, struct owner_ask *ask,
    void (*known)(struct owner_ask *ask, enum err err))
{
	const struct caller *caller = call->caller;

	ask->call = call;
	ask->known = known;
	if (ask->creator.p != NULL && bytes_trim(ask->creator).n > 0) {
		find_named(ask);
	} else if (caller->principal != 0) {
		ask->id_out = caller->principal;
		known(ask, ERR_OK);
	} else if (caller->dn.p != NULL && !caller->is_anonymous) {
		ensure_dn(ask, caller->dn_key, caller->dn);
	} else {
		/* Nobody may own what an anonymous caller makes. */
		known(ask, errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
			       "sign in to create nodes"));
	}
}

enum err
target_as_stored(struct op_call *call, struct bytes *target)
{
	struct vosuri uri;
	enum err e;

	if (!vosuri_is_absolute(*target))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "the target of a link must be an absolute URI");
	e = vosuri_parse(call->arena, *target, &call->env->space->names,
	    (size_t)call->env->settings->path_depth, &uri, &call->why);
	if (e == ERR_NO_MEMORY)
		return e;
	if (e != ERR_OK) /* a vos URI with a broken path: it can only be refused */
		return bytes_starts(*target, BYTES("vos:")) ? e : ERR_OK;
	if (uri.is_ours && bytes_caseeq(uri.scheme, BYTES("vos"))) {
		struct bytes written = op_uri(call, uri.path);

		if (uri.query.p == NULL)
			*target = written;
		else
			*target = arena_format(call->arena, "%.*s?%.*s",
			    BYTES_ARG(written), BYTES_ARG(uri.query));
		if (target->p == NULL)
			return errinfo_set(
			    &call->why, ERR_NO_MEMORY, "no memory for a link");
	}
	return ERR_OK;
}
