/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isotime - the two spellings of a time on the wire. All times are UTC, kept as
 * milliseconds since 1970. Thread: any.
 */
#ifndef QUARTET_CORE_ISOTIME_H
#define QUARTET_CORE_ISOTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "service/core/bytes.h"

enum { ISOTIME_SIZE = 32 };

/* "2026-01-02T03:04:05.678", no zone: what VOSpace clients parse. */
void isotime_format(int64_t ms, char out[ISOTIME_SIZE]);

/* The same, with or without fraction and a final Z. */
bool isotime_parse(struct bytes text, int64_t *ms_out);

/* RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT"; the fraction is cut. */
void httptime_format(int64_t ms, char out[ISOTIME_SIZE]);
bool httptime_parse(struct bytes text, int64_t *ms_out);

#endif
