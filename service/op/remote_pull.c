/* SPDX-License-Identifier: Apache-2.0 */
/* pullToVoSpace: what an endpoint gives becomes the bytes of a node, as a PUT's do. */
#include "service/op/digest_header.h"
#include "service/op/file.h"
#include "service/op/negotiate.h"
#include "service/op/remote_job_private.h"

static enum err
check(struct remote_job *job)
{
	struct op_call *call = job->call;
	enum err e = op_settle_name(call, &job->path);

	if (e == ERR_OK)
		e = op_resolve(call, job->path, OP_LEAF_FOLLOW, &job->target);
	if (e == ERR_NODE_NOT_FOUND)
		return op_fail_uri(call, ERR_CONTAINER_NOT_FOUND, job->path);
	if (e == ERR_OK)
		e = file_may_write(call, &job->target);
	return e == ERR_OK ? file_check_quota(
				 call, &job->target, negotiate_announced_length(job->doc))
			   : e;
}

static void
release(struct remote_job *job)
{
	quota_hold_end(job->call->env->space->quota_holds, &job->hold);
	job->hold = (struct quota_hold){.n = 0};
	if (job->put != NULL)
		mirror_put_abandon(job->put);
	job->put = NULL;
}

static bool
is_ending(const struct remote_job *job)
{
	return job->is_publishing;
}

/* Metadata (S6) */

static void
published(struct file_publish *p, enum err err)
{
	struct remote_job *job = container_of(p, struct remote_job, publish);

	if (err == ERR_OK) {
		mirror_put_commit(job->put);
		job->put = NULL;
		job->target = p->target;
		remote_job_done(job);
		return;
	}
	if (p->file.change.outcome_open) {
		mirror_put_leave(job->put);
		job->put = NULL;
	}
	remote_job_refuse(job, err);
}

/* What the peer calls it counts where nobody here has said what it is. */
static void
choose_type(struct file_publish *p, struct bytes type)
{
	const struct op_target *t = &p->target;

	p->file.set_type =
	    type.p != NULL && !(t->exists && op_leaf(t)->content_type.p != NULL);
	p->file.content_type = type;
}

static enum err
look_again(struct file_publish *p)
{
	struct remote_job *job = container_of(p, struct remote_job, publish);
	enum err e = check(job);

	p->target = job->target;
	choose_type(p, job->type);
	return e;
}

static void
publish(struct remote_job *job)
{
	job->publish = (struct file_publish){
	    .call = job->call,
	    .target = job->target,
	    .look_again = look_again,
	    .done = published,
	    .file = {.blob = *mirror_put_blob(job->put),
		.set_encoding = true,
		.content_encoding = job->encoding},
	};
	choose_type(&job->publish, job->type);
	quota_hold_end(job->call->env->space->quota_holds, &job->hold);
	job->hold = (struct quota_hold){.n = 0};
	job->is_publishing = true;
	file_publish(&job->publish);
}

/* Bytes (S2 to S5) */

/* Cut off, too long, not what was announced: another endpoint may do better. */
static bool
is_peers_fault(enum err err)
{
	return err == ERR_TRANSFER_FAILED || err == ERR_PRECONDITION ||
	       err == ERR_TOO_LARGE;
}

static void
filled(void *arg, enum err err)
{
	struct remote_job *job = arg;
	struct errinfo why;

	if (err == ERR_OK) {
		publish(job);
		return;
	}
	why = *mirror_put_why(job->put);
	if (is_peers_fault(err)) {
		remote_job_failed(job, &why);
		return;
	}
	job->call->why = why;
	remote_job_refuse(job, err);
}

static void
opened(void *arg, enum err err)
{
	struct remote_job *job = arg;
	struct source *body;

	if (err != ERR_OK) {
		job->call->why = *mirror_put_why(job->put);
		remote_job_refuse(job, err);
		return;
	}
	body = remote_body(job->exchange);
	job->exchange = NULL;
	mirror_put_fill(job->put, body, filled, job);
}

/* The checksums it claims. */
static enum err
read_claims(struct remote_job *job, const struct remote_head *head,
    struct digest_claims *out, struct errinfo *why)
{
	struct bytes md5 = head->field[REMOTE_CONTENT_MD5];
	enum err e = digest_header_add(head->field[REMOTE_DIGEST], false, out, why);

	if (e == ERR_OK)
		e = digest_header_add(head->field[REMOTE_REPR_DIGEST], true, out, why);
	if (e == ERR_OK)
		e = digest_header_add(head->field[REMOTE_CONTENT_DIGEST], true, out, why);
	if (e == ERR_OK && md5.p != NULL)
		e = digest_header_add(
		    arena_format(job->call->arena, "md5=%.*s", BYTES_ARG(md5)), false,
		    out, why);
	return e;
}

/* The head's text ends with the exchange. */
static struct bytes
keep(struct remote_job *job, struct bytes text)
{
	return text.p == NULL ? text : arena_copy(job->call->arena, text);
}

/* Nothing goes into a node that could not be shown in a document or a header. */
static struct bytes
plain(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return (struct bytes){NULL, 0};
	return text;
}

static struct bytes
plain_type(struct bytes type)
{
	size_t slash = bytes_find(type, '/');

	return slash > 0 && slash + 1 < type.n ? plain(type) : (struct bytes){NULL, 0};
}

/* A failure of `why` is the peer's; one of ours is in call->why. */
static enum err
open_put(struct remote_job *job, const struct remote_head *head, struct errinfo *why)
{
	struct op_call *call = job->call;
	const struct settings *s = call->env->settings;
	uint64_t most =
	    s->remote_bytes_max < s->upload_max ? s->remote_bytes_max : s->upload_max;
	bool known = head->length != REMOTE_LENGTH_UNKNOWN;
	struct digest_claims claims = {.md5_given = false};
	struct mirror_put_spec spec = {
	    .length = known ? head->length : MIRROR_LENGTH_UNKNOWN,
	    .limit = most,
	    .path = path_show(call->arena, job->target.path),
	    .node_id = job->target.exists ? op_leaf(&job->target)->id : 0,
	};
	enum err e;

	if (known && head->length > most)
		return errinfo_set(why, ERR_TOO_LARGE,
		    "it has %llu bytes, more than %llu", (unsigned long long)head->length,
		    (unsigned long long)most);
	e = read_claims(job, head, &claims, why);
	if (e != ERR_OK)
		return e;
	spec.md5_given = claims.md5_given;
	spec.sha256_given = claims.sha256_given;
	(void)memcpy(spec.md5, claims.md5, MD5_SIZE);
	(void)memcpy(spec.sha256, claims.sha256, SHA256_SIZE);
	if (known)
		e = file_reserve(call, &job->target, head->length, &job->hold);
	return e == ERR_OK ? mirror_put_new(call->env->mirror, call->env->loop, &spec,
				 &job->put, &call->why)
			   : e;
}

static void
answered(void *arg, enum err err)
{
	struct remote_job *job = arg;
	const struct remote_head *head = remote_head(job->exchange);
	struct errinfo why = {.code = ERR_OK};
	enum err e;

	if (err != ERR_OK) {
		why = *remote_why(job->exchange);
		remote_job_failed(job, &why);
		return;
	}
	job->type = keep(job, plain_type(head->field[REMOTE_TYPE]));
	job->encoding = keep(job, plain(head->field[REMOTE_ENCODING]));
	e = open_put(job, head, &why);
	if (e == ERR_OK)
		mirror_put_open(job->put, opened, job);
	else if (why.code != ERR_OK)
		remote_job_failed(job, &why);
	else
		remote_job_refuse(job, e);
}

static void
attempt(struct remote_job *job)
{
	struct remote_request request = {
	    .endpoint = &job->endpoint,
	    .time_ms = remote_job_time_left(job),
	    .answered = answered,
	    .arg = job,
	};
	struct errinfo why;

	if (remote_ask(job->call->env->remote, &request, &job->exchange, &why) != ERR_OK)
		remote_job_failed(job, &why);
}

const struct remote_way remote_pull = {
    .direction = "pullToVoSpace",
    .protocol = {"ivo://ivoa.net/vospace/core#httpsget", 36},
    .check = check,
    .attempt = attempt,
    .release = release,
    .is_ending = is_ending,
};
