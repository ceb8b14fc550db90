/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper - a child that closes the server's doors when the server is gone.
 *
 * A server killed while a disk is frozen stays behind as a zombie whose listening sockets
 * still take connections away from its successor (architecture D71: 21 of 40 lost). The
 * keeper shares the sockets, and the kernel tells it of the server's end: then it shuts
 * them down.
 *
 * Order: keeper_start with all listening sockets, before the first thread -> keeper_stop.
 */
#ifndef QUARTET_KEEPER_H
#define QUARTET_KEEPER_H

#include <stddef.h>
#include <sys/types.h>

#include "service/core/err.h"

enum err keeper_start(
    const int *fds, size_t n, pid_t *pid_out, struct errinfo *why) ERR_CHECKED;
/* Shut the sockets down now, and end the keeper. */
void keeper_stop(pid_t pid);

#endif
