/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand_over - what one account owns becomes another's, as one job: every node, wherever
 * it lies, and every group. For people who leave.
 *
 * Permissions, quotas and locks stay as they are, and so do memberships in groups. What
 * the account is known by (tokens, links to share), its jobs and its uploads under way are
 * its own and stay, too. What it makes while the job runs may be missed.
 *
 * The job is one of the list JOB_LIST_HAND_OVER, with the parameters `from` and `to`; its
 * `done` counts nodes, groups are a result. Administrators only, also while it runs.
 */
#ifndef QUARTET_OP_HAND_OVER_H
#define QUARTET_OP_HAND_OVER_H

#include "service/op/op.h"

struct hand_over {
	struct account from, to;
	const uint64_t *ids; /* every identity that is the first one's */
	size_t n_ids;
};

/*
 * Two accounts by their names, as they are now. ERR_NOT_FOUND: there is no such account;
 * ERR_INVALID_ARGUMENT: they are one; ERR_CONFLICT: the second is not active, or the first
 * owns a container that allocations lie in, which only administrators take.
 */
enum err hand_over_find(struct op_call *call, struct bytes from, struct bytes to,
    struct hand_over *out) ERR_CHECKED;

#endif
