/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - one request's way through the house.
 *
 *   route ─► authenticate ─► authorize ─► accept ─► operate ─► respond ─► finish
 *              who is it?    op->check    the body  op->run     reply     access log
 *
 * The order is fixed and no step is taken twice; a step that fails goes on at `respond`.
 * A step that waits is owed exactly one call back, on the same loop. `finish` always
 * runs, once, when the answer is out or broken off.
 *
 * Where the metadata may not be waited for (env.reader NULL, service/watchdog.h) nobody is
 * authenticated, and all but availability and health is refused with ERR_STALLED.
 *
 * Thread: the loop of the struct request_loop. Memory: a request frees itself; structs
 * are kept for the next one.
 */
#ifndef QUARTET_REQUEST_H
#define QUARTET_REQUEST_H

#include "auth/passwords.h"
#include "auth/x509.h"
#include "service/http/conn.h"
#include "service/op/op.h"
#include "service/route.h"

struct request;

/* What the requests of one loop share. */
struct request_loop {
	struct op_env env;
	const struct x509_trust *trust; /* NULL: no certificate is believed */
	unsigned index; /* of the loop, for request ids */
	/* request.c's own */
	struct request *free;
	unsigned n_free;
	uint64_t counter;
};

/* Handlers for the connections of a group: `arg` is the request_loop. */
extern const struct conn_handler request_public_handler;
extern const struct conn_handler request_admin_handler;

/* Give back the kept structs; after the last request. */
void request_loop_release(struct request_loop *rl);

#endif
