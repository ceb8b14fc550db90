/* SPDX-License-Identifier: Apache-2.0 */
/* runners - what the jobs of each list do; service/job/engine.h says when. */
#ifndef QUARTET_OP_RUNNERS_H
#define QUARTET_OP_RUNNERS_H

#include "service/job/engine.h"

extern const struct job_runner run_delete;
extern const struct job_runner run_hand_over;
extern const struct job_runner run_setprops;
extern const struct job_runner run_transfer; /* move, negotiation, other services */

#endif
