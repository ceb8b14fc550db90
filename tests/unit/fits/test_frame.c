/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the sky: places that astropy gives, and the way back. */
#include "tests/support/check.h"

#include "fits/frame.h"

static const double close_enough = 1e-7; /* degrees: 0.36 mas */

static const struct {
	enum frame_kind kind;
	double equinox;
	double icrs[2], there[2];
} places[] = {
    {FRAME_GALACTIC, 0, {83.20000000, 21.90000000}, {184.4378876432, -6.1847394285}},
    {FRAME_GALACTIC, 0, {266.40498829, -28.93617776}, {0.0000000031, -0.0000000016}},
    {FRAME_GALACTIC, 0, {200.00000000, -60.00000000}, {306.4991366591, 2.6737735280}},
    {FRAME_FK5, 1975, {83.20000000, 21.90000000}, {82.8242290275, 21.8830631171}},
    {FRAME_FK5, 1975, {266.40498829, -28.93617776}, {266.0079641929, -28.9269653870}},
    {FRAME_FK5, 1975, {200.00000000, -60.00000000}, {199.5983046880, -59.8690417297}},
    {FRAME_FK5, 2000, {83.20000000, 21.90000000}, {83.2000076332, 21.8999948104}},
    {FRAME_FK5, 2000, {266.40498829, -28.93617776}, {266.4049962375, -28.9361724016}},
    {FRAME_FK5, 2000, {200.00000000, -60.00000000}, {200.0000168555, -60.0000004847}},
    {FRAME_FK4, 1950, {83.20000000, 21.90000000}, {82.4484909073, 21.8652220589}},
    {FRAME_FK4, 1950, {266.40498829, -28.93617776}, {265.6107395408, -28.9167850253}},
    {FRAME_FK4, 1950, {200.00000000, -60.00000000}, {199.1984192570, -59.7376475071}},
};

static double
apart(struct vec3 a, struct vec3 b)
{
	return degrees(vec_angle(a, b));
}

static void
places_are_where_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct vec3 icrs = vec_of(places[i].icrs[0], places[i].icrs[1]);
		struct vec3 there = vec_of(places[i].there[0], places[i].there[1]);
		struct frame f;

		assert_true(frame_init(&f, places[i].kind, places[i].equinox));
		assert_true(apart(frame_from_icrs(&f, icrs), there) < close_enough);
		assert_true(apart(frame_to_icrs(&f, there), icrs) < close_enough);
	}
}

static void
the_way_back_leads_back(void **state)
{
	static const double exact = 1e-12;

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int lon = 0; lon < 360; lon += 30)
			for (int lat = -90; lat <= 90; lat += 30) {
				struct vec3 v = vec_of(lon, lat);
				struct frame f;

				assert_true(
				    frame_init(&f, places[i].kind, places[i].equinox));
				v = frame_to_icrs(&f, frame_from_icrs(&f, v));
				assert_true(apart(v, vec_of(lon, lat)) < exact);
			}
}

static void
not_every_equinox_is_known(void **state)
{
	struct frame f;

	(void)state;
	assert_false(frame_init(&f, FRAME_FK4, 1900));
	assert_false(frame_init(&f, FRAME_FK5, 0));
	assert_false(frame_init(&f, FRAME_FK5, NAN));
	assert_true(frame_init(&f, FRAME_GALACTIC, NAN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places_are_where_they_are),
	    cmocka_unit_test(the_way_back_leads_back),
	    cmocka_unit_test(not_every_equinox_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
