/* SPDX-License-Identifier: Apache-2.0 */
/* POST files/PATH: revert and abort of a put transaction (file_txn.h). */
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/op/file_txn.h"
#include "service/op/ops.h"

struct state {
	struct op_call *call;
	struct put_txn txn;
	struct put_txns_write write;
	struct put_txns_abort abort;
};

static void
fail_change(struct op_call *call, const struct change *change)
{
	call->why = change->why;
	op_fail(call, change->err == ERR_CHANGED ? ERR_CONFLICT : change->err);
}

static void
aborted(struct change *change)
{
	struct put_txns_abort *abort =
	    container_of(change, struct put_txns_abort, change);
	struct op_call *call = container_of(abort, struct state, abort)->call;

	if (change->err != ERR_OK) {
		fail_change(call, change);
		return;
	}
	op_reply_status(call, 204);
	call->reply.no_body = true;
	op_finish(call);
}

static void
abort_txn(struct state *s)
{
	s->abort.change = (struct change){.loop = s->call->env->loop, .done = aborted};
	(void)memcpy(s->abort.id, s->txn.id, PUT_TXN_ID_SIZE);
	put_txns_abort(s->call->env->store, &s->abort);
}

static void
reverted(struct change *change)
{
	struct put_txns_write *write =
	    container_of(change, struct put_txns_write, change);
	struct op_call *call = container_of(write, struct state, write)->call;

	if (change->err != ERR_OK) {
		fail_change(call, change);
		return;
	}
	file_txn_reply_fields(call, &write->txn);
	op_reply_status(call, 202);
	op_finish(call);
}

/* One level only. */
static void
revert(struct state *s)
{
	struct op_call *call = s->call;
	struct put_txn *txn = &s->write.txn;
	const struct put_txn_segment *last;

	if (!s->txn.revertable) {
		op_fail(call, errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				  "transaction not revertable: %.*s",
				  BYTES_ARG(op_header(call, "x-put-txn-id"))));
		return;
	}
	*txn = s->txn;
	last = &txn->segments[--txn->n_segments];
	txn->length -= last->length;
	(void)memcpy(txn->md5_state, s->txn.md5_before, MD5_STATE_SIZE);
	txn->revertable = false;
	txn->expires_ms =
	    clock_wall_ms() + (int64_t)call->env->settings->put_txn_lifetime;
	s->write.drop = last->blob_id;
	s->write.txns_max = call->env->settings->put_txns;
	s->write.change = (struct change){.loop = call->env->loop, .done = reverted};
	put_txns_write(call->env->store, &s->write);
}

static void
tell(struct state *s)
{
	file_txn_reply_fields(s->call, &s->txn);
	op_reply_status(s->call, 204);
	s->call->reply.no_body = true;
	op_finish(s->call);
}

static enum err
find(struct state *s)
{
	struct op_call *call = s->call;
	struct op_target target;

	if (op_header(call, "x-put-txn-id").p == NULL && !call->preauthorised)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "a POST here needs an x-put-txn-id");
	return file_txn_find(call, &target, &s->txn);
}

static void
run(struct op_call *call)
{
	struct bytes op = bytes_trim(op_header(call, "x-put-txn-op"));
	struct state *s = arena_new(call->arena, struct state);
	enum err e = ERR_NO_MEMORY;

	if (s != NULL) {
		s->call = call;
		e = find(s);
	}
	if (e != ERR_OK)
		op_fail(call, e);
	else if (bytes_caseeq(op, BYTES("abort")))
		abort_txn(s);
	else if (bytes_caseeq(op, BYTES("revert")))
		revert(s);
	else if (op.n == 0)
		tell(s);
	else
		op_fail(call, errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				  "x-put-txn-op: %.*s is nothing a POST can ask for",
				  BYTES_ARG(op)));
}

const struct op op_file_post = {.name = "file-post", .groups = true, .run = run};
