/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - one JSON line in the audit log for each request that signs somebody in, changes
 * permissions, groups, accounts or tokens, deletes, or reads another's file; whether it
 * came through or not.
 *
 *   {"time":...,"event":"delete","user":"alice","status":204,"method":"DELETE",
 *    "path":"/vault/nodes/alice/x","peer":"192.0.2.1","request":"..."}
 *
 * The event is what the operation has said (op_call.audit). No secrets: `path` is as the
 * access log has it. How a hand-over ended is a line of its own (op/run_hand_over.c).
 */
#ifndef QUARTET_AUDIT_H
#define QUARTET_AUDIT_H

#include "service/op/op.h"

/* Nothing where the call says no event, or no audit log is kept. */
void audit_request(
    const struct op_call *call, const char *peer, struct bytes method, struct bytes path);

#endif
