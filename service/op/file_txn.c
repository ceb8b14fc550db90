/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/file_txn.h"

#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/op/file.h"

/* 8-4-4-4-12 hexadecimal digits, as clients know ids. */
enum { ID_TEXT_SIZE = 37 };

static const size_t dashes[] = {8, 13, 18, 23};

static bool
is_dash(size_t at)
{
	for (size_t i = 0; i < sizeof dashes / sizeof dashes[0]; i++)
		if (at == dashes[i])
			return true;
	return false;
}

static void
write_id(const uint8_t id[PUT_TXN_ID_SIZE], char out[ID_TEXT_SIZE])
{
	char hex[2 * PUT_TXN_ID_SIZE + 1];
	size_t k = 0;

	hex_encode(id, PUT_TXN_ID_SIZE, hex);
	for (size_t i = 0; i < ID_TEXT_SIZE - 1; i++)
		out[i] = is_dash(i) ? '-' : hex[k++];
	out[ID_TEXT_SIZE - 1] = '\0';
}

static bool
read_id(struct bytes text, uint8_t id[PUT_TXN_ID_SIZE])
{
	char hex[2 * PUT_TXN_ID_SIZE];
	size_t k = 0;

	if (text.n != ID_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (is_dash(i) != (text.p[i] == '-'))
			return false;
		if (!is_dash(i))
			hex[k++] = text.p[i];
	}
	return hex_decode((struct bytes){hex, k}, id, PUT_TXN_ID_SIZE);
}

bool
file_txn_asked(const struct op_call *call)
{
	return op_header(call, "x-put-txn-op").p != NULL ||
	       op_header(call, "x-put-txn-id").p != NULL;
}

static enum err
load(struct op_call *call, struct path path, struct put_txn *out)
{
	struct bytes text = bytes_trim(op_header(call, "x-put-txn-id"));
	struct bytes shown = path_show(call->arena, path);
	uint8_t id[PUT_TXN_ID_SIZE];
	enum err e = ERR_NOT_FOUND;

	if (read_id(text, id))
		e = put_txns_get(
		    call->env->reader, call->arena, id, clock_wall_ms(), out, &call->why);
	if (e != ERR_OK && e != ERR_NOT_FOUND)
		return e;
	if (e == ERR_OK && out->owner == call->caller->principal &&
	    bytes_eq(out->path, shown))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "unknown transaction: %.*s",
	    BYTES_ARG(text));
}

enum err
file_txn_find(struct op_call *call, struct op_target *target, struct put_txn *out)
{
	enum err e;

	if (call->preauthorised && !call->grant.write)
		return errinfo_set(&call->why, ERR_DENIED, "the URL is for reading");
	e = file_target(call, true, target);
	if (e == ERR_OK)
		e = file_may_write(call, target);
	return e == ERR_OK ? load(call, target->path, out) : e;
}

enum err
file_txn_md5(
    const uint8_t state[MD5_STATE_SIZE], uint8_t md5[MD5_SIZE], struct errinfo *why)
{
	struct md5 *running = md5_resume(state);

	if (running == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a checksum");
	md5_end(running, md5);
	md5_free(running);
	return ERR_OK;
}

/* What a segment should hold at least, which is asked and not enforced. Joining takes the
 * time of reading and writing everything, and clients wait no longer than two minutes for
 * the answer to a commit; a single segment needs no joining. */
static uint64_t
segment_min(const struct op_call *call, const struct put_txn *txn)
{
	const struct settings *settings = call->env->settings;

	if (txn->total == PUT_TXN_LENGTH_UNKNOWN || txn->total <= settings->put_join_max)
		return 1;
	return txn->total < settings->put_segment_max ? txn->total
						      : settings->put_segment_max;
}

void
file_txn_reply_fields(struct op_call *call, const struct put_txn *txn)
{
	char id[ID_TEXT_SIZE];
	uint8_t md5[MD5_SIZE];
	struct errinfo why;

	write_id(txn->id, id);
	op_reply_field(call, "x-put-txn-id", bytes_of(id));
	op_reply_field(call, "x-put-segment-minbytes",
	    arena_format(
		call->arena, "%llu", (unsigned long long)segment_min(call, txn)));
	op_reply_field(call, "x-put-segment-maxbytes",
	    arena_format(call->arena, "%llu",
		(unsigned long long)call->env->settings->put_segment_max));
	if (txn->length > 0 && file_txn_md5(txn->md5_state, md5, &why) == ERR_OK)
		file_reply_digest(call, md5);
}

void
file_txn_head(struct op_call *call)
{
	struct op_target target;
	struct put_txn txn;
	enum err e = file_txn_find(call, &target, &txn);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	file_txn_reply_fields(call, &txn);
	op_reply_status(call, 200);
	call->reply.length = txn.length;
	op_finish(call);
}
