/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_job - a transfer with another service (VOSpace 2.1 6.4.2, 6.4.4; architecture
 * D53): bytes pulled from one of several endpoints into a node, or a node's bytes pushed
 * to one.
 *
 * Rights, locks, quota and names are those of an upload, or of reading. The endpoints are
 * tried in the order of the document, each once; the first success ends the job. A node
 * appears with committed bytes only (D55). When all have failed the job says of each why,
 * by its host and no more.
 */
#ifndef QUARTET_OP_REMOTE_JOB_H
#define QUARTET_OP_REMOTE_JOB_H

#include "service/op/job_call.h"
#include "service/xml/transfer_xml.h"

struct remote_job;
struct remote_way;

extern const struct remote_way remote_pull; /* pullToVoSpace */
extern const struct remote_way remote_push; /* pushFromVoSpace */

/*
 * Ends the run, now or later. `doc` lives as long as the run. *out is set while it can be
 * aborted; when this returns the run, and `out` with it, may be gone.
 */
void remote_job_start(struct job_run *run, struct job_call *jc,
    const struct transfer_doc *doc, const struct remote_way *way,
    struct remote_job **out);

/* Ends the run as aborted, unless the bytes are being given to their node just now. */
void remote_job_abort(struct remote_job *job);

#endif
