/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package - several nodes as one archive, the package view of a transfer (server-contract
 * 6.7; VOSpace 2.1 archive views).
 *
 * A negotiation makes a job in phase SUSPENDED; the first GET of pkg/JOB/run does its
 * work, streams the archive, and ends it.
 */
#ifndef QUARTET_OP_PACKAGE_H
#define QUARTET_OP_PACKAGE_H

#include "service/archive/archive_out.h"
#include "service/job/engine.h"
#include "service/op/op.h"
#include "service/xml/transfer_xml.h"

/* Does the document ask for the package view: an archive to be pulled? */
bool package_asked(const struct transfer_doc *doc);
/* The other way: one to be pushed, which is unpacked (unpack.h). */
bool package_is_pushed(const struct transfer_doc *doc);
/* Is that one a tar, as far as it says? ERR_VIEW_NOT_SUPPORTED. */
enum err package_check_pushed(
    struct op_call *call, const struct transfer_doc *doc) ERR_CHECKED;

struct package_spec {
	enum archive_format format;
	const struct path *paths;
	size_t n;
	struct bytes file_name; /* "quartet-download-NAME.tar" */
};

/*
 * What the document asks for. `job_id` is for the name of an archive of several targets.
 * ERR_OPERATION_NOT_SUPPORTED: not a pull; ERR_INVALID_ARGUMENT: another format, too many
 * targets; ERR_INVALID_URI.
 */
enum err package_read(struct op_call *call, const struct transfer_doc *doc,
    const char *job_id, struct package_spec *out) ERR_CHECKED;

/* Where the archive of a job is. .p NULL without memory. */
struct bytes package_url(struct op_call *call, const char *job_id);

/* The head of the answer. */
void package_reply_fields(struct op_call *call, const struct package_spec *spec);

/*
 * The archive as a source, for the call's answer. The part is ended with it: COMPLETED
 * when everything was handed out. On failure it is still the caller's.
 */
enum err package_source(struct op_call *call, const struct package_spec *spec,
    struct job_part *part, struct source **out) ERR_CHECKED;

#endif
