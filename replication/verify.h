/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - the copies of one file read whole, MD5 included, one location after the other,
 * as fast as they come. Changes nothing.
 *
 * Thread: verify_copies is for any; the work is done on the mirror's loop.
 */
#ifndef QUARTET_REPLICATION_VERIFY_H
#define QUARTET_REPLICATION_VERIFY_H

#include "replication/mirror.h"

struct copy_check;

/* Owned by the caller until `done`, which comes on `loop`. */
struct verify {
	struct blob blob;
	struct loop *loop;
	void (*done)(struct verify *v);
	/* Of each location: ERR_OK; ERR_DAMAGED, bad; ERR_NOT_FOUND, no file; else it could
	 * not be read. */
	struct errinfo copy[LOCATIONS_MAX];
	/* Its own. */
	struct mirror *m;
	unsigned next;
	struct copy_check *check;
	struct loop_job job;
};

void verify_copies(struct mirror *m, struct verify *v);

#endif
