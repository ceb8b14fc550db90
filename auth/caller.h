/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller - who makes a request, as far as anybody vouches for it, and what groups that
 * makes one a member of.
 *
 * Order: caller_init (anonymous), then perhaps caller_from_dn, caller_from_account or
 * caller_from_identity -> the rest.
 * Groups are looked up when first asked for. Memory: everything in the arena given.
 * Thread: the one of the reader.
 */
#ifndef QUARTET_AUTH_CALLER_H
#define QUARTET_AUTH_CALLER_H

#include "auth/acl.h"
#include "conf/settings.h"
#include "service/core/arena.h"
#include "storage/accounts.h"
#include "storage/node.h"

struct caller {
	struct arena *arena;
	struct store_reader *reader;
	const struct settings *settings;
	/* How groups of this service are written: "ivo://AUTHORITY/gms" without the
	 * scheme. */
	struct bytes group_authority;

	bool is_anonymous;
	bool is_admin;
	bool is_limited; /* by a limited proxy: files only (architecture D42) */
	uint64_t principal; /* 0: anonymous, or a DN that owns nothing yet */
	const uint64_t *ids; /* every identity that is the caller's, principal included */
	size_t n_ids;
	struct bytes name; /* account name or DN, for people */
	struct bytes dn, dn_key; /* of the certificate, .p NULL without one */
	/* Why a credential that was given did not count; .code ERR_OK: none was given. */
	struct errinfo refused;

	bool groups_known;
	const uint64_t *groups; /* ascending */
	size_t n_groups;
};

void caller_init(struct caller *c, struct arena *a, struct store_reader *reader,
    const struct settings *settings, struct bytes group_authority);

/* By certificate. A disabled account counts as anonymous, with c->refused set. */
enum err caller_from_dn(
    struct caller *c, struct bytes dn, struct errinfo *why) ERR_CHECKED;
/* By the record of an account, which is borrowed; as above when it is disabled. */
enum err caller_from_account(
    struct caller *c, const struct account *account, struct errinfo *why) ERR_CHECKED;
/* By the identity in a pre-authorised URL; 0 stays anonymous. */
enum err caller_from_identity(
    struct caller *c, uint64_t id, struct errinfo *why) ERR_CHECKED;

bool caller_owns(const struct caller *c, uint64_t owner);

/* Member of one of these groups? Groups nobody knows have no members. */
enum err caller_in_groups(struct caller *c, const struct node_groups *groups,
    bool *member_out, struct errinfo *why) ERR_CHECKED;

/*
 * The local name of a group URI: "ivo://cadc.nrc.ca/gms?NAME" and
 * "ivo://AUTHORITY/gms?NAME" are one group (architecture D44). False: not ours.
 */
bool caller_group_name(const struct caller *c, struct bytes uri, struct bytes *name_out);

/* The facts acl wants of one node. No memory is kept: it may be asked for millions. */
enum err caller_judge(struct caller *c, const struct node *node, struct acl_node *out,
    struct errinfo *why) ERR_CHECKED;

#endif
