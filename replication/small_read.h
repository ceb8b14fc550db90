/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_read - reading a small file from memory, before it is moved (small.h). Internal to
 * replication: what mirror_source and mirror_reader answer with then.
 */
#ifndef QUARTET_REPLICATION_SMALL_READ_H
#define QUARTET_REPLICATION_SMALL_READ_H

#include "replication/mirror.h"

/*
 * Where the bytes of a blob are. ERR_OK with a reference to a piece that begins with them,
 * or with NULL and in *blob the one at the locations that has them, from *base_out on: it,
 * or its pack. ERR_NOT_FOUND, ERR_DAMAGED.
 */
enum err small_read_find(struct mirror *m, struct blob *blob, struct piece **piece_out,
    uint64_t *base_out, struct errinfo *why) ERR_CHECKED;

/* The piece is taken over. ERR_BUSY, ERR_NO_MEMORY. */
enum err small_source(struct mirror *m, struct piece *piece, size_t first, size_t n,
    struct source **out, struct errinfo *why) ERR_CHECKED;
enum err small_reader(struct mirror *m, struct loop *loop, struct piece *piece, size_t n,
    struct reader **out, struct errinfo *why) ERR_CHECKED;

#endif
