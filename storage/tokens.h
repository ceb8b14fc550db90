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
	TOKEN_LINK = 4, /* to share: opened for a TOKEN_GUEST, else good for nothing */
	TOKEN_GUEST = 5, /* of who opened one: in its owner's name, for its path */
	TOKEN_LETTER = 6, /* sent to its owner, for a new password and nothing else */
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
	/* Of links and guests. */
	bool drop_only; /* new files right below the path, and nothing else */
	uint64_t link; /* of a guest: the link's id */
	uint64_t uses, uses_max; /* of a link: how often it was opened; 0: no limit */
	struct bytes password; /* of a link, hashed; .n 0: none is asked for */
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

/*
 * Somebody opens the link `link`: counts it, and adds `guest`, whose path, rights and end
 * are the link's, or an earlier end if it has one; its texts stay in the store, and are
 * not in `guest` afterwards. ERR_NOT_FOUND: no such link.
 * ERR_DENIED: it has ended, or was opened as often as it may be.
 */
struct tokens_open_link {
	struct change change;
	struct token guest; /* account, link, created_ms, expires_ms, id, hash */
	uint64_t most; /* guests of one account */
};
void tokens_open_link(struct store *store, struct tokens_open_link *r);

/*
 * One, or all of an account (`id` 0); with a link go its guests. ERR_NOT_FOUND: no such
 * one.
 */
struct tokens_remove {
	struct change change;
	uint64_t account, id;
};
void tokens_remove(struct store *store, struct tokens_remove *r);

#endif
