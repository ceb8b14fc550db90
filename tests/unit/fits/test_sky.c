/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes of shapes in a map simple enough to know them: x is the longitude, y the latitude,
 * one degree a pixel. compare_sky.py has real ones.
 */
#include "tests/support/check.h"

#include "fits/sky.h"

/* The map; pixel (1, 1) is centred on lon0, lat0. */
struct plain {
	double lon0, lat0;
	double farthest; /* latitudes beyond have no pixels */
};

static bool
to_pixel(void *arg, struct vec3 v, double xy[2])
{
	const struct plain *p = arg;
	double lon = vec_lon(v) - p->lon0;

	xy[0] = 1 + (lon > 180 ? lon - 360 : lon);
	xy[1] = 1 + vec_lat(v) - p->lat0;
	return fabs(vec_lat(v)) <= p->farthest;
}

static bool
to_sky(void *arg, const double xy[2], struct vec3 *v)
{
	const struct plain *p = arg;
	double lat = p->lat0 + xy[1] - 1;

	*v = vec_of(p->lon0 + xy[0] - 1, lat);
	return fabs(lat) <= p->farthest;
}

static struct plain plain;

static struct sky_map
map_of(uint64_t nx, uint64_t ny, double lon0, double lat0)
{
	plain = (struct plain){lon0, lat0, 90};
	return (struct sky_map){.to_pixel = to_pixel,
	    .to_sky = to_sky,
	    .arg = &plain,
	    .pole = {{0, 0, 1}, {0, 0, -1}},
	    .size = {nx, ny}};
}

static struct shape
shape_of(enum shape_kind kind, const double *value, size_t n)
{
	struct shape s = {kind, value, n};

	assert_null(shape_fault(&s));
	return s;
}

#define VALUES(...) ((const double[]){__VA_ARGS__})
#define CIRCLE(...) shape_of(SHAPE_CIRCLE, VALUES(__VA_ARGS__), 3)
#define RANGE(...)  shape_of(SHAPE_RANGE, VALUES(__VA_ARGS__), 4)
#define POLYGON(...)                                                                     \
	shape_of(SHAPE_POLYGON, VALUES(__VA_ARGS__),                                     \
	    sizeof VALUES(__VA_ARGS__) / sizeof(double))

static void
is_box(const struct sky_map *map, struct shape s, uint64_t x1, uint64_t x2, uint64_t y1,
    uint64_t y2)
{
	struct sky_box box;

	assert_int_equal(sky_box(&s, map, &box), SKY_FOUND);
	assert_int_equal(box.first[0], x1);
	assert_int_equal(box.last[0], x2);
	assert_int_equal(box.first[1], y1);
	assert_int_equal(box.last[1], y2);
}

static void
is_missed(const struct sky_map *map, struct shape s)
{
	struct sky_box box;

	assert_int_equal(sky_box(&s, map, &box), SKY_NO_OVERLAP);
}

static void
a_pixel_counts_when_part_of_it_is_covered(void **state)
{
	struct sky_map map = map_of(20, 10, 100, -5);

	(void)state;
	is_box(&map, RANGE(103, 104, -2, 0), 4, 5, 4, 6);
	is_box(&map, RANGE(103.4, 103.6, -2, -2), 4, 5, 4, 4);
	/* From border to border, or less than a millionth beyond. */
	is_box(&map, RANGE(102.5, 104.5, -2.5, -0.5), 4, 5, 4, 5);
	is_box(&map, RANGE(102.4999995, 104.5000005, -2.5, -0.5), 4, 5, 4, 5);
	is_box(&map, RANGE(102.499998, 104.500002, -2.5, -0.5), 3, 6, 4, 5);
	/* No area at all. */
	is_box(&map, CIRCLE(103.2, -2.2, 0), 4, 4, 4, 4);
}

static void
the_image_cuts_the_box(void **state)
{
	struct sky_map map = map_of(20, 10, 100, -5);

	(void)state;
	is_box(&map, RANGE(90, 101.2, -30, -3.7), 1, 2, 1, 2);
	is_box(&map, RANGE(0, 360, -90, 90), 1, 20, 1, 10);
	is_box(&map, CIRCLE(110, 0, 80), 1, 20, 1, 10);
	is_box(&map, RANGE(90, 99.6, -3, -2), 1, 1, 3, 4);
	is_missed(&map, RANGE(90, 99.5, -3, -2));
	is_missed(&map, RANGE(90, 99.4, -3, -2));
	is_missed(&map, RANGE(103, 104, 4.6, 20));
	is_missed(&map, CIRCLE(290, 0, 40));
}

static void
curves_are_followed(void **state)
{
	struct sky_map map = map_of(40, 60, 100, 20);

	(void)state;
	/* At latitude 60 a circle of 5 degrees is asin(sin 5 / cos 60) = 10.04 wide. */
	is_box(&map, CIRCLE(120, 60, 5), 11, 31, 36, 46);
	/* The great circle from (105, 50) to (135, 50) rises to 50.98. */
	is_box(&map, POLYGON(105, 50, 135, 50, 120, 45.2), 6, 36, 26, 32);
}

static void
a_shape_around_the_image_is_met_only_if_it_holds_it(void **state)
{
	struct sky_map map = map_of(5, 5, 100, -2);

	(void)state;
	/* Its box holds the image, the triangle does not. */
	is_missed(&map, POLYGON(60, -30, 130, 40, 60, 40));
	is_box(&map, POLYGON(60, -40, 140, -40, 100, 40), 1, 5, 1, 5);
	/* A strip through it, thinner than any step along its edges. */
	is_box(&map, POLYGON(60, 0.1, 140, 0.1, 140, 0.11, 60, 0.11), 1, 5, 3, 3);
}

static void
a_pole_is_a_line(void **state)
{
	struct sky_map map = map_of(360, 181, 0, -90);

	(void)state;
	is_box(&map, CIRCLE(30, 85, 10), 1, 360, 166, 181);
	is_box(&map, CIRCLE(30, -90, 3.2), 1, 360, 1, 4);
}

static void
what_has_no_place_is_left_out(void **state)
{
	struct sky_map map = map_of(360, 181, 0, -90);

	(void)state;
	plain.farthest = 60.2;
	is_box(&map, RANGE(100, 110, 50, 80), 101, 111, 141, 151);
	is_missed(&map, RANGE(100, 110, 61, 80));
	is_box(&map, CIRCLE(180, 0, 180), 1, 360, 31, 151);
}

static void
inside_is_inside(void **state)
{
	struct shape circle = CIRCLE(350, 80, 20), range = RANGE(350, 10, -5, 5),
		     polygon = POLYGON(350, -5, 10, -5, 10, 5, 0, 1, 350, 5);

	(void)state;
	assert_true(sky_inside(&circle, vec_of(170, 81)));
	assert_false(sky_inside(&circle, vec_of(170, 79)));
	assert_true(sky_inside(&range, vec_of(0, 0)));
	assert_true(sky_inside(&range, vec_of(355, 5)));
	assert_false(sky_inside(&range, vec_of(11, 0)));
	assert_false(sky_inside(&range, vec_of(180, 0)));
	assert_true(sky_inside(&polygon, vec_of(0, 0)));
	assert_true(sky_inside(&polygon, vec_of(355, 2)));
	assert_false(sky_inside(&polygon, vec_of(0, 2)));
	assert_false(sky_inside(&polygon, vec_of(180, 0)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pixel_counts_when_part_of_it_is_covered),
	    cmocka_unit_test(the_image_cuts_the_box),
	    cmocka_unit_test(curves_are_followed),
	    cmocka_unit_test(a_shape_around_the_image_is_met_only_if_it_holds_it),
	    cmocka_unit_test(a_pole_is_a_line),
	    cmocka_unit_test(what_has_no_place_is_left_out),
	    cmocka_unit_test(inside_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
