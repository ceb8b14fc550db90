/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loss - a copy was found to be gone or bad: what follows from that.
 *
 * The catalogue counts it no longer and has a repair row for it, in one commit; then a bad
 * file is moved to the location's bad/. Goes on by itself; mirror_idle knows of it. What
 * cannot be told to the catalogue now is found again later.
 *
 * Internal to replication. Thread: the loop given.
 */
#ifndef QUARTET_REPLICATION_LOSS_H
#define QUARTET_REPLICATION_LOSS_H

#include "replication/mirror.h"

/* `is_there`: a file lies there, with wrong bytes. */
void loss_note(struct mirror *m, struct loop *loop, const struct blob *blob,
    unsigned location, bool is_there);

#endif
