/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack_name - what members of an archive are called, and where its links lead: by their
 * text alone, always inside the folder that is unpacked into.
 *
 * Empty parts and "." say nothing and are left out. Paths are relative to that folder;
 * n == 0 is the folder itself. Parts point into the texts given. Thread: any.
 */
#ifndef QUARTET_OP_UNPACK_NAME_H
#define QUARTET_OP_UNPACK_NAME_H

#include "storage/path.h"

/*
 * ERR_INVALID_URI: an absolute name, one with "..", one that no node can have, or more than
 * depth_max parts.
 */
enum err unpack_path(struct arena *a, struct bytes name, size_t depth_max,
    struct path *out, struct errinfo *why) ERR_CHECKED;

/*
 * Where the link `member` leads. ERR_INVALID_ARGUMENT: out of the folder, or it is absolute;
 * ERR_INVALID_URI as above.
 */
enum err unpack_link(struct arena *a, struct path member, struct bytes target,
    size_t depth_max, struct path *out, struct errinfo *why) ERR_CHECKED;

#endif
