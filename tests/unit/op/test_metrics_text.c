/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/metrics_text.h"

#include <math.h>

#include "tests/support/check.h"

enum { LIMIT = 64 * 1024 };

static void
expect(struct str *text, const char *expected)
{
	assert_false(str_failed(text));
	assert_string_equal(text->p, expected);
	str_release(text);
}

static void
a_family_comes_before_its_samples(void **state)
{
	struct str text;
	struct metrics m = {.to = &text};

	(void)state;
	str_init(&text, LIMIT);
	metrics_family(&m, "q_jobs", METRICS_GAUGE, "Jobs.");
	metrics_count(&m, NULL, UINT64_MAX);
	metrics_count(&m, METRICS_LABELS({"phase", "RUN"}, {"who", "me"}), 0);
	expect(&text, "# HELP q_jobs Jobs.\n# TYPE q_jobs gauge\n"
		      "q_jobs 18446744073709551615\n"
		      "q_jobs{phase=\"RUN\",who=\"me\"} 0\n");
}

static void
label_values_are_escaped(void **state)
{
	struct str text;
	struct metrics m = {.to = &text};

	(void)state;
	str_init(&text, LIMIT);
	metrics_family(&m, "q", METRICS_COUNTER, "H.");
	metrics_count(&m, METRICS_LABELS({"path", "a\"b\\c\nd e"}), 1);
	expect(&text, "# HELP q H.\n# TYPE q counter\n"
		      "q{path=\"a\\\"b\\\\c\\nd e\"} 1\n");
}

static void
numbers_have_their_spelling(void **state)
{
	struct str text;
	struct metrics m = {.to = &text};

	(void)state;
	str_init(&text, LIMIT);
	metrics_family(&m, "q", METRICS_GAUGE, "H.");
	metrics_real(&m, NULL, 0.25);
	metrics_real(&m, METRICS_LABELS({"a", "b"}), (double)INFINITY);
	expect(&text, "# HELP q H.\n# TYPE q gauge\nq 0.25\nq{a=\"b\"} +Inf\n");
}

static void
buckets_are_cumulative_and_the_last_is_the_count(void **state)
{
	struct metric_histogram h = {.sum = 0};
	struct str text;
	struct metrics m = {.to = &text};

	(void)state;
	metric_observe(&h, metric_times_us, 100);
	metric_observe(&h, metric_times_us, 200);
	metric_observe(&h, metric_times_us, 90000000);
	str_init(&text, LIMIT);
	metrics_family(&m, "q", METRICS_HISTOGRAM, "H.");
	metrics_distribution(&m, METRICS_LABELS({"a", "b"}), &h, metric_times_us, 1e6);
	assert_non_null(strstr(text.p, "\nq_bucket{a=\"b\",le=\"0.0001\"} 1\n"
				       "q_bucket{a=\"b\",le=\"0.00025\"} 2\n"));
	assert_non_null(strstr(text.p, "\nq_bucket{a=\"b\",le=\"60\"} 2\n"
				       "q_bucket{a=\"b\",le=\"+Inf\"} 3\n"
				       "q_sum{a=\"b\"} 90.0003\n"
				       "q_count{a=\"b\"} 3\n"));
	str_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_family_comes_before_its_samples),
	    cmocka_unit_test(label_values_are_escaped),
	    cmocka_unit_test(numbers_have_their_spelling),
	    cmocka_unit_test(buckets_are_cumulative_and_the_last_is_the_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
