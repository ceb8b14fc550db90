/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_txn - put transactions, a file sent in several requests (server-contract 8):
 *
 *   PUT   x-put-txn-op: start             202, with a body its first segment
 *   PUT   x-put-txn-id                    202, a further segment
 *   HEAD  x-put-txn-id                    200, how far it is
 *   POST  x-put-txn-id, op: revert        202, the last segment is taken back
 *   PUT   x-put-txn-id, op: commit        201, all of it is the file now
 *   POST  x-put-txn-id, op: abort         204, nothing was
 *
 * Until the commit nobody sees a byte, and what the name means does not matter. Each
 * answered segment is durable; a broken one leaves the transaction as it was. The answer
 * says what arrived: Digest is the MD5 of all so far, x-put-segment-digest the CRC32C of
 * this segment. The right to the file is checked with every request. One that nobody
 * goes on with is given up after put_txn_lifetime.
 */
#ifndef QUARTET_OP_FILE_TXN_H
#define QUARTET_OP_FILE_TXN_H

#include "service/op/target.h"
#include "storage/put_txns.h"

/* Does the request speak of a put transaction? */
bool file_txn_asked(const struct op_call *call);

/* A PUT: its check, run and release. */
void file_txn_put_check(struct op_call *call);
void file_txn_put_run(struct op_call *call);
void file_txn_put_release(struct op_call *call);

/* HEAD. Finishes the call. */
void file_txn_head(struct op_call *call);

/*
 * The transaction of a request and the target it is for, which the caller may write to.
 * ERR_INVALID_ARGUMENT: there is none, or it is another file's or somebody else's.
 */
enum err file_txn_find(
    struct op_call *call, struct op_target *target, struct put_txn *out) ERR_CHECKED;

/* Id, limits of a segment, and the digest of all so far. */
void file_txn_reply_fields(struct op_call *call, const struct put_txn *txn);

/* The digest of everything a transaction holds. ERR_NO_MEMORY. */
enum err file_txn_md5(const uint8_t state[MD5_STATE_SIZE], uint8_t md5[MD5_SIZE],
    struct errinfo *why) ERR_CHECKED;

#endif
