/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens_write - tokens inside a change. Internal to storage.
 */
#ifndef QUARTET_STORAGE_TOKENS_WRITE_H
#define QUARTET_STORAGE_TOKENS_WRITE_H

#include "storage/tokens.h"
#include "storage/write.h"

/* All tokens of an account go. */
enum err tokens_write_remove_all(
    struct write *w, uint64_t account, struct errinfo *why) ERR_CHECKED;

/* Can this row be read? `key` as it is in the table. */
enum err tokens_decode(struct bytes key, struct bytes value, struct token *out,
    struct errinfo *why) ERR_CHECKED;

#endif
