/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl - may this caller do that? The one place where it is decided, as a pure function
 * over facts that others gathered (server-contract section 5, architecture D14, D33-D35,
 * D45-D47, D57). Thread: any.
 *
 * A right to a node follows from the node itself, never from those above it, but for two
 * rules: to come to a node one must be able to read every container on the way (the root
 * excepted), and who owns an allocation may read and write everything inside it.
 *
 *   read    public, or owner, or owner of the allocation, or in a read or write group
 *   write   owner, or owner of the allocation, or in a write group
 *
 * Where a group counts that nobody could be asked about, and the answer would be another if
 * the caller were in it, the answer is ERR_GROUPS.
 *
 * An administrator sees, lists, describes and deletes everything; bytes are read and
 * written by the rules alone. A lock stops everybody.
 */
#ifndef QUARTET_AUTH_ACL_H
#define QUARTET_AUTH_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/err.h"

/* What counts of one node on the way, for one caller. */
struct acl_node {
	bool is_public, is_locked;
	bool is_owner; /* the caller owns it */
	bool in_read_group, in_write_group;
	/* Not that anybody knows, but it may be. */
	bool maybe_in_read_group, maybe_in_write_group;
};

enum acl_action {
	ACL_STAT, /* see the node itself; also HEAD of its bytes */
	ACL_LIST, /* see its children */
	ACL_READ, /* read its bytes */
	/* From here on something is changed. */
	ACL_CREATE, /* make a node in the last container of the path */
	ACL_SET, /* change its properties */
	ACL_GRANT, /* change groups, public flag, inheritance, lock (D57) */
	ACL_WRITE, /* replace its bytes */
	ACL_DELETE, /* remove it */
	ACL_LEAVE, /* move it away */
	ACL_ENTER, /* move something into it */
};

struct acl_facts {
	const struct acl_node *node; /* the root first; n >= 1 */
	size_t n;
	/* The first allocation met going up from the last node (itself included): its
	 * place in `node`, or 0 when there is none. */
	size_t allocation;
	bool is_anonymous;
	bool is_admin;
	bool grant_by_owner; /* setting permissions_by = owner */
	/* By a token that is good for less than its owner may do: nothing is changed; and
	 * nothing but the node at the place `scope`, and what lies below, is touched. 0: no
	 * such limit; beyond n: this path lies elsewhere. */
	bool read_only;
	/* Or only new nodes are made, right in the container at `scope`. */
	bool drop_only;
	size_t scope;
	bool in_doubt; /* take him for a member where he may be one */
};

/*
 * ERR_OK; ERR_NOT_AUTHENTICATED (anonymous) or ERR_DENIED without the right;
 * ERR_NODE_LOCKED, ERR_PARENT_LOCKED with the right but a lock; ERR_GROUPS when it depends
 * on what is not known. *at_out (may be NULL) is the place in `node` that refused.
 */
enum err acl_decide(
    enum acl_action action, const struct acl_facts *facts, size_t *at_out) ERR_CHECKED;

/* The two rights of one node of the path, locks and the way to it aside: for readable
 * and writable in a listing. */
bool acl_can_read(const struct acl_facts *facts, size_t at);
bool acl_can_write(const struct acl_facts *facts, size_t at);
/* It cannot be read, but could be if the caller were in a group nobody knows him to be in. */
bool acl_may_read(const struct acl_facts *facts, size_t at);

/*
 * A move out of one allocation (or none) into another needs more than ACL_LEAVE: the
 * caller must own the node or the allocation it leaves, else a group writer could carry
 * private files off to where he may read them (D45). `facts` are the node's.
 */
bool acl_may_change_allocation(const struct acl_facts *facts);

#endif
