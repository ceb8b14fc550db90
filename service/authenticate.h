/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate - from what a request brings along to a caller (architecture D40-D42,
 * D51).
 *
 * A pre-authorised URL decides before anything else; then an Authorization header; then
 * the cookie of the web page; then the client certificate. A certificate or cookie that
 * does not count never refuses by itself: the caller is anonymous, and the reason is kept
 * for a later refusal. A wrong password or bearer token refuses always.
 */
#ifndef QUARTET_AUTHENTICATE_H
#define QUARTET_AUTHENTICATE_H

#include "auth/basic.h"
#include "auth/passwords.h"
#include "auth/x509.h"
#include "service/http/conn.h"
#include "service/op/op.h"
#include "service/route.h"

struct authenticate {
	struct conn *conn;
	const struct x509_trust *trust; /* NULL: no certificate is believed */
	enum route_door door;
	struct caller *caller; /* initialised as anonymous */
	struct op_call *call;
	void (*done)(struct authenticate *a, enum err err); /* call->why has the text */
	/* authenticate.c's own */
	struct basic basic;
	struct account account;
	struct password_ask ask;
};

/*
 * Fills in the caller and the call's pre-authorisation, then calls a->done, now or later
 * on the same loop. `a` is borrowed until then.
 */
void authenticate_caller(struct authenticate *a);

#endif
