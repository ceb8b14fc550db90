/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target - from a path to the nodes it means, and what the caller may do there.
 *
 * Links inside a path are followed (VOSpace 2.1 3.1; limit and cycles as settings say);
 * whether one at its end is, the operation decides. On the way to a link the caller must
 * be able to pass, as acl says. All failures leave the text of the answer in call->why.
 */
#ifndef QUARTET_OP_TARGET_H
#define QUARTET_OP_TARGET_H

#include "auth/acl.h"
#include "service/op/op.h"

struct op_target {
	struct path path; /* where it really is, links resolved */
	struct nodes_trail trail; /* the nodes along it that exist, root first */
	bool exists; /* the last of them is what was asked for */
	unsigned links_followed;
	struct acl_facts facts; /* of the trail */
};

enum op_leaf { OP_LEAF_AS_IS, OP_LEAF_FOLLOW };

/* The node of a request's own path: call->rest, or the path of a token. */
enum err op_parse_path(
    struct op_call *call, struct bytes text, struct path *out) ERR_CHECKED;

/* A vos URI that must be ours, as a path. ERR_INVALID_URI. */
enum err op_parse_uri(
    struct op_call *call, struct bytes uri, struct path *out) ERR_CHECKED;

/*
 * ERR_OK also when the end of the path does not exist (out->exists false, the trail ends
 * at a container). ERR_NODE_NOT_FOUND when a container of the way does not exist, or is
 * none; ERR_UNREADABLE_LINK, ERR_INVALID_ARGUMENT (a link that leads out of the space).
 */
enum err op_resolve(struct op_call *call, struct path path, enum op_leaf leaf,
    struct op_target *out) ERR_CHECKED;

/* As op_resolve, but what does not exist is ERR_NODE_NOT_FOUND. */
enum err op_resolve_existing(struct op_call *call, struct path path, enum op_leaf leaf,
    struct op_target *out) ERR_CHECKED;

/* The facts of a trail that was found otherwise. `path` is its path. */
enum err op_judge(struct op_call *call, const struct nodes_trail *trail, struct path path,
    struct acl_facts *out) ERR_CHECKED;

/*
 * May the caller do that there? The text names the node that refused. What only an
 * administrator may is logged.
 */
enum err op_authorize(struct op_call *call, enum acl_action action,
    const struct op_target *target) ERR_CHECKED;

/* Write down what only an administrator may do: "sets the quota of" (architecture D46).
 */
void op_log_admin(struct op_call *call, const char *does, struct path path);

/* May the caller make a node at this target, which is not there yet? */
enum err op_authorize_new(
    struct op_call *call, const struct op_target *target) ERR_CHECKED;

/*
 * May a new node have this path? Not with a reserved name (".auto", ".null"), nor with
 * one that would be taken for a token.
 */
enum err op_check_new_name(struct op_call *call, struct path path) ERR_CHECKED;

/* The last component that lets the server choose (architecture D56). */
#define NAME_AUTO ".auto"

/* The same; but NAME_AUTO becomes a name nobody has. */
enum err op_settle_name(struct op_call *call, struct path *path) ERR_CHECKED;

/*
 * Can the caller read a node that lies below one he has come to: a file's bytes, a
 * container's children? `owns_allocation`: that both lie in. Links show themselves to who
 * sees their container.
 */
enum err op_can_read_below(struct caller *caller, bool owns_allocation,
    const struct node *node, bool *can_out, struct errinfo *why) ERR_CHECKED;

/* Does the caller own the allocation that holds the target? */
static inline bool
op_owns_allocation(const struct op_target *t)
{
	return t->facts.allocation != 0 && t->facts.node[t->facts.allocation].is_owner;
}

/* The last node of the trail. */
static inline struct node *
op_leaf(const struct op_target *t)
{
	return &t->trail.node[t->trail.n - 1];
}

/* The target's container, as a target of its own. */
struct op_target op_parent(const struct op_target *t);

/* "vos://AUTHORITY/a/b%20c" in the arena. */
struct bytes op_uri(struct op_call *call, struct path path);

/* Fail with the URI of a path as text. */
enum err op_fail_uri(struct op_call *call, enum err err, struct path path) ERR_CHECKED;

/* Fail because a document speaks of another node than the request. */
enum err op_fail_mismatch(
    struct op_call *call, enum err err, struct bytes uri, struct path path) ERR_CHECKED;

/* Is a container with this path's parent an allocation? */
bool op_is_allocation_parent(const struct op_call *call, struct path path);

#endif
