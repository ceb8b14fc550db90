/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form_data - the fields of a multipart/form-data body as parameters (RFC 7578).
 *
 * A file's field is a parameter like others; its name and type are not looked at.
 *
 * Promise: any bytes are safe to take apart, in time that grows with their number. A body
 * that does not end with its boundary is refused: fields may be missing.
 * Memory: values are borrowed from the body, names may be. Thread: any.
 * Fails with ERR_INVALID_ARGUMENT, saying what is wrong, and ERR_NO_MEMORY.
 */
#ifndef QUARTET_OP_FORM_DATA_H
#define QUARTET_OP_FORM_DATA_H

#include "service/core/arena.h"
#include "service/core/err.h"

struct op_param;

/* Does this Content-Type say so? */
bool form_data_is(struct bytes content_type);

enum err form_data_parse(struct arena *a, struct bytes content_type, struct bytes body,
    const struct op_param **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

#endif
