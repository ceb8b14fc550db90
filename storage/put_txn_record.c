/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian: version 1 (1) | turn (8) | owner (8) | total (8) | expires (8) | MD5 state
 * (92) | the one before (92) | revertable (1) | path (4 + n) | content type and encoding
 * (given (1), 4 + n each) | number of segments (4) | blob id, length (8, 8) each.
 */
#include "storage/put_txn_record.h"

#include <string.h>

#include "storage/pack.h"

enum { VERSION = 1, SEGMENT_SIZE = 16 };

static void
pack_optional(struct str *s, struct bytes b)
{
	pack_u8(s, b.p != NULL);
	pack_text(s, b);
}

void
put_txn_encode(struct str *s, const struct put_txn *t)
{
	pack_u8(s, VERSION);
	pack_u64(s, t->turn);
	pack_u64(s, t->owner);
	pack_u64(s, t->total);
	pack_u64(s, (uint64_t)t->expires_ms);
	str_add(s, (struct bytes){(const char *)t->md5_state, MD5_STATE_SIZE});
	str_add(s, (struct bytes){(const char *)t->md5_before, MD5_STATE_SIZE});
	pack_u8(s, t->revertable);
	pack_text(s, t->path);
	pack_optional(s, t->content_type);
	pack_optional(s, t->content_encoding);
	pack_u32(s, t->n_segments);
	for (size_t i = 0; i < t->n_segments; i++) {
		pack_u64(s, t->segments[i].blob_id);
		pack_u64(s, t->segments[i].length);
	}
}

static struct bytes
copy_text(struct pack_in *in, struct arena *a)
{
	struct bytes text = arena_copy(a, unpack_text(in));

	in->failed |= text.p == NULL;
	return text;
}

static struct bytes
copy_optional(struct pack_in *in, struct arena *a)
{
	bool given = unpack_u8(in) != 0;
	struct bytes text = copy_text(in, a);

	return given ? text : (struct bytes){NULL, 0};
}

static void
unpack_state(struct pack_in *in, uint8_t state[MD5_STATE_SIZE])
{
	struct bytes bytes = unpack_bytes(in, MD5_STATE_SIZE);

	if (bytes.n == MD5_STATE_SIZE)
		(void)memcpy(state, bytes.p, MD5_STATE_SIZE);
}

static void
unpack_segments(struct pack_in *in, struct arena *a, struct put_txn *out)
{
	size_t n = unpack_u32(in);
	struct put_txn_segment *segments = NULL;

	/* A damaged number takes no memory for segments that are not there. */
	if (n == pack_left(in) / SEGMENT_SIZE)
		segments = arena_array(a, struct put_txn_segment, n + 1);
	if (segments == NULL) {
		in->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		segments[i].blob_id = unpack_u64(in);
		segments[i].length = unpack_u64(in);
		out->length += segments[i].length;
	}
	out->segments = segments;
	out->n_segments = n;
}

enum err
put_txn_decode(const uint8_t id[PUT_TXN_ID_SIZE], struct bytes row, struct arena *a,
    struct put_txn *out, struct errinfo *why)
{
	struct pack_in in = pack_open(row);

	*out = (struct put_txn){.turn = 0};
	(void)memcpy(out->id, id, PUT_TXN_ID_SIZE);
	in.failed |= unpack_u8(&in) != VERSION;
	out->turn = unpack_u64(&in);
	out->owner = unpack_u64(&in);
	out->total = unpack_u64(&in);
	out->expires_ms = (int64_t)unpack_u64(&in);
	unpack_state(&in, out->md5_state);
	unpack_state(&in, out->md5_before);
	out->revertable = unpack_u8(&in) != 0;
	out->path = copy_text(&in, a);
	out->content_type = copy_optional(&in, a);
	out->content_encoding = copy_optional(&in, a);
	unpack_segments(&in, a, out);
	if (in.failed || pack_left(&in) != 0)
		return errinfo_set(
		    why, ERR_DAMAGED, "the record of a put transaction is damaged");
	return ERR_OK;
}
