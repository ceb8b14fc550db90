/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest_header - the checksums a client claims for what it sends: Digest (RFC 3230) and
 * Repr-Digest or Content-Digest (RFC 9530), which mean the same for a whole upload.
 * Of the algorithms md5 and sha-256 are compared; sha-1, sha-384 and sha-512 must be well
 * formed; others are not looked at.
 */
#ifndef QUARTET_OP_DIGEST_HEADER_H
#define QUARTET_OP_DIGEST_HEADER_H

#include "service/op/op.h"

struct digest_claims {
	bool md5_given, sha256_given;
	uint8_t md5[MD5_SIZE], sha256[SHA256_SIZE];
};

/* ERR_INVALID_ARGUMENT: a header is malformed, or two of them contradict each other. */
enum err digest_header_parse(struct op_call *call, struct digest_claims *out) ERR_CHECKED;

/* One header's value; `is_structured`: base64 between colons. Adds to *out. */
enum err digest_header_add(struct bytes value, bool is_structured,
    struct digest_claims *out, struct errinfo *why) ERR_CHECKED;

#endif
