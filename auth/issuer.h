/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuer - the instance's own authority: signs certificates that users sign in with.
 *
 * A certificate is the user's own, with a new key (P-256) that is handed out with it and
 * kept by nobody else; it is no proxy (RFC 5280, architecture D12).
 *
 * Order: issuer_load -> issuer_make* -> issuer_free. Thread: any; quick enough for a loop.
 */
#ifndef QUARTET_AUTH_ISSUER_H
#define QUARTET_AUTH_ISSUER_H

#include <stdint.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

struct issuer;

enum { ISSUER_SERIAL_BYTES = 16, ISSUER_SERIAL_SIZE = 2 * ISSUER_SERIAL_BYTES + 1 };

struct issued {
	struct bytes pem; /* the key, then the certificate */
	char serial[ISSUER_SERIAL_SIZE]; /* hex */
	int64_t not_after_ms;
};

/*
 * From the PEM files of an authority's certificate and its key, which has no password.
 * ERR_CONFIG: they are not, or do not belong together.
 */
enum err issuer_load(const char *certificate, const char *key, struct issuer **out,
    struct errinfo *why) ERR_CHECKED;
void issuer_free(struct issuer *issuer); /* NULL is fine */

/*
 * For the distinguished name `dn` (auth/dn.h), from now on and for `seconds`, at most for
 * as long as the authority's own lasts. ERR_INVALID_ARGUMENT: the name cannot be in a
 * certificate.
 */
enum err issuer_make(const struct issuer *issuer, struct arena *a, struct bytes dn,
    uint64_t seconds, struct issued *out, struct errinfo *why) ERR_CHECKED;

#endif
