/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport - bytes over a socket, plain or TLS, without ever waiting.
 *
 * One interface for both, straight from the socket (or the TLS record) into the caller's
 * memory and back. It replaces libevent's bufferevent, which copies every byte once more
 * and reads 4 KiB at a time.
 *
 * A call that cannot go on answers TRANSPORT_AGAIN and sets `want` to what the descriptor
 * must be ready for; then the same call is repeated with the same bytes.
 * Thread: one loop. Memory: the transport owns the descriptor.
 */
#ifndef QUARTET_HTTP_TRANSPORT_H
#define QUARTET_HTTP_TRANSPORT_H

#include <stddef.h>
#include <sys/uio.h>

#include "service/core/arena.h"
#include "service/core/err.h"

struct tls_context; /* tls.h */
struct transport;

enum transport_result {
	TRANSPORT_DONE,
	TRANSPORT_AGAIN,
	TRANSPORT_END,
	TRANSPORT_BROKEN
};

/* `tls` NULL: plain. Takes `fd` (nonblocking), also on failure. NULL: no memory. */
struct transport *transport_new(int fd, struct tls_context *tls);
/* Closes at once; transport_close first for a clean end. */
void transport_free(struct transport *t);

/* TLS only; DONE at once otherwise. */
enum transport_result transport_handshake(struct transport *t, unsigned *want);
enum transport_result transport_read(
    struct transport *t, void *to, size_t room, size_t *n_out, unsigned *want);
enum transport_result transport_write(
    struct transport *t, const struct iovec *v, int n, size_t *n_out, unsigned *want);

/* Say that nothing more will be sent (close_notify, then FIN). AGAIN: not all of it out.
 */
enum transport_result transport_close(struct transport *t, unsigned *want);

/* What went wrong last, for the log. */
const char *transport_error(const struct transport *t);

/*
 * The certificates the peer sent, as DER, leaf first, copied into the arena; *n_out is 0
 * without any. Whether to believe them is not decided here.
 */
enum err transport_peer_chain(const struct transport *t, struct arena *a,
    struct bytes **der_out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

#endif
