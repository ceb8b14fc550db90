/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /account/links: one's links to share. GET lists them; POST makes one (path,
 * access=read|drop, days, count, password, label) and is the only time its address is told;
 * DELETE /account/links/ID revokes one, and who opened it is out at once.
 */
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/new_password.h"
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/target.h"
#include "service/op/token_words.h"

enum { DAY_MS = 86400000 };

struct state {
	struct op_call *call;
	struct account account;
	struct new_password password;
	struct tokens_add add;
	char text[TOKEN_TEXT_SIZE];
};

static json_t *
link_object(const struct token *t)
{
	char created[ISOTIME_SIZE], expires[ISOTIME_SIZE], id[TOKEN_ID_DIGITS + 1];

	token_id_show(t->id, id);
	isotime_format(t->created_ms, created);
	isotime_format(t->expires_ms, expires);
	return json_pack("{s:s,s:o,s:o,s:s,s:s,s:s,s:I,s:I,s:b}", "id", id, "label",
	    op_json_text(t->label), "path", op_json_text(t->path), "access",
	    t->drop_only ? "drop" : "read", "created", created, "expires", expires,
	    "uses", (json_int_t)t->uses, "count", (json_int_t)t->uses_max, "password",
	    t->password.n > 0);
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
		if (tokens[i].kind == TOKEN_LINK && tokens[i].expires_ms > now)
			(void)json_array_append_new(array, link_object(&tokens[i]));
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
	char id[TOKEN_ID_DIGITS + 1];
	json_t *object;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	token_id_show(add->token.id, id);
	log_info("request %.*s: %.*s makes the link %s to %.*s",
	    BYTES_ARG(call->request_id), BYTES_ARG(s->account.name), id,
	    BYTES_ARG(add->token.path));
	object = link_object(&add->token);
	/* What is behind the '#' no browser sends, and no log has. */
	if (object != NULL)
		(void)json_object_set_new(object, "url",
		    op_json_text(arena_format(call->arena, "%.*s/share/%s#%s",
			BYTES_ARG(call->root_url), id, s->text)));
	op_reply_json(call, 201, object);
}

/* Only who may change the permissions of what is shared (architecture D57). */
static enum err
read_target(struct op_call *call, struct token *t)
{
	struct op_target target;
	struct path path;
	enum err e = ERR_OK;

	if (op_param(call, "path").p == NULL)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "path: what is to be shared is not said");
	e = op_parse_path(call, op_param(call, "path"), &path);
	if (e == ERR_OK && path.n == 0)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "path: the whole space is not shared by a link");
	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_FOLLOW, &target);
	if (e == ERR_OK)
		e = op_authorize(call, ACL_GRANT, &target);
	if (e == ERR_OK && t->drop_only && op_leaf(&target)->type != NODE_CONTAINER)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "access: files are dropped into a container, and this is none");
	return e == ERR_OK ? token_write_path(call, target.path, &t->path) : e;
}

static enum err
read_wish(struct op_call *call, struct token *t)
{
	const struct settings *settings = call->env->settings;
	struct bytes access = op_param(call, "access"), count = op_param(call, "count");
	uint64_t days;
	enum err e =
	    token_read_days(call, settings->link_days, settings->link_days_max, &days);

	if (e != ERR_OK)
		return e;
	t->expires_ms = t->created_ms + (int64_t)days * DAY_MS;
	t->drop_only = bytes_is(access, "drop");
	t->read_only = !t->drop_only;
	if (access.p != NULL && !t->drop_only && !bytes_is(access, "read"))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "access: '%.*s' is neither read nor drop", BYTES_ARG(access));
	if (count.p != NULL && !bytes_u64(count, &t->uses_max))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "count: '%.*s' is not a number", BYTES_ARG(count));
	e = token_read_label(call, &t->label);
	return e == ERR_OK ? read_target(call, t) : e;
}

static void
add(struct state *s)
{
	enum err e = token_make(&s->add.token, s->text, &s->call->why);

	if (e == ERR_OK)
		tokens_add(s->call->env->store, &s->add);
	else
		op_fail(s->call, e);
}

static void
hashed(struct new_password *p, enum err err)
{
	struct state *s = container_of(p, struct state, password);

	s->add.token.password = bytes_of(p->hash);
	if (err == ERR_OK)
		add(s);
	else
		op_fail(s->call, err);
}

static void
make(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes password = op_param(call, "password");
	enum err e;

	s->add = (struct tokens_add){
	    .change = {.loop = call->env->loop, .done = added},
	    .token = {.account = s->account.id,
		.kind = TOKEN_LINK,
		.created_ms = clock_wall_ms(),
		.password = BYTES("")},
	    .most = call->env->settings->links_per_account,
	};
	e = read_wish(call, &s->add.token);
	if (e != ERR_OK)
		op_fail(call, e);
	else if (password.n > 0)
		new_password_hash(&s->password, call, password, hashed);
	else
		add(s);
}

static void
revoke_link(struct state *s)
{
	struct op_call *call = s->call;
	struct token token;
	uint64_t id;
	enum err e = token_id_read(call, bytes_skip(call->rest, 1), &id);

	if (e == ERR_OK)
		e = tokens_get(call->env->reader, call->arena, s->account.id, id, &token,
		    &call->why);
	if (e == ERR_NOT_FOUND || (e == ERR_OK && token.kind != TOKEN_LINK))
		e = errinfo_set(&call->why, ERR_NOT_FOUND, "no such link");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	token_revoke(call, s->account.id, id);
}

static void
run_links(struct op_call *call)
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
		revoke_link(s);
	else if (call->is_post)
		make(s);
	else
		list(s);
}

const struct op op_links = {
    .name = "links", .groups = true, .audit = "share", .run = run_links};
