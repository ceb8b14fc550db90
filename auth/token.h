/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - the text by which a token is used (Authorization: Bearer, the web page's cookie).
 *
 * It names account and token and carries a secret, all random or checked against the
 * store's row: there is no signature to forge, no algorithm to choose, and a token of
 * another instance names nothing here. One token has one spelling. Each kind counts only
 * where it belongs: a cookie is no bearer token.
 *
 * Texts are secrets: never log one. Thread: the reader's.
 * Fails with ERR_NOT_AUTHENTICATED, saying why, besides the store's failures.
 */
#ifndef QUARTET_AUTH_TOKEN_H
#define QUARTET_AUTH_TOKEN_H

#include "storage/tokens.h"

enum { TOKEN_TEXT_SIZE = 55 /* with the final NUL */ };

/* Fills in id and hash of `token`, whose account is set, and the text for its user. */
enum err token_make(
    struct token *token, char text[TOKEN_TEXT_SIZE], struct errinfo *why) ERR_CHECKED;

/*
 * The token with that text, if it is valid at `now_ms`. `kinds`: 1 << kind for each that
 * counts. Whether its account may be used is for the caller to see.
 */
enum err token_open(struct store_reader *reader, struct arena *a, struct bytes text,
    unsigned kinds, int64_t now_ms, struct token *out, struct errinfo *why) ERR_CHECKED;

#endif
