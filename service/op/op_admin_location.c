/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /admin/location, location= a number, action= online, readonly, drain, offline or
 * replace (root=: where the new disk is), force= yes: what an operator wants done with a
 * location (replication/roll.h). The answer comes when it is so.
 */
#include "replication/roll.h"
#include "service/core/check.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"

struct state {
	struct op_call *call;
	struct roll_command command;
};

static void
done(struct roll_command *command)
{
	struct state *s = container_of(command, struct state, command);
	struct op_call *call = s->call;
	struct mirror *m = call->env->mirror;
	struct health_facts facts;

	if (command->err != ERR_OK) {
		call->why = command->why;
		op_fail(call, command->err);
		return;
	}
	health_facts(m->health, command->location, &facts);
	op_reply_json(call, 200,
	    json_pack("{s:i,s:o,s:s,s:o}", "number", (int)command->location + 1, "path",
		op_json_text(bytes_of(m->location[command->location]->name)), "state",
		location_state_name(facts.state), "reason",
		op_json_text(bytes_of(facts.reason))));
}

static enum err
parse_verb(struct op_call *call, enum roll_verb *out)
{
	static const char *const names[] = {
	    "online", "readonly", "drain", "offline", "replace"};
	struct bytes action = op_param(call, "action");

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (bytes_is(action, names[i])) {
			*out = (enum roll_verb)i;
			return ERR_OK;
		}
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "action: '%.*s' is not online, readonly, drain, offline or replace",
	    BYTES_ARG(action));
}

/* A path from the root: the server may be anywhere. */
static enum err
parse_root(struct op_call *call, struct roll_command *c)
{
	struct bytes root = op_param(call, "root");

	if (root.p == NULL)
		return ERR_OK;
	if (c->verb != ROLL_REPLACE || root.n == 0 || root.p[0] != '/')
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "root: an absolute path, with replace");
	root = arena_format(call->arena, "%.*s", BYTES_ARG(root));
	c->root = root.p;
	return root.p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err
parse(struct op_call *call, struct roll_command *c)
{
	static const char *const once[] = {"action", "location", "root", "force", NULL};
	struct bytes number;
	location_map map;
	enum err e = op_params_once(call, once);

	if (e == ERR_OK)
		e = admin_param(call, "location", &number);
	if (e == ERR_OK)
		e = admin_locations(call, &map);
	if (e == ERR_OK)
		e = parse_verb(call, &c->verb);
	if (e != ERR_OK)
		return e;
	c->location = (unsigned)__builtin_ctz(map);
	c->force = bytes_is(op_param(call, "force"), "yes");
	return parse_root(call, c);
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : parse(call, &s->command);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->command.loop = call->env->loop;
	s->command.done = done;
	roll_command(call->env->mirror->roll, &s->command);
}

const struct op op_admin_location = {.name = "admin-location", .run = run};
