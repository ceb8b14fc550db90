/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a SUB parameter. What is accepted has one spelling, which is accepted with
 * the same meaning; what it cuts out of an image lies inside the image.
 */
#include <stdint.h>

#include "fits/grid.h"
#include "fits/name.h"
#include "fits/section.h"
#include "service/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1024 * 1024, TEXT_MAX = 16 * 1024 };

static void
check_cut(const struct section *s)
{
	static const struct hdu hdu = {.kind = HDU_IMAGE,
	    .element_bytes = 8,
	    .naxis = 4,
	    .axis = {1000, 1, UINT64_C(1) << 40, 3},
	    .data_bytes = (UINT64_C(1) << 40) * 24000};
	struct axis_cut cut[AXES_MAX];
	struct grid g;

	if (s->n_ranges == 0 || section_clip(s, &hdu, cut, NULL) != ERR_OK)
		return;
	for (unsigned i = 0; i < hdu.naxis; i++) {
		int64_t last =
		    (int64_t)cut[i].first + (int64_t)(cut[i].n - 1) * cut[i].step;

		CHECK(cut[i].n >= 1 && cut[i].step != 0);
		CHECK(cut[i].first >= 1 && cut[i].first <= hdu.axis[i]);
		CHECK(last >= 1 && (uint64_t)last <= hdu.axis[i]);
	}
	g = grid_of_pixels(&hdu, cut);
	CHECK(g.length > 0 && grid_end(&g) <= hdu.data_bytes);
	CHECK(grid_at(&g, g.length - 1).offset < hdu.data_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = {(const char *)data, size};
	struct section s, again;
	struct str first, second;
	struct arena arena;
	const char *name;

	arena_init(&arena, ARENA_MAX);
	str_init(&first, TEXT_MAX);
	str_init(&second, TEXT_MAX);
	if (section_parse(&arena, text, &s, NULL) == ERR_OK) {
		section_write(&first, &s);
		CHECK(section_parse(&arena, str_bytes(&first), &again, NULL) == ERR_OK);
		section_write(&second, &again);
		CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
		name = name_of_cutout(&arena, BYTES("file.fits"), &s, 1, false);
		CHECK(name != NULL && strlen(name) <= NAME_MAX_BYTES);
		check_cut(&s);
	}
	str_release(&first);
	str_release(&second);
	arena_release(&arena);
	return 0;
}
