/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openid - one outside provider of identities (OpenID Connect Core 1.0, Discovery 1.0; PKCE
 * of RFC 7636): whose a bearer token of its is, and signing in through it.
 *
 * Whatever is asked is done on a thread of the module's own, one after the other, since the
 * provider may have to be asked first. Order: openid_new -> openid_ask* -> openid_free,
 * when nobody waits any more. Thread: any; `done` runs on the asker's loop.
 */
#ifndef QUARTET_OPENID_OPENID_H
#define QUARTET_OPENID_OPENID_H

#include "conf/settings.h"
#include "service/core/bytes.h"
#include "service/core/loop.h"
#include "service/core/worker.h"
#include "service/openid/jwt.h"

enum { OPENID_URL_SIZE = 2048, OPENID_SECRET_SIZE = 44 /* 32 bytes as base64url */ };

struct openid;

static inline bool
openid_is_on(const struct settings *settings)
{
	return settings->openid_issuer[0] != '\0';
}

/* ERR_CONFIG names the setting that is wrong; the client's secret is read. */
enum err openid_new(const struct settings *settings, struct openid **out,
    struct errinfo *why) ERR_CHECKED;
void openid_free(struct openid *openid); /* NULL is fine */

/* Does it look like a token of the provider's, and not like one of ours? */
bool openid_is_token(struct bytes text);

enum openid_verb {
	OPENID_BEARER, /* whose is `text`? */
	OPENID_PLACE, /* where does one sign in? */
	OPENID_CODE, /* who has signed in there, by the code `text`? */
};

/* Owned by the asker until `done`; so are its texts. */
struct openid_ask {
	enum openid_verb verb;
	struct loop *loop;
	void (*done)(struct openid_ask *ask, enum err err);
	struct bytes text;
	/* OPENID_CODE: what the question was asked with. */
	const char *redirect, *nonce, *verifier;
	/*
	 * In `done`. ERR_NOT_AUTHENTICATED: it is nobody's, `why` says how. ERR_BUSY: the
	 * provider cannot be asked, or too many ask.
	 */
	struct errinfo why;
	struct jwt_claims claims; /* BEARER, CODE */
	char place[OPENID_URL_SIZE]; /* PLACE */
	/* Its own. */
	struct openid *openid;
	enum err err;
	struct worker_job job;
};

void openid_ask(struct openid *openid, struct openid_ask *ask);

#endif
