/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins - which blobs are being read, so that their files are not removed meanwhile.
 *
 * Counts per blob id, in memory only. A reader pins right after it read the node's
 * record; the removal queue's minimum age covers the moment between.
 * Thread: any.
 */
#ifndef QUARTET_REPLICATION_PINS_H
#define QUARTET_REPLICATION_PINS_H

#include <stdbool.h>
#include <stdint.h>

struct pins;

struct pins *pins_new(void); /* NULL: no memory */
void pins_free(struct pins *pins);

/* False: no memory. */
bool pins_add(struct pins *pins, uint64_t blob_id);
void pins_drop(struct pins *pins, uint64_t blob_id);
bool pins_has(struct pins *pins, uint64_t blob_id);

#endif
