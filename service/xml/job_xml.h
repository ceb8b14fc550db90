/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_xml - UWS 1.1 job documents and lists.
 *
 * Elements stand in the order of the schema. What a job does not have is nil where the
 * schema allows that and left out elsewhere. Times carry milliseconds and Z.
 * A list of jobs is streamed: job_xml_list_open -> job_xml_list_add* ->
 * job_xml_list_close; between two calls the caller may send away what the str holds.
 *
 * Memory: everything given is borrowed for the call. Thread: any. Writing fails as
 * core/str does, in str_failed.
 */
#ifndef QUARTET_XML_JOB_XML_H
#define QUARTET_XML_JOB_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

struct job_parameter {
	struct bytes id, value;
};

struct job_result {
	struct bytes id; /* unique in the job */
	struct bytes href; /* a URI: of the result, or the value itself ("final:3") */
};

struct job_error {
	struct bytes message; /* .p NULL: the job has no error */
	bool is_transient;
	bool has_detail; /* there is a body at .../error */
};

/* Texts with .p NULL and times of 0 do not exist; id, phase and creation_ms must. */
struct job_view {
	struct bytes id, run_id, owner, phase;
	int64_t quote_ms, creation_ms, start_ms, end_ms, destruction_ms;
	uint64_t execution_seconds; /* the limit; 0: none */
	const struct job_parameter *parameters;
	size_t n_parameters;
	const struct job_result *results;
	size_t n_results;
	struct job_error error;
	struct bytes job_info; /* one XML element, written as it is */
};

void job_xml_write(struct str *s, const struct job_view *job);

/* Only that part, as a document of its own. */
void job_xml_parameters(struct str *s, const struct job_view *job);
void job_xml_results(struct str *s, const struct job_view *job);

void job_xml_list_open(struct str *s);
/* One line of the list; `href` is the job's URL. */
void job_xml_list_add(struct str *s, const struct job_view *job, struct bytes href);
void job_xml_list_close(struct str *s);

#endif
