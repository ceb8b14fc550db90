/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_check - one copy of one file read whole from its disk, past the page cache, and
 * compared with what it should be: every block with its CRC, the table and the zeros
 * between with themselves, the trailer with the record, and, if asked, all with the MD5.
 *
 * One read of at most 1 MiB is out at a time. Before each, `hold` may ask for a pause.
 * The blob is pinned meanwhile, so that what is deleted is not missed. Changes nothing.
 *
 * Internal to replication. Thread: the loop given.
 */
#ifndef QUARTET_REPLICATION_COPY_CHECK_H
#define QUARTET_REPLICATION_COPY_CHECK_H

#include "replication/mirror.h"

struct copy_check;

/*
 * ERR_OK: it is good. ERR_DAMAGED, ERR_NOT_FOUND: it is bad, not there. ERR_CANCELLED.
 * Else it cannot be read now. The check is freed after the call.
 */
typedef void copy_check_done_fn(void *arg, enum err err, const struct errinfo *why);

struct copy_check_spec {
	struct mirror *m;
	struct loop *loop;
	struct blob blob;
	unsigned location;
	bool md5; /* too; takes a core */
	/* `n` bytes are next: 0 to read them, or for how many ms to ask again. NULL: never. */
	uint64_t (*hold)(void *arg, size_t n);
	copy_check_done_fn *done; /* never called before copy_check_new returned */
	void *arg;
};

/* NULL: no memory. */
struct copy_check *copy_check_new(const struct copy_check_spec *spec);

/* Give up as soon as nothing is out; `done` comes with ERR_CANCELLED. */
void copy_check_cancel(struct copy_check *c);

#endif
