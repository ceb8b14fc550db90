/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_serve - requests on jobs that exist, and lists of them (UWS 1.1 section 2.2).
 *
 * GET      LIST?PHASE=&AFTER=&LAST=, LIST/JOB?WAIT=&PHASE=, LIST/JOB/phase and so on
 * POST     LIST/JOB/phase and what else can be changed; LIST/JOB?ACTION=DELETE
 * DELETE   LIST/JOB
 */
#ifndef QUARTET_OP_JOB_SERVE_H
#define QUARTET_OP_JOB_SERVE_H

#include "service/job/job.h"
#include "service/op/op.h"

/* Finish the call: call->rest is "", "/JOB" or "/JOB/...". */
void job_serve(struct op_call *call, enum job_list list);

#endif
