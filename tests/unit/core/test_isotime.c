/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "service/core/isotime.h"

static const struct {
	int64_t ms;
	const char *iso, *http;
} moments[] = {
    {INT64_C(0), "1970-01-01T00:00:00.000", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {INT64_C(-1), "1969-12-31T23:59:59.999", "Wed, 31 Dec 1969 23:59:59 GMT"},
    {INT64_C(-14182940000), "1969-07-20T20:17:40.000", "Sun, 20 Jul 1969 20:17:40 GMT"},
    {INT64_C(-2208988800000), "1900-01-01T00:00:00.000", "Mon, 01 Jan 1900 00:00:00 GMT"},
    {INT64_C(-2203934400000), "1900-02-28T12:00:00.000", "Wed, 28 Feb 1900 12:00:00 GMT"},
    {INT64_C(-2203891200000), "1900-03-01T00:00:00.000", "Thu, 01 Mar 1900 00:00:00 GMT"},
    {INT64_C(68255999000), "1972-02-29T23:59:59.000", "Tue, 29 Feb 1972 23:59:59 GMT"},
    {INT64_C(784111777000), "1994-11-06T08:49:37.000", "Sun, 06 Nov 1994 08:49:37 GMT"},
    {INT64_C(946684799999), "1999-12-31T23:59:59.999", "Fri, 31 Dec 1999 23:59:59 GMT"},
    {INT64_C(946684800000), "2000-01-01T00:00:00.000", "Sat, 01 Jan 2000 00:00:00 GMT"},
    {INT64_C(951827696789), "2000-02-29T12:34:56.789", "Tue, 29 Feb 2000 12:34:56 GMT"},
    {INT64_C(951868800000), "2000-03-01T00:00:00.000", "Wed, 01 Mar 2000 00:00:00 GMT"},
    {INT64_C(1000000000000), "2001-09-09T01:46:40.000", "Sun, 09 Sep 2001 01:46:40 GMT"},
    {INT64_C(1677628799000), "2023-02-28T23:59:59.000", "Tue, 28 Feb 2023 23:59:59 GMT"},
    {INT64_C(1709164800000), "2024-02-29T00:00:00.000", "Thu, 29 Feb 2024 00:00:00 GMT"},
    {INT64_C(1735625228009), "2024-12-31T06:07:08.009", "Tue, 31 Dec 2024 06:07:08 GMT"},
    {INT64_C(2147483648000), "2038-01-19T03:14:08.000", "Tue, 19 Jan 2038 03:14:08 GMT"},
    {INT64_C(4107542399999), "2100-02-28T23:59:59.999", "Sun, 28 Feb 2100 23:59:59 GMT"},
    {INT64_C(4107542400000), "2100-03-01T00:00:00.000", "Mon, 01 Mar 2100 00:00:00 GMT"},
    {INT64_C(13574566923004), "2400-02-29T01:02:03.004", "Tue, 29 Feb 2400 01:02:03 GMT"},
    {INT64_C(-12219292800000), "1582-10-15T00:00:00.000",
	"Fri, 15 Oct 1582 00:00:00 GMT"},
    {INT64_C(-62135596800000), "0001-01-01T00:00:00.000",
	"Mon, 01 Jan 0001 00:00:00 GMT"},
    {INT64_C(253402300799999), "9999-12-31T23:59:59.999",
	"Fri, 31 Dec 9999 23:59:59 GMT"},
};

enum { N_MOMENTS = sizeof moments / sizeof moments[0] };

static void
known_moments_are_written_as_everyone_writes_them(void **state)
{
	char text[ISOTIME_SIZE];

	(void)state;
	for (size_t i = 0; i < N_MOMENTS; i++) {
		isotime_format(moments[i].ms, text);
		assert_string_equal(text, moments[i].iso);
		httptime_format(moments[i].ms, text);
		assert_string_equal(text, moments[i].http);
	}
}

static void
known_moments_are_read_back(void **state)
{
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < N_MOMENTS; i++) {
		int64_t fraction = (moments[i].ms % 1000 + 1000) % 1000;

		assert_true(isotime_parse(bytes_of(moments[i].iso), &ms));
		assert_true(ms == moments[i].ms);
		assert_true(httptime_parse(bytes_of(moments[i].http), &ms));
		assert_true(ms == moments[i].ms - fraction);
	}
}

static void
every_day_of_eight_centuries_goes_both_ways(void **state)
{
	const int64_t day = 86400000;
	char text[ISOTIME_SIZE];
	int64_t back;

	(void)state;
	for (int64_t ms = -135140 * day + 12345; ms < 157000 * day; ms += day) {
		isotime_format(ms, text);
		assert_true(isotime_parse(bytes_of(text), &back));
		assert_true(back == ms);
	}
}

static void
fraction_and_zone_may_be_left_out(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
	    {"2000-02-29T12:34:56", 951827696000}, {"2000-02-29T12:34:56Z", 951827696000},
	    {"2000-02-29T12:34:56.7", 951827696700},
	    {"2000-02-29T12:34:56.07Z", 951827696070},
	    {"2000-02-29T12:34:56.7894321", 951827696789},
	    {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second */
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(isotime_parse(bytes_of(rows[i].text), &ms));
		assert_true(ms == rows[i].ms);
	}
}

static void
other_spellings_are_refused(void **state)
{
	static const char *const refused[] = {"", "2000", "2000-02-29",
	    "2000-02-29 12:34:56", "2000-2-29T12:34:56", "2000-02-29T12:34",
	    "2000-02-29T12:34:56.", "2000-02-29T12:34:56.Z", "2000-02-29T12:34:56z",
	    "2000-02-29T12:34:56ZZ", "2000-02-29T12:34:56+01:00",
	    "2000-02-29T12:34:56.789 ", " 2000-02-29T12:34:56", "20000-02-29T12:34:56",
	    "-200-02-29T12:34:56", "2000-02-29T1x:34:56", "2000-02-29T12:34:56.7a"};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (isotime_parse(bytes_of(refused[i]), &ms))
			fail_msg("\"%s\" was accepted", refused[i]);
	assert_true(ms == 7);
}

static void
moments_that_never_were_are_refused(void **state)
{
	static const char *const refused[] = {"2000-00-10T00:00:00",
	    "2000-13-10T00:00:00", "2000-01-00T00:00:00", "2000-01-32T00:00:00",
	    "2001-02-29T00:00:00", "1900-02-29T00:00:00", "2000-02-30T00:00:00",
	    "2000-04-31T00:00:00", "2000-01-01T24:00:00", "2000-01-01T00:60:00",
	    "2000-01-01T00:00:61"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (isotime_parse(bytes_of(refused[i]), &ms))
			fail_msg("\"%s\" was accepted", refused[i]);
}

static void
other_http_dates_are_refused(void **state)
{
	static const char *const refused[] = {"", "Sun", "Sun, 06 Nov 1994 08:49:37",
	    "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
	    "Sun,06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
	    "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
	    "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	    "Sun, 06 Nov 94 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
	    "Sun, 06 NovDec 1994 08:49:37 GMT"};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (httptime_parse(bytes_of(refused[i]), &ms))
			fail_msg("\"%s\" was accepted", refused[i]);
	assert_true(ms == 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_moments_are_written_as_everyone_writes_them),
	    cmocka_unit_test(known_moments_are_read_back),
	    cmocka_unit_test(every_day_of_eight_centuries_goes_both_ways),
	    cmocka_unit_test(fraction_and_zone_may_be_left_out),
	    cmocka_unit_test(other_spellings_are_refused),
	    cmocka_unit_test(moments_that_never_were_are_refused),
	    cmocka_unit_test(other_http_dates_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
