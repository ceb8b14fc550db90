/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts_write - accounts inside a change. Internal to storage.
 */
#ifndef QUARTET_STORAGE_ACCOUNTS_WRITE_H
#define QUARTET_STORAGE_ACCOUNTS_WRITE_H

#include "storage/accounts.h"
#include "storage/write.h"

/* As accounts_create. */
enum err accounts_write_new(struct write *w, struct bytes name, uint64_t *id_out,
    struct errinfo *why) ERR_CHECKED;

/* The row of an identity; the numbers are stored. */
enum identity_kind { IDENTITY_ACCOUNT = 1, IDENTITY_DN = 2 };

struct identity_row {
	enum identity_kind kind;
	uint64_t account; /* for a DN: the account that owns it, or 0 */
	struct bytes text;
};

enum err identity_load(struct db_txn *txn, uint64_t id, struct identity_row *out,
    struct errinfo *why) ERR_CHECKED;
/* The account that an identity is or belongs to, else itself. ERR_NOT_FOUND. */
enum err identity_principal(
    struct db_txn *txn, uint64_t id, uint64_t *out, struct errinfo *why) ERR_CHECKED;

#endif
