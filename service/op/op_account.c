/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /account: GET shows one's own account; POST changes it: password (with `old`), display,
 * email, revoke=yes (all tokens, sessions and certificates so far are worth nothing).
 */
#include "service/op/op_account_private.h"

#include "auth/passwords.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/gms.h"
#include "service/op/new_password.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

/* How the caller is known. */
static const char *
means_of(const struct op_call *call)
{
	if (call->caller->is_anonymous)
		return "nothing";
	if (call->caller->token_kind == TOKEN_SESSION)
		return "session";
	if (call->caller->token_kind == TOKEN_GUEST)
		return "link";
	if (call->caller->token_id != 0)
		return "token";
	return call->caller->dn.p != NULL ? "certificate" : "password";
}

static void
add_texts(struct op_call *call, json_t *object)
{
	struct account a;
	json_t *dns;

	if (call->caller->is_anonymous ||
	    accounts_get(call->env->reader, call->arena, call->caller->principal, &a,
		NULL) != ERR_OK)
		return;
	(void)json_object_set_new(object, "account", op_json_text(a.name));
	(void)json_object_set_new(object, "display", op_json_text(a.display));
	(void)json_object_set_new(object, "email", op_json_text(a.email));
	(void)json_object_set_new(object, "password", json_boolean(a.password.n > 0));
	dns = json_array();
	for (size_t i = 0; i < a.n_dns; i++)
		(void)json_array_append_new(dns, op_json_text(a.dns[i]));
	(void)json_object_set_new(object, "dns", dns);
}

/* What is shared by the link whose page this is; to who has opened it. */
static json_t *
link_seen(struct op_call *call)
{
	const struct caller *c = call->caller;
	char expires[ISOTIME_SIZE];
	struct token token;

	if (c->token_kind != TOKEN_GUEST ||
	    tokens_get(call->env->reader, call->arena, c->principal, c->token_id, &token,
		NULL) != ERR_OK)
		return json_pack("{s:o,s:b}", "id", op_json_text(call->link), "open", 0);
	isotime_format(token.expires_ms, expires);
	return json_pack("{s:o,s:b,s:o,s:o,s:s,s:s}", "id", op_json_text(call->link),
	    "open", 1, "path", op_json_text(token.path), "label",
	    op_json_text(token.label), "access", token.drop_only ? "drop" : "read",
	    "expires", expires);
}

json_t *
account_own(struct op_call *call)
{
	const struct settings *s = call->env->settings;
	const struct caller *c = call->caller;
	json_t *object = json_pack("{s:o,s:s,s:b,s:b,s:o,s:o,s:s,s:b}", "name",
	    c->is_anonymous || call->link.p != NULL ? json_null() : op_json_text(c->name),
	    "by", means_of(call), "admin", c->is_admin, "limited",
	    !caller_has_all_rights(c), "authority",
	    op_json_text(call->env->space->names.authority), "groups",
	    op_json_text(call->env->space->group_authority), "registration",
	    s->registration, "certificates", call->env->space->issuer != NULL);

	if (object != NULL)
		(void)json_object_set_new(
		    object, "group_prefix", op_json_text(gms_prefix(call)));
	if (object != NULL)
		(void)json_object_set_new(
		    object, "letters", json_boolean(call->env->letters != NULL));
	if (object != NULL && call->env->openid != NULL)
		(void)json_object_set_new(
		    object, "openid", op_json_text(bytes_of(s->openid_name)));
	if (object != NULL && call->link.p != NULL)
		(void)json_object_set_new(object, "link", link_seen(call));
	else if (object != NULL)
		add_texts(call, object);
	return object;
}

enum err
account_check_own(struct op_call *call, struct account *out)
{
	const struct caller *c = call->caller;
	enum err e;

	if (c->is_anonymous)
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED, "%s",
		    c->refused.code != ERR_OK ? errinfo_text(&c->refused)
					      : "an account is for who signs in");
	if (!caller_has_all_rights(c) || c->by_provider ||
	    (c->token_id != 0 && c->token_kind != TOKEN_SESSION))
		return errinfo_set(&call->why, ERR_DENIED,
		    "a token or a limited proxy changes no account");
	e = accounts_get(call->env->reader, call->arena, c->principal, out, &call->why);
	return e == ERR_NOT_FOUND ? errinfo_set(&call->why, ERR_DENIED,
					"there is no account of that name")
				  : e;
}

struct state {
	struct op_call *call;
	struct account account;
	struct password_ask ask;
	struct new_password password;
	struct accounts_update update;
};

static void
updated(struct change *change)
{
	struct accounts_update *u = container_of(change, struct accounts_update, change);
	struct op_call *call = container_of(u, struct state, update)->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	op_reply_json(call, 200, account_own(call));
}

/* All that is asked for, as one change. */
static void
update(struct state *s, struct bytes password)
{
	struct op_call *call = s->call;
	bool revoke = bytes_is(op_param(call, "revoke"), "yes");

	if (password.p != NULL || revoke)
		log_info("request %.*s: %.*s %s", BYTES_ARG(call->request_id),
		    BYTES_ARG(s->account.name),
		    revoke ? "revokes everything certified so far"
			   : "changes the password");
	s->update = (struct accounts_update){
	    .change = {.loop = call->env->loop, .done = updated},
	    .id = s->account.id,
	    .password = password,
	    .display = op_param(call, "display"),
	    .email = op_param(call, "email"),
	    .revoke_ms = revoke ? clock_wall_ms() / 1000 * 1000 : 0,
	};
	accounts_update(call->env->store, &s->update);
}

static void
hashed(struct new_password *p, enum err err)
{
	struct state *s = container_of(p, struct state, password);

	if (err == ERR_OK)
		update(s, bytes_of(p->hash));
	else
		op_fail(s->call, err);
}

static void
old_known(struct password_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, ask);
	struct op_call *call = s->call;

	if (err == ERR_OK)
		new_password_hash(&s->password, call, op_param(call, "password"), hashed);
	else if (err == ERR_NOT_AUTHENTICATED)
		op_fail(call, errinfo_set(&call->why, ERR_DENIED,
				  "old: that is not the password so far"));
	else
		op_fail(call, err);
}

static void
change_account(struct state *s)
{
	struct op_call *call = s->call;

	if (op_param(call, "password").p == NULL) {
		update(s, (struct bytes){NULL, 0});
		return;
	}
	if (s->account.password.n == 0) { /* known otherwise, and gets its first one */
		new_password_hash(&s->password, call, op_param(call, "password"), hashed);
		return;
	}
	s->ask = (struct password_ask){
	    .name = s->account.name,
	    .password = op_param(call, "old"),
	    .stored = s->account.password,
	    .peer = call->peer,
	    .done = old_known,
	};
	passwords_ask(call->env->passwords, &s->ask);
}

static void
run_account(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : account_check_own(call, &s->account);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	if (call->is_post)
		change_account(s);
	else
		op_reply_json(call, 200, account_own(call));
}

const struct op op_account = {.name = "account", .audit = "account", .run = run_account};
