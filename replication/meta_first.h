/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_first - a copy of a new metadata store, for the journal to begin from should the
 * store be lost before meta_copy has made one. Thread: any; blocks.
 */
#ifndef QUARTET_REPLICATION_META_FIRST_H
#define QUARTET_REPLICATION_META_FIRST_H

#include "storage/store.h"

/* At the location `root`, durably; `seq`: the store's last change. */
enum err meta_first_copy(
    struct store *store, const char *root, uint64_t seq, struct errinfo *why) ERR_CHECKED;

#endif
