/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put_txns - uploads in several requests (server-contract 8): what has come so far, until
 * all of it becomes a file at once or is given up.
 *
 * Each request's bytes are a blob of their own, durable before the request is answered,
 * with one reference that is the transaction's. The record knows them in order and the
 * running MD5, so that a transaction outlives a restart between any two requests.
 * nodes_put_file with `txn` ends it well. Reads and changes as store.h says.
 */
#ifndef QUARTET_STORAGE_PUT_TXNS_H
#define QUARTET_STORAGE_PUT_TXNS_H

#include "service/core/arena.h"
#include "service/core/digest.h"
#include "storage/blob.h"

enum { PUT_TXN_ID_SIZE = 16 };

#define PUT_TXN_LENGTH_UNKNOWN UINT64_MAX

struct put_txn_segment {
	uint64_t blob_id, length;
};

struct put_txn {
	uint8_t id[PUT_TXN_ID_SIZE];
	uint64_t turn; /* one more with each change */
	uint64_t owner; /* principal of who began it; 0: anonymous */
	struct bytes path; /* of the file, as path_show writes it */
	uint64_t total; /* as announced, or PUT_TXN_LENGTH_UNKNOWN */
	uint64_t length; /* so far */
	int64_t expires_ms;
	struct bytes content_type, content_encoding; /* of the first request; .p NULL */
	uint8_t md5_state[MD5_STATE_SIZE]; /* of all so far */
	uint8_t md5_before[MD5_STATE_SIZE]; /* the same without the last segment */
	bool revertable; /* the last segment can be taken back */
	const struct put_txn_segment *segments;
	size_t n_segments;
};

/* ERR_NOT_FOUND: there is none, or it is past its time. */
enum err put_txns_get(struct store_reader *reader, struct arena *a,
    const uint8_t id[PUT_TXN_ID_SIZE], int64_t now_ms, struct put_txn *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Write a transaction: with turn 0 a new one, else what that turn was becomes. With
 * `add.id` the blob is recorded with one reference; with `drop` one is taken from that
 * blob. What `txn` says of the segments must fit.
 * ERR_CHANGED: another request was faster; ERR_BUSY: there are txns_max already, or
 * txns_of_owner_max of the same owner.
 */
struct put_txns_write {
	struct change change;
	struct put_txn txn;
	struct blob add;
	uint64_t drop;
	uint64_t txns_max, txns_of_owner_max;
};
void put_txns_write(struct store *store, struct put_txns_write *r);

/* Give one up, with its bytes. ERR_NOT_FOUND. */
struct put_txns_abort {
	struct change change;
	uint8_t id[PUT_TXN_ID_SIZE];
};
void put_txns_abort(struct store *store, struct put_txns_abort *r);

/*
 * Give up what is past its time, at most `max`; n_out is how many. Damaged records stay,
 * with what they name; they are counted, and change.why tells of the first.
 */
struct put_txns_expire {
	struct change change;
	size_t max;
	size_t n_out, n_damaged;
};
void put_txns_expire(struct store *store, struct put_txns_expire *r);

#endif
