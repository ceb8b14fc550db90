/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_json_private - answers in JSON, for programs and pages of our own. Thread: any.
 */
#ifndef QUARTET_OP_OP_JSON_PRIVATE_H
#define QUARTET_OP_OP_JSON_PRIVATE_H

#include <jansson.h>

#include "service/op/op.h"

/* Finish with an object; the reference is taken. */
void op_reply_json(struct op_call *call, int status, json_t *object);

/* Text as a JSON string; bytes that are no UTF-8 become null. */
json_t *op_json_text(struct bytes text);

#endif
