/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/users, at the public door /manage/users: GET lists or shows accounts; POST creates
 * one (name, dn...) or, with a name in the path, changes it: dn-add, dn-remove, state,
 * password, display, email, revoke (yes), home (yes: make one), token (its label; days).
 */
#include "auth/dn.h"
#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/op/home.h"
#include "service/op/new_password.h"
#include "service/op/op_account_private.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/token_words.h"

enum { LIST_PAGE = 1000, DAY_MS = 86400000 };

static const char *
state_name(enum account_state state)
{
	static const char *const names[] = {
	    [ACCOUNT_AS_IS] = "?",
	    [ACCOUNT_ACTIVE] = "active",
	    [ACCOUNT_DISABLED] = "disabled",
	    [ACCOUNT_PENDING] = "pending",
	};

	return state <= ACCOUNT_PENDING ? names[state] : "?";
}

static json_t *
account_object(const struct account *a)
{
	json_t *dns = json_array();

	for (size_t i = 0; i < a->n_dns; i++)
		(void)json_array_append_new(dns, op_json_text(a->dns[i]));
	return json_pack("{s:o,s:I,s:s,s:b,s:o,s:o,s:o}", "name", op_json_text(a->name),
	    "id", (json_int_t)a->id, "state", state_name(a->state), "password",
	    a->password.n > 0, "display", op_json_text(a->display), "email",
	    op_json_text(a->email), "dns", dns);
}

static void
run_list(struct op_call *call)
{
	json_t *list = json_array();
	struct account *accounts;
	struct bytes name, after = {NULL, 0};
	size_t n;
	enum err e = admin_name(call, &name);

	if (e == ERR_OK && name.n > 0) {
		struct account a;

		json_decref(list);
		e = accounts_find(call->env->reader, call->arena, name, &a, &call->why);
		if (e == ERR_OK)
			op_reply_json(call, 200, account_object(&a));
		else
			op_fail(call, e == ERR_NOT_FOUND
					  ? errinfo_set(&call->why, e,
						"no account '%.*s'", BYTES_ARG(name))
					  : e);
		return;
	}
	do {
		n = 0;
		if (e == ERR_OK)
			e = accounts_list(call->env->reader, call->arena, after,
			    LIST_PAGE, &accounts, &n, &call->why);
		for (size_t i = 0; e == ERR_OK && i < n; i++)
			(void)json_array_append_new(list, account_object(&accounts[i]));
		if (n > 0)
			after = accounts[n - 1].name;
	} while (e == ERR_OK && n == LIST_PAGE);
	if (e == ERR_OK) {
		op_reply_json(call, 200, list);
		return;
	}
	json_decref(list);
	op_fail(call, e);
}

const struct op op_admin_user_get = {
    .name = "admin-user-get", .check = admin_check, .run = run_list};

/* A change of one account, step by step through the words that ask for one. */
struct state {
	struct op_call *call;
	uint64_t account;
	struct bytes name;
	size_t next; /* parameter to look at */
	struct accounts_create create;
	struct accounts_dn dn;
	struct accounts_update update;
	struct new_password password;
	struct home home;
	struct tokens_add token;
	char text[TOKEN_TEXT_SIZE]; /* of the token that was asked for */
	bool was_pending, approved;
};

static void next_step(struct state *s);

static void
fail(struct state *s, const struct change *change)
{
	s->call->why = change->why;
	op_fail(s->call, change->err);
}

static void
dn_changed(struct change *change)
{
	struct accounts_dn *dn = container_of(change, struct accounts_dn, change);
	struct state *s = container_of(dn, struct state, dn);

	if (change->err != ERR_OK)
		fail(s, change);
	else
		next_step(s);
}

static void
change_dn(struct state *s, struct bytes text, bool remove)
{
	struct op_call *call = s->call;
	struct dn dn;
	enum err e = dn_parse(call->arena, text, &dn, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->dn = (struct accounts_dn){
	    .change = {.loop = call->env->loop, .done = dn_changed},
	    .account = s->account,
	    .key = dn_key(call->arena, &dn),
	    .text = dn_canonical(call->arena, &dn),
	    .remove = remove,
	};
	if (s->dn.key.p == NULL || s->dn.text.p == NULL)
		op_fail(call, ERR_NO_MEMORY);
	else
		accounts_dn(call->env->store, &s->dn);
}

static void
account_updated(struct change *change)
{
	struct accounts_update *u = container_of(change, struct accounts_update, change);
	struct state *s = container_of(u, struct state, update);

	if (change->err != ERR_OK)
		fail(s, change);
	else
		next_step(s);
}

static void
update(struct state *s, struct accounts_update what)
{
	s->update = what;
	s->update.change =
	    (struct change){.loop = s->call->env->loop, .done = account_updated};
	s->update.id = s->account;
	accounts_update(s->call->env->store, &s->update);
}

static void
password_hashed(struct new_password *p, enum err err)
{
	struct state *s = container_of(p, struct state, password);

	if (err == ERR_OK)
		update(s, (struct accounts_update){.password = bytes_of(p->hash)});
	else
		op_fail(s->call, err);
}

static void
set_state(struct state *s, struct bytes value)
{
	s->approved = s->was_pending && bytes_is(value, "active");
	if (bytes_is(value, "active"))
		update(s, (struct accounts_update){.state = ACCOUNT_ACTIVE});
	else if (bytes_is(value, "disabled"))
		update(s, (struct accounts_update){.state = ACCOUNT_DISABLED});
	else
		op_fail(s->call, errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
				     "state: '%.*s' is neither active nor disabled",
				     BYTES_ARG(value)));
}

static void
home_made(struct home *h, enum err err)
{
	struct state *s = container_of(h, struct state, home);

	if (err == ERR_OK)
		next_step(s);
	else
		op_fail(s->call, err);
}

static void
token_added(struct change *change)
{
	struct tokens_add *add = container_of(change, struct tokens_add, change);
	struct state *s = container_of(add, struct state, token);

	if (change->err != ERR_OK)
		fail(s, change);
	else
		next_step(s);
}

static void
make_token(struct state *s, struct bytes label)
{
	int64_t now = clock_wall_ms();
	const struct settings *settings = s->call->env->settings;
	uint64_t days;
	enum err e = token_read_days(
	    s->call, settings->token_days, settings->token_days_max, &days);

	if (e != ERR_OK) {
		op_fail(s->call, e);
		return;
	}
	s->token = (struct tokens_add){
	    .change = {.loop = s->call->env->loop, .done = token_added},
	    .token = {.account = s->account,
		.kind = TOKEN_PERSONAL,
		.created_ms = now,
		.expires_ms = now + (int64_t)days * DAY_MS,
		.label = label},
	    .most = settings->tokens_per_account,
	};
	e = token_make(&s->token.token, s->text, &s->call->why);
	if (e == ERR_OK)
		tokens_add(s->call->env->store, &s->token);
	else
		op_fail(s->call, e);
}

static void
finish(struct state *s)
{
	struct op_call *call = s->call;
	json_t *object;
	struct account a;
	enum err e =
	    accounts_get(call->env->reader, call->arena, s->account, &a, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	object = account_object(&a);
	if (object != NULL && s->text[0] != '\0')
		(void)json_object_set_new(object, "token", json_string(s->text));
	op_reply_json(call, 200, object);
}

/* What is changed by one parameter; false: it asks for nothing. */
static bool
take_step(struct state *s, const struct op_param *p)
{
	if (bytes_is(p->name, "dn") || bytes_is(p->name, "dn-add"))
		change_dn(s, p->value, false);
	else if (bytes_is(p->name, "dn-remove"))
		change_dn(s, p->value, true);
	else if (bytes_is(p->name, "password"))
		new_password_hash(&s->password, s->call, p->value, password_hashed);
	else if (bytes_is(p->name, "state"))
		set_state(s, p->value);
	else if (bytes_is(p->name, "display"))
		update(s, (struct accounts_update){.display = p->value});
	else if (bytes_is(p->name, "email"))
		update(s, (struct accounts_update){.email = p->value});
	else if (bytes_is(p->name, "revoke") && bytes_is(p->value, "yes"))
		update(s,
		    (struct accounts_update){.revoke_ms = clock_wall_ms() / 1000 * 1000});
	else if (bytes_is(p->name, "home") && bytes_is(p->value, "yes"))
		home_make(&s->home, s->call, s->name, s->account, home_made);
	else if (bytes_is(p->name, "token"))
		make_token(s, p->value);
	else
		return false;
	return true;
}

static void
next_step(struct state *s)
{
	struct op_call *call = s->call;

	while (s->next < call->n_params)
		if (take_step(s, &call->params[s->next++]))
			return;
	/* An account that was asked for gets its home with the yes. */
	if (s->approved) {
		s->approved = false;
		home_make(&s->home, call, s->name, s->account, home_made);
		return;
	}
	finish(s);
}

static void
account_created(struct change *change)
{
	struct accounts_create *c = container_of(change, struct accounts_create, change);
	struct state *s = container_of(c, struct state, create);
	struct bytes authority = s->call->env->space->names.authority, dn;

	if (change->err != ERR_OK) {
		fail(s, change);
		return;
	}
	s->account = c->id_out;
	if (op_param(s->call, "dn").p != NULL) {
		next_step(s);
		return;
	}
	/* Every account has a DN: clients know people by one (architecture D43). */
	authority.n = bytes_find(authority, '~');
	dn = arena_format(s->call->arena, "CN=%.*s,OU=users,O=%.*s", BYTES_ARG(s->name),
	    BYTES_ARG(authority));
	if (dn.p == NULL)
		op_fail(s->call, ERR_NO_MEMORY);
	else
		change_dn(s, dn, false);
}

static void
run_change(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct account a;
	enum err e = s == NULL ? ERR_NO_MEMORY : admin_name(call, &s->name);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	if (s->name.n > 0) {
		e = accounts_find(
		    call->env->reader, call->arena, s->name, &a, &call->why);
		if (e == ERR_NOT_FOUND)
			e = errinfo_set(
			    &call->why, e, "no account '%.*s'", BYTES_ARG(s->name));
		if (e != ERR_OK) {
			op_fail(call, e);
			return;
		}
		s->account = a.id;
		s->was_pending = a.state == ACCOUNT_PENDING;
		next_step(s);
		return;
	}
	e = admin_param(call, "name", &s->name);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->create = (struct accounts_create){
	    .change = {.loop = call->env->loop, .done = account_created},
	    .name = s->name};
	accounts_create(call->env->store, &s->create);
}

const struct op op_admin_user_change = {.name = "admin-user-change",
    .audit = "account",
    .check = admin_check,
    .run = run_change};
