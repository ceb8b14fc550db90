/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space - makes the struct space of the operations: names from the settings, keys of
 * pre-authorised URLs from the store.
 *
 * Order: space_init after the store is open, before any loop runs. It blocks until a new
 * key is durable; space_release after the last loop ended, also after a failure. Memory:
 * what the space points to is in the arena given, but for what space_release frees.
 */
#ifndef QUARTET_SPACE_H
#define QUARTET_SPACE_H

#include "service/op/op.h"

enum err space_init(struct space *space, struct arena *arena,
    const struct settings *settings, struct store *store,
    struct errinfo *why) ERR_CHECKED;
void space_release(struct space *space);

/*
 * The service's own authority from its two files; NULL: the settings name none. ERR_CONFIG:
 * they are not, or do not belong together. Another one takes the place of space->issuer
 * any time; that one is freed when every loop has been through a job since.
 */
enum err space_load_issuer(const struct settings *settings, struct issuer **out,
    struct errinfo *why) ERR_CHECKED;

#endif
