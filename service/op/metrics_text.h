/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text - the text format of Prometheus, version 0.0.4.
 *
 * metrics_family begins a metric, what follows are its samples, each set of labels once.
 * Memory: what is passed is borrowed for the call; `name` until the next family.
 */
#ifndef QUARTET_OP_METRICS_TEXT_H
#define QUARTET_OP_METRICS_TEXT_H

#include "service/core/metric.h"
#include "service/core/str.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics {
	struct str *to;
	const char *name; /* of the family */
};

/* Up to a row of NULL. */
struct metrics_label {
	const char *name, *value; /* any text */
};

#define METRICS_LABELS(...) ((const struct metrics_label[]){__VA_ARGS__, {NULL, NULL}})

void metrics_family(
    struct metrics *m, const char *name, enum metrics_kind kind, const char *help);

/* `labels` NULL: none. */
void metrics_count(struct metrics *m, const struct metrics_label *labels, uint64_t value);
void metrics_real(struct metrics *m, const struct metrics_label *labels, double value);
/* A count divided by `unit`: 1000000 makes seconds of microseconds. */
void metrics_distribution(struct metrics *m, const struct metrics_label *labels,
    const struct metric_histogram *h, const uint64_t bounds[METRIC_BOUNDS], double unit);

#endif
