/* SPDX-License-Identifier: Apache-2.0 */
/* accept - which of two media types a client would rather have (RFC 9110 12.5.1). */
#ifndef QUARTET_OP_ACCEPT_H
#define QUARTET_OP_ACCEPT_H

#include <stdbool.h>

#include "service/core/bytes.h"

/*
 * Does an Accept header prefer `other` to `usual`? By the weights given; at equal weights
 * only if it names `other` and does not name `usual`. False for no header, and for one
 * that cannot be read. Thread: any.
 */
bool accept_prefers(struct bytes header, const char *other, const char *usual);

#endif
