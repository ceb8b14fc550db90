/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack_in - an archive as it arrives: its members one after the other, and the bytes of
 * each file as a source that a mirror takes.
 *
 * Order: unpack_in_new -> { unpack_in_next -> (unpack_in_file) }* -> unpack_in_free at any
 * time, but not before the source of unpack_in_file was closed.
 * What nobody took of a member is passed over. Memory: a piece of the body and one of the
 * file, and the names of one member; it is one transfer of the pool's.
 * Thread: the call's loop.
 */
#ifndef QUARTET_OP_UNPACK_IN_H
#define QUARTET_OP_UNPACK_IN_H

#include "service/archive/tar_in.h"
#include "service/job/engine.h"
#include "service/op/op.h"

struct unpack_in;

/* ERR_BUSY: too many transfers. The part is borrowed. */
enum err unpack_in_new(struct op_call *call, struct job_part *part,
    void (*ready)(void *arg), void *arg, struct unpack_in **out,
    struct errinfo *why) ERR_CHECKED;
void unpack_in_free(struct unpack_in *in); /* NULL is fine */

enum unpack_step {
	UNPACK_MEMBER,
	UNPACK_LATER, /* `ready` is called once, then ask again */
	UNPACK_END, /* the body has come to its end, too */
	UNPACK_FAILED, /* `why` says how: the archive, the body, the job was aborted */
};

/* The member's texts stay until the next call, or until its bytes are taken. */
enum unpack_step unpack_in_next(
    struct unpack_in *in, const struct tar_in_member **member, struct errinfo *why);

/* The bytes of the member given last; one at a time. */
struct source *unpack_in_file(struct unpack_in *in);

#endif
