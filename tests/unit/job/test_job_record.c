/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/job_record.h"

#include "tests/support/check.h"

static const struct job_pair parameters[] = {
    {{"target", 6}, {"vos://a~vault/b", 15}}, {{"", 0}, {"", 0}}};
static const struct job_pair results[] = {{{"successcount", 12}, {"final:3", 7}}};

static const struct job full = {
    .number = 42,
    .id = "abcdefg012345678",
    .list = JOB_LIST_DELETE,
    .phase = JOB_ABORTED,
    .owner = 77,
    .owner_key = {"key", 3},
    .owner_name = {"alice", 5},
    .created_ms = 1000,
    .started_ms = 2000,
    .ended_ms = 3000,
    .destruction_ms = INT64_MAX,
    .execution_s = 60,
    .run_id = {"run", 3},
    .parameters = parameters,
    .n_parameters = 2,
    .results = results,
    .n_results = 1,
    .fault = {"NodeLocked", 10},
    .message = {"it is", 5},
    .input = {"<a/>", 4},
    .awaits = {"push /a", 7},
    .done = 3,
    .failed = UINT64_MAX,
};

static void
encode(const struct job *job, struct str *out)
{
	str_init(out, 1 << 20);
	job_record_encode(job, out);
	assert_false(str_failed(out));
}

static void
a_full_record_comes_back(void **state)
{
	struct arena a;
	struct str s;
	struct job got;
	struct errinfo why;

	(void)state;
	arena_init(&a, 1 << 20);
	encode(&full, &s);
	assert_ok(job_record_decode(&a, 42, str_bytes(&s), &got, &why), &why);
	assert_int_equal(got.number, 42);
	assert_string_equal(got.id, full.id);
	assert_int_equal(got.list, JOB_LIST_DELETE);
	assert_int_equal(got.phase, JOB_ABORTED);
	assert_int_equal(got.owner, 77);
	assert_bytes(got.owner_key, "key");
	assert_bytes(got.owner_name, "alice");
	assert_int_equal(got.created_ms, 1000);
	assert_int_equal(got.started_ms, 2000);
	assert_int_equal(got.ended_ms, 3000);
	assert_int_equal(got.destruction_ms, INT64_MAX);
	assert_int_equal(got.execution_s, 60);
	assert_bytes(got.run_id, "run");
	assert_int_equal(got.n_parameters, 2);
	assert_bytes(got.parameters[0].name, "target");
	assert_bytes(got.parameters[0].value, "vos://a~vault/b");
	assert_bytes(got.parameters[1].value, "");
	assert_int_equal(got.n_results, 1);
	assert_bytes(got.results[0].value, "final:3");
	assert_bytes(got.fault, "NodeLocked");
	assert_bytes(got.message, "it is");
	assert_bytes(got.input, "<a/>");
	assert_bytes(got.awaits, "push /a");
	assert_int_equal(got.done, 3);
	assert_true(got.failed == UINT64_MAX);
	str_release(&s);
	arena_release(&a);
}

static void
what_is_absent_stays_absent(void **state)
{
	struct job job = {
	    .id = "abcdefg012345678", .list = JOB_LIST_SYNC, .phase = JOB_PENDING};
	struct arena a;
	struct str s;
	struct job got;
	struct errinfo why;

	(void)state;
	arena_init(&a, 1 << 20);
	encode(&job, &s);
	assert_ok(job_record_decode(&a, 1, str_bytes(&s), &got, &why), &why);
	assert_null(got.run_id.p);
	assert_null(got.owner_key.p);
	assert_null(got.owner_name.p);
	assert_null(got.fault.p);
	assert_null(got.input.p);
	assert_null(got.awaits.p);
	str_release(&s);
	arena_release(&a);
}

static void
a_part_nobody_knows_is_skipped(void **state)
{
	struct arena a;
	struct str s;
	struct job got;
	struct errinfo why;

	(void)state;
	arena_init(&a, 1 << 20);
	encode(&full, &s);
	str_add(&s, BYTES("\xee\x03\x00\x00\x00new"));
	assert_ok(job_record_decode(&a, 1, str_bytes(&s), &got, &why), &why);
	assert_bytes(got.input, "<a/>");
	str_release(&s);
	arena_release(&a);
}

static void
a_record_cut_anywhere_is_damaged(void **state)
{
	struct arena a;
	struct str s;
	struct job got;
	size_t whole_parts = 0;

	(void)state;
	arena_init(&a, 1 << 20);
	encode(&full, &s);
	for (size_t n = 0; n < s.n; n++) {
		enum err e;

		arena_clear(&a);
		e = job_record_decode(&a, 1, (struct bytes){s.p, n}, &got, NULL);
		/* Between two parts a record could end. */
		whole_parts += e == ERR_OK;
		if (e != ERR_OK)
			assert_err(e, ERR_DAMAGED);
	}
	assert_int_equal(whole_parts, 9);
	str_release(&s);
	arena_release(&a);
}

static void
wrong_versions_lists_phases_and_ids_are_damaged(void **state)
{
	struct arena a;
	struct str s;
	struct job got;
	static const struct {
		size_t at;
		char wrong;
	} rows[] = {{0, 2}, {1, 0}, {1, JOB_LISTS}, {2, 0}, {2, JOB_PHASES}, {67, '/'}};

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		encode(&full, &s);
		s.p[rows[i].at] = rows[i].wrong;
		assert_err(
		    job_record_decode(&a, 1, str_bytes(&s), &got, NULL), ERR_DAMAGED);
		str_release(&s);
	}
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_record_comes_back),
	    cmocka_unit_test(what_is_absent_stays_absent),
	    cmocka_unit_test(a_part_nobody_knows_is_skipped),
	    cmocka_unit_test(a_record_cut_anywhere_is_damaged),
	    cmocka_unit_test(wrong_versions_lists_phases_and_ids_are_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
