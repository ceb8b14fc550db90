/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answer of a group service: names in order, each once, or nothing. */
#include <stddef.h>
#include <stdint.h>

#include "service/core/check.h"
#include "service/gms/gms_answer.h"

enum { ROOM = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char url[] = "https://gms.example/search", authority[] = "ivo://example.org/gms";
static char *authorities[] = {authority};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct settings settings = {
	    .gms_url = url, .gms_authorities = {authorities, 1}};
	static const struct bytes types[] = {{"text/plain", 10}, {"text/xml", 8}};
	struct bytes input = {(const char *)data, size};
	struct gms_names names, both;
	struct arena a;

	arena_init(&a, ROOM);
	for (size_t t = 0; t < 2; t++) {
		if (gms_answer_parse(&a, &settings, types[t], input, &names, NULL) !=
		    ERR_OK)
			continue;
		for (size_t i = 0; i < names.n; i++) {
			CHECK(names.name[i].n > 0);
			CHECK(i == 0 || bytes_cmp(names.name[i - 1], names.name[i]) < 0);
		}
		if (gms_answer_join(
			&a, (struct gms_names[]){names, names}, 2, &both, NULL) == ERR_OK)
			CHECK(both.n == names.n);
	}
	arena_release(&a);
	return 0;
}
