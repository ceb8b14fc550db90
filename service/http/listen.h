/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen - sockets that wait for clients.
 *
 * listen_open makes a listening socket for "address:port" ("[::1]:port", "*:port"); with
 * `share` several may be bound to the same address, one for each loop, and the kernel
 * spreads the connections. A listener takes connections from such a socket on one loop.
 */
#ifndef QUARTET_HTTP_LISTEN_H
#define QUARTET_HTTP_LISTEN_H

#include "service/http/conn.h"
#include "service/http/tls.h"

enum { LISTEN_ADDRESS_SIZE = 80 };

/*
 * Port 0 takes a free one. `bound_out` is what it became, fit for another call.
 * ERR_CONFIG names the address.
 */
enum err listen_open(const char *address, bool share, int *fd_out,
    char bound_out[LISTEN_ADDRESS_SIZE], struct errinfo *why) ERR_CHECKED;

/*
 * A Unix socket at `path`, mode 0600; a stale one is replaced. One in use ERR_CONFIG, after
 * a while: the keeper of a server that was killed may yet have to shut it down.
 */
enum err listen_open_unix(const char *path, int *fd_out, struct errinfo *why) ERR_CHECKED;

struct listener;

struct listener_config {
	int fd; /* borrowed */
	struct conn_group *group;
	struct tls_context *tls; /* NULL: plain; counted */
	bool local_only; /* Unix: only peers with our uid or root's */
	unsigned connections_max; /* of all loops: beyond it nobody is let in until one
				     leaves */
};

enum err listener_new(const struct listener_config *config, struct listener **out,
    struct errinfo *why) ERR_CHECKED;
/* New connections use this from now on. On the loop's thread. */
void listener_set_tls(struct listener *l, struct tls_context *tls);
void listener_free(struct listener *l);

#endif
