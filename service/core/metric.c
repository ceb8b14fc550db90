/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/metric.h"

const uint64_t metric_times_us[METRIC_BOUNDS] = {100, 250, 500, 1000, 2500, 5000, 10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
    60000000};

const uint64_t metric_sizes[METRIC_BOUNDS] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024,
    2048, 4096, 8192, 16384, 32768, 65536, 131072};

void
metric_observe(
    struct metric_histogram *h, const uint64_t bounds[METRIC_BOUNDS], uint64_t value)
{
	unsigned i = 0;

	while (i < METRIC_BOUNDS && value > bounds[i])
		i++;
	metric_add(&h->bucket[i], 1);
	metric_add(&h->sum, value);
}
