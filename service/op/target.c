/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/target.h"

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/log.h"
#include "service/op/group_ask.h"
#include "service/op/service_mode.h"

enum { URI_MAX = 64 * 1024, AUTO_BYTES = 8 };

enum err
op_parse_path(struct op_call *call, struct bytes text, struct path *out)
{
	return path_parse(
	    call->arena, text, (size_t)call->env->settings->path_depth, out, &call->why);
}

enum err
op_parse_uri(struct op_call *call, struct bytes text, struct path *out)
{
	struct vosuri uri;
	enum err e = vosuri_parse(call->arena, text, &call->env->space->names,
	    (size_t)call->env->settings->path_depth, &uri, &call->why);

	if (e != ERR_OK)
		return e;
	if (!uri.is_ours)
		return errinfo_set(&call->why, ERR_INVALID_URI,
		    "%.*s is not in this space", BYTES_ARG(text));
	*out = uri.path;
	return ERR_OK;
}

struct bytes
op_uri(struct op_call *call, struct path path)
{
	struct str s;
	struct bytes uri;

	str_init(&s, URI_MAX);
	vosuri_write(&s, call->env->space->names.authority, path);
	uri = str_failed(&s) ? BYTES("?") : arena_copy(call->arena, str_bytes(&s));
	str_release(&s);
	return uri.p == NULL ? BYTES("?") : uri;
}

enum err
op_fail_uri(struct op_call *call, enum err err, struct path path)
{
	struct bytes uri = op_uri(call, path);

	return errinfo_set(&call->why, err, "%.*s", BYTES_ARG(uri));
}

enum err
op_fail_mismatch(struct op_call *call, enum err err, struct bytes uri, struct path path)
{
	struct bytes ours = op_uri(call, path);

	return errinfo_set(&call->why, err,
	    "invalid input: vos URI mismatch: doc=%.*s and path=%.*s", BYTES_ARG(uri),
	    BYTES_ARG(ours));
}

static bool
same_path(struct path a, struct path b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (!bytes_eq(a.part[i], b.part[i]))
			return false;
	return true;
}

bool
op_is_allocation_parent(const struct op_call *call, struct path path)
{
	const struct space *space = call->env->space;

	for (size_t i = 0; i < space->n_allocation_parents; i++)
		if (same_path(path, space->allocation_parents[i]))
			return true;
	return false;
}

/* The place of the allocation that holds the last node of the trail, 0 without one. */
static size_t
find_allocation(
    const struct op_call *call, const struct nodes_trail *trail, struct path path)
{
	for (size_t i = trail->n - 1; i > 0; i--)
		if (trail->node[i].type == NODE_CONTAINER &&
		    op_is_allocation_parent(call, path_front(path, i - 1)))
			return i;
	return 0;
}

enum err
op_judge(struct op_call *call, const struct nodes_trail *trail, struct path path,
    struct acl_facts *out)
{
	struct acl_node *nodes = arena_array(call->arena, struct acl_node, trail->n);
	enum err e = ERR_OK;

	if (nodes == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "the path is too long");
	for (size_t i = 0; i < trail->n && e == ERR_OK; i++)
		e = caller_judge(call->caller, &trail->node[i], &nodes[i], &call->why);
	*out = (struct acl_facts){
	    .node = nodes,
	    .n = trail->n,
	    .allocation = find_allocation(call, trail, path),
	    .is_anonymous = call->caller->is_anonymous,
	    .is_admin = call->caller->is_admin,
	    .grant_by_owner = call->env->settings->permissions_by[0] == 'o',
	    .read_only = call->caller->read_only,
	    .drop_only = call->caller->drop_only,
	    .scope =
		caller_in_scope(call->caller, path) ? call->caller->scope.n : SIZE_MAX,
	};
	return e;
}

/* A refusal, with what the caller can do about it. */
static enum err
refusal(struct op_call *call, enum err err, struct path path)
{
	struct bytes uri = op_uri(call, path);
	const struct errinfo *refused = &call->caller->refused;

	if (err == ERR_NOT_AUTHENTICATED && refused->code != ERR_OK)
		return errinfo_set(
		    &call->why, err, "%.*s: %s", BYTES_ARG(uri), errinfo_text(refused));
	if (err == ERR_GROUPS)
		return group_ask_refusal(call, uri);
	if (err == ERR_DENIED && (call->caller->read_only || call->caller->scope.n > 0))
		return errinfo_set(&call->why, err, "%.*s (the token in use is limited)",
		    BYTES_ARG(uri));
	return errinfo_set(&call->why, err, "%.*s", BYTES_ARG(uri));
}

void
op_log_admin(struct op_call *call, const char *does, struct path path)
{
	struct bytes uri = op_uri(call, path);

	log_info("request %.*s: the administrator %.*s %s %.*s",
	    BYTES_ARG(call->request_id), BYTES_ARG(call->caller->name), does,
	    BYTES_ARG(uri));
}

/* Would it be refused to anybody else with these rights? */
static bool
takes_admin(enum acl_action action, const struct acl_facts *facts)
{
	struct acl_facts others = *facts;

	others.is_admin = false;
	return facts->is_admin && acl_decide(action, &others, NULL) != ERR_OK;
}

enum err
op_authorize(struct op_call *call, enum acl_action action, const struct op_target *target)
{
	static const char *const does[] = {
	    [ACL_STAT] = "looks at",
	    [ACL_LIST] = "lists",
	    [ACL_SET] = "changes properties of",
	    [ACL_GRANT] = "changes permissions of",
	    [ACL_DELETE] = "deletes",
	    [ACL_ENTER] = NULL, /* and the rest is by the rules alone */
	};
	size_t at = 0;
	enum err e = acl_decide(action, &target->facts, &at);

	if (e == ERR_OK && action >= ACL_CREATE)
		e = service_mode_check_change(call);
	if (e == ERR_READ_ONLY || e == ERR_OFFLINE)
		return e;
	if (e != ERR_OK)
		return refusal(call, e, path_front(target->path, at));
	if (does[action] != NULL && takes_admin(action, &target->facts))
		op_log_admin(call, does[action], target->path);
	return ERR_OK;
}

struct op_target
op_parent(const struct op_target *t)
{
	struct op_target parent = *t;

	CHECK(t->path.n > 0);
	parent.path.n--;
	parent.exists = true;
	if (t->exists) {
		parent.trail.n--;
		parent.facts.n--;
		if (parent.facts.allocation == parent.facts.n)
			parent.facts.allocation = 0;
	}
	return parent;
}

enum err
op_authorize_new(struct op_call *call, const struct op_target *target)
{
	struct op_target parent = op_parent(target);
	size_t at = 0;
	enum err e = acl_decide(ACL_CREATE, &parent.facts, &at);
	bool by_parent = at + 1 == parent.facts.n;

	if (e == ERR_OK)
		return service_mode_check_change(call);
	/* What the container does not allow is the new node. */
	return refusal(call, e,
	    by_parent && e != ERR_PARENT_LOCKED ? target->path
						: path_front(target->path, at));
}

enum err
op_can_read_below(struct caller *caller, bool owns_allocation, const struct node *node,
    bool *can_out, struct errinfo *why)
{
	struct acl_node way[3] = {{.is_public = true}, {.is_owner = owns_allocation}};
	struct acl_facts facts = {
	    .node = way, .n = 3, .allocation = owns_allocation ? 1 : 0};
	enum err e = caller_judge(caller, node, &way[2], why);

	*can_out = e == ERR_OK && (node->type == NODE_LINK || acl_can_read(&facts, 2));
	if (e == ERR_OK && node->type != NODE_LINK && acl_may_read(&facts, 2))
		return errinfo_set(why, ERR_GROUPS, "'%.*s': %s", BYTES_ARG(node->name),
		    err_text(ERR_GROUPS));
	return e;
}

static enum err
choose_name(struct op_call *call, struct path *path)
{
	uint8_t random[AUTO_BYTES];
	char name[2 * AUTO_BYTES + 1];
	struct bytes copy;

	random_bytes(random, sizeof random);
	hex_encode(random, sizeof random, name);
	copy = arena_copy(call->arena, bytes_of(name));
	*path = path_child(call->arena, path_front(*path, path->n - 1), copy);
	return copy.p == NULL || path->part == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a name")
		   : ERR_OK;
}

enum err
op_check_new_name(struct op_call *call, struct path path)
{
	struct bytes name = path_name(path);

	if (bytes_is(name, ".null") || bytes_is(name, NAME_AUTO))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "the name %.*s is reserved", BYTES_ARG(name));
	if (path.n == 1 && bytes_starts(name, BYTES("preauth:")))
		return errinfo_set(&call->why, ERR_INVALID_URI,
		    "no name at the top may begin with preauth:");
	return ERR_OK;
}

enum err
op_settle_name(struct op_call *call, struct path *path)
{
	return bytes_is(path_name(*path), NAME_AUTO) ? choose_name(call, path)
						     : op_check_new_name(call, *path);
}

/* The followed links of one resolution, by where they are, to notice a circle. */
struct followed {
	struct path *path;
	size_t n, max;
};

static enum err
note_link(struct op_call *call, struct followed *f, struct path link)
{
	struct bytes shown;

	for (size_t i = 0; i < f->n; i++)
		if (same_path(f->path[i], link)) {
			shown = path_show(call->arena, link);
			return errinfo_set(&call->why, ERR_UNREADABLE_LINK,
			    "detected link node cycle: already followed link -> %.*s",
			    BYTES_ARG(shown));
		}
	if (f->n == f->max)
		return errinfo_set(
		    &call->why, ERR_UNREADABLE_LINK, "Exceeded link limit.");
	f->path[f->n++] = link;
	return ERR_OK;
}

/* Where a link leads, with what stood behind it in the path. */
static enum err
link_target(
    struct op_call *call, const struct node *link, struct path rest, struct path *out)
{
	struct vosuri uri;
	enum err e = vosuri_parse(call->arena, link->target, &call->env->space->names,
	    (size_t)call->env->settings->path_depth, &uri, &call->why);

	if (e == ERR_OK && !uri.is_ours)
		e = errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "cannot navigate external link %.*s", BYTES_ARG(link->target));
	if (e != ERR_OK)
		return e;
	*out = path_join(call->arena, uri.path, rest);
	return out->part == NULL && uri.path.n + rest.n > 0
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "the path is too long")
		   : ERR_OK;
}

/* The trail does not reach the end of the path, or ends in a link. */
static bool
is_link_to_follow(const struct op_target *t, enum op_leaf leaf)
{
	if (op_leaf(t)->type != NODE_LINK)
		return false;
	return t->trail.n <= t->path.n || leaf == OP_LEAF_FOLLOW;
}

static enum err
walk(struct op_call *call, struct op_target *t)
{
	enum err e =
	    nodes_walk(call->env->reader, call->arena, t->path, &t->trail, &call->why);

	if (e != ERR_OK)
		return e;
	t->exists = t->trail.n == t->path.n + 1;
	return op_judge(call, &t->trail, t->path, &t->facts);
}

/* Something on the way is missing: say so only to those who may know. */
static enum err
missing(struct op_call *call, const struct op_target *t)
{
	struct op_target last = *t;
	enum err e;

	last.path = path_front(t->path, t->trail.n - 1);
	e = op_authorize(
	    call, op_leaf(t)->type == NODE_CONTAINER ? ACL_LIST : ACL_STAT, &last);
	return e == ERR_OK ? op_fail_uri(call, ERR_NODE_NOT_FOUND, t->path) : e;
}

enum err
op_resolve(
    struct op_call *call, struct path path, enum op_leaf leaf, struct op_target *out)
{
	struct followed followed = {.max = (size_t)call->env->settings->links_max};
	struct op_target t = {.path = path};
	enum err e = walk(call, &t);

	while (e == ERR_OK && is_link_to_follow(&t, leaf)) {
		size_t at = t.trail.n - 1;
		struct path rest = {t.path.part + at, t.path.n - at};
		struct op_target link = t;

		if (followed.path == NULL)
			followed.path =
			    arena_array(call->arena, struct path, followed.max);
		if (followed.path == NULL)
			return errinfo_set(
			    &call->why, ERR_NO_MEMORY, "no memory for links");
		link.path = path_front(t.path, at);
		e = op_authorize(call, ACL_STAT, &link);
		if (e == ERR_OK)
			e = note_link(call, &followed, link.path);
		if (e == ERR_OK)
			e = link_target(call, op_leaf(&t), rest, &t.path);
		if (e == ERR_OK)
			e = walk(call, &t);
		t.links_followed++;
	}
	if (e != ERR_OK)
		return e;
	if (!t.exists && (t.trail.n < t.path.n || op_leaf(&t)->type != NODE_CONTAINER))
		return missing(call, &t);
	*out = t;
	return ERR_OK;
}

enum err
op_resolve_existing(
    struct op_call *call, struct path path, enum op_leaf leaf, struct op_target *out)
{
	enum err e = op_resolve(call, path, leaf, out);

	return e == ERR_OK && !out->exists ? missing(call, out) : e;
}
