/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_pack - many small files in one file of a location.
 *
 * A pack is a blob like any other: a file at each location, verified, repaired and
 * scrubbed as such. Its bytes are those of small blobs, one behind the other, then an
 * index of them, so that it can be taken apart without the catalogue. No node names it:
 * its members do (`pack`, `pack_at` of struct blob), and with the last of them it goes.
 *
 * The index, little-endian, for each member: id (8) | at (8) | length (8) | MD5 (16) |
 * node id (8) | length of the path (2) | path; then the tail: where the index begins (8) |
 * members (4) | CRC32C of all that (4) | "QRTPACK1" (8). The trailer of the file has the
 * path BLOB_PACK_PATH.
 */
#ifndef QUARTET_STORAGE_BLOB_PACK_H
#define QUARTET_STORAGE_BLOB_PACK_H

#include "service/core/str.h"
#include "storage/blob.h"

#define BLOB_PACK_PATH "pack:"

enum { BLOB_PACK_TAIL = 24, BLOB_PACK_INDEX_MAX = 16 * 1024 * 1024 };

struct blob_pack_entry {
	uint64_t id, at, length;
	uint8_t md5[MD5_SIZE];
	uint64_t node_id;
	struct bytes path;
};

/* Make an index that begins at `at` in the pack: the entries, then the end. */
void blob_pack_index_add(struct str *index, const struct blob_pack_entry *entry);
void blob_pack_index_end(struct str *index, uint64_t at, uint32_t members);

/*
 * From the tail of a pack of `length` bytes: where its index begins. ERR_DAMAGED.
 */
enum err blob_pack_tail(const uint8_t tail[BLOB_PACK_TAIL], uint64_t length,
    uint64_t *at_out, struct errinfo *why) ERR_CHECKED;

/* Is this, from there to the end of the pack, an index? ERR_DAMAGED. */
enum err blob_pack_index_check(struct bytes index, struct errinfo *why) ERR_CHECKED;
/* Take the next entry off one that was checked. False: there are no more. */
bool blob_pack_index_next(struct bytes *index, struct blob_pack_entry *out);

/*
 * A pack is durable at blob.have: those of its members that are small blobs still are in
 * it from now on; the others are gone. ERR_NOT_FOUND: all are; the pack must be removed.
 */
struct blob_pack {
	struct change change;
	struct blob blob;
	const struct blob_pack_entry *entry; /* id and at are used */
	size_t n;
};
void blob_pack(struct store *store, struct blob_pack *r);

/* A pack without members, for who makes a catalogue anew: each new member counts. */
struct blob_pack_found {
	struct change change;
	struct blob blob;
};
void blob_pack_found(struct store *store, struct blob_pack_found *r);

#endif
