/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vosuri - node identifiers: "vos://example.org~vault/a/b%20c".
 *
 * The authority names a service: its registry id "ivo://example.org/vault" without the
 * scheme and with '~' for '/'. Clients also write '!' for '~', any case, and the aliases
 * the service is listed under; all of these are this service, and answers carry the one
 * configured spelling (vosuri_write). Paths are decoded, by the rules of storage/path.h.
 *
 * Memory: results point into the arena or into the text. Thread: any.
 * Fails with: ERR_INVALID_URI, ERR_NO_MEMORY.
 */
#ifndef QUARTET_VOSURI_H
#define QUARTET_VOSURI_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"
#include "storage/path.h"

/* The names of this service, each as "example.org~vault". */
struct vosuri_names {
	struct bytes authority;
	const struct bytes *aliases;
	size_t n_aliases;
};

struct vosuri {
	bool is_ours; /* false: another service, or another kind of URI */
	struct bytes scheme; /* as written */
	struct path path; /* of ours; empty for the root and for foreign ones */
	struct bytes query; /* behind '?', not decoded; .p NULL: none */
};

/*
 * Any absolute URI. Ours is "vos://AUTHORITY/path" and, with the id instead of the
 * authority, "ivo://example.org/vault/path". Blanks and control characters are refused,
 * and so is a vos URI without authority. A fragment is dropped. More than depth_max
 * names in a path of ours are refused.
 */
enum err vosuri_parse(struct arena *a, struct bytes text,
    const struct vosuri_names *names, size_t depth_max, struct vosuri *out,
    struct errinfo *why) ERR_CHECKED;

/* "vos://AUTHORITY/a/b%20c"; the root has no final '/'. */
void vosuri_write(struct str *s, struct bytes authority, struct path path);

/* "ivo://example.org/vault" -> "example.org~vault". */
enum err vosuri_from_resource_id(struct arena *a, struct bytes id,
    struct bytes *authority_out, struct errinfo *why) ERR_CHECKED;

/*
 * True for an absolute URI of any scheme (RFC 3986; characters beyond ASCII may stand
 * unescaped): what the target of a link must be.
 */
bool vosuri_is_absolute(struct bytes text);

#endif
