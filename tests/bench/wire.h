/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - connections to one HTTP server, plain or TLS.
 *
 * Order: wire_server_init once -> wire_open -> wire_read, wire_write -> wire_close, any
 * number of times -> wire_server_release.
 * A connection is set up blocking, with a limit of WIRE_SETUP_S; then it is non-blocking
 * if asked. Behind this header stands OpenSSL.
 * Fails: what is wrong before the first byte of a request (name, refused connection,
 * handshake) ends the program; a connection that breaks later is the caller's to count.
 */
#ifndef QUARTET_BENCH_WIRE_H
#define QUARTET_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "service/core/bytes.h"

enum { WIRE_SETUP_S = 10 };

struct wire_tls; /* OpenSSL's context */

struct wire_server {
	char authority[256]; /* host:port, for the Host header */
	char host[256];
	struct bytes target; /* path and query of the URL given, at least "/" */
	struct sockaddr_storage address; /* the first of the name that answered */
	socklen_t address_n;
	int spare; /* the connection that found this out: the first wire_open gets it */
	struct wire_tls *tls; /* NULL: plain */
};

/*
 * From "http://host:port/path" or "https://...". `certificate` (PEM, key and chain in one
 * file) is offered to the server, `ca` makes the client check the server; both may be
 * NULL. `url` must outlive the server.
 */
void wire_server_init(
    struct wire_server *s, const char *url, const char *certificate, const char *ca);
void wire_server_release(struct wire_server *s);

struct wire {
	int fd;
	void *ssl;
};

void wire_open(struct wire *w, struct wire_server *s, bool nonblocking);
void wire_close(struct wire *w);

/* Reads and writes give up after this time on a blocking connection. */
void wire_limit(const struct wire *w, unsigned seconds);

/*
 * Bytes moved (at least one), or WIRE_LATER (non-blocking, nothing now), WIRE_END (the
 * other side closed), WIRE_BROKEN (reset, timed out, TLS error).
 */
enum { WIRE_END = 0, WIRE_LATER = -1, WIRE_BROKEN = -2 };

ssize_t wire_read(struct wire *w, void *p, size_t n);
ssize_t wire_write(struct wire *w, const void *p, size_t n);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "plain". */
void wire_kind(const struct wire *w, char *out, size_t room);

#endif
