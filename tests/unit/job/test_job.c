/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/job.h"

#include "tests/support/check.h"

static void
an_id_leads_back_to_its_number(void **state)
{
	static const uint64_t numbers[] = {0, 1, 35, 36, 4096, 26ULL * 2176782336 - 1};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		char id[JOB_ID_SIZE];
		uint64_t number;

		job_id_make(numbers[i], id);
		assert_int_equal(strlen(id), 16);
		assert_true(id[0] >= 'a' && id[0] <= 'z');
		assert_true(job_id_number(bytes_of(id), &number));
		assert_int_equal(number, numbers[i]);
	}
}

static void
two_ids_of_one_number_differ(void **state)
{
	char a[JOB_ID_SIZE], b[JOB_ID_SIZE];

	(void)state;
	job_id_make(7, a);
	job_id_make(7, b);
	assert_memory_equal(a, b, 7);
	assert_string_not_equal(a, b);
}

static void
what_is_no_id_has_no_number(void **state)
{
	static const char *const texts[] = {"", "a", "aaaaaaaaaaaaaaa",
	    "aaaaaaaaaaaaaaaaa", "0aaaaaaaaaaaaaaa", "Aaaaaaaaaaaaaaaa",
	    "aaaaaaaaaaaaaaa/", "aaaaaaa-aaaaaaaa"};
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(job_id_number(bytes_of(texts[i]), &number));
}

static void
phases_have_names_in_any_case(void **state)
{
	enum job_phase phase;

	(void)state;
	for (unsigned i = JOB_PENDING; i < JOB_PHASES; i++) {
		assert_true(job_phase_parse(job_phase_name((enum job_phase)i), &phase));
		assert_int_equal(phase, i);
	}
	assert_true(job_phase_parse(BYTES("executing"), &phase));
	assert_int_equal(phase, JOB_EXECUTING);
	assert_false(job_phase_parse(BYTES("RUN"), &phase));
	assert_false(job_phase_parse(BYTES(""), &phase));
}

static void
error_words_are_those_of_the_clients_table(void **state)
{
	(void)state;
	assert_bytes(job_error_word(BYTES("DuplicateNode")), "DuplicateNode.");
	assert_bytes(job_error_word(BYTES("ContainerNotFound")), "NodeNotFound");
	assert_bytes(job_error_word(BYTES("NotAuthenticated")), "PermissionDenied");
	assert_bytes(job_error_word(BYTES("NodeLocked")), "NodeLocked");
	assert_bytes(job_error_word(BYTES("QuotaExceeded")), "QuotaExceeded");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_id_leads_back_to_its_number),
	    cmocka_unit_test(two_ids_of_one_number_differ),
	    cmocka_unit_test(what_is_no_id_has_no_number),
	    cmocka_unit_test(phases_have_names_in_any_case),
	    cmocka_unit_test(error_words_are_those_of_the_clients_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
