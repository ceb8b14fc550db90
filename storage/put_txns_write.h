/* SPDX-License-Identifier: Apache-2.0 */
/* put_txns_write - a put transaction inside another change. Internal to storage. */
#ifndef QUARTET_STORAGE_PUT_TXNS_WRITE_H
#define QUARTET_STORAGE_PUT_TXNS_WRITE_H

#include "storage/put_txns.h"
#include "storage/write.h"

/*
 * The transaction ends because its bytes become a file's: the record goes. Of a single
 * segment the reference passes over to the file; those of several are taken back.
 * ERR_CONFLICT: it is gone, or not at that turn.
 */
enum err put_txn_finish(struct write *w, const uint8_t id[PUT_TXN_ID_SIZE], uint64_t turn,
    struct errinfo *why) ERR_CHECKED;

#endif
