/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PUTs of a put transaction.
 *
 *   start, without a body   record ─► 202
 *   start, append           body ─► a blob (S1-S5) ─► record ─► 202
 *   commit, one segment     its blob is the file's (S6) ─► 201
 *   commit, several         read, join, write (S1-S5) ─► S6 ─► 201
 */
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/op/digest_header.h"
#include "service/op/file.h"
#include "service/op/file_publish.h"
#include "service/op/file_txn.h"
#include "service/op/joined.h"

enum step { STEP_START, STEP_APPEND, STEP_COMMIT };

struct state {
	struct op_call *call;
	enum step step;
	struct put_txn txn; /* as it was before this request */
	struct digest_claims claims;
	struct mirror_put *put;
	struct put_txns_write write;
	struct file_publish publish; /* its target is everybody's */
};

static void
refuse(struct state *s, enum err e)
{
	op_fail(s->call, e);
}

/* What is asked */

static enum err
choose_step(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes op = bytes_trim(op_header(call, "x-put-txn-op"));
	bool has_id = op_header(call, "x-put-txn-id").p != NULL;

	if (bytes_is(op, "start")) {
		s->step = STEP_START;
		return has_id ? errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				    "x-put-txn-op: start takes no x-put-txn-id")
			      : ERR_OK;
	}
	s->step = op.n == 0 ? STEP_APPEND : STEP_COMMIT;
	if (op.n > 0 && !bytes_caseeq(op, BYTES("commit")))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "x-put-txn-op: %.*s is nothing a PUT can ask for", BYTES_ARG(op));
	if (!has_id)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "x-put-txn-op: commit needs an x-put-txn-id");
	if (s->step == STEP_COMMIT && call->body_length != 0)
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "a commit has no body");
	if (s->step == STEP_APPEND && call->body_length == 0)
		return errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "invalid input: no content");
	return ERR_OK;
}

/* The length of the whole: said by itself, or that of a body that is all. */
static enum err
announced_total(struct op_call *call, uint64_t *out)
{
	struct bytes text = bytes_trim(op_header(call, "x-total-length"));

	*out = PUT_TXN_LENGTH_UNKNOWN;
	if (text.p == NULL) {
		if (call->body_length != MIRROR_LENGTH_UNKNOWN && call->body_length > 0)
			*out = call->body_length;
		return ERR_OK;
	}
	return bytes_u64(text, out)
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
			 "x-total-length: '%.*s' is no number of bytes", BYTES_ARG(text));
}

static enum err
look_again(struct file_publish *p)
{
	enum err e = file_target(p->call, true, &p->target);

	return e == ERR_OK ? file_may_write(p->call, &p->target) : e;
}

static enum err
begin_txn(struct state *s)
{
	struct op_call *call = s->call;
	struct put_txn *txn = &s->txn;
	struct md5 *nothing;
	enum err e;

	if (call->preauthorised && !call->grant.write)
		return errinfo_set(&call->why, ERR_DENIED, "the URL is for reading");
	e = look_again(&s->publish);
	if (e != ERR_OK)
		return e;
	random_bytes(txn->id, sizeof txn->id);
	txn->owner = call->caller->principal;
	txn->path = path_show(call->arena, s->publish.target.path);
	txn->content_type = op_header(call, "content-type");
	txn->content_encoding = op_header(call, "content-encoding");
	nothing = md5_new();
	if (nothing == NULL || txn->path.p == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an upload");
	md5_save(nothing, txn->md5_state);
	md5_free(nothing);
	return announced_total(call, &txn->total);
}

static enum err
too_long(struct state *s, uint64_t length)
{
	return errinfo_set(&s->call->why, ERR_PRECONDITION, "%llu != %llu",
	    (unsigned long long)length, (unsigned long long)s->txn.total);
}

/* Will what comes now, as far as that is known, fit? */
static enum err
check_size(struct state *s)
{
	struct op_call *call = s->call;
	const struct settings *settings = call->env->settings;
	uint64_t coming =
	    call->body_length == MIRROR_LENGTH_UNKNOWN ? 0 : call->body_length;
	uint64_t length = s->txn.length + coming;
	uint64_t wanted = s->txn.total != PUT_TXN_LENGTH_UNKNOWN ? s->txn.total : length;

	if (wanted > settings->upload_max)
		return errinfo_set(&call->why, ERR_TOO_LARGE,
		    "%llu bytes, the limit is %llu", (unsigned long long)wanted,
		    (unsigned long long)settings->upload_max);
	if (coming > settings->put_segment_max)
		return errinfo_set(&call->why, ERR_TOO_LARGE,
		    "a segment of %llu bytes, the limit is %llu",
		    (unsigned long long)coming,
		    (unsigned long long)settings->put_segment_max);
	if (s->txn.n_segments >= settings->put_segments)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "the transaction has %zu segments, which is the limit",
		    s->txn.n_segments);
	if (length > wanted)
		return too_long(s, length);
	return file_check_quota(call, &s->publish.target, wanted);
}

/* Only the MD5 runs on from segment to segment. */
static enum err
read_claims(struct state *s)
{
	enum err e = digest_header_parse(s->call, &s->claims);

	if (e == ERR_OK && s->claims.sha256_given && !s->claims.md5_given)
		e = errinfo_set(&s->call->why, ERR_INVALID_ARGUMENT,
		    "Digest: in a put transaction the MD5 is compared");
	return e;
}

static enum err
check_whole_md5(struct state *s, const uint8_t state[MD5_STATE_SIZE])
{
	uint8_t md5[MD5_SIZE];
	enum err e;

	if (!s->claims.md5_given)
		return ERR_OK;
	e = file_txn_md5(state, md5, &s->call->why);
	if (e == ERR_OK && memcmp(md5, s->claims.md5, MD5_SIZE) != 0)
		e = errinfo_set(&s->call->why, ERR_PRECONDITION,
		    "the MD5 of what came is not the one announced");
	return e;
}

/* Segments */

/* The checksum of the segment alone. It costs nothing beside the MD5 of all, and a client
 * that makes it as fast as it reads (a web page) knows by it that its bytes came. */
static void
reply_segment_digest(struct op_call *call, uint32_t crc)
{
	uint8_t sum[CRC32C_SIZE];
	char text[BASE64_ROOM(sizeof sum)];

	for (size_t i = 0; i < sizeof sum; i++) /* the most significant byte first */
		sum[i] = (uint8_t)(crc >> 8 * (sizeof sum - 1 - i));
	base64_encode(sum, sizeof sum, text);
	op_reply_field(
	    call, "x-put-segment-digest", arena_format(call->arena, "crc32c=%s", text));
}

static void
recorded(struct change *change)
{
	struct put_txns_write *write =
	    container_of(change, struct put_txns_write, change);
	struct state *s = container_of(write, struct state, write);
	enum err e = change->err;

	if (e != ERR_OK) {
		s->call->why = change->why;
		if (change->outcome_open && s->put != NULL) {
			mirror_put_leave(s->put);
			s->put = NULL;
		}
		/* The body has come: a 503 would make clients send an empty one (D21). */
		op_fail(s->call, e == ERR_CHANGED ? ERR_CONFLICT
				 : e == ERR_BUSY  ? ERR_NO_SPACE
						  : e);
		return;
	}
	if (s->put != NULL) {
		reply_segment_digest(s->call, mirror_put_crc32c(s->put));
		s->call->copies =
		    mirror_copies(s->call->env->mirror, mirror_put_blob(s->put));
		mirror_put_commit(s->put);
		s->put = NULL;
	}
	file_txn_reply_fields(s->call, &write->txn);
	op_reply_status(s->call, 202);
	op_finish(s->call);
}

static void
record(struct state *s)
{
	const struct settings *settings = s->call->env->settings;

	s->write.txn.expires_ms = clock_wall_ms() + (int64_t)settings->put_txn_lifetime;
	s->write.txns_max = settings->put_txns;
	s->write.txns_of_owner_max = settings->put_txns_per_user;
	s->write.change = (struct change){.loop = s->call->env->loop, .done = recorded};
	put_txns_write(s->call->env->store, &s->write);
}

/* The transaction with one segment more. */
static enum err
add_segment(struct state *s)
{
	struct put_txn *txn = &s->write.txn;
	const struct blob *blob = mirror_put_blob(s->put);
	struct put_txn_segment *segments =
	    arena_array(s->call->arena, struct put_txn_segment, s->txn.n_segments + 1);

	if (segments == NULL)
		return errinfo_set(
		    &s->call->why, ERR_NO_MEMORY, "no memory for an upload");
	for (size_t i = 0; i < s->txn.n_segments; i++)
		segments[i] = s->txn.segments[i];
	segments[s->txn.n_segments] = (struct put_txn_segment){blob->id, blob->length};
	*txn = s->txn;
	txn->segments = segments;
	txn->n_segments++;
	txn->length += blob->length;
	(void)memcpy(txn->md5_before, s->txn.md5_state, MD5_STATE_SIZE);
	mirror_put_md5_state(s->put, txn->md5_state);
	txn->revertable = true;
	s->write.add = *blob;
	if (txn->total == PUT_TXN_LENGTH_UNKNOWN || txn->length < txn->total)
		return ERR_OK;
	return txn->length > txn->total ? too_long(s, txn->length)
					: check_whole_md5(s, txn->md5_state);
}

static void
segment_filled(void *arg, enum err err)
{
	struct state *s = arg;

	if (err != ERR_OK)
		s->call->why = *mirror_put_why(s->put);
	else if (mirror_put_blob(s->put)->length == 0)
		err = errinfo_set(
		    &s->call->why, ERR_INVALID_ARGUMENT, "invalid input: no content");
	else
		err = add_segment(s);
	if (err != ERR_OK)
		refuse(s, err); /* the put is abandoned with the call: nothing happened */
	else
		record(s);
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
	refuse(s, err);
}

static enum err
new_put(struct state *s, uint64_t length, uint64_t limit, bool continues)
{
	struct op_call *call = s->call;
	struct mirror_put_spec spec = {
	    .length = length,
	    .limit = limit,
	    .continues = continues,
	    .is_part = true,
	    .path = s->txn.path,
	    .node_id = s->publish.target.exists ? op_leaf(&s->publish.target)->id : 0,
	};

	(void)memcpy(spec.md5_before, s->txn.md5_state, MD5_STATE_SIZE);
	return mirror_put_new(
	    call->env->mirror, call->env->loop, &spec, &s->put, &call->why);
}

static void
open_segment(struct state *s)
{
	const struct settings *settings = s->call->env->settings;
	uint64_t room = settings->upload_max - s->txn.length;
	enum err e = new_put(s, s->call->body_length,
	    room < settings->put_segment_max ? room : settings->put_segment_max,
	    s->txn.n_segments > 0);

	if (e != ERR_OK)
		refuse(s, e);
	else
		mirror_put_open(s->put, opened, s);
}

/* Commit */

static void
published(struct file_publish *p, enum err err)
{
	struct state *s = container_of(p, struct state, publish);

	if (err != ERR_OK) {
		if (p->file.change.outcome_open && s->put != NULL) {
			mirror_put_leave(s->put);
			s->put = NULL;
		}
		refuse(s, err);
		return;
	}
	file_reply_digest(s->call, p->file.blob.md5);
	s->call->copies = mirror_copies(s->call->env->mirror, &p->file.blob);
	if (s->put != NULL)
		mirror_put_commit(s->put);
	s->put = NULL;
	file_moved(s->call);
	op_reply_status(s->call, 201);
	op_finish(s->call);
}

static struct bytes
first_of(struct bytes a, struct bytes b)
{
	return a.p != NULL ? a : b;
}

static void
publish(struct state *s, const struct blob *blob)
{
	struct op_call *call = s->call;
	struct bytes type =
	    first_of(op_header(call, "content-type"), s->txn.content_type);

	s->publish.look_again = look_again;
	s->publish.done = published;
	s->publish.file = (struct nodes_put_file){
	    .blob = *blob,
	    .txn = &s->txn,
	    .set_type = type.p != NULL,
	    .content_type = type,
	    .set_encoding = true,
	    .content_encoding =
		first_of(op_header(call, "content-encoding"), s->txn.content_encoding),
	};
	file_publish(&s->publish);
}

/* Nothing came, or all of it at once: there is nothing to write. */
static void
publish_as_is(struct state *s)
{
	struct op_call *call = s->call;
	struct blob blob = {.id = 0};
	enum err e = ERR_OK;

	if (s->txn.n_segments == 1)
		e = blob_get(
		    call->env->reader, s->txn.segments[0].blob_id, &blob, &call->why);
	else
		e = file_txn_md5(s->txn.md5_state, blob.md5, &call->why);
	if (e == ERR_NOT_FOUND)
		e = errinfo_set(
		    &call->why, ERR_CONFLICT, "the transaction was ended meanwhile");
	if (e != ERR_OK)
		refuse(s, e);
	else
		publish(s, &blob);
}

static void
joined_filled(void *arg, enum err err)
{
	struct state *s = arg;

	if (err == ERR_OK) {
		publish(s, mirror_put_blob(s->put));
		return;
	}
	s->call->why = *mirror_put_why(s->put);
	refuse(s, err);
}

static void
join(struct state *s)
{
	struct source *all;
	enum err e = joined_source(s->call, s->txn.segments, s->txn.n_segments, &all);

	if (e != ERR_OK)
		refuse(s, e);
	else
		mirror_put_fill(s->put, all, joined_filled, s);
}

static void
check_commit(struct state *s)
{
	struct put_txn *txn = &s->txn;
	enum err e = ERR_OK;

	if (txn->total != PUT_TXN_LENGTH_UNKNOWN && txn->length != txn->total)
		e = too_long(s, txn->length);
	if (e == ERR_OK)
		e = check_whole_md5(s, txn->md5_state);
	if (e == ERR_OK && txn->n_segments > 1)
		e = new_put(s, txn->length, txn->length, false);
	if (e != ERR_OK)
		refuse(s, e);
	else if (s->put != NULL)
		mirror_put_open(s->put, opened, s);
	else
		op_pass(s->call);
}

/* The operation */

static void
start(struct state *s)
{
	if (s->call->body_length != 0) {
		open_segment(s);
		return;
	}
	s->write.txn = s->txn;
	record(s);
}

void
file_txn_put_check(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e = ERR_NO_MEMORY;

	call->state = s;
	if (s != NULL) {
		s->call = call;
		s->publish.call = call;
		e = choose_step(s);
	}
	if (e == ERR_OK)
		e = s->step == STEP_START
			? begin_txn(s)
			: file_txn_find(call, &s->publish.target, &s->txn);
	if (e == ERR_OK)
		e = read_claims(s);
	if (e == ERR_OK && s->step != STEP_COMMIT)
		e = check_size(s);
	if (e != ERR_OK)
		op_fail(call, e);
	else if (s->step == STEP_START)
		start(s);
	else if (s->step == STEP_APPEND)
		open_segment(s);
	else
		check_commit(s);
}

void
file_txn_put_run(struct op_call *call)
{
	struct state *s = call->state;

	if (s->step != STEP_COMMIT)
		mirror_put_fill(s->put, op_open_body(call), segment_filled, s);
	else if (s->put != NULL)
		join(s);
	else
		publish_as_is(s);
}

void
file_txn_put_release(struct op_call *call)
{
	struct state *s = call->state;

	if (s != NULL && s->put != NULL)
		mirror_put_abandon(s->put);
}
