/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller - who makes a request, as far as anybody vouches for it, and what groups that
 * makes one a member of.
 *
 * Order: caller_init (anonymous), then perhaps caller_from_dn, caller_from_account,
 * caller_from_identity or caller_from_token -> the rest.
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
#include "storage/path.h"
#include "storage/tokens.h"

/* Whether somebody is in a group. */
enum membership { MEMBER_NO, MEMBER_YES, MEMBER_UNKNOWN };

/*
 * What an outside group service says of the caller (service/gms), found out before anything
 * is decided. Left as it is, with zeros, he is in none of its groups.
 */
struct caller_outside {
	bool is_unknown; /* it could not be asked */
	const struct bytes *names; /* ascending */
	size_t n;
};

struct caller {
	struct arena *arena;
	struct store_reader *reader;
	const struct settings *settings;
	/* How groups of this service are written: "ivo://AUTHORITY/gms" without the
	 * scheme. */
	struct bytes group_authority;

	bool is_anonymous;
	bool is_admin;
	bool by_provider; /* by a bearer token of an outside provider */
	bool is_limited; /* by a limited proxy: files only (architecture D42) */
	/* By a token: 0, or its id and kind, and what it does not allow its owner. */
	uint64_t token_id;
	enum token_kind token_kind;
	uint64_t link; /* of a guest: the one that was opened */
	bool read_only, drop_only;
	struct path scope; /* nothing outside of it; .n 0: everywhere */
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
	struct caller_outside outside;
};

void caller_init(struct caller *c, struct arena *a, struct store_reader *reader,
    const struct settings *settings, struct bytes group_authority);

/*
 * By a certificate made at `certified_ms`. With a disabled account, or one whose owner
 * revoked what was certified then, the caller stays anonymous, with c->refused set.
 */
enum err caller_from_dn(struct caller *c, struct bytes dn, int64_t certified_ms,
    struct errinfo *why) ERR_CHECKED;
/* By the record of an account, which is borrowed; as above when it is disabled. */
enum err caller_from_account(
    struct caller *c, const struct account *account, struct errinfo *why) ERR_CHECKED;
/* By the identity in a pre-authorised URL; 0 stays anonymous. */
enum err caller_from_identity(
    struct caller *c, uint64_t id, struct errinfo *why) ERR_CHECKED;

/* By a token that token_open found valid. */
enum err caller_from_token(
    struct caller *c, const struct token *token, struct errinfo *why) ERR_CHECKED;

/*
 * Does the credential allow all that its owner may do? Else it is one for files only, and
 * changes no groups, gets no certificates.
 */
bool caller_has_all_rights(const struct caller *c);
/* The same, but for a limited proxy, which may make jobs. */
bool caller_has_full_reach(const struct caller *c);

/* Does `path` lie inside the caller's scope? */
bool caller_in_scope(const struct caller *c, struct path path);

bool caller_owns(const struct caller *c, uint64_t owner);

/* To whom a job of the caller's belongs: a guest's are his, not those of whose link it is. */
uint64_t caller_job_owner(const struct caller *c);
bool caller_owns_job(const struct caller *c, uint64_t owner);

/* Member of one of these groups? Groups nobody knows have no members. */
enum err caller_in_groups(struct caller *c, const struct node_groups *groups,
    enum membership *out, struct errinfo *why) ERR_CHECKED;

/*
 * The local name of a group URI: "ivo://cadc.nrc.ca/gms?NAME" and
 * "ivo://AUTHORITY/gms?NAME" are one group, unless the outside group service has the first
 * (architecture D44). False: not ours.
 */
bool caller_group_name(const struct caller *c, struct bytes uri, struct bytes *name_out);
/* The same of a group of the outside service. */
bool caller_outside_name(
    const struct caller *c, struct bytes uri, struct bytes *name_out);

/* The facts acl wants of one node. No memory is kept: it may be asked for millions. */
enum err caller_judge(struct caller *c, const struct node *node, struct acl_node *out,
    struct errinfo *why) ERR_CHECKED;

#endif
