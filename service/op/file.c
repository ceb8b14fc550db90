/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/file.h"

#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/core/isotime.h"
#include "service/job/engine.h"

enum { NAME_MAX_ENCODED = 4 * NODE_NAME_MAX, URL_MAX = 64 * 1024 };

enum err
file_preauth_url(struct op_call *call, const struct op_target *target, bool write,
    uint64_t job, struct bytes *url_out)
{
	const struct space *space = call->env->space;
	struct preauth_grant grant = {
	    .write = write,
	    .node_id = target->exists ? op_leaf(target)->id : 0,
	    .parent_id = target->exists ? 0 : op_leaf(target)->id,
	    .identity = call->caller->principal,
	    .token = call->caller->token_id,
	    .job = job,
	    .expires_ms =
		clock_wall_ms() + (int64_t)call->env->settings->preauth_lifetime,
	};
	char token[PREAUTH_TEXT_SIZE];
	struct str url;
	enum err e = preauth_make(&space->preauth_keys[0], &grant,
	    path_show(call->arena, target->path), token, &call->why);

	if (e != ERR_OK)
		return e;
	str_init(&url, URL_MAX);
	str_add(&url, call->base_url);
	str_adds(&url, "/files/preauth:");
	str_adds(&url, token);
	path_encode(&url, target->path);
	*url_out = str_failed(&url) ? (struct bytes){NULL, 0}
				    : arena_copy(call->arena, str_bytes(&url));
	str_release(&url);
	return url_out->p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a URL")
		   : ERR_OK;
}

struct bytes
file_awaited(struct op_call *call, struct path path, bool push)
{
	return arena_format(call->arena, "%s %.*s", push ? "push" : "pull",
	    BYTES_ARG(path_show(call->arena, path)));
}

void
file_moved(struct op_call *call)
{
	struct path path = call->preauth_path;
	struct bytes awaited;

	if (call->preauthorised && call->grant.job != 0) {
		jobs_moved(call->env->jobs, call->grant.job);
		return;
	}
	if (!call->preauthorised && op_parse_path(call, call->rest, &path) != ERR_OK)
		return;
	awaited = file_awaited(call, path, !call->is_get);
	if (awaited.p != NULL)
		jobs_moved_by(call->env->jobs, call->caller, awaited);
}

/* A token is for one node; a name that means another one by now is refused. */
static enum err
check_grant(struct op_call *call, const struct op_target *t)
{
	const struct preauth_grant *g = &call->grant;
	bool same = g->node_id != 0 ? t->exists && op_leaf(t)->id == g->node_id
				    : t->trail.n > t->path.n - 1 && t->path.n > 0 &&
					  t->trail.node[t->path.n - 1].id == g->parent_id;

	return same ? ERR_OK
		    : errinfo_set(&call->why, ERR_DENIED,
			  "the URL was made for another node than is there now");
}

enum err
file_target(struct op_call *call, bool may_be_new, struct op_target *out)
{
	struct path path = call->preauth_path;
	enum err e = ERR_OK;

	if (!call->preauthorised)
		e = op_parse_path(call, call->rest, &path);
	if (e == ERR_OK && may_be_new)
		e = op_settle_name(call, &path);
	if (e != ERR_OK)
		return e;
	e = op_resolve(
	    call, path, call->preauthorised ? OP_LEAF_AS_IS : OP_LEAF_FOLLOW, out);
	if (e == ERR_NODE_NOT_FOUND && may_be_new)
		e = op_fail_uri(call, ERR_CONTAINER_NOT_FOUND, path);
	if (e == ERR_OK && call->preauthorised && (out->exists || may_be_new))
		e = check_grant(call, out);
	if (e == ERR_OK && !out->exists && !may_be_new) {
		struct op_target last = *out;

		last.path = path_front(out->path, out->trail.n - 1);
		e = op_authorize(call, ACL_LIST, &last);
		if (e == ERR_OK)
			e = op_fail_uri(call, ERR_NODE_NOT_FOUND, out->path);
	}
	return e;
}

enum err
file_may_write(struct op_call *call, const struct op_target *target)
{
	enum err e;

	if (target->exists) {
		if (!node_type_has_bytes(op_leaf(target)->type))
			return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			    "transfer destination is not a data node");
		return op_authorize(call, ACL_WRITE, target);
	}
	e = op_check_new_name(call, target->path);
	if (e == ERR_OK)
		e = op_authorize_new(call, target);
	/* Only createNode says 403 here (architecture D35). */
	return e == ERR_PARENT_LOCKED ? op_fail_uri(call, ERR_NODE_LOCKED, target->path)
				      : e;
}

enum err
file_reserve(struct op_call *call, const struct op_target *target, uint64_t length,
    struct quota_hold *hold)
{
	uint64_t old = target->exists ? op_leaf(target)->length : 0;

	*hold = (struct quota_hold){.n = 0};
	if (length <= old)
		return ERR_OK;
	return quota_hold_begin(call->env->space->quota_holds, &target->trail,
	    length - old, length, call->arena, hold, &call->why);
}

enum err
file_check_quota(struct op_call *call, const struct op_target *target, uint64_t length)
{
	struct quota_hold hold;
	enum err e = file_reserve(call, target, length, &hold);

	quota_hold_end(call->env->space->quota_holds, &hold);
	return e;
}

void
file_reply_digest(struct op_call *call, const uint8_t md5[MD5_SIZE])
{
	char text[4 + BASE64_ROOM(MD5_SIZE)] = "md5=";

	base64_encode(md5, MD5_SIZE, text + 4);
	op_reply_field(call, "Digest", bytes_of(text));
}

void
file_reply_repr_digest(struct op_call *call, const uint8_t md5[MD5_SIZE])
{
	char sum[BASE64_ROOM(MD5_SIZE)];

	base64_encode(md5, MD5_SIZE, sum);
	op_reply_field(call, "Repr-Digest", arena_format(call->arena, "md5=:%s:", sum));
}

/* Plain for whoever reads only that, and exact in the extended form if need be. */
void
file_reply_name(struct op_call *call, struct bytes name)
{
	bool plain = true;
	struct str s;

	str_init(&s, NAME_MAX_ENCODED * 2);
	str_adds(&s, "inline; filename=\"");
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c == '"' || c == '\\' || c < 0x20 || c >= 0x7f)
			plain = false;
		if (c == '"' || c == '\\')
			str_addf(&s, "\\%c", c);
		else
			str_addc(&s, c < 0x20 || c >= 0x7f ? '_' : (char)c);
	}
	str_addc(&s, '"');
	if (!plain) {
		str_adds(&s, "; filename*=utf-8''");
		pct_encode(&s, name, "");
	}
	if (!str_failed(&s))
		op_reply_field(call, "Content-Disposition", str_bytes(&s));
	str_release(&s);
}

void
file_reply_sandbox(struct op_call *call)
{
	op_reply_field(
	    call, "Content-Security-Policy", BYTES("sandbox; default-src 'none'"));
	op_reply_field(call, "X-Content-Type-Options", BYTES("nosniff"));
	op_reply_field(call, "Referrer-Policy", BYTES("no-referrer"));
}

struct bytes
file_type(const struct node *node)
{
	return node->content_type.p != NULL ? node->content_type
					    : BYTES("application/octet-stream");
}

void
file_reply_fields(struct op_call *call, const struct node *node, struct bytes type)
{
	char date[ISOTIME_SIZE];

	op_reply_field(call, "Content-Type", type);
	if (node->content_encoding.p != NULL)
		op_reply_field(call, "Content-Encoding", node->content_encoding);
	httptime_format(
	    node->content_ms != 0 ? node->content_ms : node->changed_ms, date);
	op_reply_field(call, "Last-Modified", bytes_of(date));
	file_reply_name(call, node->name);
	file_reply_sandbox(call);
}
