/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/sign_in.h"

#include "auth/basic.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

#define COOKIE_RULES "; Path=/; Secure; HttpOnly; SameSite=Strict"

static void
token_added(struct change *change)
{
	struct tokens_add *add = container_of(change, struct tokens_add, change);
	struct sign_in *s = container_of(add, struct sign_in, add);
	struct op_call *call = s->call;

	if (change->err == ERR_OK)
		log_info("request %.*s: %.*s signs in from %.*s",
		    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name),
		    BYTES_ARG(call->peer));
	else
		call->why = change->why;
	s->done(s, change->err);
}

static void
add_token(struct sign_in *s)
{
	struct op_call *call = s->call;
	int64_t now = clock_wall_ms();
	enum err e;

	s->add = (struct tokens_add){
	    .change = {.loop = call->env->loop, .done = token_added},
	    .token = {.account = s->account.id,
		.kind = s->kind,
		.created_ms = now,
		.expires_ms = now + (int64_t)s->life_ms},
	    .most = call->env->settings->tokens_per_account,
	};
	e = token_make(&s->add.token, s->text, &call->why);
	if (e == ERR_OK)
		tokens_add(call->env->store, &s->add);
	else
		s->done(s, e);
}

/* The same words for no account, no password, and a wrong one. */
static enum err
wrong(struct op_call *call)
{
	return errinfo_set(
	    &call->why, ERR_NOT_AUTHENTICATED, "the name or the password is wrong");
}

/* Only who knows the password learns what else is in the way. */
static enum err
check_state(struct sign_in *s)
{
	struct errinfo *why = &s->call->why;

	if (s->account.state == ACCOUNT_ACTIVE)
		return ERR_OK;
	return errinfo_set(why, ERR_NOT_AUTHENTICATED, "the account '%.*s' %s",
	    BYTES_ARG(s->account.name),
	    s->account.state == ACCOUNT_PENDING ? "is not approved yet" : "is disabled");
}

static void
password_known(struct password_ask *ask, enum err err)
{
	struct sign_in *s = container_of(ask, struct sign_in, ask);

	if (err == ERR_OK)
		err = check_state(s);
	else if (err == ERR_NOT_AUTHENTICATED)
		err = wrong(s->call);
	if (err == ERR_OK)
		add_token(s);
	else
		s->done(s, err);
}

enum err
sign_in_check_way(struct op_call *call)
{
	return bytes_starts(call->base_url, BYTES("https:")) ||
		       basic_peer_is_local(call->peer)
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
			 "passwords and tokens are taken over TLS only: use https");
}

static void
by_password(struct sign_in *s, struct bytes name, struct bytes password)
{
	struct op_call *call = s->call;
	enum err e = sign_in_check_way(call);

	if (e == ERR_OK)
		e = accounts_find(
		    call->env->reader, call->arena, name, &s->account, &call->why);
	if (e == ERR_NOT_FOUND)
		s->account.password = BYTES("");
	else if (e != ERR_OK) {
		s->done(s, e);
		return;
	}
	s->ask = (struct password_ask){
	    .name = name,
	    .password = password,
	    .stored = s->account.password,
	    .peer = call->peer,
	    .done = password_known,
	};
	passwords_ask(call->env->passwords, &s->ask);
}

static enum err
check_known(struct op_call *call)
{
	const struct caller *caller = call->caller;
	const struct errinfo *refused = &caller->refused;

	if (caller->by_provider)
		return errinfo_set(&call->why, ERR_DENIED,
		    "a token of an outside provider is not given another one");
	if (caller->is_anonymous)
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED, "%s",
		    refused->code != ERR_OK ? errinfo_text(refused)
					    : "username and password are needed");
	if (!caller_has_all_rights(caller) || caller->token_id != 0)
		return errinfo_set(&call->why, ERR_DENIED,
		    "a token or a limited proxy is not given a token");
	return ERR_OK;
}

static void
by_request(struct sign_in *s)
{
	struct op_call *call = s->call;
	enum err e = check_known(call);

	if (e == ERR_OK)
		e = accounts_get(call->env->reader, call->arena, call->caller->principal,
		    &s->account, &call->why);
	if (e == ERR_NOT_FOUND)
		e = errinfo_set(&call->why, ERR_DENIED,
		    "signing in is for those who have an account");
	if (e == ERR_OK)
		add_token(s);
	else
		s->done(s, e);
}

void
sign_in_account(struct sign_in *s)
{
	enum err e = check_state(s);

	if (e == ERR_OK)
		add_token(s);
	else
		s->done(s, e);
}

/* The cookie; without a value it goes. */
static void
set_cookie(struct op_call *call, const char *value, uint64_t life_ms)
{
	op_reply_field(call, "Set-Cookie",
	    arena_format(call->arena, SESSION_COOKIE "=%s" COOKIE_RULES "; Max-Age=%llu",
		value, (unsigned long long)(life_ms / 1000)));
}

void
sign_in_set_cookie(struct sign_in *s)
{
	set_cookie(s->call, s->text, s->life_ms);
}

void
sign_in_clear_cookie(struct op_call *call)
{
	set_cookie(call, "", 0);
}

void
sign_in(struct sign_in *s)
{
	struct bytes name = op_param(s->call, "username");
	struct bytes password = op_param(s->call, "password");

	s->call->audit = "sign-in";
	s->call->audit_subject = name;
	if (name.p == NULL && password.p == NULL)
		by_request(s);
	else if (name.p == NULL || password.p == NULL)
		s->done(s, errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
			       "username and password are needed"));
	else
		by_password(s, name, password);
}
