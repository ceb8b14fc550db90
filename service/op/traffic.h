/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic - what clients do: connections, bytes, and requests by operation.
 *
 * One for all loops. Order: traffic_add for each operation before any loop runs ->
 * traffic_count from any of them.
 */
#ifndef QUARTET_OP_TRAFFIC_H
#define QUARTET_OP_TRAFFIC_H

#include "service/core/metric.h"
#include "service/op/op.h"

enum { TRAFFIC_OPS_MAX = 64, TRAFFIC_CLASSES = 5 };

struct traffic_op {
	const struct op *op; /* NULL: requests that never met one */
	_Atomic uint64_t answered[TRAFFIC_CLASSES]; /* with a status of 1xx to 5xx */
	struct metric_histogram took_us; /* by metric_times_us */
};

struct traffic {
	_Atomic unsigned connections, admin_connections; /* open now */
	_Atomic uint64_t bytes_in, bytes_out, admin_bytes_in, admin_bytes_out;
	struct traffic_op op[TRAFFIC_OPS_MAX]; /* the first has none */
	unsigned n_ops;
};

void traffic_init(struct traffic *t);
/* More than once counts once. */
void traffic_add(struct traffic *t, const struct op *op);
/* "file-get"; "none" of the one without. */
const char *traffic_name(const struct traffic_op *op);
/* A request is over. */
void traffic_count(struct traffic *t, const struct op *op, int status, uint64_t us);

#endif
