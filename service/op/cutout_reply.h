/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutout_reply - a FITS cutout as the answer to a GET or HEAD of a file.
 *
 * SUB (repeatable; `cutout` is an old spelling of it), one of CIRCLE, POLYGON and POS, and
 * META=true. The other axes (BAND, TIME, POL) are not done yet and say so.
 */
#ifndef QUARTET_OP_CUTOUT_REPLY_H
#define QUARTET_OP_CUTOUT_REPLY_H

#include "service/op/op.h"

/* Does the query ask for one? */
bool cutout_asked(const struct op_call *call);

/* Finish the call with it, or fail. `blob` id 0: an empty file. */
void cutout_reply(struct op_call *call, const struct node *node, const struct blob *blob);

/* For the row's `release`: whatever is left of it. */
void cutout_release(struct op_call *call);

#endif
