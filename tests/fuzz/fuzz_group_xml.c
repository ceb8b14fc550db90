/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a group's document: what is read and written is read again alike. */
#include <stddef.h>
#include <stdint.h>

#include "service/core/check.h"
#include "service/xml/group_xml.h"

enum { ROOM = 64 * 1024 * 1024, LIMIT = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = {(const char *)data, size};
	struct group_document first, second;
	struct arena a;
	struct str text;

	arena_init(&a, ROOM);
	str_init(&text, ROOM);
	if (group_xml_read(&a, input, LIMIT, &first, NULL) == ERR_OK) {
		group_xml_write(&text, &first);
		CHECK(!str_failed(&text));
		CHECK(
		    group_xml_read(&a, str_bytes(&text), ROOM, &second, NULL) == ERR_OK);
		CHECK(bytes_eq(first.uri, second.uri));
		CHECK(bytes_eq(first.description, second.description));
		CHECK(first.n_links == second.n_links);
		for (size_t i = 0; i < first.n_links; i++) {
			CHECK(first.links[i].role == second.links[i].role);
			CHECK(bytes_eq(
			    first.links[i].group_uri, second.links[i].group_uri));
		}
	}
	str_release(&text);
	arena_release(&a);
	return 0;
}
