/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /admin/verify, path=: reads every copy of a file whole, MD5 included, and says of
 * each location what is there. Takes as long as the disks need.
 */
#include "replication/verify.h"
#include "service/core/check.h"
#include "service/core/encode.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/target.h"

struct state {
	struct op_call *call;
	struct op_target target;
	struct verify verify;
};

static const char *
result_name(enum err err)
{
	if (err == ERR_OK)
		return "good";
	if (err == ERR_DAMAGED)
		return "bad";
	return err == ERR_NOT_FOUND ? "missing" : "unknown";
}

static void
reply(struct state *s)
{
	const struct blob *blob = &s->verify.blob;
	struct mirror *m = s->call->env->mirror;
	json_t *copies = json_array();
	char md5[2 * MD5_SIZE + 1];

	for (unsigned i = 0; i < m->n && blob->id != 0; i++) {
		const struct errinfo *why = &s->verify.copy[i];

		(void)json_array_append_new(copies,
		    json_pack("{s:i,s:o,s:s,s:b,s:s}", "number", (int)i + 1, "path",
			op_json_text(bytes_of(m->location[i]->name)), "result",
			result_name(why->code), "counted", (int)(blob->have >> i & 1),
			"reason", why->code == ERR_OK ? "" : errinfo_text(why)));
	}
	hex_encode(blob->md5, MD5_SIZE, md5);
	op_reply_json(s->call, 200,
	    json_pack("{s:I,s:I,s:s,s:o}", "blob", (json_int_t)blob->id, "length",
		(json_int_t)blob->length, "md5", md5, "copies", copies));
}

static void
verified(struct verify *v)
{
	reply(container_of(v, struct state, verify));
}

static enum err
find_file(struct op_call *call, struct state *s)
{
	struct bytes text;
	struct path path;
	enum err e = admin_param(call, "path", &text);

	if (e == ERR_OK)
		e = op_parse_path(call, text, &path);
	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_FOLLOW, &s->target);
	if (e == ERR_OK && !node_type_has_bytes(op_leaf(&s->target)->type))
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "%.*s is not a file",
		    BYTES_ARG(text));
	return e;
}

static void
run(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = s == NULL ? ERR_NO_MEMORY : find_file(call, s);
	uint64_t id = e == ERR_OK ? op_leaf(&s->target)->blob_id : 0;

	if (e == ERR_OK && id != 0)
		e = blob_get(call->env->reader, id, &s->verify.blob, &call->why);
	if (e == ERR_OK && id != 0 &&
	    s->verify.blob.pack != 0) /* that is what lies there */
		e = blob_get(
		    call->env->reader, s->verify.blob.pack, &s->verify.blob, &call->why);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	if (id == 0) { /* an empty file lies nowhere */
		reply(s);
		return;
	}
	if (s->verify.blob.small) {
		for (unsigned i = 0; i < call->env->mirror->n; i++)
			(void)errinfo_set(&s->verify.copy[i], ERR_BUSY,
			    "it is not moved there yet: the journals have it");
		reply(s);
		return;
	}
	s->verify.loop = call->env->loop;
	s->verify.done = verified;
	verify_copies(call->env->mirror, &s->verify);
}

const struct op op_admin_verify = {.name = "admin-verify", .run = run};
