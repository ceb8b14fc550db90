/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the entries of a pack's index, under a tail that fits: what is accepted as
 * an index is taken apart to its end, and is written again alike.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "service/core/check.h"
#include "storage/blob_pack.h"

enum { ROOM = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take_apart(struct bytes index, uint64_t at, uint32_t members)
{
	struct bytes left = index;
	struct blob_pack_entry entry;
	struct str again;
	uint32_t n = 0;

	str_init(&again, ROOM);
	for (; blob_pack_index_next(&left, &entry); n++)
		blob_pack_index_add(&again, &entry);
	CHECK(n == members);
	blob_pack_index_end(&again, at, n);
	CHECK(!str_failed(&again) && bytes_eq(str_bytes(&again), index));
	str_release(&again);
}

/* The first byte: how many members the tail says there are. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str index;
	uint64_t at = 1000, found;

	if (size == 0)
		return 0;
	str_init(&index, ROOM);
	str_add(&index, (struct bytes){(const char *)data + 1, size - 1});
	blob_pack_index_end(&index, at, data[0]);
	CHECK(!str_failed(&index));
	CHECK(blob_pack_tail((const uint8_t *)index.p + index.n - BLOB_PACK_TAIL,
		  at + index.n, &found, NULL) == ERR_OK);
	CHECK(found == at);
	if (blob_pack_index_check(str_bytes(&index), NULL) == ERR_OK)
		take_apart(str_bytes(&index), at, data[0]);
	str_release(&index);
	return 0;
}
