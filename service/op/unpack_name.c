/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/unpack_name.h"

struct parts {
	struct bytes *part;
	size_t n, max;
};

static enum err
begin(struct arena *a, struct parts *to, size_t depth_max, struct errinfo *why)
{
	*to = (struct parts){
	    .part = arena_array(a, struct bytes, depth_max + 1), .max = depth_max};
	return to->part == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a path")
				: ERR_OK;
}

/* The next part that says something; false: there is none. */
static bool
next_part(struct bytes *rest, struct bytes *out)
{
	while (rest->n > 0) {
		*out = (struct bytes){rest->p, bytes_find(*rest, '/')};
		*rest = bytes_skip(*rest, out->n + (out->n < rest->n));
		if (out->n > 0 && !bytes_is(*out, "."))
			return true;
	}
	return false;
}

static enum err
add(struct parts *to, struct bytes part, struct errinfo *why)
{
	if (to->n == to->max)
		return errinfo_set(why, ERR_INVALID_URI, "the path is too deep");
	to->part[to->n++] = part;
	return path_check_name(part, why);
}

enum err
unpack_path(struct arena *a, struct bytes name, size_t depth_max, struct path *out,
    struct errinfo *why)
{
	struct parts parts;
	struct bytes part;
	enum err e = begin(a, &parts, depth_max, why);

	if (e == ERR_OK && bytes_starts(name, BYTES("/")))
		e = errinfo_set(why, ERR_INVALID_URI, "the name is absolute");
	while (e == ERR_OK && next_part(&name, &part))
		e = add(&parts, part, why);
	*out = (struct path){parts.part, parts.n};
	return e;
}

enum err
unpack_link(struct arena *a, struct path member, struct bytes target, size_t depth_max,
    struct path *out, struct errinfo *why)
{
	struct parts parts;
	struct bytes part;
	enum err e = begin(a, &parts, depth_max, why);

	if (e == ERR_OK && (target.n == 0 || bytes_starts(target, BYTES("/"))))
		e = errinfo_set(why, ERR_INVALID_ARGUMENT, "the link is not relative");
	for (size_t i = 0; e == ERR_OK && i + 1 < member.n; i++)
		e = add(&parts, member.part[i], why);
	while (e == ERR_OK && next_part(&target, &part)) {
		if (!bytes_is(part, ".."))
			e = add(&parts, part, why);
		else if (parts.n > 0)
			parts.n--;
		else
			e = errinfo_set(why, ERR_INVALID_ARGUMENT,
			    "the link leads out of the container");
	}
	*out = (struct path){parts.part, parts.n};
	return e;
}
