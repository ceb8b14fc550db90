/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - what the operations on bytes share: pre-authorised URLs, the headers that
 * describe a file, the checks before an upload.
 */
#ifndef QUARTET_OP_FILE_H
#define QUARTET_OP_FILE_H

#include "service/op/target.h"
#include "storage/quota_hold.h"

/*
 * The URL at which the target can be read, or written, without any credential, for
 * preauth_lifetime: "BASE/files/preauth:TOKEN/PATH". A target that does not exist yet can
 * only be written. The job with the number `job` ends well when the bytes have been
 * moved; 0: none. The URL is a secret. .p is NULL without memory.
 */
enum err file_preauth_url(struct op_call *call, const struct op_target *target,
    bool write, uint64_t job, struct bytes *url_out) ERR_CHECKED;

/*
 * The bytes of this request have been moved: a job that waits for them is told. It is the
 * one the URL was made for, or one of the caller's about the same file (file_awaited).
 */
void file_moved(struct op_call *call);

/* How a job names the bytes it awaits (job/engine.h). .p NULL without memory. */
struct bytes file_awaited(struct op_call *call, struct path path, bool push);

/*
 * The target of a request on bytes: by a token, exactly the node it was made for; else
 * the path, with a link at its end followed. With `may_be_new` the node need not exist,
 * and ".auto" is a new name.
 */
enum err file_target(
    struct op_call *call, bool may_be_new, struct op_target *out) ERR_CHECKED;

/*
 * May the caller upload to this target: an existing data node, or a new one in a
 * container? ERR_CONTAINER_NOT_FOUND is file_target's to find.
 */
enum err file_may_write(struct op_call *call, const struct op_target *target) ERR_CHECKED;

/*
 * Is there room for a file of `length` bytes there, as far as quotas go? ERR_QUOTA with
 * the numbers. file_reserve also keeps it for this upload, until quota_hold_end.
 */
enum err file_check_quota(
    struct op_call *call, const struct op_target *target, uint64_t length) ERR_CHECKED;
enum err file_reserve(struct op_call *call, const struct op_target *target,
    uint64_t length, struct quota_hold *hold) ERR_CHECKED;

/* The type of a file, as clients are told. */
struct bytes file_type(const struct node *node);

/*
 * Type (the file's, or that of an answer made of it), encoding, time, name, and what
 * keeps a browser from running it (D51).
 */
void file_reply_fields(struct op_call *call, const struct node *node, struct bytes type);

/* Content-Disposition: inline; with a name any client understands (RFC 6266). */
void file_reply_name(struct op_call *call, struct bytes name);

/* What keeps a browser from treating bytes of users as part of our page. */
void file_reply_sandbox(struct op_call *call);

/* Digest: "md5=BASE64" (RFC 3230); Repr-Digest: "md5=:BASE64:" (RFC 9530). */
void file_reply_digest(struct op_call *call, const uint8_t md5[MD5_SIZE]);
void file_reply_repr_digest(struct op_call *call, const uint8_t md5[MD5_SIZE]);

#endif
