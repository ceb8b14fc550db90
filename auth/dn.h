/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dn - distinguished names (X.501) as text, and when two of them are the same identity.
 *
 * Read are RFC 2253 and RFC 4514, the same with blanks around separators ("C = CA, O =
 * Grid"), and the slash form "/C=CA/O=Grid/CN=Jo", in which a '/' that no "type=" follows
 * belongs to the value and '+' is a character like any other.
 *
 * A name and its reverse are one identity, as are names that differ in the case of ASCII
 * letters, in runs of blanks, or in the spelling of an attribute type (E, EMAILADDRESS,
 * 1.2.840.113549.1.9.1). Whatever order it was written in, a parsed name begins with the
 * most specific part wherever its two ends tell which that is: C and DC belong at the
 * end, persons' attributes such as CN at the front, the rest does not tell.
 *
 * Order: dn_parse -> anything else. Memory: all in the arena, static text excepted; the
 * text parsed is not kept. Thread: whoever owns the arena.
 * Fails with ERR_INVALID_ARGUMENT, saying what was wrong, and ERR_NO_MEMORY. Refused are
 * also empty values, control characters and what is not UTF-8.
 */
#ifndef QUARTET_AUTH_DN_H
#define QUARTET_AUTH_DN_H

#include <stdbool.h>
#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum {
	DN_TEXT_MAX = 4096, /* bytes of a text to be parsed */
	DN_PARTS_MAX = 64, /* attributes of one name */
	DN_KEY_MAX = 480, /* bytes of a key */
};

struct dn_part {
	struct bytes type; /* keyword in capitals, or a dotted OID where there is none */
	struct bytes value; /* as written, unescaped */
	struct bytes
	    folded; /* the value in lower case, blanks folded: what is compared */
};

/* A relative distinguished name: nearly always one part. Several have no order. */
struct dn_rdn {
	const struct dn_part *part; /* ascending by type and folded value */
	size_t n;
};

struct dn {
	const struct dn_rdn *rdn; /* most specific first */
	size_t n; /* at least 1 */
};

enum err dn_parse(
    struct arena *a, struct bytes text, struct dn *out, struct errinfo *why) ERR_CHECKED;

/* "CN=Jo Doe,OU=people,O=Grid,C=CA" (RFC 2253). .p is NULL when there is no memory. */
struct bytes dn_canonical(struct arena *a, const struct dn *dn);

bool dn_equal(const struct dn *a, const struct dn *b);

/*
 * Equal keys if and only if the names are equal: "cn=jo doe,ou=people,o=grid,c=ca". Where
 * that has more than DN_KEY_MAX bytes, '#' and the SHA-256 of it. .p is NULL when there
 * is no memory.
 */
struct bytes dn_key(struct arena *a, const struct dn *dn);

/* The dotted OID of a part's type; static text, or the type itself. */
struct bytes dn_type_oid(struct bytes type);

/* The value of the most specific CN; absent when there is none. */
struct bytes dn_common_name(const struct dn *dn);

#endif
