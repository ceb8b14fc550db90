/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /share/LINK/open (link, password): somebody opens a link to share. Each time counts.
 * The answer's cookie is good below /share/LINK only: there all of the space's addresses
 * are once more, for what the link allows.
 */
#include "auth/passwords.h"
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/sign_in.h"
#include "service/op/token_words.h"

/* Lax: a link is followed from a letter, and then the cookie of last time counts. */
#define COOKIE_RULES "; Secure; HttpOnly; SameSite=Lax"

struct state {
	struct op_call *call;
	struct token link;
	struct password_ask ask;
	struct tokens_open_link open;
	char text[TOKEN_TEXT_SIZE];
};

static void
opened(struct change *change)
{
	struct tokens_open_link *open =
	    container_of(change, struct tokens_open_link, change);
	struct state *s = container_of(open, struct state, open);
	struct op_call *call = s->call;
	enum err e = change->err;

	open->guest.path = s->link.path; /* a link never changes it */
	if (e != ERR_OK)
		call->why = change->why;
	else
		e = caller_from_token(call->caller, &open->guest, &call->why);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	op_reply_field(call, "Set-Cookie",
	    arena_format(call->arena,
		GUEST_COOKIE "=%s; Path=/share/%.*s" COOKIE_RULES "; Max-Age=%lld",
		s->text, BYTES_ARG(call->link),
		(long long)(open->guest.expires_ms - open->guest.created_ms) / 1000));
	op_reply_json(call, 200, account_own(call));
}

static void
let_in(struct state *s)
{
	struct op_call *call = s->call;
	int64_t now = clock_wall_ms();
	enum err e;

	s->open = (struct tokens_open_link){
	    .change = {.loop = call->env->loop, .done = opened},
	    .guest = {.account = s->link.account,
		.link = s->link.id,
		.created_ms = now,
		.expires_ms = now + (int64_t)call->env->settings->session_life,
		.password = BYTES("")},
	    .most = call->env->settings->guests_per_account,
	};
	e = token_make(&s->open.guest, s->text, &call->why);
	if (e == ERR_OK)
		tokens_open_link(call->env->store, &s->open);
	else
		op_fail(call, e);
}

static void
password_known(struct password_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, ask);

	if (err == ERR_OK)
		let_in(s);
	else if (err == ERR_NOT_AUTHENTICATED)
		op_fail(s->call,
		    errinfo_set(&s->call->why, err, "the link's password is wrong"));
	else
		op_fail(s->call, err);
}

/* That link, of somebody who may still be asked for something. */
static enum err
find_link(struct op_call *call, struct token *out)
{
	struct account account;
	enum err e = sign_in_check_way(call);

	if (e == ERR_OK)
		e = token_open(call->env->reader, call->arena, op_param(call, "link"),
		    1U << TOKEN_LINK, clock_wall_ms(), out, &call->why);
	if (e != ERR_OK)
		return e;
	if (!token_id_is(call->link, out->id))
		return errinfo_set(
		    &call->why, ERR_NOT_AUTHENTICATED, "the text is of another link");
	e = accounts_get(
	    call->env->reader, call->arena, out->account, &account, &call->why);
	if (e == ERR_OK && account.state != ACCOUNT_ACTIVE)
		e = errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
		    "whose link it is has no account any more");
	return e;
}

static void
run_open(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct bytes password = op_param(call, "password");
	enum err e = s == NULL              ? ERR_NO_MEMORY
		     : call->link.p == NULL ? ERR_NOT_FOUND
					    : find_link(call, &s->link);

	call->audit_subject = call->link;
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	if (e == ERR_OK && s->link.password.n > 0 && password.n == 0)
		e = errinfo_set(
		    &call->why, ERR_NOT_AUTHENTICATED, "the link asks for a password");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	if (s->link.password.n == 0) {
		let_in(s);
		return;
	}
	s->ask = (struct password_ask){
	    .name = arena_format(call->arena, "link %.*s", BYTES_ARG(call->link)),
	    .password = password,
	    .stored = s->link.password,
	    .peer = call->peer,
	    .done = password_known,
	};
	if (s->ask.name.p == NULL)
		op_fail(call, ERR_NO_MEMORY);
	else
		passwords_ask(call->env->passwords, &s->ask);
}

const struct op op_share_open = {
    .name = "share-open", .audit = "share", .guests = GUESTS_MAY, .run = run_open};
