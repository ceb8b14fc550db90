/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate - from what a request brings along to a caller (architecture D40-D42,
 * D51).
 *
 * A pre-authorised URL decides before anything else; then an Authorization header; then
 * the client certificate. A certificate that does not count never refuses by itself: the
 * caller is anonymous, and the reason is kept for a later refusal.
 */
#ifndef QUARTET_AUTHENTICATE_H
#define QUARTET_AUTHENTICATE_H

#include "auth/x509.h"
#include "service/http/conn.h"
#include "service/op/op.h"
#include "service/route.h"

/* Fills in `caller` (initialised as anonymous) and the call's pre-authorisation. */
enum err authenticate_caller(struct conn *conn, const struct x509_trust *trust,
    enum route_door door, struct caller *caller, struct op_call *call) ERR_CHECKED;

#endif
