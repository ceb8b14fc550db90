/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the last page of a file: with its magic and checksum made right, so that
 * what is behind them is reached. What is accepted lies inside the page.
 */
#include <stdint.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "storage/blob_file.h"
#include "storage/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_trailer(const uint8_t page[BLOB_PAGE])
{
	struct blob_trailer t;
	struct errinfo why;

	if (blob_trailer_read(page, &t, &why) != ERR_OK) {
		CHECK(why.code == ERR_DAMAGED);
		return;
	}
	CHECK(t.path.n <= BLOB_PATH_MAX);
	CHECK((const uint8_t *)t.path.p >= page);
	CHECK((const uint8_t *)t.path.p + t.path.n <= page + BLOB_PAGE - 4);
}

static void
check_name(const uint8_t *data, size_t size)
{
	char again[BLOB_NAME_SIZE];
	uint8_t md5[MD5_SIZE];
	uint64_t id;

	if (!blob_name_parse((struct bytes){(const char *)data, size}, &id, md5))
		return;
	blob_name(id, md5, again);
	CHECK(size == BLOB_NAME_SIZE - 1 && memcmp(again, data, size) == 0);
}

/* A layout follows from any length, and its parts fit together. */
static void
check_layout(uint64_t length)
{
	struct blob_layout l = blob_layout(length >> 1);

	CHECK(l.data_size >= l.length && l.data_size - l.length < BLOB_PAGE);
	CHECK(l.blocks * l.block_size >= l.length);
	CHECK(l.pages * BLOB_PAGE_ENTRIES >= l.blocks);
	CHECK(l.file_size == l.data_size + (l.pages + 1) * BLOB_PAGE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t page[BLOB_PAGE] = {0};

	check_name(data, size);
	(void)memcpy(page, data, size < sizeof page ? size : sizeof page);
	check_trailer(page);
	(void)memcpy(page, "QRTBLOB1", 8);
	pack_store(page + BLOB_PAGE - 4, crc32c(0, page, BLOB_PAGE - 4), 4);
	check_trailer(page);
	check_layout(pack_load(page + 24, 8));
	(void)blob_page_ok(page, pack_load(page, 8), pack_load(page + 8, 8));
	return 0;
}
