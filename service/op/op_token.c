/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /account/tokens: what one's account is known by besides password and certificates. GET
 * lists them; POST makes one for a program (label, days, access=read|write, path) and is
 * the only time its text is told; DELETE /account/tokens/ID revokes one.
 */
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/target.h"
#include "service/op/token_words.h"

enum { DAY_MS = 86400000 };

struct state {
	struct op_call *call;
	struct account account;
	struct tokens_add add;
	char text[TOKEN_TEXT_SIZE];
};

static const char *
kind_name(enum token_kind kind)
{
	if (kind == TOKEN_SESSION)
		return "session";
	return kind == TOKEN_LOGIN ? "login" : "personal";
}

static json_t *
token_object(struct op_call *call, const struct token *t)
{
	char created[ISOTIME_SIZE], expires[ISOTIME_SIZE];
	char id[TOKEN_ID_DIGITS + 1];

	token_id_show(t->id, id);
	isotime_format(t->created_ms, created);
	isotime_format(t->expires_ms, expires);
	return json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:s,s:b}", "id", id, "kind",
	    kind_name(t->kind), "label", op_json_text(t->label), "path",
	    op_json_text(t->path), "access", t->read_only ? "read" : "write", "created",
	    created, "expires", expires, "current", t->id == call->caller->token_id);
}

static void
list(struct state *s)
{
	struct op_call *call = s->call;
	json_t *array = json_array();
	int64_t now = clock_wall_ms();
	struct token *tokens;
	size_t n;
	enum err e = tokens_list(
	    call->env->reader, call->arena, s->account.id, &tokens, &n, &call->why);

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		if (tokens[i].expires_ms > now && tokens[i].kind <= TOKEN_PERSONAL)
			(void)json_array_append_new(
			    array, token_object(call, &tokens[i]));
	if (e == ERR_OK) {
		op_reply_json(call, 200, array);
		return;
	}
	json_decref(array);
	op_fail(call, e);
}

static void
added(struct change *change)
{
	struct tokens_add *add = container_of(change, struct tokens_add, change);
	struct state *s = container_of(add, struct state, add);
	struct op_call *call = s->call;
	json_t *object;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	log_info("request %.*s: %.*s makes the token %016llx",
	    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name),
	    (unsigned long long)add->token.id);
	object = token_object(call, &add->token);
	if (object != NULL)
		(void)json_object_set_new(object, "token", json_string(s->text));
	op_reply_json(call, 201, object);
}

static enum err
read_access(struct op_call *call, bool *read_only_out)
{
	struct bytes text = op_param(call, "access");

	*read_only_out = bytes_is(text, "read");
	if (text.p == NULL || *read_only_out || bytes_is(text, "write"))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "access: '%.*s' is neither read nor write", BYTES_ARG(text));
}

/* As it will be read again, each time the token is used. */
static enum err
read_scope(struct op_call *call, struct bytes *out)
{
	struct path path;
	enum err e;

	*out = BYTES("");
	if (op_param(call, "path").p == NULL)
		return ERR_OK;
	e = op_parse_path(call, op_param(call, "path"), &path);
	return e == ERR_OK ? token_write_path(call, path, out) : e;
}

static void
make(struct state *s)
{
	struct op_call *call = s->call;
	struct token *t = &s->add.token;
	const struct settings *settings = call->env->settings;
	uint64_t days;
	enum err e =
	    token_read_days(call, settings->token_days, settings->token_days_max, &days);

	s->add = (struct tokens_add){
	    .change = {.loop = call->env->loop, .done = added},
	    .token = {.account = s->account.id,
		.kind = TOKEN_PERSONAL,
		.created_ms = clock_wall_ms()},
	    .most = settings->tokens_per_account,
	};
	if (e == ERR_OK)
		e = read_access(call, &t->read_only);
	if (e == ERR_OK)
		e = read_scope(call, &t->path);
	if (e == ERR_OK)
		e = token_read_label(call, &t->label);
	if (e == ERR_OK)
		e = token_make(t, s->text, &call->why);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	t->expires_ms = t->created_ms + (int64_t)days * DAY_MS;
	tokens_add(call->env->store, &s->add);
}

static void
revoke_token(struct state *s)
{
	struct op_call *call = s->call;
	uint64_t id;
	enum err e = token_id_read(call, bytes_skip(call->rest, 1), &id);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	token_revoke(call, s->account.id, id);
}

static void
run_tokens(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : account_check_own(call, &s->account);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	if (call->is_delete)
		revoke_token(s);
	else if (call->is_post)
		make(s);
	else
		list(s);
}

const struct op op_tokens = {.name = "tokens", .audit = "token", .run = run_tokens};
