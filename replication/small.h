/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small - small files whose bytes ride in the journal, until they are moved to the
 * locations (architecture D78, storage/blob_small.h).
 *
 *   small_hold ─► the caller's metadata commit ─► small_committed ─► moved ─► forgotten
 *        └───────────────────────────────────────► small_dropped
 *
 * From small_hold on the bytes are in memory, too, where reads find them. How many bytes
 * may be so is a setting, small_backlog: beyond it an upload goes straight to the
 * locations.
 *
 * A file is moved at once, as it would have been uploaded (mirror_put), under the id it
 * has. When so many come that this would hold up the uploads (small_flood a second, or
 * small_pack that wait), they go together into one file, a pack (storage/blob_pack.h), as
 * soon as there are enough for one, or one has waited for small_delay. W locations must have them before the catalogue lets their bytes go.
 *
 * Thread: any, but for new, start, stop, quiet and free.
 */
#ifndef QUARTET_REPLICATION_SMALL_H
#define QUARTET_REPLICATION_SMALL_H

#include "replication/mirror.h"

struct small;
struct small_file;

/*
 * Also reads what earlier processes left. `loop` is the mirror's. The settings used:
 * small_file, small_backlog, small_moves, small_flood, small_pack, small_delay.
 */
enum err small_new(struct mirror *m, struct loop *loop, const struct settings *settings,
    struct small **out, struct errinfo *why) ERR_CHECKED;
void small_start(struct small *s);
/* Nothing more is moved. On the loop's thread. */
void small_stop(struct small *s);
/* True when nothing is being moved. On the loop's thread. */
bool small_quiet(const struct small *s);
/* Only when quiet. NULL is fine. */
void small_free(struct small *s);

/*
 * Keep a copy of these bytes, those of `blob`, whose id, length and MD5 are set, and make
 * it a small one: `small`, `small_row` and `want` are set. NULL: it is too large, or there
 * is no room now; the blob is as it was.
 */
struct small_file *small_hold(struct small *s, struct blob *blob, const void *bytes,
    uint64_t node_id, struct bytes path);

/* The metadata name it, or may. The id is closed when it has been moved, or is gone. */
void small_committed(struct small *s, struct small_file *file);
/* They do not; the id stays the caller's. */
void small_dropped(struct small *s, struct small_file *file);

/*
 * The bytes of blob `id` at the start of a piece, one reference to it being the caller's;
 * NULL: it is not here (any more).
 */
struct piece *small_find(struct small *s, uint64_t id);

/*
 * For who has a record that says `small` though the file is not here: what the catalogue
 * says now. ERR_NOT_FOUND: it is gone. ERR_DAMAGED: its bytes cannot be read.
 */
enum err small_look_again(
    struct small *s, uint64_t id, struct blob *out, struct errinfo *why) ERR_CHECKED;

/* The record of a blob, from any thread. */
enum err small_record(
    struct small *s, uint64_t id, struct blob *out, struct errinfo *why) ERR_CHECKED;

/* Is it being moved, or was that tried? Its files are not for others to remove. */
bool small_is_moving(struct small *s, uint64_t id);

struct small_facts {
	uint64_t files, bytes; /* that are not at the locations yet */
	uint64_t moved, failed; /* since the start; failed moves are tried again */
};
void small_facts(struct small *s, struct small_facts *out);

#endif
