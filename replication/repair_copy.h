/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair_copy - one missing copy made again: verified bytes of the good ones in, a file
 * that is fsynced under its final name and counted in the catalogue out.
 *
 * Bytes are checked against their CRC as for any reader, and the whole against the MD5
 * of the record before the file gets its name. The result is the same file, byte for
 * byte, as at the other locations. Whatever fails before the end leaves no file; the row
 * of the repair table stays until the copy is counted.
 *
 * Internal to replication. Thread: the loop given.
 */
#ifndef QUARTET_REPLICATION_REPAIR_COPY_H
#define QUARTET_REPLICATION_REPAIR_COPY_H

#include "replication/mirror.h"

struct repair_copy;

/*
 * ERR_OK: the copy is there. ERR_NOT_FOUND: nobody wants it any more. ERR_BUSY, ERR_CANCELLED:
 * nothing is wrong with it. Else `why` says what is. The copy is freed after the call.
 */
typedef void repair_copy_done_fn(void *arg, enum err err, const struct errinfo *why);

struct repair_copy_spec {
	struct mirror *m;
	struct loop *loop;
	struct blob blob;
	unsigned location; /* where the copy is missing */
	uint64_t rate; /* bytes a second at most */
	repair_copy_done_fn *done; /* never called before repair_copy_new returned */
	void *arg;
};

/* NULL: no memory. */
struct repair_copy *repair_copy_new(const struct repair_copy_spec *spec);

/* Give up as soon as nothing is out; `done` comes with ERR_CANCELLED. */
void repair_copy_cancel(struct repair_copy *c);

#endif
