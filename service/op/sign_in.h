/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_in - a new token for who proves to be somebody: by a name and a password in a form,
 * or, without those, by what the request was authenticated with, unless that is a token
 * itself: what has an end makes nothing that ends later.
 */
#ifndef QUARTET_OP_SIGN_IN_H
#define QUARTET_OP_SIGN_IN_H

#include "auth/passwords.h"
#include "auth/token.h"
#include "service/op/op.h"

/* The web page's; the prefix makes browsers hold it to this host, TLS and every path. */
#define SESSION_COOKIE "__Host-quartet"
/* Of who opened a link to share: sent below that link's path only. */
#define GUEST_COOKIE "__Secure-quartet-share"

/*
 * Who listens on the way shall not learn a password or a token (architecture D38): only by
 * TLS, or from this machine. ERR_NOT_AUTHENTICATED.
 */
enum err sign_in_check_way(struct op_call *call) ERR_CHECKED;

struct sign_in {
	struct op_call *call;
	enum token_kind kind;
	uint64_t life_ms;
	/* With ERR_OK `account` and `text` are set, else call->why is. */
	void (*done)(struct sign_in *s, enum err err);
	struct account account;
	char text[TOKEN_TEXT_SIZE];
	/* sign_in.c's own */
	struct password_ask ask;
	struct tokens_add add;
};

/* Calls s->done once, now or later. `s` is borrowed until then. */
void sign_in(struct sign_in *s);
/* The same for who has proved otherwise to be s->account. */
void sign_in_account(struct sign_in *s);

/* Once it has come off: the cookie by which a browser is known from now on. */
void sign_in_set_cookie(struct sign_in *s);
/* And the end of any. */
void sign_in_clear_cookie(struct op_call *call);

#endif
