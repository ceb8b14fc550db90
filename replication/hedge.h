/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hedge - when a read that takes long is asked for a second time, of another location.
 * Internal to replication.
 *
 * A read is late when it takes longer than hedge_after and than three times what reads of
 * its location took lately. Only a share of the reads, hedge_percent, may be asked twice:
 * each read earns that share of one, up to a few, so that a mirror which is slow as a
 * whole is not given twice the work.
 *
 * Thread: any.
 */
#ifndef QUARTET_REPLICATION_HEDGE_H
#define QUARTET_REPLICATION_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

struct hedges {
	uint64_t after_ms;
	unsigned percent; /* 0: none */
	_Atomic int32_t earned; /* in hundredths of a hedge */
	_Atomic uint64_t begun, won; /* for metrics */
};

void hedges_init(struct hedges *h, uint64_t after_ms, unsigned percent);

/* A read begins. */
void hedges_earn(struct hedges *h);

/* How long it may take before it is late, if its location usually takes `usual_us`. */
uint64_t hedges_patience_ms(const struct hedges *h, uint64_t usual_us);

/* It is late: true if it may be asked again, which is counted. */
bool hedges_spend(struct hedges *h);

#endif
