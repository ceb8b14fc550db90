/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum - how many copies make a yes: the policy, as pure functions (storage 2.2, 2.4).
 */
#ifndef QUARTET_REPLICATION_QUORUM_H
#define QUARTET_REPLICATION_QUORUM_H

#include <stdbool.h>

#include "service/core/err.h"

enum quorum_verdict {
	QUORUM_OPEN, /* neither reached nor lost */
	QUORUM_REACHED, /* enough copies; others may still come */
	QUORUM_ALL, /* enough copies, and nobody is missing an answer */
	QUORUM_LOST, /* it can no longer be reached */
};

/* `good` copies are there, `pending` may still become good, `needed` are wanted. */
enum quorum_verdict quorum_judge(unsigned good, unsigned pending, unsigned needed);

/* May one of `live` copies be given up for being slow? Never one of the last `needed`. */
bool quorum_may_drop(unsigned live, unsigned needed);

/*
 * What a lost quorum is called: ERR_NO_SPACE when space alone is the cause (`full` of
 * the `failed` copies failed so), else ERR_QUORUM.
 */
enum err quorum_loss(unsigned failed, unsigned full);

/*
 * Journals that must have a change before it counts, `wanted` by the settings: never more
 * than there are locations, nor than the copies that are enough for bytes.
 */
unsigned quorum_journal(unsigned wanted, unsigned write_quorum, unsigned locations);

#endif
