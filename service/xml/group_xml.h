/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_xml - groups as documents, as `cadc-groups` writes and reads them (client contract
 * 10). There is no namespace.
 *
 *   <group uri="ivo://AUTHORITY/gms?NAME"><owner><user>..</user></owner>
 *     <description/><lastModified/>
 *     <groupMembers> group.. </groupMembers><userMembers> user.. </userMembers>
 *     <groupAdmins> group.. </groupAdmins><userAdmins> user.. </userAdmins></group>
 *   <user><internalID><uri/></internalID>
 *     <identities><identity type="HTTP">NAME</identity><identity type="X500">DN</identity>
 *
 * Memory: what is written is borrowed for the call; what is read is in the arena.
 */
#ifndef QUARTET_XML_GROUP_XML_H
#define QUARTET_XML_GROUP_XML_H

#include <stdint.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

enum group_role {
	GROUP_MEMBERS_OF, /* groups that are members */
	USER_MEMBERS,
	GROUP_ADMINS,
	USER_ADMINS,
	GROUP_ROLES
};

struct group_user {
	struct bytes
	    uri; /* "ivo://AUTHORITY/gms?user-7": who it is, whatever else is said */
	struct bytes name, dn; /* .n == 0: not known */
};

struct group_link {
	enum group_role role;
	struct bytes group_uri; /* of a group */
	struct group_user user; /* of a user */
};

struct group_document {
	struct bytes uri;
	struct group_user owner; /* not read */
	struct bytes description; /* .p NULL: not said */
	int64_t modified_ms; /* not read */
	const struct group_link *links;
	size_t n_links;
};

/* A whole document; and one with several groups of which only uri and owner are said. */
void group_xml_write(struct str *s, const struct group_document *group);
void group_xml_write_list(struct str *s, const struct group_document *groups, size_t n);

/* ERR_INVALID_ARGUMENT, ERR_TOO_LARGE, ERR_NO_MEMORY. */
enum err group_xml_read(struct arena *a, struct bytes text, size_t bytes_max,
    struct group_document *out, struct errinfo *why) ERR_CHECKED;

#endif
