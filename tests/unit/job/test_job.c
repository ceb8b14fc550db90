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

static void
a_job_nobody_runs_is_destroyed_sooner(void **state)
{
	(void)state;
	assert_int_equal(job_destruction(JOB_PENDING, 1000, 9000, 3000), 4000);
	assert_int_equal(job_destruction(JOB_PENDING, 1000, 2000, 3000), 2000);
	assert_int_equal(job_destruction(JOB_QUEUED, 1000, 9000, 3000), 9000);
	assert_int_equal(job_destruction(JOB_ERROR, 1000, 9000, 3000), 9000);
}

static void
only_what_executes_overruns(void **state)
{
	struct job job = {.phase = JOB_EXECUTING, .started_ms = 5000, .execution_s = 2};

	(void)state;
	assert_int_equal(job_overrun(&job), 7000);
	job.execution_s = UINT64_MAX; /* of a record: no limit rather than nonsense */
	assert_true(job_overrun(&job) == INT64_MAX);
	job.execution_s = 0;
	assert_true(job_overrun(&job) == INT64_MAX);
	job.execution_s = 2;
	for (unsigned i = JOB_PENDING; i < JOB_PHASES; i++) {
		job.phase = (enum job_phase)i;
		assert_true(job.phase == JOB_EXECUTING || job_overrun(&job) == INT64_MAX);
	}
}

static void
an_execution_duration_is_the_longest_at_most(void **state)
{
	static const uint64_t rows[][3] = {
	    {0, 60, 60}, {1, 60, 1}, {60, 60, 60}, {61, 60, 60}, {UINT64_MAX, 60, 60}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(job_clamp_execution(rows[i][0], rows[i][1]), rows[i][2]);
}

static void
a_wait_blocks_in_three_phases(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = JOB_PENDING; i < JOB_PHASES; i++)
		n += job_phase_is_waited_for((enum job_phase)i);
	assert_int_equal(n, 3);
	assert_false(job_phase_is_waited_for(JOB_SUSPENDED));
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
	    cmocka_unit_test(a_job_nobody_runs_is_destroyed_sooner),
	    cmocka_unit_test(only_what_executes_overruns),
	    cmocka_unit_test(an_execution_duration_is_the_longest_at_most),
	    cmocka_unit_test(a_wait_blocks_in_three_phases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
