/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic - what HTTP Basic authentication (RFC 7617) carries, and from where it is taken.
 * Thread: any. Memory: in the arena given. A password is a secret: never log one.
 */
#ifndef QUARTET_AUTH_BASIC_H
#define QUARTET_AUTH_BASIC_H

#include <stdbool.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

struct basic {
	struct bytes name, password;
};

/* Is this the value of an Authorization header for Basic? */
bool basic_is(struct bytes authorization);

/* ERR_NOT_AUTHENTICATED: not base64, without a colon, or too long. */
enum err basic_parse(struct arena *a, struct bytes authorization, struct basic *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Does a peer ("127.0.0.1:4711", "[::1]:4711") sit on this machine? Without TLS a
 * password is taken only from there (architecture D38).
 */
bool basic_peer_is_local(struct bytes peer);

#endif
