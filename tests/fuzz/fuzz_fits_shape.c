/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the parameter POS. What is accepted has one spelling, which is accepted with
 * the same meaning, and a box of pixels in a plain map that lies inside it.
 */
#include <stdint.h>

#include "fits/name.h"
#include "fits/shape.h"
#include "fits/sky.h"
#include "service/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1024 * 1024, TEXT_MAX = 64 * 1024, POINTS_MAX = 20, SIDE = 60 };

/* Three degrees a pixel. */
static bool
to_pixel(void *arg, struct vec3 v, double xy[2])
{
	(void)arg;
	xy[0] = 0.5 + vec_lon(v) / 3;
	xy[1] = 0.5 + (vec_lat(v) + 90) / 3;
	return true;
}

static bool
to_sky(void *arg, const double xy[2], struct vec3 *v)
{
	(void)arg;
	*v = vec_of((xy[0] - 0.5) * 3, (xy[1] - 0.5) * 3 - 90);
	return true;
}

static void
check_box(const struct shape *s)
{
	const struct sky_map map = {.to_pixel = to_pixel,
	    .to_sky = to_sky,
	    .pole = {{0, 0, 1}, {0, 0, -1}},
	    .size = {SIDE, SIDE}};
	struct sky_box box;

	if (sky_box(s, &map, &box) != SKY_FOUND)
		return;
	for (int i = 0; i < 2; i++)
		CHECK(box.first[i] >= 1 && box.first[i] <= box.last[i] &&
		      box.last[i] <= SIDE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = {(const char *)data, size};
	struct shape s, again;
	struct str first, second;
	struct arena arena;
	const char *name;

	arena_init(&arena, ARENA_MAX);
	str_init(&first, TEXT_MAX);
	str_init(&second, TEXT_MAX);
	if (shape_parse_pos(&arena, text, POINTS_MAX, &s, NULL) == ERR_OK) {
		shape_write(&first, &s);
		CHECK(shape_parse_pos(
			  &arena, str_bytes(&first), POINTS_MAX, &again, NULL) == ERR_OK);
		shape_write(&second, &again);
		CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
		name = name_of_shape(&arena, BYTES("file.fits"), str_bytes(&first));
		CHECK(name != NULL && strlen(name) <= NAME_MAX_BYTES);
		check_box(&s);
	}
	str_release(&first);
	str_release(&second);
	arena_release(&arena);
	return 0;
}
