/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /account/register: somebody asks for an account (username, password, display, email). By
 * the setting `registration` nobody may, an administrator approves it, or it is there at
 * once. How many are asked for in an hour, and how many may wait, is bounded.
 */
#include <stdatomic.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/core/log.h"
#include "service/op/home.h"
#include "service/op/new_password.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

enum { HOUR_MS = 3600000 };

struct state {
	struct op_call *call;
	bool approval;
	struct new_password password;
	struct accounts_create create;
	struct home home;
};

/* One more in this hour: upper half the hour, lower half how many. */
static bool
has_room(struct op_call *call)
{
	_Atomic uint64_t *counter = &call->env->space->registrations;
	uint64_t hour = (uint64_t)clock_wall_ms() / HOUR_MS << 32;
	uint64_t seen = *counter, next;

	do {
		next = (seen >> 32 == hour >> 32 ? seen : hour) + 1;
		if ((next & UINT32_MAX) > call->env->settings->registrations_per_hour)
			return false;
	} while (!atomic_compare_exchange_weak(counter, &seen, next));
	return true;
}

static void
answer(struct state *s)
{
	struct op_call *call = s->call;

	log_info("request %.*s: %.*s asks for the account '%.*s'",
	    BYTES_ARG(call->request_id), BYTES_ARG(call->peer),
	    BYTES_ARG(s->create.name));
	op_reply_json(call, 201,
	    json_pack("{s:o,s:s}", "name", op_json_text(s->create.name), "state",
		s->approval ? "pending" : "active"));
}

static void
home_made(struct home *h, enum err err)
{
	struct state *s = container_of(h, struct state, home);

	if (err == ERR_OK)
		answer(s);
	else
		op_fail(s->call, err);
}

static void
created(struct change *change)
{
	struct accounts_create *c = container_of(change, struct accounts_create, change);
	struct state *s = container_of(c, struct state, create);

	if (change->err != ERR_OK) {
		s->call->why = change->why;
		op_fail(s->call, change->err);
	} else if (s->approval) {
		answer(s);
	} else {
		home_make(&s->home, s->call, c->name, c->id_out, home_made);
	}
}

static void
hashed(struct new_password *p, enum err err)
{
	struct state *s = container_of(p, struct state, password);
	struct op_call *call = s->call;

	if (err != ERR_OK) {
		op_fail(call, err);
		return;
	}
	s->create.change = (struct change){.loop = call->env->loop, .done = created};
	s->create.password = bytes_of(p->hash);
	accounts_create(call->env->store, &s->create);
}

static enum err
check_wish(struct op_call *call)
{
	struct errinfo *why = &call->why;

	if (bytes_is(bytes_of(call->env->settings->registration), "off"))
		return errinfo_set(why, ERR_DENIED,
		    "accounts are made by the administrators here (registration = off)");
	if (op_param(call, "username").p == NULL || op_param(call, "password").p == NULL)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "username and password are needed");
	if (!utf8_valid(op_param(call, "display")) ||
	    !utf8_valid(op_param(call, "email")))
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "display or email: not UTF-8");
	if (!has_room(call))
		return errinfo_set(why, ERR_BUSY,
		    "too many accounts were asked for in this hour, try again later");
	return ERR_OK;
}

static void
run_register(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : check_wish(call);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->approval = !bytes_is(bytes_of(call->env->settings->registration), "open");
	s->create = (struct accounts_create){
	    .name = op_param(call, "username"),
	    .display = op_param(call, "display"),
	    .email = op_param(call, "email"),
	    .pending = s->approval,
	    .pending_most = call->env->settings->registrations_pending,
	};
	new_password_hash(&s->password, call, op_param(call, "password"), hashed);
}

const struct op op_register = {
    .name = "register", .audit = "account", .run = run_register};
