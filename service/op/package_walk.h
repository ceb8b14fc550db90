/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package_walk - what goes into an archive, one member after the other (server-contract
 * 6.7).
 *
 * First the targets that are files, then each target that is a container, depth first, a
 * container before what is in it. Everything goes by the name of its target and what lies
 * below that. What the caller may not read, and what is gone when its turn comes, is left
 * out. A link below a target is kept where it leads to something in the archive, as a
 * relative path; a target that is a link is what it leads to.
 *
 * No read transaction is open between two calls; memory grows with the number of targets
 * and the depth. Thread: the call's loop.
 */
#ifndef QUARTET_OP_PACKAGE_WALK_H
#define QUARTET_OP_PACKAGE_WALK_H

#include "service/archive/archive_out.h"
#include "service/op/target.h"

struct package_walk;

/* `paths` are borrowed. */
enum err package_walk_new(struct op_call *call, const struct path *paths, size_t n,
    struct package_walk **out, struct errinfo *why) ERR_CHECKED;
void package_walk_free(struct package_walk *w); /* NULL is fine */

enum package_step {
	PACKAGE_MEMBER,
	PACKAGE_AGAIN, /* nothing yet: let others have their turn, then ask again */
	PACKAGE_END,
	PACKAGE_FAILED, /* `why` says how */
};

/* Where a file's bytes are: in the blob, as long as the node is not replaced. */
struct package_bytes {
	uint64_t node_id;
	uint64_t blob_id; /* 0: it has none */
};

/*
 * The next member, its text in the arena, and its bytes if it is a file. `member->length`
 * is that of the node as it is now.
 */
enum package_step package_walk_next(struct package_walk *w, struct arena *a,
    struct archive_member *member, struct package_bytes *bytes, struct errinfo *why);

#endif
