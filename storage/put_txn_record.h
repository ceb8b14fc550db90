/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put_txn_record - a put transaction as it is stored. Internal to storage; the CRC behind
 * it is rows.h's. Thread: any.
 */
#ifndef QUARTET_STORAGE_PUT_TXN_RECORD_H
#define QUARTET_STORAGE_PUT_TXN_RECORD_H

#include "service/core/str.h"
#include "storage/put_txns.h"

/* Fails as core/str does. */
void put_txn_encode(struct str *s, const struct put_txn *t);

/* Everything is copied into the arena. ERR_DAMAGED: it is none. */
enum err put_txn_decode(const uint8_t id[PUT_TXN_ID_SIZE], struct bytes row,
    struct arena *a, struct put_txn *out, struct errinfo *why) ERR_CHECKED;

#endif
