/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the record of a put transaction: what is accepted is written again alike. */
#include <stddef.h>
#include <stdint.h>

#include "service/core/check.h"
#include "storage/put_txn_record.h"

enum { ROOM = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[PUT_TXN_ID_SIZE] = {1, 2, 3};
	struct bytes input = {(const char *)data, size};
	struct str first, second;
	struct put_txn t;
	struct arena a;

	arena_init(&a, ROOM);
	str_init(&first, ROOM);
	str_init(&second, ROOM);
	if (put_txn_decode(id, input, &a, &t, NULL) == ERR_OK) {
		put_txn_encode(&first, &t);
		CHECK(!str_failed(&first));
		CHECK(put_txn_decode(id, str_bytes(&first), &a, &t, NULL) == ERR_OK);
		put_txn_encode(&second, &t);
		CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
	}
	str_release(&first);
	str_release(&second);
	arena_release(&a);
	return 0;
}
