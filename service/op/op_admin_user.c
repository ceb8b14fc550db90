/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/users: GET lists or shows accounts; POST creates one (name, dn...) or, with a
 * name in the path, changes it: dn-add, dn-remove, state, password.
 */
#include "auth/dn.h"
#include "service/core/check.h"
#include "service/op/op_admin_private.h"
#include "service/op/ops.h"

enum { LIST_PAGE = 1000, PASSWORD_MIN = 8, PASSWORD_MAX = 1024 };

static const char *
state_name(enum account_state state)
{
	return state == ACCOUNT_ACTIVE ? "active" : "disabled";
}

static json_t *
account_object(const struct account *a)
{
	json_t *dns = json_array();

	for (size_t i = 0; i < a->n_dns; i++)
		(void)json_array_append_new(dns, admin_text(a->dns[i]));
	return json_pack("{s:o,s:I,s:s,s:b,s:o}", "name", admin_text(a->name), "id",
	    (json_int_t)a->id, "state", state_name(a->state), "password",
	    a->password.n > 0, "dns", dns);
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
			admin_reply(call, 200, account_object(&a));
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
		admin_reply(call, 200, list);
		return;
	}
	json_decref(list);
	op_fail(call, e);
}

const struct op op_admin_user_get = {.name = "admin-user-get", .run = run_list};

/* A change of one account, step by step through the words that ask for one. */
struct state {
	struct op_call *call;
	uint64_t account;
	struct bytes name;
	size_t next; /* parameter to look at */
	struct accounts_create create;
	struct accounts_dn dn;
	struct accounts_update update;
	struct worker_job hashing;
	struct bytes password;
	char hash[PASSWORD_TEXT_SIZE];
	bool hashed;
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
update(struct state *s, enum account_state state, struct bytes password)
{
	s->update = (struct accounts_update){
	    .change = {.loop = s->call->env->loop, .done = account_updated},
	    .id = s->account,
	    .state = state,
	    .password = password,
	};
	accounts_update(s->call->env->store, &s->update);
}

static void
hash_password(struct worker_job *job)
{
	struct state *s = container_of(job, struct state, hashing);

	s->hashed = password_hash(s->password.p, s->password.n, s->hash);
}

static void
password_hashed(struct loop_job *job)
{
	struct worker_job *w = container_of(job, struct worker_job, done);
	struct state *s = container_of(w, struct state, hashing);

	if (s->hashed)
		update(s, ACCOUNT_AS_IS, bytes_of(s->hash));
	else
		op_fail(s->call, ERR_NO_MEMORY);
}

static void
set_password(struct state *s, struct bytes password)
{
	if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX) {
		op_fail(s->call,
		    errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
			"a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX));
		return;
	}
	s->password = password;
	s->hashing = (struct worker_job){.work = hash_password,
	    .loop = s->call->env->loop,
	    .done = {.run = password_hashed}};
	worker_submit(s->call->env->workers, &s->hashing);
}

static void
set_state(struct state *s, struct bytes value)
{
	if (bytes_is(value, "active"))
		update(s, ACCOUNT_ACTIVE, (struct bytes){NULL, 0});
	else if (bytes_is(value, "disabled"))
		update(s, ACCOUNT_DISABLED, (struct bytes){NULL, 0});
	else
		op_fail(s->call, errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
				     "state: '%.*s' is neither active nor disabled",
				     BYTES_ARG(value)));
}

static void
finish(struct state *s)
{
	struct op_call *call = s->call;
	struct account a;
	enum err e =
	    accounts_get(call->env->reader, call->arena, s->account, &a, &call->why);

	if (e == ERR_OK)
		admin_reply(call, 200, account_object(&a));
	else
		op_fail(call, e);
}

static void
next_step(struct state *s)
{
	struct op_call *call = s->call;

	while (s->next < call->n_params) {
		const struct op_param *p = &call->params[s->next++];

		if (bytes_is(p->name, "dn") || bytes_is(p->name, "dn-add")) {
			change_dn(s, p->value, false);
			return;
		}
		if (bytes_is(p->name, "dn-remove")) {
			change_dn(s, p->value, true);
			return;
		}
		if (bytes_is(p->name, "password")) {
			set_password(s, p->value);
			return;
		}
		if (bytes_is(p->name, "state")) {
			set_state(s, p->value);
			return;
		}
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

const struct op op_admin_user_change = {.name = "admin-user-change", .run = run_change};
