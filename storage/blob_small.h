/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_small - small files whose bytes are in the catalogue itself, for a while.
 *
 * The bytes of a small upload go into the batch that makes its node, and with it into the
 * journals of as many locations as an upload needs: one sync makes the bytes and metadata
 * of a whole batch durable (architecture D78). The record says `small`; it may have no
 * copy, and none is due. Behind the client's back the bytes are moved: a file at each
 * location as any upload makes it, then blob_settle, which ends this state.
 *
 * A row: the bytes | path at upload | node id (8 LE) | length of the path (2 LE) |
 * CRC32C of the blob's id and all of that (4 LE). Reads and changes as store.h says.
 */
#ifndef QUARTET_STORAGE_BLOB_SMALL_H
#define QUARTET_STORAGE_BLOB_SMALL_H

#include "storage/blob.h"

enum { BLOB_SMALL_MAX = 64 * 1024 }; /* bytes of such a file */

struct blob_small {
	struct bytes data;
	uint64_t node_id; /* 0 when the upload made the node */
	struct bytes path; /* of a long one the last BLOB_PATH_MAX bytes */
};

/* How long the row of a file is. */
size_t blob_small_size(size_t data_n, size_t path_n);

/* `row` begins with the data_n bytes of the file: add the rest. */
void blob_small_finish(
    uint8_t *row, size_t data_n, uint64_t id, uint64_t node_id, struct bytes path);

/* Check a row and take it apart; what *out names lies in it. ERR_DAMAGED. */
enum err blob_small_decode(uint64_t id, struct bytes row, struct blob_small *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Up to `max` ids of small blobs above `after`, ascending. *n_out < max: there are no
 * more.
 */
enum err blob_small_list(struct store_reader *reader, uint64_t after, uint64_t *ids,
    size_t max, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/*
 * The row of one, as it is; at most `room` bytes are copied, *n_out is the whole length.
 * ERR_NOT_FOUND.
 */
enum err blob_small_get(struct store_reader *reader, uint64_t id, void *to, size_t room,
    size_t *n_out, struct errinfo *why) ERR_CHECKED;

/*
 * A small blob's bytes are durable at `have`: it is a blob like any other from now on.
 * A file there that waits for its removal does not count. ERR_NOT_FOUND: the blob is gone,
 * or not small any more; the files must be removed. ERR_QUORUM: none counts.
 */
struct blob_settle {
	struct change change;
	uint64_t id;
	location_map have;
};
void blob_settle(struct store *store, struct blob_settle *r);

#endif
