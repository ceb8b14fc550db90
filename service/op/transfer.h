/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - what synchronous and asynchronous transfers keep in their jobs. */
#ifndef QUARTET_OP_TRANSFER_H
#define QUARTET_OP_TRANSFER_H

#include "service/job/job.h"
#include "service/op/negotiate.h"

/* The document as a job keeps it: one element, fit for jobInfo. */
enum err transfer_input(
    struct op_call *call, const struct transfer_doc *doc, struct bytes *out) ERR_CHECKED;

/*
 * The results of a negotiation: transferDetails, dataNode; linkNode if one was followed,
 * target if the server chose the name; and the bytes it awaits.
 */
enum err transfer_results(struct op_call *call, const struct transfer_doc *doc,
    const struct negotiation *n, struct job *job) ERR_CHECKED;

/* Of a job with such a result: its document names the node chosen then. */
void transfer_name_target(const struct job *job, struct transfer_doc *doc);

#endif
