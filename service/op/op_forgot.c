/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forgotten password. POST /account/forgot (username) has a letter sent to the account's
 * address, if there is such an account with one, and says the same if not; POST
 * /account/renew (token, password) sets a new password by what the letter says, once.
 */
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/letter/letter.h"
#include "service/op/new_password.h"
#include "service/op/ops.h"
#include "service/op/sign_in.h"

enum { TEXT_MAX = 16 * 1024, PAUSE_MS = 60000 /* between two letters to one account */ };

/* Asking for a letter */

struct asking {
	struct op_call *call;
	struct account account;
	struct tokens_add add;
	char text[TOKEN_TEXT_SIZE];
};

/* Whether there was one to send is nobody's to know. */
static void
answer(struct op_call *call)
{
	op_reply_status(call, 202);
	op_finish(call);
}

static void
write_letter(const struct asking *s, struct str *out)
{
	const struct op_call *call = s->call;

	str_addf(out,
	    "Somebody, perhaps you, asked for a new password of the account '%.*s' at\n"
	    "%.*s. For %llu minutes it can be set here, once:\n\n"
	    "    %.*s/page/renew#%s\n\n"
	    "If it was not you, nothing has to be done: your password stays as it is.\n",
	    BYTES_ARG(s->account.name), BYTES_ARG(call->root_url),
	    (unsigned long long)call->env->settings->letter_life / 60000,
	    BYTES_ARG(call->root_url), s->text);
}

static void
added(struct change *change)
{
	struct tokens_add *add = container_of(change, struct tokens_add, change);
	struct asking *s = container_of(add, struct asking, add);
	struct op_call *call = s->call;
	struct errinfo why = change->why;
	enum err e = change->err;
	struct str text;

	str_init(&text, TEXT_MAX);
	write_letter(s, &text);
	if (e == ERR_OK)
		e = letter_send(call->env->letters, s->account.email,
		    BYTES("Quartet: a new password"), str_bytes(&text), &why);
	str_release(&text);
	if (e == ERR_OK)
		log_info("request %.*s: '%.*s' is sent a letter",
		    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name));
	else
		log_warning("request %.*s: '%.*s' is sent no letter: %s",
		    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name),
		    errinfo_text(&why));
	answer(call);
}

/* Who has had one just now gets no other. */
static bool
had_one(struct asking *s, int64_t now)
{
	struct op_env *env = s->call->env;
	struct token *there;
	size_t n;

	if (tokens_list(env->reader, s->call->arena, s->account.id, &there, &n, NULL) !=
	    ERR_OK)
		return true;
	for (size_t i = 0; i < n; i++)
		if (there[i].kind == TOKEN_LETTER && there[i].created_ms > now - PAUSE_MS)
			return true;
	return false;
}

static void
add_token(struct asking *s, int64_t now)
{
	struct op_call *call = s->call;
	enum err e;

	s->add = (struct tokens_add){
	    .change = {.loop = call->env->loop, .done = added},
	    .token = {.account = s->account.id,
		.kind = TOKEN_LETTER,
		.created_ms = now,
		.expires_ms = now + (int64_t)call->env->settings->letter_life},
	    .most = 1, /* an earlier one does not count any more */
	};
	e = token_make(&s->add.token, s->text, &call->why);
	if (e == ERR_OK)
		tokens_add(call->env->store, &s->add);
	else
		op_fail(call, e);
}

static void
run_forgot(struct op_call *call)
{
	struct asking *s = arena_new(call->arena, struct asking);
	struct bytes name = op_param(call, "username");
	int64_t now = clock_wall_ms();
	enum err e = s == NULL ? ERR_NO_MEMORY : ERR_OK;

	if (e == ERR_OK && call->env->letters == NULL)
		e = errinfo_set(&call->why, ERR_DENIED,
		    "no letters are sent here (mail_command): ask an administrator");
	if (e == ERR_OK && name.p == NULL)
		e = errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "username: whose password is it");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	call->audit_subject = name;
	e = accounts_find(call->env->reader, call->arena, name, &s->account, NULL);
	if (e == ERR_OK && s->account.state == ACCOUNT_ACTIVE && s->account.email.n > 0 &&
	    !had_one(s, now))
		add_token(s, now);
	else
		answer(call);
}

const struct op op_forgot = {.name = "forgot", .audit = "account", .run = run_forgot};

/* Setting a new password */

struct renewing {
	struct op_call *call;
	struct token token;
	struct account account;
	struct new_password password;
	struct tokens_remove remove;
	struct accounts_update update;
};

static void
updated(struct change *change)
{
	struct accounts_update *u = container_of(change, struct accounts_update, change);
	struct renewing *s = container_of(u, struct renewing, update);
	struct op_call *call = s->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	log_info("request %.*s: '%.*s' has a new password by a letter",
	    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name));
	op_reply_status(call, 204);
	op_finish(call);
}

/* The token went first: of two who come with it at once, one is too late. */
static void
removed(struct change *change)
{
	struct tokens_remove *remove = container_of(change, struct tokens_remove, change);
	struct renewing *s = container_of(remove, struct renewing, remove);
	struct op_call *call = s->call;

	if (change->err != ERR_OK) {
		op_fail(call, errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
				  "the letter does not count any more"));
		return;
	}
	s->update = (struct accounts_update){
	    .change = {.loop = call->env->loop, .done = updated},
	    .id = s->account.id,
	    .password = bytes_of(s->password.hash),
	};
	accounts_update(call->env->store, &s->update);
}

static void
hashed(struct new_password *p, enum err err)
{
	struct renewing *s = container_of(p, struct renewing, password);

	if (err != ERR_OK) {
		op_fail(s->call, err);
		return;
	}
	s->remove = (struct tokens_remove){
	    .change = {.loop = s->call->env->loop, .done = removed},
	    .account = s->token.account,
	    .id = s->token.id,
	};
	tokens_remove(s->call->env->store, &s->remove);
}

static void
run_renew(struct op_call *call)
{
	struct renewing *s = arena_new(call->arena, struct renewing);
	enum err e = s == NULL ? ERR_NO_MEMORY : sign_in_check_way(call);

	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	if (e == ERR_OK)
		e = token_open(call->env->reader, call->arena, op_param(call, "token"),
		    1U << TOKEN_LETTER, clock_wall_ms(), &s->token, &call->why);
	if (e == ERR_OK)
		e = accounts_get(call->env->reader, call->arena, s->token.account,
		    &s->account, &call->why);
	if (e == ERR_OK && s->account.state != ACCOUNT_ACTIVE)
		e = errinfo_set(
		    &call->why, ERR_NOT_AUTHENTICATED, "the account is disabled");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	call->audit_subject = s->account.name;
	new_password_hash(&s->password, call, op_param(call, "password"), hashed);
}

const struct op op_renew = {.name = "renew", .audit = "account", .run = run_renew};
