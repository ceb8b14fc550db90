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
	enum err e = file_preauth_url(call, target, false, &url);

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

/* Does the client have these bytes already? Then this is the whole answer. */
static bool
not_modified(struct op_call *call, const struct validators *v)
{
	if (!range_not_modified(op_header(call, "if-none-match"),
		op_header(call, "if-modified-since"), v))
		return false;
	op_reply_status(call, 304);
	call->reply.no_body = true;
	op_finish(call);
	return true;
}

/* What part of the file the request wants; 416 is finished here (false). */
static bool
choose_part(struct op_call *call, const struct node *node, const struct validators *v,
    uint64_t *first_out, uint64_t *n_out)
{
	struct bytes range = op_header(call, "range"), text;

	*first_out = 0;
	*n_out = node->length;
	op_reply_status(call, 200);
	if (range.p == NULL || !range_may_apply(op_header(call, "if-range"), v))
		return true;
	switch (range_parse(range, node->length, first_out, n_out)) {
	case RANGE_WHOLE:
		*first_out = 0;
		*n_out = node->length;
		return true;
	case RANGE_PART:
		op_reply_status(call, 206);
		text = arena_format(call->arena, "bytes %llu-%llu/%llu",
		    (unsigned long long)*first_out,
		    (unsigned long long)(*first_out + *n_out - 1),
		    (unsigned long long)node->length);
		op_reply_field(call, "Content-Range", text);
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

static void
reply_head(struct op_call *call, const struct node *node)
{
	file_reply_fields(call, node);
	if (node->content_ms != 0)
		file_reply_digest(call, node->md5);
	op_reply_field(call, "Accept-Ranges", BYTES("bytes"));
}

static void
send_file(struct op_call *call, const struct node *node, const struct blob *blob)
{
	char etag[ETAG_SIZE];
	struct validators v = {.modified_ms = node->content_ms};
	uint64_t first, n;
	enum err e = ERR_OK;

	etag_of(node, etag);
	v.etag = bytes_of(etag);
	reply_head(call, node);
	op_reply_field(call, "ETag", v.etag);
	if (not_modified(call, &v))
		return;
	if (call->is_head) {
		op_reply_status(call, 200);
		call->reply.length = node->length;
		op_finish(call);
		return;
	}
	if (!choose_part(call, node, &v, &first, &n))
		return;
	call->reply.length = n;
	call->copies = (unsigned)__builtin_popcount(blob->have);
	if (n > 0)
		e = mirror_source(call->env->mirror, call->env->loop, blob, first, n,
		    &call->reply.source, &call->why);
	if (e != ERR_OK)
		op_fail(call, e);
	else
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
	if (!call->preauthorised && !call->is_head)
		redirect(call, &target);
	else if (cutout_asked(call))
		cutout_reply(call, op_leaf(&target), &blob);
	else
		send_file(call, op_leaf(&target), &blob);
}

const struct op op_file_get = {.name = "file-get", .run = run, .release = cutout_release};
