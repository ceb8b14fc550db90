/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens - what an account is known by besides its password and its certificates: the
 * sessions of the web page, tokens of a login, tokens a person made for a program.
 *
 * A token is a row here, and a text at who uses it (auth/token.h). The row holds a hash of
 * the text only, so nobody who reads the store can use it; and removing the row ends the
 * token everywhere at once. Each has an end. Reads and changes as store.h says.
 */
#ifndef QUARTET_STORAGE_TOKENS_H
#define QUARTET_STORAGE_TOKENS_H

#include "service/core/arena.h"
#include "service/core/digest.h"
#include "storage/store.h"

enum {
	TOKEN_LABEL_MAX = 200,
	TOKEN_PATH_MAX = 4096,
};

/* The numbers are stored. */
enum token_kind {
	TOKEN_SESSION = 1, /* of the web page: a cookie */
	TOKEN_LOGIN = 2, /* given for a password */
	TOKEN_PERSONAL = 3, /* made and named by its owner */
};

struct token {
	uint64_t account, id; /* the id is random */
	enum token_kind kind;
	bool read_only;
	int64_t created_ms, expires_ms;
	uint8_t hash[SHA256_SIZE];
	struct bytes label;
	struct bytes
	    path; /* what it is good for, as path_show writes it; .n 0: everything */
};

/* ERR_NOT_FOUND; an expired one is there still. */
enum err tokens_get(struct store_reader *reader, struct arena *a, uint64_t account,
    uint64_t id, struct token *out, struct errinfo *why) ERR_CHECKED;
/* Those of one account, in the order of their ids. */
enum err tokens_list(struct store_reader *reader, struct arena *a, uint64_t account,
    struct token **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/*
 * A new one; the account's that have expired go. With `most` of its kind there, the one
 * that ends first makes room, but for those a person made: ERR_CONFLICT.
 */
struct tokens_add {
	struct change change;
	struct token token;
	uint64_t most;
};
void tokens_add(struct store *store, struct tokens_add *r);

/* One, or all of an account (`id` 0). ERR_NOT_FOUND: no such one. */
struct tokens_remove {
	struct change change;
	uint64_t account, id;
};
void tokens_remove(struct store *store, struct tokens_remove *r);

#endif
