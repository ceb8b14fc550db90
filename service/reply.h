/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - faults as HTTP answers: the only place that turns an `enum err` into a status.
 *
 * Body: "FaultName: detail", text/plain and nothing else (architecture D16); what is the
 * server's own fault also names the request. Thread: any.
 */
#ifndef QUARTET_REPLY_H
#define QUARTET_REPLY_H

#include "service/op/op.h"

/*
 * Make call->reply the answer to a failure. `body_begun`: the client is sending a body,
 * and would send an empty one again if it were told 503 or 408 (architecture D21).
 */
void reply_fault(struct op_call *call, enum err err, bool body_begun);

#endif
