/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and HEAD of files/PATH and files/preauth:TOKEN/PATH.
 *
 * A GET without token is answered 303 to a pre-authorised URL, query and all: that is
 * what the clients expect of a service like this (client-contract 6.1). With a token the
 * bytes come: whole, a range, or a FITS cutout when the query asks for one. HEAD says
 * what a GET would, right away.
 */
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/op/cutout_reply.h"
#include "service/op/file.h"
#include "service/op/file_txn.h"
#include "service/op/ops.h"
#include "service/op/parts.h"
#include "service/op/range.h"

enum { ETAG_SIZE = 2 * MD5_SIZE + 3, RESOLVE_TRIES = 3 };

static enum err
check_is_file(struct op_call *call, const struct op_target *target)
{
	const struct node *node = op_leaf(target);

	if (node_type_has_bytes(node->type))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    node->type == NODE_CONTAINER ? "GET for directories not supported"
					 : "Resolved target is not a data node");
}

static enum err
check_grant_kind(struct op_call *call)
{
	if (!call->preauthorised || !call->grant.write || call->is_head)
		return ERR_OK;
	return errinfo_set(&call->why, ERR_DENIED, "the URL is for writing");
}

/* Where the bytes are, with the request's own query appended. */
static void
redirect(struct op_call *call, const struct op_target *target)
{
	struct bytes url;
	enum err e = file_preauth_url(call, target, false, 0, &url);

	if (e == ERR_OK && call->query.p != NULL) {
		url = arena_format(
		    call->arena, "%.*s?%.*s", BYTES_ARG(url), BYTES_ARG(call->query));
		if (url.p == NULL)
			e = ERR_NO_MEMORY;
	}
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	op_see_other(call, url);
}

static void
etag_of(const struct node *node, char out[ETAG_SIZE])
{
	out[0] = '"';
	hex_encode(node->md5, MD5_SIZE, out + 1);
	out[ETAG_SIZE - 2] = '"';
	out[ETAG_SIZE - 1] = '\0';
}

static void
reply_head(struct op_call *call, const struct node *node, struct bytes type)
{
	file_reply_fields(call, node, type);
	if (node->content_ms != 0) {
		file_reply_digest(call, node->md5);
		if (op_header(call, "want-repr-digest").p != NULL)
			file_reply_repr_digest(call, node->md5);
	}
	op_reply_field(call, "Accept-Ranges", BYTES("bytes"));
}

/* Does the client have these bytes already? Then this is the whole answer. */
static bool
not_modified(struct op_call *call, const struct node *node, const struct validators *v)
{
	if (!range_not_modified(op_header(call, "if-none-match"),
		op_header(call, "if-modified-since"), v))
		return false;
	reply_head(call, node, file_type(node));
	op_reply_status(call, 304);
	call->reply.no_body = true;
	op_finish(call);
	return true;
}

/* What the request wants of the file; without parts: all of it. */
struct wanted {
	struct range_part *part;
	size_t n;
};

static void
reply_content_range(struct op_call *call, const struct range_part *part, uint64_t length)
{
	op_reply_field(call, "Content-Range",
	    arena_format(call->arena, "bytes %llu-%llu/%llu",
		(unsigned long long)part->first,
		(unsigned long long)(part->first + part->n - 1),
		(unsigned long long)length));
}

static bool
reaches_end(const struct wanted *w, uint64_t length)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->part[i].first + w->part[i].n == length)
			return true;
	return false;
}

/* 416 is finished here (false). */
static bool
choose_parts(struct op_call *call, const struct node *node, const struct validators *v,
    struct wanted *w)
{
	struct bytes range = op_header(call, "range"), text;
	size_t max = (size_t)call->env->settings->ranges_max;

	*w = (struct wanted){NULL, 0};
	op_reply_status(call, 200);
	if (range.p == NULL || !range_may_apply(op_header(call, "if-range"), v))
		return true;
	w->part = arena_array(call->arena, struct range_part, max);
	if (w->part == NULL)
		return true; /* all of it, then */
	switch (range_parse(range, node->length, w->part, max, &w->n)) {
	case RANGE_WHOLE:
		w->n = 0;
		return true;
	case RANGE_PART:
		op_reply_status(call, 206);
		if (w->n == 1)
			reply_content_range(call, &w->part[0], node->length);
		return true;
	case RANGE_BEYOND:
		break;
	}
	text =
	    arena_format(call->arena, "bytes */%llu", (unsigned long long)node->length);
	str_clear(&call->reply.fields);
	op_reply_field(call, "Content-Range", text);
	op_fail(call, errinfo_set(&call->why, ERR_RANGE, "the file has %llu bytes",
			  (unsigned long long)node->length));
	return false;
}

/* The body: whole, a part, or several. Sets the length. */
static enum err
open_body(struct op_call *call, const struct node *node, const struct blob *blob,
    const struct wanted *w, struct bytes *type)
{
	struct range_part part = {0, node->length};
	struct parts_spec several = {
	    .blob = blob, .content_type = *type, .part = w->part, .n = w->n};

	if (w->n > 1)
		return parts_source(
		    call, &several, &call->reply.source, &call->reply.length, type);
	if (w->n == 1)
		part = w->part[0];
	call->reply.length = part.n;
	if (part.n == 0)
		return ERR_OK;
	return mirror_source(call->env->mirror, call->env->loop, blob, part.first, part.n,
	    &call->reply.source, &call->why);
}

static void
send_file(struct op_call *call, const struct node *node, const struct blob *blob)
{
	char etag[ETAG_SIZE];
	struct validators v = {.modified_ms = node->content_ms};
	struct bytes type = file_type(node);
	struct wanted wanted;
	enum err e;

	etag_of(node, etag);
	v.etag = bytes_of(etag);
	op_reply_field(call, "ETag", v.etag);
	if (not_modified(call, node, &v))
		return;
	if (call->is_head) {
		reply_head(call, node, type);
		op_reply_status(call, 200);
		call->reply.length = node->length;
		op_finish(call);
		return;
	}
	if (!choose_parts(call, node, &v, &wanted))
		return;
	call->copies = mirror_copies(call->env->mirror, blob);
	e = open_body(call, node, blob, &wanted, &type);
	reply_head(call, node, type);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	/* A part is the last of several only the client knows when. */
	if (wanted.n == 0 || reaches_end(&wanted, node->length))
		file_moved(call);
	op_finish(call);
}

/*
 * The node and its blob, of one version: when the file is replaced between the two looks,
 * look again.
 */
static enum err
find_file(struct op_call *call, struct op_target *target, struct blob *blob)
{
	enum err e = ERR_NOT_FOUND;

	for (int i = 0; i < RESOLVE_TRIES && e == ERR_NOT_FOUND; i++) {
		e = file_target(call, false, target);
		if (e == ERR_OK)
			e = check_grant_kind(call);
		if (e == ERR_OK)
			e = op_authorize(
			    call, call->is_head ? ACL_STAT : ACL_READ, target);
		if (e == ERR_OK)
			e = check_is_file(call, target);
		*blob = (struct blob){0};
		if (e == ERR_OK && op_leaf(target)->blob_id != 0)
			e = blob_get(call->env->reader, op_leaf(target)->blob_id, blob,
			    &call->why);
	}
	return e == ERR_NOT_FOUND
		   ? errinfo_set(&call->why, ERR_BUSY, "the file is being replaced")
		   : e;
}

static void
run(struct op_call *call)
{
	struct op_target target;
	struct blob blob;
	enum err e;

	if (call->is_head && op_header(call, "x-put-txn-id").p != NULL) {
		file_txn_head(call);
		return;
	}
	e = find_file(call, &target, &blob);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	if (call->preauthorised && !call->is_head &&
	    call->caller->token_kind != TOKEN_GUEST &&
	    !caller_owns(call->caller, op_leaf(&target)->owner))
		call->audit = "read";
	if (!call->preauthorised && !call->is_head)
		redirect(call, &target);
	else if (cutout_asked(call))
		cutout_reply(call, op_leaf(&target), &blob);
	else
		send_file(call, op_leaf(&target), &blob);
}

const struct op op_file_get = {.name = "file-get",
    .groups = true,
    .guests = GUESTS_AUDITED,
    .run = run,
    .release = cutout_release};
