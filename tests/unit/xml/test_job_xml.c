/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/core/str.h"
#include "service/xml/job_xml.h"
#include "service/xml/names.h"
#include "service/xml/xml_in.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACES                                                                       \
	" xmlns:uws=\"" UWS_NS "\" xmlns:xlink=\"" XLINK_NS "\" xmlns:xsi=\"" XSI_NS "\""

static struct str out;

static int
setup(void **state)
{
	(void)state;
	str_init(&out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	str_release(&out);
	return 0;
}

static const struct job_parameter parameters[] = {{{"target", 6}, {"vos://a~v/x&y", 13}}};
static const struct job_result results[] = {
    {{"successcount", 12}, {"final:12", 8}}, {{"errorcount", 10}, {"final:1", 7}}};

static struct job_view
pending(void)
{
	return (struct job_view){
	    .id = BYTES("abc123"),
	    .phase = BYTES("PENDING"),
	    .creation_ms = 1767323045678,
	    .execution_seconds = 86400,
	};
}

static struct job_view
ended(void)
{
	struct job_view job = pending();

	job.run_id = BYTES("run<1>");
	job.owner = BYTES("alice");
	job.phase = BYTES("ABORTED");
	job.quote_ms = job.start_ms = job.end_ms = job.destruction_ms = 1000;
	job.parameters = parameters;
	job.n_parameters = 1;
	job.results = results;
	job.n_results = 2;
	job.error = (struct job_error){BYTES("NodeLocked: a & b"), false, true};
	job.job_info = BYTES("<x:y xmlns:x=\"urn:x\"/>");
	return job;
}

/* The local names of the children of a job, in order, one blank behind each. */
static void
assert_children(const char *names)
{
	static const struct xml_limits limits = {1 << 20, 20, 100, 20};
	const struct xml_elem *root;
	struct errinfo why;
	struct arena arena;
	struct str list;

	arena_init(&arena, 1 << 20);
	str_init(&list, 1000);
	assert_ok(xml_parse(&arena, str_bytes(&out), &limits, &root, &why), &why);
	assert_true(xml_is(root, UWS_NS, "job"));
	assert_bytes(xml_attr(root, "", "version"), "1.1");
	for (const struct xml_elem *e = root->children; e != NULL; e = e->next) {
		assert_bytes(e->ns, UWS_NS);
		str_add(&list, e->name);
		str_addc(&list, ' ');
	}
	assert_bytes(str_bytes(&list), names);
	str_release(&list);
	arena_release(&arena);
}

static void
a_pending_job_already_has_every_required_element(void **state)
{
	struct job_view job = pending();

	(void)state;
	str_clear(&out);
	job_xml_write(&out, &job);
	assert_bytes(str_bytes(&out),
	    HEAD "<uws:job" NAMESPACES " version=\"1.1\"><uws:jobId>abc123</uws:jobId>"
		 "<uws:ownerId xsi:nil=\"true\"/><uws:phase>PENDING</uws:phase>"
		 "<uws:quote xsi:nil=\"true\"/>"
		 "<uws:creationTime>2026-01-02T03:04:05.678Z</uws:creationTime>"
		 "<uws:startTime xsi:nil=\"true\"/><uws:endTime xsi:nil=\"true\"/>"
		 "<uws:executionDuration>86400</uws:executionDuration>"
		 "<uws:destruction xsi:nil=\"true\"/><uws:parameters></uws:parameters>"
		 "<uws:results></uws:results></uws:job>\n");
	assert_children("jobId ownerId phase quote creationTime startTime endTime "
			"executionDuration destruction parameters results ");
}

static void
an_ended_job_tells_everything_in_schema_order(void **state)
{
	struct job_view job = ended();

	(void)state;
	str_clear(&out);
	job_xml_write(&out, &job);
	assert_bytes(str_bytes(&out),
	    HEAD "<uws:job" NAMESPACES " version=\"1.1\"><uws:jobId>abc123</uws:jobId>"
		 "<uws:runId>run&lt;1&gt;</uws:runId><uws:ownerId>alice</uws:ownerId>"
		 "<uws:phase>ABORTED</uws:phase>"
		 "<uws:quote>1970-01-01T00:00:01.000Z</uws:quote>"
		 "<uws:creationTime>2026-01-02T03:04:05.678Z</uws:creationTime>"
		 "<uws:startTime>1970-01-01T00:00:01.000Z</uws:startTime>"
		 "<uws:endTime>1970-01-01T00:00:01.000Z</uws:endTime>"
		 "<uws:executionDuration>86400</uws:executionDuration>"
		 "<uws:destruction>1970-01-01T00:00:01.000Z</uws:destruction>"
		 "<uws:parameters><uws:parameter id=\"target\">vos://a~v/x&amp;y"
		 "</uws:parameter></uws:parameters><uws:results><uws:result "
		 "id=\"successcount\" xlink:type=\"simple\" xlink:href=\"final:12\"/>"
		 "<uws:result id=\"errorcount\" xlink:type=\"simple\" "
		 "xlink:href=\"final:1\"/></uws:results><uws:errorSummary type=\"fatal\" "
		 "hasDetail=\"true\"><uws:message>NodeLocked: a &amp; b</uws:message>"
		 "</uws:errorSummary><uws:jobInfo><x:y xmlns:x=\"urn:x\"/></uws:jobInfo>"
		 "</uws:job>\n");
	assert_children("jobId runId ownerId phase quote creationTime startTime endTime "
			"executionDuration destruction parameters results errorSummary "
			"jobInfo ");
}

static void
an_error_may_be_transient(void **state)
{
	struct job_view job = pending();

	(void)state;
	job.error = (struct job_error){BYTES("x"), true, false};
	str_clear(&out);
	job_xml_write(&out, &job);
	assert_true(bytes_contains(str_bytes(&out),
	    BYTES("<uws:errorSummary type=\"transient\" hasDetail=\"false\">")));
}

static void
parameters_and_results_are_documents_of_their_own(void **state)
{
	struct job_view job = ended();

	(void)state;
	str_clear(&out);
	job_xml_parameters(&out, &job);
	assert_bytes(str_bytes(&out),
	    HEAD "<uws:parameters" NAMESPACES "><uws:parameter id=\"target\">"
		 "vos://a~v/x&amp;y</uws:parameter></uws:parameters>\n");
	str_clear(&out);
	job.n_results = 1;
	job_xml_results(&out, &job);
	assert_bytes(str_bytes(&out),
	    HEAD "<uws:results" NAMESPACES "><uws:result id=\"successcount\" "
		 "xlink:type=\"simple\" xlink:href=\"final:12\"/></uws:results>\n");
}

static void
a_list_of_jobs_is_written_piece_by_piece(void **state)
{
	struct job_view first = pending(), second = ended();

	(void)state;
	str_clear(&out);
	job_xml_list_open(&out);
	job_xml_list_add(&out, &first, BYTES("https://h/transfers/abc123"));
	job_xml_list_add(&out, &second, BYTES("https://h/transfers/abc123"));
	job_xml_list_close(&out);
	assert_bytes(str_bytes(&out), HEAD
	    "<uws:jobs" NAMESPACES " version=\"1.1\">\n"
	    "<uws:jobref id=\"abc123\" xlink:type=\"simple\" "
	    "xlink:href=\"https://h/transfers/abc123\"><uws:phase>PENDING</uws:phase>"
	    "<uws:ownerId xsi:nil=\"true\"/>"
	    "<uws:creationTime>2026-01-02T03:04:05.678Z</uws:creationTime></uws:jobref>\n"
	    "<uws:jobref id=\"abc123\" xlink:type=\"simple\" "
	    "xlink:href=\"https://h/transfers/abc123\"><uws:phase>ABORTED</uws:phase>"
	    "<uws:runId>run&lt;1&gt;</uws:runId><uws:ownerId>alice</uws:ownerId>"
	    "<uws:creationTime>2026-01-02T03:04:05.678Z</uws:creationTime></uws:jobref>\n"
	    "</uws:jobs>\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pending_job_already_has_every_required_element),
	    cmocka_unit_test(an_ended_job_tells_everything_in_schema_order),
	    cmocka_unit_test(an_error_may_be_transient),
	    cmocka_unit_test(parameters_and_results_are_documents_of_their_own),
	    cmocka_unit_test(a_list_of_jobs_is_written_piece_by_piece),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
