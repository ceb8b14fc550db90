/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the rows of an entry of the journal: those that are taken off are written
 * again alike. And as its header, which is damaged or says what it was made of.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "service/core/check.h"
#include "storage/journal.h"

enum { ROOM = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_header(const uint8_t *data, size_t size)
{
	uint8_t bytes[JOURNAL_HEADER_SIZE] = {0}, again[JOURNAL_HEADER_SIZE];
	struct journal_header h;

	(void)memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
	if (!journal_header_decode(bytes, &h))
		return;
	journal_header_encode(&h, again);
	CHECK(memcmp(bytes, again, sizeof bytes) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes left = {(const char *)data, size};
	struct journal_row row;
	enum err err = ERR_OK;
	struct str again;

	read_header(data, size);
	str_init(&again, ROOM);
	while (journal_row_next(&left, &row, &err))
		journal_row_add(&again, &row);
	CHECK(!str_failed(&again));
	CHECK(err == ERR_OK || err == ERR_DAMAGED);
	CHECK(again.n <= size && (err != ERR_OK || again.n == size));
	CHECK(again.n == 0 || memcmp(again.p, data, again.n) == 0);
	str_release(&again);
	return 0;
}
