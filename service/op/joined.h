/* SPDX-License-Identifier: Apache-2.0 */
/*
 * joined - the segments of a put transaction as one source of bytes, in pieces that are
 * full but for the last, as mirror_put_fill wants them. Each is read as a file is: block
 * by block against its checksums, from the best copy. Thread: the call's loop.
 */
#ifndef QUARTET_OP_JOINED_H
#define QUARTET_OP_JOINED_H

#include "service/op/op.h"
#include "storage/put_txns.h"

/* `segments` are borrowed until the source is closed. ERR_BUSY, ERR_NO_MEMORY. */
enum err joined_source(struct op_call *call, const struct put_txn_segment *segments,
    size_t n, struct source **out) ERR_CHECKED;

#endif
