/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump - the whole catalogue as text, whatever lies below it: for keeping, for looking at,
 * and for the way to another library or another layout of the metadata store.
 *
 *   quartet-export 1                 the version of what follows
 *   TABLE KEY VALUE                  a row each, in hex, "-" for nothing (storage/keys.h)
 *   end ROWS CRC                     how many, and the CRC32C of all lines before, in hex
 *
 * Thread: any; blocks.
 */
#ifndef QUARTET_STORAGE_DUMP_H
#define QUARTET_STORAGE_DUMP_H

#include <stdio.h>

#include "storage/store.h"

/* One snapshot, while everything goes on. ERR_IO: `to` could not be written. */
enum err dump_write(struct store_reader *reader, FILE *to, uint64_t *rows_out,
    struct errinfo *why) ERR_CHECKED;

/*
 * A store in the folder `dir`, where there must be none; durable. It is not opened or
 * judged, but whole. ERR_INVALID_ARGUMENT: it is not a dump, or not all of one; `why` says the line.
 */
enum err dump_load(FILE *from, const char *dir, uint64_t map_bytes, uint64_t *rows_out,
    struct errinfo *why) ERR_CHECKED;

#endif
