/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT files/PATH and files/preauth:TOKEN/PATH: the bytes of a new or an existing file.
 *
 *   check   target, right, quota ─► begin at the locations ─► op_pass
 *   run     pull the body to all of them (S2-S5) ─► whose file? ─► metadata (S6) ─► 201
 * (S7)
 *
 * So whoever may not, or cannot, upload hears it before the first byte. The name is
 * looked at again with the metadata: when it means another node by then, the right to
 * that one is checked and the change tried again. A PUT that is part of a transaction
 * goes another way (file_txn.h), and so does an archive for a container (unpack.h).
 */
#include "service/core/check.h"
#include "service/core/kill_point.h"
#include "service/op/digest_header.h"
#include "service/op/file.h"
#include "service/op/file_publish.h"
#include "service/op/file_txn.h"
#include "service/op/ops.h"
#include "service/op/unpack.h"

enum { URL_MAX = 64 * 1024 };

struct state {
	struct op_call *call;
	struct mirror_put *put;
	struct file_publish publish;
	struct quota_hold hold;
};

static enum err
check_type(struct op_call *call)
{
	struct bytes type = op_header(call, "content-type");
	size_t slash = bytes_find(type, '/');

	if (type.p == NULL || (slash > 0 && slash + 1 < type.n))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "Content-Type: '%.*s' is not type/subtype", BYTES_ARG(type));
}

static enum err
check_request(struct op_call *call)
{
	if (call->preauthorised && !call->grant.write)
		return errinfo_set(&call->why, ERR_DENIED, "the URL is for reading");
	if (op_header(call, "content-range").p !=
	    NULL) /* RFC 9110 14.5: never store a part */
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "Content-Range: only whole files can be uploaded");
	return check_type(call);
}

static void
opened(void *arg, enum err err)
{
	struct state *s = arg;

	if (err == ERR_OK) {
		op_pass(s->call);
		return;
	}
	s->call->why = *mirror_put_why(s->put);
	op_fail(s->call, err);
}

static enum err
find_target(struct state *s)
{
	enum err e = file_target(s->call, true, &s->publish.target);

	return e == ERR_OK ? file_may_write(s->call, &s->publish.target) : e;
}

static enum err
begin(struct state *s)
{
	struct op_call *call = s->call;
	struct mirror_put_spec spec = {
	    .length = call->body_length,
	    .limit = call->env->settings->upload_max,
	    .path = path_show(call->arena, s->publish.target.path),
	    .node_id = s->publish.target.exists ? op_leaf(&s->publish.target)->id : 0,
	};
	struct digest_claims claims;
	enum err e = digest_header_parse(call, &claims);

	spec.md5_given = claims.md5_given;
	spec.sha256_given = claims.sha256_given;
	(void)memcpy(spec.md5, claims.md5, MD5_SIZE);
	(void)memcpy(spec.sha256, claims.sha256, SHA256_SIZE);
	if (e == ERR_OK && call->body_length != MIRROR_LENGTH_UNKNOWN)
		e = file_reserve(call, &s->publish.target, call->body_length, &s->hold);
	return e == ERR_OK ? mirror_put_new(call->env->mirror, call->env->loop, &spec,
				 &s->put, &call->why)
			   : e;
}

static void
check(struct op_call *call)
{
	struct state *s;
	enum err e = check_request(call);

	if (e == ERR_OK && unpack_is_asked(call)) {
		call->op = &op_unpack;
		call->op->check(call);
		return;
	}
	if (e == ERR_OK && file_txn_asked(call)) {
		file_txn_put_check(call);
		return;
	}
	s = arena_new(call->arena, struct state);
	call->state = s;
	if (s == NULL)
		e = ERR_NO_MEMORY;
	if (e == ERR_OK) {
		s->call = call;
		e = find_target(s);
	}
	if (e == ERR_OK)
		e = begin(s);
	if (e != ERR_OK)
		op_fail(call, e);
	else
		mirror_put_open(s->put, opened, s);
}

/* A name the client did not choose has to be told. */
static void
reply_location(struct state *s)
{
	struct op_call *call = s->call;
	struct path asked = call->preauth_path;
	struct str url;

	if (!call->preauthorised && op_parse_path(call, call->rest, &asked) != ERR_OK)
		return;
	if (!bytes_is(path_name(asked), NAME_AUTO))
		return;
	str_init(&url, URL_MAX);
	str_add(&url, call->base_url);
	str_adds(&url, "/files");
	path_encode(&url, s->publish.target.path);
	if (!str_failed(&url))
		op_reply_field(call, "Location", str_bytes(&url));
	str_release(&url);
}

static void
reply(struct state *s)
{
	struct op_call *call = s->call;
	const struct blob *blob = mirror_put_blob(s->put);

	file_reply_digest(call, blob->md5);
	reply_location(s);
	call->copies = mirror_copies(call->env->mirror, blob);
	mirror_put_commit(s->put);
	s->put = NULL;
	file_moved(call);
	op_reply_status(call, 201);
	op_finish(call);
}

static void
published(struct file_publish *p, enum err err)
{
	struct state *s = container_of(p, struct state, publish);

	if (err == ERR_OK) {
		kill_point("s7");
		reply(s);
		return;
	}
	if (p->file.change.outcome_open) {
		mirror_put_leave(s->put);
		s->put = NULL;
	}
	op_fail(s->call, err);
}

static enum err
look_again(struct file_publish *p)
{
	return find_target(container_of(p, struct state, publish));
}

static void
publish(struct state *s)
{
	struct op_call *call = s->call;

	s->publish.call = call;
	s->publish.look_again = look_again;
	s->publish.done = published;
	s->publish.file = (struct nodes_put_file){
	    .blob = *mirror_put_blob(s->put),
	    .set_type = op_header(call, "content-type").p != NULL,
	    .content_type = op_header(call, "content-type"),
	    .set_encoding = true, /* that of the old bytes is not that of the new ones */
	    .content_encoding = op_header(call, "content-encoding"),
	};
	quota_hold_end(call->env->space->quota_holds, &s->hold);
	file_publish(&s->publish);
}

static void
filled(void *arg, enum err err)
{
	struct state *s = arg;

	if (err == ERR_OK) {
		publish(s);
		return;
	}
	s->call->why = *mirror_put_why(s->put);
	op_fail(s->call, err);
}

static void
run(struct op_call *call)
{
	struct state *s = call->state;

	if (file_txn_asked(call))
		file_txn_put_run(call);
	else
		mirror_put_fill(s->put, op_open_body(call), filled, s);
}

static void
release(struct op_call *call)
{
	struct state *s = call->state;

	if (file_txn_asked(call)) {
		file_txn_put_release(call);
		return;
	}
	if (s == NULL)
		return;
	quota_hold_end(call->env->space->quota_holds, &s->hold);
	if (s->put != NULL)
		mirror_put_abandon(s->put);
}

const struct op op_file_put = {.name = "file-put",
    .groups = true,
    .guests = GUESTS_AUDITED,
    .check = check,
    .run = run,
    .release = release};
