/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/job_xml.h"

#include "service/xml/names.h"
#include "service/xml/xml_out.h"

/* For every root element. */
#define NAMESPACES                                                                       \
	" xmlns:uws=\"" UWS_NS "\" xmlns:xlink=\"" XLINK_NS "\" xmlns:xsi=\"" XSI_NS "\""

static void
write_nil(struct str *s, const char *name)
{
	str_addc(s, '<');
	str_adds(s, name);
	str_add(s, BYTES(" xsi:nil=\"true\"/>"));
}

static void
write_text_or_nil(struct str *s, const char *name, struct bytes text)
{
	if (text.p != NULL)
		xml_out_leaf(s, name, text);
	else
		write_nil(s, name);
}

static void
write_time_or_nil(struct str *s, const char *name, int64_t ms)
{
	if (ms != 0)
		xml_out_time(s, name, ms);
	else
		write_nil(s, name);
}

/* The root and its end tag stand around these two where they are whole documents. */
static void
write_parameters(struct str *s, const struct job_view *job)
{
	for (size_t i = 0; i < job->n_parameters; i++) {
		str_add(s, BYTES("<uws:parameter"));
		xml_out_attr(s, "id", job->parameters[i].id);
		str_addc(s, '>');
		xml_out_text(s, job->parameters[i].value);
		str_add(s, BYTES("</uws:parameter>"));
	}
	str_add(s, BYTES("</uws:parameters>"));
}

static void
write_results(struct str *s, const struct job_view *job)
{
	for (size_t i = 0; i < job->n_results; i++) {
		str_add(s, BYTES("<uws:result"));
		xml_out_attr(s, "id", job->results[i].id);
		str_add(s, BYTES(" xlink:type=\"simple\""));
		xml_out_attr(s, "xlink:href", job->results[i].href);
		str_add(s, BYTES("/>"));
	}
	str_add(s, BYTES("</uws:results>"));
}

static void
write_error(struct str *s, const struct job_error *error)
{
	str_add(s, BYTES("<uws:errorSummary type=\""));
	str_add(s, error->is_transient ? BYTES("transient") : BYTES("fatal"));
	str_add(s, BYTES("\" hasDetail=\""));
	str_add(s, error->has_detail ? BYTES("true") : BYTES("false"));
	str_add(s, BYTES("\">"));
	xml_out_leaf(s, "uws:message", error->message);
	str_add(s, BYTES("</uws:errorSummary>"));
}

/* The schema has no nil for runId. */
static void
write_run_id(struct str *s, const struct job_view *job)
{
	if (job->run_id.p != NULL)
		xml_out_leaf(s, "uws:runId", job->run_id);
}

void
job_xml_write(struct str *s, const struct job_view *job)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<uws:job" NAMESPACES " version=\"1.1\">"));
	xml_out_leaf(s, "uws:jobId", job->id);
	write_run_id(s, job);
	write_text_or_nil(s, "uws:ownerId", job->owner);
	xml_out_leaf(s, "uws:phase", job->phase);
	write_time_or_nil(s, "uws:quote", job->quote_ms);
	xml_out_time(s, "uws:creationTime", job->creation_ms);
	write_time_or_nil(s, "uws:startTime", job->start_ms);
	write_time_or_nil(s, "uws:endTime", job->end_ms);
	str_add(s, BYTES("<uws:executionDuration>"));
	str_addu(s, job->execution_seconds);
	str_add(s, BYTES("</uws:executionDuration>"));
	write_time_or_nil(s, "uws:destruction", job->destruction_ms);
	str_add(s, BYTES("<uws:parameters>"));
	write_parameters(s, job);
	str_add(s, BYTES("<uws:results>"));
	write_results(s, job);
	if (job->error.message.p != NULL)
		write_error(s, &job->error);
	if (job->job_info.n > 0) {
		str_add(s, BYTES("<uws:jobInfo>"));
		str_add(s, job->job_info);
		str_add(s, BYTES("</uws:jobInfo>"));
	}
	str_add(s, BYTES("</uws:job>\n"));
}

void
job_xml_parameters(struct str *s, const struct job_view *job)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<uws:parameters" NAMESPACES ">"));
	write_parameters(s, job);
	str_addc(s, '\n');
}

void
job_xml_results(struct str *s, const struct job_view *job)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<uws:results" NAMESPACES ">"));
	write_results(s, job);
	str_addc(s, '\n');
}

void
job_xml_list_open(struct str *s)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<uws:jobs" NAMESPACES " version=\"1.1\">\n"));
}

void
job_xml_list_add(struct str *s, const struct job_view *job, struct bytes href)
{
	str_add(s, BYTES("<uws:jobref"));
	xml_out_attr(s, "id", job->id);
	str_add(s, BYTES(" xlink:type=\"simple\""));
	xml_out_attr(s, "xlink:href", href);
	str_addc(s, '>');
	xml_out_leaf(s, "uws:phase", job->phase);
	write_run_id(s, job);
	write_text_or_nil(s, "uws:ownerId", job->owner);
	xml_out_time(s, "uws:creationTime", job->creation_ms);
	str_add(s, BYTES("</uws:jobref>\n"));
}

void
job_xml_list_close(struct str *s)
{
	str_add(s, BYTES("</uws:jobs>\n"));
}
