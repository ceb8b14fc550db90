/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_account_private - what an account says of itself, for the operations on one's own account.
 */
#ifndef QUARTET_OP_OP_ACCOUNT_PRIVATE_H
#define QUARTET_OP_OP_ACCOUNT_PRIVATE_H

#include <jansson.h>

#include "service/op/op.h"

/* Who the caller is and what the page needs to know first; NULL without memory. */
json_t *account_own(struct op_call *call);

/*
 * Only for the owner of an account, with a credential that allows all he may do, and that
 * is no token of a program. The reason is in call->why.
 */
enum err account_check_own(struct op_call *call, struct account *out) ERR_CHECKED;

#endif
