/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob_pack.h"

#include <string.h>

#include "service/core/check.h"
#include "storage/blob_file.h"
#include "storage/blob_write.h"
#include "storage/pack.h"

enum {
	FIXED = 8 + 8 + 8 + MD5_SIZE + 8 + 2, /* of an entry */
	AT_MD5 = 24,
	AT_NODE = AT_MD5 + MD5_SIZE,
	AT_PATH_N = AT_NODE + 8,
	TAIL_CRC = 12,
	TAIL_MAGIC = 16,
};

static const char magic[8] = {'Q', 'R', 'T', 'P', 'A', 'C', 'K', '1'};

void
blob_pack_index_add(struct str *index, const struct blob_pack_entry *entry)
{
	uint8_t fixed[FIXED];
	struct bytes path = entry->path;

	if (path.n > BLOB_PATH_MAX)
		path = (struct bytes){path.p + path.n - BLOB_PATH_MAX, BLOB_PATH_MAX};
	pack_store(fixed, entry->id, 8);
	pack_store(fixed + 8, entry->at, 8);
	pack_store(fixed + 16, entry->length, 8);
	(void)memcpy(fixed + AT_MD5, entry->md5, MD5_SIZE);
	pack_store(fixed + AT_NODE, entry->node_id, 8);
	pack_store(fixed + AT_PATH_N, path.n, 2);
	str_add(index, (struct bytes){(const char *)fixed, sizeof fixed});
	str_add(index, path);
}

void
blob_pack_index_end(struct str *index, uint64_t at, uint32_t members)
{
	uint8_t tail[BLOB_PACK_TAIL];
	struct bytes so_far = str_bytes(index);

	pack_store(tail, at, 8);
	pack_store(tail + 8, members, 4);
	pack_store(
	    tail + TAIL_CRC, crc32c(crc32c(0, so_far.p, so_far.n), tail, TAIL_CRC), 4);
	(void)memcpy(tail + TAIL_MAGIC, magic, sizeof magic);
	str_add(index, (struct bytes){(const char *)tail, sizeof tail});
}

static enum err
damaged(struct errinfo *why)
{
	return errinfo_set(why, ERR_DAMAGED, "the index of a pack is damaged");
}

enum err
blob_pack_tail(const uint8_t tail[BLOB_PACK_TAIL], uint64_t length, uint64_t *at_out,
    struct errinfo *why)
{
	uint64_t at = pack_load(tail, 8);

	if (memcmp(tail + TAIL_MAGIC, magic, sizeof magic) != 0 ||
	    length < BLOB_PACK_TAIL || at > length - BLOB_PACK_TAIL ||
	    length - at > BLOB_PACK_INDEX_MAX)
		return damaged(why);
	*at_out = at;
	return ERR_OK;
}

bool
blob_pack_index_next(struct bytes *index, struct blob_pack_entry *out)
{
	const uint8_t *p = (const uint8_t *)index->p;
	size_t path_n;

	if (index->n < FIXED + BLOB_PACK_TAIL)
		return false;
	path_n = (size_t)pack_load(p + AT_PATH_N, 2);
	if (path_n > index->n - FIXED - BLOB_PACK_TAIL)
		return false;
	*out = (struct blob_pack_entry){
	    .id = pack_load(p, 8),
	    .at = pack_load(p + 8, 8),
	    .length = pack_load(p + 16, 8),
	    .node_id = pack_load(p + AT_NODE, 8),
	    .path = {index->p + FIXED, path_n},
	};
	(void)memcpy(out->md5, p + AT_MD5, MD5_SIZE);
	index->p += FIXED + path_n;
	index->n -= FIXED + path_n;
	return true;
}

enum err
blob_pack_index_check(struct bytes index, struct errinfo *why)
{
	const uint8_t *tail = (const uint8_t *)index.p + index.n - BLOB_PACK_TAIL;
	struct bytes rest = index;
	struct blob_pack_entry entry;
	uint64_t n = 0, at;

	if (index.n < BLOB_PACK_TAIL || index.n > BLOB_PACK_INDEX_MAX ||
	    memcmp(tail + TAIL_MAGIC, magic, sizeof magic) != 0 ||
	    pack_load(tail + TAIL_CRC, 4) !=
		crc32c(0, index.p, index.n - BLOB_PACK_TAIL + TAIL_CRC))
		return damaged(why);
	at = pack_load(tail, 8);
	while (blob_pack_index_next(&rest, &entry)) {
		if (entry.id == 0 || entry.length == 0 || entry.at > at ||
		    entry.length > at - entry.at)
			return damaged(why);
		n++;
	}
	return rest.n == BLOB_PACK_TAIL && n == pack_load(tail + 8, 4) ? ERR_OK
								       : damaged(why);
}

static enum err
apply_pack(struct change *change, struct write *w)
{
	struct blob_pack *r = container_of(change, struct blob_pack, change);
	struct blob blob = r->blob;
	enum err e = ERR_OK;

	blob.references = 0;
	for (size_t i = 0; i < r->n && e == ERR_OK; i++) {
		e = blob_write_packed(
		    w, r->entry[i].id, blob.id, r->entry[i].at, &change->why);
		blob.references += e == ERR_OK;
		if (e == ERR_NOT_FOUND)
			e = ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	if (blob.references == 0)
		return errinfo_set(
		    &change->why, ERR_NOT_FOUND, "all members of a pack are gone");
	return blob_write_pack(w, &blob, &change->why);
}

void
blob_pack(struct store *store, struct blob_pack *r)
{
	r->change.apply = apply_pack;
	store_submit(store, &r->change);
}

static enum err
apply_found(struct change *change, struct write *w)
{
	struct blob_pack_found *r = container_of(change, struct blob_pack_found, change);

	r->blob.references = 0;
	return blob_write_pack(w, &r->blob, &change->why);
}

void
blob_pack_found(struct store *store, struct blob_pack_found *r)
{
	r->change.apply = apply_found;
	store_submit(store, &r->change);
}
