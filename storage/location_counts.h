/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_counts - what has been asked of one location, how long it took and how it
 * ended: for those who watch. Only calls that came back are in it; a write that is part
 * of a put counts by the last thing it was to do.
 */
#ifndef QUARTET_STORAGE_LOCATION_COUNTS_H
#define QUARTET_STORAGE_LOCATION_COUNTS_H

#include "service/core/metric.h"

struct location_call;

enum location_op {
	LOCATION_OP_BEGIN,
	LOCATION_OP_WRITE,
	LOCATION_OP_FINISH,
	LOCATION_OP_ABANDON,
	LOCATION_OP_READ,
	LOCATION_OP_REMOVE,
	LOCATION_OP_LEAF,
	LOCATION_OP_LIST,
	LOCATION_OP_META_WRITE, /* the journal, mostly */
	LOCATION_OP_META,
	LOCATION_OP_PROBE,
	LOCATION_OPS
};

const char *location_op_name(enum location_op op);

/* Numbers of errno that are told apart; 0: an error without one (not there, damaged). */
enum { LOCATION_ERRNOS = 134 };

struct location_counts {
	struct metric_histogram took_us[LOCATION_OPS]; /* by metric_times_us */
	_Atomic uint64_t errors[LOCATION_OPS][LOCATION_ERRNOS];
};

/* A call is over: err, why and the times are set. On the location's thread. */
void location_count(struct location_counts *counts, struct location_call *call);

#endif
