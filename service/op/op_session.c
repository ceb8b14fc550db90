/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in. /gms/login gives a bearer token for a password (IVOA UMS#login-0.1, standards
 * AU-8); /account/session is the web page's: GET says who one is, POST signs in, DELETE
 * signs out.
 */
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/sign_in.h"

struct sign_out {
	struct op_call *call;
	struct tokens_remove remove;
};

static struct sign_in *
begin(struct op_call *call, enum token_kind kind, uint64_t life_ms,
    void (*done)(struct sign_in *s, enum err err))
{
	struct sign_in *s = arena_new(call->arena, struct sign_in);

	if (s == NULL)
		return NULL;
	*s = (struct sign_in){
	    .call = call, .kind = kind, .life_ms = life_ms, .done = done};
	return s;
}

/* From now on the request is the account's: the answer and the access log say so. */
static enum err
become(struct sign_in *s)
{
	struct op_call *call = s->call;

	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	return caller_from_account(call->caller, &s->account, &call->why);
}

static void
logged_in(struct sign_in *s, enum err err)
{
	struct op_call *call = s->call;

	if (err == ERR_OK)
		err = become(s);
	if (err != ERR_OK) {
		op_fail(call, err);
		return;
	}
	op_reply_field(call, "X-VO-Bearer", bytes_of(s->text));
	op_reply_text(call, 200, "text/plain", bytes_of(s->text));
	op_finish(call);
}

static void
run_login(struct op_call *call)
{
	struct sign_in *s =
	    begin(call, TOKEN_LOGIN, call->env->settings->login_life, logged_in);

	if (s == NULL)
		op_fail(call, ERR_NO_MEMORY);
	else
		sign_in(s);
}

const struct op op_login = {.name = "login", .run = run_login};

static void
signed_in(struct sign_in *s, enum err err)
{
	struct op_call *call = s->call;

	if (err == ERR_OK)
		err = become(s);
	if (err != ERR_OK) {
		op_fail(call, err);
		return;
	}
	sign_in_set_cookie(s);
	op_reply_json(call, 200, account_own(call));
}

static void
signed_out(struct change *change)
{
	struct tokens_remove *remove = container_of(change, struct tokens_remove, change);
	struct op_call *call = container_of(remove, struct sign_out, remove)->call;

	if (change->err != ERR_OK && change->err != ERR_NOT_FOUND) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	sign_in_clear_cookie(call);
	op_reply_status(call, 204);
	op_finish(call);
}

static void
sign_out(struct op_call *call)
{
	struct sign_out *s = arena_new(call->arena, struct sign_out);

	if (s == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	s->call = call;
	s->remove = (struct tokens_remove){
	    .change = {.loop = call->env->loop, .done = signed_out},
	    .account = call->caller->principal,
	    .id = call->caller->token_id,
	};
	tokens_remove(call->env->store, &s->remove);
}

/* Nobody, or somebody known by other means, has no session to end. */
static void
no_session(struct op_call *call)
{
	sign_in_clear_cookie(call);
	op_reply_status(call, 204);
	op_finish(call);
}

static void
tell(struct op_call *call)
{
	/* A cookie that did not count would hide a certificate from now on. */
	if (call->caller->is_anonymous && op_header(call, "cookie").p != NULL)
		sign_in_clear_cookie(call);
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	op_reply_json(call, 200, account_own(call));
}

static void
run_session(struct op_call *call)
{
	struct sign_in *s;

	if (call->is_get || call->is_head) {
		tell(call);
	} else if (call->is_delete) {
		if (call->caller->token_kind == TOKEN_SESSION)
			sign_out(call);
		else
			no_session(call);
	} else {
		s = begin(
		    call, TOKEN_SESSION, call->env->settings->session_life, signed_in);
		if (s == NULL)
			op_fail(call, ERR_NO_MEMORY);
		else
			sign_in(s);
	}
}

const struct op op_session = {
    .name = "session", .guests = GUESTS_MAY, .run = run_session};
