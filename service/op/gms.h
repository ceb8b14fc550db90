/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gms - what the operations of the group service share (client contract 10, standards 12):
 * who may do what with a group, and from groups to documents and back.
 *
 *   see it       its owner, administrators and members, and the service's administrators
 *   change it    the same without the members
 *   remove it    its owner, and the service's administrators
 */
#ifndef QUARTET_OP_GMS_H
#define QUARTET_OP_GMS_H

#include "service/op/op.h"
#include "service/xml/group_xml.h"

enum gms_right { GMS_SEE, GMS_CHANGE, GMS_REMOVE };

/* ERR_NOT_AUTHENTICATED: nobody; ERR_DENIED: a limited proxy that wants to change. */
enum err gms_caller(struct op_call *call, enum gms_right right) ERR_CHECKED;

/* ERR_NOT_FOUND: no such group; ERR_DENIED: not the caller's to do that with. */
enum err gms_find(struct op_call *call, struct bytes name, enum gms_right right,
    struct group *out) ERR_CHECKED;

/* What stands before a name of a group of ours, "ivo://AUTHORITY/gms?"; .p NULL likewise. */
struct bytes gms_prefix(struct op_call *call);

/* "ivo://AUTHORITY/gms?NAME"; .p NULL without memory. */
struct bytes gms_uri(struct op_call *call, struct bytes name);

/* The name of an account that has no other; .p NULL without memory. */
struct bytes gms_own_dn(struct arena *a, struct bytes account, struct bytes authority);

/* Its document; `whole`: with members and administrators. */
enum err gms_document(struct op_call *call, const struct group *group, bool whole,
    struct group_document *out) ERR_CHECKED;

/* Answer with the whole document. */
void gms_show(struct op_call *call, int status, struct bytes name);

/* The principal a user is by any of its identities. ERR_NOT_FOUND. */
enum err gms_user(
    struct op_call *call, const struct group_user *user, uint64_t *out) ERR_CHECKED;

/* Links as the store has them. ERR_NOT_FOUND: one that is not known here. */
enum err gms_links(struct op_call *call, const struct group_document *doc, size_t spare,
    struct member **out, size_t *n_out) ERR_CHECKED;

#endif
