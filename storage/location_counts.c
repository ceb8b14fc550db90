/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/location_counts.h"

#include "storage/location.h"

static const char *const names[LOCATION_OPS] = {
    [LOCATION_OP_BEGIN] = "begin",
    [LOCATION_OP_WRITE] = "write",
    [LOCATION_OP_FINISH] = "finish",
    [LOCATION_OP_ABANDON] = "abandon",
    [LOCATION_OP_READ] = "read",
    [LOCATION_OP_REMOVE] = "remove",
    [LOCATION_OP_LEAF] = "leaf",
    [LOCATION_OP_LIST] = "list",
    [LOCATION_OP_META_WRITE] = "meta_write",
    [LOCATION_OP_META] = "meta",
    [LOCATION_OP_PROBE] = "probe",
};

const char *
location_op_name(enum location_op op)
{
	return names[op];
}

static enum location_op
put_op(const struct location_put *put)
{
	if (put->abandon)
		return LOCATION_OP_ABANDON;
	if (put->finish)
		return LOCATION_OP_FINISH;
	return put->begin ? LOCATION_OP_BEGIN : LOCATION_OP_WRITE;
}

static enum location_op
op_of(struct location_call *call)
{
	switch (call->verb) {
	case LOCATION_PUT:
		return put_op(container_of(call, struct location_put, call));
	case LOCATION_READ:
		return LOCATION_OP_READ;
	case LOCATION_REMOVE:
		return LOCATION_OP_REMOVE;
	case LOCATION_LEAF:
		return LOCATION_OP_LEAF;
	case LOCATION_LIST:
		return LOCATION_OP_LIST;
	case LOCATION_META_WRITE:
		return LOCATION_OP_META_WRITE;
	case LOCATION_META_READ:
	case LOCATION_META_LIST:
	case LOCATION_META_REMOVE:
	case LOCATION_FORMAT:
		return LOCATION_OP_META;
	case LOCATION_PROBE:
		break;
	}
	return LOCATION_OP_PROBE;
}

void
location_count(struct location_counts *counts, struct location_call *call)
{
	enum location_op op = op_of(call);
	int sys = call->why.sys;

	metric_observe(&counts->took_us[op], metric_times_us,
	    call->finished_us - call->submitted_us);
	if (call->err != ERR_OK)
		metric_add(
		    &counts->errors[op][sys > 0 && sys < LOCATION_ERRNOS ? sys : 0], 1);
}
