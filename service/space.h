/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space - makes the struct space of the operations: names from the settings, keys of
 * pre-authorised URLs from the store.
 *
 * Order: space_init after the store is open, before any loop runs. It blocks until a new
 * key is durable. Memory: everything the space points to is in the arena given.
 */
#ifndef QUARTET_SPACE_H
#define QUARTET_SPACE_H

#include "service/op/op.h"

enum err space_init(struct space *space, struct arena *arena,
    const struct settings *settings, struct store *store,
    struct errinfo *why) ERR_CHECKED;

#endif
