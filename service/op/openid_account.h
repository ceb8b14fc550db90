/* SPDX-License-Identifier: Apache-2.0 */
/* openid_account - whose account is it that an outside provider speaks of? */
#ifndef QUARTET_OP_OPENID_ACCOUNT_H
#define QUARTET_OP_OPENID_ACCOUNT_H

#include "service/op/op.h"
#include "service/openid/openid.h"

/*
 * By the setting openid_claim. ERR_NOT_AUTHENTICATED: there is none, or what the provider
 * said is from before all of the account's credentials were revoked. Whether the account
 * may be used is for the caller to see.
 */
enum err openid_find_account(struct op_call *call, const struct jwt_claims *claims,
    struct account *out) ERR_CHECKED;

#endif
