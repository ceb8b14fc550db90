/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts - several ranges of a file as one answer, multipart/byteranges (RFC 9110 14.6).
 * Its length is known beforehand, like that of the file.
 */
#ifndef QUARTET_OP_PARTS_H
#define QUARTET_OP_PARTS_H

#include "service/op/op.h"
#include "service/op/range.h"

struct parts_spec {
	const struct blob *blob;
	struct bytes content_type; /* of the file */
	const struct range_part *part; /* in the call's arena */
	size_t n;
};

/*
 * The answer's source; *length_out is how long it is, *type_out the Content-Type with the
 * boundary. ERR_BUSY, ERR_NO_MEMORY.
 */
enum err parts_source(struct op_call *call, const struct parts_spec *spec,
    struct source **out, uint64_t *length_out, struct bytes *type_out) ERR_CHECKED;

#endif
