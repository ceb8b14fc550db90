/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/traffic.h"

#include "service/core/check.h"

static struct traffic_op *
find(struct traffic *t, const struct op *op)
{
	for (unsigned i = 0; i < t->n_ops; i++)
		if (t->op[i].op == op)
			return &t->op[i];
	return NULL;
}

void
traffic_init(struct traffic *t)
{
	t->n_ops = 1;
}

void
traffic_add(struct traffic *t, const struct op *op)
{
	if (find(t, op) != NULL)
		return;
	CHECK(t->n_ops < TRAFFIC_OPS_MAX);
	t->op[t->n_ops++].op = op;
}

const char *
traffic_name(const struct traffic_op *op)
{
	return op->op == NULL ? "none" : op->op->name;
}

void
traffic_count(struct traffic *t, const struct op *op, int status, uint64_t us)
{
	struct traffic_op *to = find(t, op);

	CHECK(to != NULL && status >= 100 && status < 100 * (TRAFFIC_CLASSES + 1));
	metric_add(&to->answered[status / 100 - 1], 1);
	metric_observe(&to->took_us, metric_times_us, us);
}
