/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric - what is counted while the server works: counters and histograms.
 *
 * Any thread may add and any thread may read, without a lock and without order between
 * two of them: one number of a set may be a moment older than its neighbour. All zero is
 * the beginning; nothing is ever freed.
 */
#ifndef QUARTET_CORE_METRIC_H
#define QUARTET_CORE_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

enum { METRIC_BOUNDS = 18 };

/* Times from 100 µs to a minute, in microseconds; and sizes of groups, 1 to 2^17. */
extern const uint64_t metric_times_us[METRIC_BOUNDS];
extern const uint64_t metric_sizes[METRIC_BOUNDS];

struct metric_histogram {
	/* Values up to each bound and above the one before; the last: above all. */
	_Atomic uint64_t bucket[METRIC_BOUNDS + 1];
	_Atomic uint64_t sum;
};

static inline void
metric_add(_Atomic uint64_t *counter, uint64_t n)
{
	(void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t
metric_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* One value; always with the same `bounds`, one of the two above. */
void metric_observe(
    struct metric_histogram *h, const uint64_t bounds[METRIC_BOUNDS], uint64_t value);

#endif
