/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - an archive that is put into a container and becomes what was in it (VOSpace 2.1
 * archive views, standards VW-4, OP-79): the package view the other way round.
 *
 * A push with that view and a container as its target is negotiated like any other; every
 * endpoint is a pre-authorised URL of the container, whose token names the job. The job is
 * EXECUTING from then on, and the one PUT to that URL does its work:
 *
 *   regular file    a data node, new or with new bytes, as a PUT of it would make it
 *   folder          a container; those that are missing on the way are made, too
 *   symbolic link   a link node, if it is relative and leads to something in the container;
 *                   one that is there already and says the same is left
 *   anything else   fails
 *
 * Nothing is written outside the container: names are relative and without "..", and a link
 * node on the way is never followed. Rights, locks, quota and names are looked at for each
 * member as for a request of its own. A member that fails is counted and passed over; a
 * failure that the next would meet as well (quota, disks, a broken archive, a limit) is
 * the end. What was stored stays, each file whole.
 *
 * The job ends by the rules of recursive jobs (server-contract 7.1), its counts those of
 * members: COMPLETED with successcount; ABORTED with errorcount, too, if some failed; ERROR
 * if all did, or if it could not go on. The PUT answers 201 only for COMPLETED, else what
 * ended it, or the first failure, and whose it was. A checksum the client claims for the
 * whole archive is not looked at: its files are stored before it is known.
 */
#ifndef QUARTET_OP_UNPACK_H
#define QUARTET_OP_UNPACK_H

#include "service/job/engine.h"
#include "service/op/target.h"

/*
 * The container an archive is for; a link at the end is followed. ERR_VIEW_NOT_SUPPORTED:
 * it is no container; without the right to make something in it as op_authorize says.
 */
enum err unpack_target(
    struct op_call *call, struct path path, struct op_target *out) ERR_CHECKED;

/* What its job awaits (job/engine.h). .p NULL without memory. */
struct bytes unpack_awaited(struct op_call *call, struct path path);

/* Is this PUT an archive for a container, by its token? Then it is op_unpack's. */
bool unpack_is_asked(struct op_call *call);

struct unpack;

/*
 * Do it: pulls the body of `call`, ends the part, and answers. On failure nothing has
 * begun, and the part is still the caller's.
 */
enum err unpack_start(struct op_call *call, const struct op_target *container,
    struct job_part *part, struct unpack **out) ERR_CHECKED;
/* After the answer. NULL is fine. */
void unpack_free(struct unpack *u);

#endif
