/* SPDX-License-Identifier: Apache-2.0 */
/* pushFromVoSpace: the bytes of a node are put to an endpoint. */
#include "service/op/file.h"
#include "service/op/remote_job_private.h"

enum { TRIES = 3 };

static enum err
check(struct remote_job *job)
{
	struct op_call *call = job->call;
	uint64_t most = call->env->settings->remote_bytes_max;
	enum err e = op_resolve_existing(call, job->path, OP_LEAF_FOLLOW, &job->target);

	if (e == ERR_OK)
		e = op_authorize(call, ACL_READ, &job->target);
	if (e != ERR_OK)
		return e;
	if (!node_type_has_bytes(op_leaf(&job->target)->type))
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "target is not a data node");
	if (op_leaf(&job->target)->length > most)
		return errinfo_set(&call->why, ERR_TRANSFER_FAILED,
		    "the file has %llu bytes, more than %llu",
		    (unsigned long long)op_leaf(&job->target)->length,
		    (unsigned long long)most);
	return ERR_OK;
}

static void
release(struct remote_job *job)
{
	(void)job; /* what an attempt holds is its exchange's */
}

static bool
is_ending(const struct remote_job *job)
{
	(void)job;
	return false;
}

/* The node and its bytes, of one version: it may be replaced between the two looks. */
static enum err
open_file(struct remote_job *job, struct source **out)
{
	struct op_call *call = job->call;
	struct op_env *env = call->env;
	struct blob blob;
	enum err e = ERR_NOT_FOUND;

	*out = NULL;
	for (int i = 0; i < TRIES && e == ERR_NOT_FOUND; i++) {
		e = check(job);
		if (e != ERR_OK || op_leaf(&job->target)->length == 0)
			return e;
		e = blob_get(
		    env->reader, op_leaf(&job->target)->blob_id, &blob, &call->why);
	}
	if (e == ERR_NOT_FOUND)
		return errinfo_set(&call->why, ERR_BUSY, "the file is being replaced");
	return e == ERR_OK ? mirror_source(env->mirror, env->loop, &blob, 0, blob.length,
				 out, &call->why)
			   : e;
}

static void
answered(void *arg, enum err err)
{
	struct remote_job *job = arg;
	struct errinfo why;

	if (err == ERR_OK) {
		remote_job_done(job);
		return;
	}
	why = *remote_why(job->exchange);
	if (err == ERR_TRANSFER_FAILED) {
		remote_job_failed(job, &why);
		return;
	}
	job->call->why = why;
	remote_job_refuse(job, err);
}

static void
attempt(struct remote_job *job)
{
	struct remote_request request = {
	    .endpoint = &job->endpoint,
	    .time_ms = remote_job_time_left(job),
	    .is_put = true,
	    .answered = answered,
	    .arg = job,
	};
	const struct node *node;
	struct errinfo why;
	enum err e = open_file(job, &request.body);

	if (e != ERR_OK) {
		remote_job_refuse(job, e);
		return;
	}
	node = op_leaf(&job->target);
	request.length = node->length;
	request.type = file_type(node);
	request.encoding = node->content_encoding;
	request.md5_given = node->content_ms != 0;
	(void)memcpy(request.md5, node->md5, MD5_SIZE);
	if (remote_ask(job->call->env->remote, &request, &job->exchange, &why) != ERR_OK)
		remote_job_failed(job, &why);
}

const struct remote_way remote_push = {
    .direction = "pushFromVoSpace",
    .protocol = {"ivo://ivoa.net/vospace/core#httpsput", 36},
    .check = check,
    .attempt = attempt,
    .release = release,
    .is_ending = is_ending,
};
