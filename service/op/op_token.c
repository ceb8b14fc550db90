/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /account/tokens: what one's account is known by besides password and certificates. GET
 * lists them; POST makes one for a program (label, days, access=read|write, path) and is
 * the only time its text is told; DELETE /account/tokens/ID revokes one.
 */
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/target.h"

enum { DAY_MS = 86400000, ID_BYTES = 8 };

struct state {
	struct op_call *call;
	struct account account;
	struct tokens_add add;
	struct tokens_remove remove;
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
	struct bytes id = arena_format(call->arena, "%016llx", (unsigned long long)t->id);

	isotime_format(t->created_ms, created);
	isotime_format(t->expires_ms, expires);
	return json_pack("{s:o,s:s,s:o,s:o,s:s,s:s,s:s,s:b}", "id", op_json_text(id),
	    "kind", kind_name(t->kind), "label", op_json_text(t->label), "path",
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
		if (tokens[i].expires_ms > now)
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

enum err
token_read_days(struct op_call *call, uint64_t *out)
{
	const struct settings *s = call->env->settings;
	struct bytes text = op_param(call, "days");

	*out = s->token_days < s->token_days_max ? s->token_days : s->token_days_max;
	if (text.p == NULL)
		return ERR_OK;
	if (!bytes_u64(text, out) || *out == 0 || *out > s->token_days_max)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "days: '%.*s' is not a number from 1 to %llu", BYTES_ARG(text),
		    (unsigned long long)s->token_days_max);
	return ERR_OK;
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
	struct str text;
	enum err e;

	*out = BYTES("");
	if (op_param(call, "path").p == NULL)
		return ERR_OK;
	e = op_parse_path(call, op_param(call, "path"), &path);
	if (e != ERR_OK)
		return e;
	str_init(&text, TOKEN_PATH_MAX);
	path_encode(&text, path);
	*out = str_failed(&text) ? (struct bytes){NULL, 0}
				 : arena_copy(call->arena, str_bytes(&text));
	str_release(&text);
	return out->p == NULL ? errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				    "path: longer than %d bytes", TOKEN_PATH_MAX)
			      : ERR_OK;
}

static void
make(struct state *s)
{
	struct op_call *call = s->call;
	struct token *t = &s->add.token;
	struct bytes label = op_param(call, "label");
	uint64_t days;
	enum err e = token_read_days(call, &days);

	s->add = (struct tokens_add){
	    .change = {.loop = call->env->loop, .done = added},
	    .token = {.account = s->account.id,
		.kind = TOKEN_PERSONAL,
		.created_ms = clock_wall_ms(),
		.label = label.p == NULL ? BYTES("") : label},
	    .most = call->env->settings->tokens_per_account,
	};
	if (e == ERR_OK)
		e = read_access(call, &t->read_only);
	if (e == ERR_OK)
		e = read_scope(call, &t->path);
	if (e == ERR_OK && !utf8_valid(t->label))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "label: not UTF-8");
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
removed(struct change *change)
{
	struct tokens_remove *remove = container_of(change, struct tokens_remove, change);
	struct op_call *call = container_of(remove, struct state, remove)->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	op_reply_status(call, 204);
	op_finish(call);
}

static void
revoke_token(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes text = bytes_skip(call->rest, 1);
	uint8_t raw[ID_BYTES];
	uint64_t id = 0;

	if (text.n != sizeof raw * 2 || !hex_decode(text, raw, sizeof raw)) {
		op_fail(call, errinfo_set(&call->why, ERR_NOT_FOUND, "no such token"));
		return;
	}
	for (size_t i = 0; i < sizeof raw; i++)
		id = id << 8 | raw[i];
	s->remove = (struct tokens_remove){
	    .change = {.loop = call->env->loop, .done = removed},
	    .account = s->account.id,
	    .id = id,
	};
	if (id == 0)
		op_fail(call, errinfo_set(&call->why, ERR_NOT_FOUND, "no such token"));
	else
		tokens_remove(call->env->store, &s->remove);
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
