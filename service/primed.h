/* SPDX-License-Identifier: Apache-2.0 */
/*
 * primed - an answer's source whose first bytes are there before its head is sent.
 *
 * What cannot be read is then an error with a status and a text, not a connection that
 * breaks after "200 OK" (storage 2.7). Wraps a source; is one itself.
 *
 * Order: primed_begin -> `done`, once -> use or close primed->base as any source; it may
 * be closed before `done` as well, which is then not called any more.
 * `done` may be called before primed_begin returns: ERR_OK, the bytes or the end are
 * there; or the source's failure, with base.why, and only closing is legal.
 * Memory: the struct is the caller's and must stay until base is closed. Takes `inner`.
 */
#ifndef QUARTET_SERVICE_PRIMED_H
#define QUARTET_SERVICE_PRIMED_H

#include "service/core/stream.h"

typedef void primed_done_fn(void *arg, enum err err);

struct primed {
	struct source base;
	struct source *inner;
	struct slice first;
	enum next state; /* of the first bytes; NEXT_LATER: handed on, or still to come */
	primed_done_fn *done; /* NULL: was called */
	void *arg;
};

void primed_begin(
    struct primed *p, struct source *inner, primed_done_fn *done, void *arg);

#endif
