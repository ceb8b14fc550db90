/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a URI; one of ours is written and must read back as the same path. */
#include <stdint.h>

#include "service/core/check.h"
#include "service/vosuri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bytes alias = {"b!c", 3};
	static const struct vosuri_names names = {{"a~v", 3}, &alias, 1};
	struct bytes text = {(const char *)data, size}, authority;
	struct vosuri uri, again;
	struct errinfo why;
	struct arena arena;
	struct str out;

	arena_init(&arena, 16 << 20);
	str_init(&out, 16 << 20);
	(void)vosuri_is_absolute(text);
	if (vosuri_from_resource_id(&arena, text, &authority, &why) == ERR_OK)
		CHECK(bytes_find(authority, '/') == authority.n);
	if (vosuri_parse(&arena, text, &names, DEPTH_MAX, &uri, &why) == ERR_OK &&
	    uri.is_ours) {
		vosuri_write(&out, names.authority, uri.path);
		CHECK(!str_failed(&out) && vosuri_is_absolute(str_bytes(&out)));
		CHECK(vosuri_parse(&arena, str_bytes(&out), &names, DEPTH_MAX, &again,
			  &why) == ERR_OK);
		CHECK(again.is_ours && again.path.n == uri.path.n);
		for (size_t i = 0; i < uri.path.n; i++)
			CHECK(bytes_eq(uri.path.part[i], again.path.part[i]));
	}
	str_release(&out);
	arena_release(&arena);
	return 0;
}
