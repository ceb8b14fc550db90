/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path - a decoded path below the root of the space, and the rules for names.
 *
 * A name is 1 to 255 bytes of valid UTF-8 without '/' and NUL, and is neither "." nor
 * ".."; everything else round-trips (architecture D25), control characters too: whoever
 * writes a name into a text escapes them. Thread: whoever owns the arena the parts point into.
 */
#ifndef QUARTET_STORAGE_PATH_H
#define QUARTET_STORAGE_PATH_H

#include <stddef.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"
#include "service/core/str.h"

struct path {
	const struct bytes *part; /* n names, outermost first; n == 0 is the root */
	size_t n;
};

/* ERR_INVALID_URI with the reason, or ERR_OK. */
enum err path_check_name(struct bytes name, struct errinfo *why) ERR_CHECKED;

/*
 * From percent-encoded text such as "/a/b%20c"; one leading and one trailing '/' are
 * ignored, an empty part in between is refused, and so is an encoded '/'.
 * ERR_INVALID_URI names the part; more than depth_max parts are refused too.
 */
enum err path_parse(struct arena *a, struct bytes encoded, size_t depth_max,
    struct path *out, struct errinfo *why) ERR_CHECKED;

/* The first n parts. */
struct path path_front(struct path p, size_t n);
/* p with one more part, or with all of `tail` behind it; .part is NULL without memory. */
struct path path_child(struct arena *a, struct path p, struct bytes name);
struct path path_join(struct arena *a, struct path p, struct path tail);

/* The last part, "" for the root. */
struct bytes path_name(struct path p);

/*
 * One name as it stands in a URI (RFC 3986 3.3). Of the characters that need no escape, '
 * ( ) have one: the clients take (1,2,3) at the end of a name for a cutout. All that the
 * vos client accepts in a name has none: it takes the encoded name for the name, and then
 * refuses the '%' in it.
 */
void path_encode_name(struct str *to, struct bytes name);

/* "/a/b%20c"; "" for the root. */
void path_encode(struct str *to, struct path p);
/* "/a/b c" for people and logs; "/" for the root. */
struct bytes path_show(struct arena *a, struct path p);

#endif
