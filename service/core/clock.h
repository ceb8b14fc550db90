/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the two clocks. Thread: any.
 */
#ifndef QUARTET_CORE_CLOCK_H
#define QUARTET_CORE_CLOCK_H

#include <stdint.h>

/* Never goes back; for deadlines and durations. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);

/* Milliseconds since 1970, UTC; for what is stored and shown. */
int64_t clock_wall_ms(void);

#endif
