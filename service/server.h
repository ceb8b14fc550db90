/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - everything put together: doors, loops, stores, and their order of life.
 *
 *   server_open    settings, TLS, sockets, keeper; before any thread
 *   server_start   store, locations, loops: requests are served when it returns
 *   server_reload  certificates and authorities again, the access log reopened
 *   server_stop    nobody new; what is under way gets stop_grace; then the end
 *
 * Thread: the main one, which does nothing else.
 */
#ifndef QUARTET_SERVER_H
#define QUARTET_SERVER_H

#include "conf/settings.h"

struct server;

/* Borrows the settings. */
enum err server_open(const struct settings *settings, struct server **out,
    struct errinfo *why) ERR_CHECKED;
enum err server_start(struct server *server, struct errinfo *why) ERR_CHECKED;
/* A fault leaves what was in use before. */
enum err server_reload(struct server *server, struct errinfo *why) ERR_CHECKED;
/* Once a minute or so. */
void server_tend(struct server *server);
/*
 * Frees the server. False: something hangs (a location); the process should just end,
 * which loses nothing.
 */
bool server_stop(struct server *server);

/* The keeper's process id, to tell its end from others'. */
int server_keeper(const struct server *server);

#endif
