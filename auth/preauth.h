/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preauth - the tokens of pre-authorised URLs (/vault/files/preauth:TOKEN/PATH).
 *
 * A token says who may read or write which node until when, and nobody without the key
 * can make or change one. It stands for a credential and nothing else: what its identity
 * may do is decided anew at each request. It is bound to the path it was made for.
 *
 * Promise: preauth_open answers ERR_OK only for a token that preauth_make made with one
 * of these keys for exactly this path and that has not expired; one token has one
 * spelling. Tokens are secrets: never log one.
 * Thread: any; values only, no memory is kept.
 * Fails with ERR_DENIED, saying why, and ERR_NO_MEMORY.
 */
#ifndef QUARTET_AUTH_PREAUTH_H
#define QUARTET_AUTH_PREAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/err.h"

enum { PREAUTH_SECRET_SIZE = 32, PREAUTH_TEXT_SIZE = 101 /* with the final NUL */ };

struct preauth_key {
	uint8_t id; /* unlike that of any other key still valid */
	uint8_t secret[PREAUTH_SECRET_SIZE];
};

struct preauth_grant {
	bool write; /* else read */
	/*
	 * The node, or 0 for a file that is not there yet: then, and only then, the token
	 * keeps the parent, and the path names the file.
	 */
	uint64_t node_id;
	uint64_t parent_id; /* 0 when node_id is not */
	uint64_t identity; /* 0: anonymous */
	uint64_t
	    token; /* of the identity's account: by which it was asked for; 0: none */
	uint64_t job; /* whose bytes these are; 0: none */
	int64_t expires_ms; /* the first moment it is not valid any more; not negative */
};

/* `path` is the decoded path as path_show() writes it. */
enum err preauth_make(const struct preauth_key *key, const struct preauth_grant *grant,
    struct bytes path, char out[PREAUTH_TEXT_SIZE], struct errinfo *why) ERR_CHECKED;

/* `keys`: all that are valid now. */
enum err preauth_open(const struct preauth_key *keys, size_t n, struct bytes token,
    struct bytes path, int64_t now_ms, struct preauth_grant *out,
    struct errinfo *why) ERR_CHECKED;

#endif
