/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts - who there is: identities, accounts, their DNs, groups and members.
 *
 * An identity is a number that can own nodes. An account is one; a DN seen without an
 * account is one too, and when an account takes the DN over, what that identity owns is
 * the account's (its `principal`). Names of accounts and groups are never given to
 * another owner again (architecture D43). Reads and changes as store.h says.
 *
 * DNs arrive in two forms made by auth/dn.h: a key, equal for equal names, and a text.
 */
#ifndef QUARTET_STORAGE_ACCOUNTS_H
#define QUARTET_STORAGE_ACCOUNTS_H

#include "service/core/arena.h"
#include "storage/store.h"

enum {
	ACCOUNT_NAME_MAX = 32, /* [a-z][a-z0-9._-]* */
	ACCOUNT_TEXT_MAX = 200, /* a display name, an e-mail address */
	GROUP_NAME_MAX = 200, /* letters, digits, and . _ - ~ */
	ACCOUNT_DNS_MAX = 32,
};

/* The numbers are stored. */
enum account_state {
	ACCOUNT_AS_IS = 0 /* never stored */,
	ACCOUNT_ACTIVE = 1,
	ACCOUNT_DISABLED = 2,
	ACCOUNT_PENDING = 3, /* asked for, and nobody has said yes yet */
};

struct account {
	uint64_t id; /* its identity */
	struct bytes name;
	enum account_state state;
	struct bytes password; /* encoded hash, opaque here; .n == 0: none */
	struct bytes display, email; /* .n == 0: none given */
	int64_t
	    valid_from_ms; /* what was certified before does not count; 0: everything */
	const uint64_t *dn_ids; /* identities of its DNs */
	const struct bytes *dns;
	size_t n_dns;
};

/* What an identity is. */
struct identity_facts {
	uint64_t id;
	uint64_t principal; /* the account that owns it, else itself */
	bool is_account;
	struct bytes name; /* account name or DN text */
};

struct group {
	uint64_t id;
	struct bytes name;
	uint64_t owner; /* identity */
	struct bytes description;
	int64_t created_ms;
};

/* What somebody is in a group. Who administers it changes it, and need not be a member. */
enum member_kind {
	MEMBER_USER = 'u',
	MEMBER_GROUP = 'g',
	ADMIN_USER = 'U',
	ADMIN_GROUP = 'G'
};

struct member {
	enum member_kind kind;
	uint64_t id; /* principal or group */
};

/* Reading. ERR_NOT_FOUND where there is none; everything is copied into the arena. */

enum err accounts_find(struct store_reader *reader, struct arena *a, struct bytes name,
    struct account *out, struct errinfo *why) ERR_CHECKED;
enum err accounts_get(struct store_reader *reader, struct arena *a, uint64_t id,
    struct account *out, struct errinfo *why) ERR_CHECKED;
/* All accounts in name order, or groups in name order, from `after` on. */
enum err accounts_list(struct store_reader *reader, struct arena *a, struct bytes after,
    size_t max, struct account **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

enum err accounts_identity(struct store_reader *reader, struct arena *a, uint64_t id,
    struct identity_facts *out, struct errinfo *why) ERR_CHECKED;
enum err accounts_identity_of_dn(struct store_reader *reader, struct arena *a,
    struct bytes dn_key, struct identity_facts *out, struct errinfo *why) ERR_CHECKED;

/* Could a group be called so? */
bool groups_is_name(struct bytes name);

enum err groups_find(struct store_reader *reader, struct arena *a, struct bytes name,
    struct group *out, struct errinfo *why) ERR_CHECKED;
/* Only its number; nothing is copied. */
enum err groups_id(struct store_reader *reader, struct bytes name, uint64_t *id_out,
    struct errinfo *why) ERR_CHECKED;
enum err groups_get(struct store_reader *reader, struct arena *a, uint64_t id,
    struct group *out, struct errinfo *why) ERR_CHECKED;
enum err groups_list(struct store_reader *reader, struct arena *a, struct bytes after,
    size_t max, struct group **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;
enum err groups_members(struct store_reader *reader, struct arena *a, uint64_t group,
    struct member **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;
/* Members and administrators: all that is said of a group. */
enum err groups_links(struct store_reader *reader, struct arena *a, uint64_t group,
    struct member **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;
/*
 * All groups `principal` belongs to, through nested groups too, ascending by id, at most
 * `max`: ERR_TOO_LARGE beyond.
 */
enum err groups_of(struct store_reader *reader, struct arena *a, uint64_t principal,
    size_t max, uint64_t **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;
/* Likewise those it administers: as a user, or as a member of a group that does. */
enum err groups_administered(struct store_reader *reader, struct arena *a,
    uint64_t principal, size_t max, uint64_t **out, size_t *n_out,
    struct errinfo *why) ERR_CHECKED;
/* Likewise those it owns; looks at all groups. */
enum err groups_owned(struct store_reader *reader, struct arena *a, uint64_t principal,
    size_t max, uint64_t **out, size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* Changes */

/*
 * ERR_CONFLICT: the name is or was in use; ERR_INVALID_ARGUMENT: not a name, or a text
 * that is too long; ERR_BUSY: `pending_most` accounts wait for a yes already.
 */
struct accounts_create {
	struct change change;
	struct bytes name, password, display, email; /* all but the name can be empty */
	bool pending; /* else active */
	uint64_t pending_most;
	uint64_t id_out;
};
void accounts_create(struct store *store, struct accounts_create *r);

/*
 * What is said of an account; .p NULL and ACCOUNT_AS_IS leave alone. Whatever ends its use
 * for now ends its tokens for good.
 */
struct accounts_update {
	struct change change;
	uint64_t id;
	enum account_state state;
	struct bytes password, display, email;
	/* Its tokens go, and certificates from before this moment do not count; 0: no. */
	int64_t revoke_ms;
};
void accounts_update(struct store *store, struct accounts_update *r);

/*
 * Bind a DN to an account (`remove` false) or release it. ERR_CONFLICT: it is another
 * account's, or the account has too many.
 */
struct accounts_dn {
	struct change change;
	uint64_t account;
	struct bytes key, text;
	bool remove;
};
void accounts_dn(struct store *store, struct accounts_dn *r);

/* The identity of a DN, a new one if it has none yet. */
struct accounts_ensure_dn {
	struct change change;
	struct bytes key, text;
	uint64_t id_out;
};
void accounts_ensure_dn(struct store *store, struct accounts_ensure_dn *r);

/* ERR_CONFLICT: the name is or was in use; ERR_INVALID_ARGUMENT: not a name. */
struct groups_create {
	struct change change;
	struct bytes name, description;
	uint64_t owner;
	const struct member *links; /* its first members and administrators */
	size_t n_links;
	uint64_t id_out;
};
void groups_create(struct store *store, struct groups_create *r);

/* The name stays reserved. */
struct groups_delete {
	struct change change;
	uint64_t id;
};
void groups_delete(struct store *store, struct groups_delete *r);

/*
 * Add or remove one member; adding one that is there, or removing one that is not, is
 * fine. ERR_NOT_FOUND: no such group or member; ERR_CYCLE: it would contain itself.
 */
struct groups_member {
	struct change change;
	uint64_t group;
	struct member member;
	bool remove;
};
void groups_member(struct store *store, struct groups_member *r);

/*
 * Give a group to `owner`, if it is the principal's `owned_by`. ERR_NOT_FOUND: no such
 * group; ERR_CHANGED: it is somebody else's.
 */
struct groups_give {
	struct change change;
	uint64_t group;
	uint64_t owned_by, owner;
};
void groups_give(struct store *store, struct groups_give *r);

/*
 * Exactly these are members and administrators from now on. Fails as groups_member, and
 * then nothing is changed.
 */
struct groups_replace {
	struct change change;
	uint64_t group;
	struct bytes description; /* .p NULL: as it is */
	const struct member *links;
	size_t n_links;
};
void groups_replace(struct store *store, struct groups_replace *r);

#endif
