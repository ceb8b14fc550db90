/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a transfer document; what is accepted must be written alike twice. */
#include <stdint.h>

#include "service/core/check.h"
#include "service/xml/transfer_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 256 << 10, WRITTEN_LIMIT = 8 << 20 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = {(const char *)data, size};
	struct transfer_doc doc, again;
	struct str first, second;
	struct errinfo why;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	str_init(&first, WRITTEN_LIMIT);
	str_init(&second, WRITTEN_LIMIT);
	if (transfer_xml_parse(&arena, text, LIMIT, &doc, &why) == ERR_OK) {
		CHECK(doc.n_targets > 0);
		transfer_xml_write(&first, &doc);
		CHECK(!str_failed(&first));
		CHECK(transfer_xml_parse(&arena, str_bytes(&first), WRITTEN_LIMIT, &again,
			  &why) == ERR_OK);
		transfer_xml_write(&second, &again);
		CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
	}
	str_release(&first);
	str_release(&second);
	arena_release(&arena);
	return 0;
}
