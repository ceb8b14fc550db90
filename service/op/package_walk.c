/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/package_walk.h"

#include <stdlib.h>

enum {
	PAGE =
	    16, /* children read at once; the rest of a page is read again after a folder */
	STEP_NODES = 512, /* looked at in one call */
	PAGE_ARENA = 16 * 1024 * 1024,
	PATH_MAX_BYTES = 16 * 1024 * 1024,
};

struct root {
	struct path path; /* where it really is; part NULL: it cannot be had */
	struct bytes name; /* in the archive */
	uint64_t id;
	bool is_container;
	bool owns_allocation;
};

/* A container whose children are being listed. */
struct frame {
	struct frame *below;
	const struct root *root; /* that it lies in */
	uint64_t id;
	bool owns_allocation;
	bool makes_allocations; /* its folders are allocations */
	size_t path_n; /* of the walk's path: the container's own */
	size_t last_n;
	char last[NODE_NAME_MAX];
};

struct package_walk {
	struct op_call *call;
	struct root *root;
	size_t n_roots, next_root;
	bool in_containers; /* the targets that are files are done */
	struct frame *top;
	struct str path; /* in the archive, of the innermost container */
	struct arena page; /* of one page of children */
	struct nodes_page children;
	size_t next_child;
};

/* Targets */

static bool
is_taken(const struct package_walk *w, struct bytes name)
{
	for (size_t i = 0; i < w->n_roots; i++)
		if (bytes_eq(w->root[i].name, name))
			return true;
	return false;
}

/* Two targets of one name: the second is called "name-2". */
static struct bytes
free_name(struct package_walk *w, struct bytes name)
{
	struct bytes tried = name;

	for (unsigned i = 2; tried.p != NULL && is_taken(w, tried); i++)
		tried = arena_format(w->call->arena, "%.*s-%u", BYTES_ARG(name), i);
	return tried;
}

/* A refusal leaves the target out; only a failure of ours counts. */
static enum err
find_root(
    struct package_walk *w, struct path path, struct root *root, struct errinfo *why)
{
	struct op_call *call = w->call;
	struct op_target target;
	enum err e = op_resolve_existing(call, path, OP_LEAF_FOLLOW, &target);

	*root = (struct root){.name = BYTES("")};
	if (e == ERR_OK)
		e = op_authorize(call,
		    op_leaf(&target)->type == NODE_CONTAINER ? ACL_LIST : ACL_READ,
		    &target);
	if (e >= ERR_INTERNAL)
		*why = call->why;
	if (e != ERR_OK)
		return e >= ERR_INTERNAL ? e : ERR_OK;
	*root = (struct root){
	    .path = target.path,
	    .name = free_name(w, path.n == 0 ? BYTES("root") : path_name(path)),
	    .id = op_leaf(&target)->id,
	    .is_container = op_leaf(&target)->type == NODE_CONTAINER,
	    .owns_allocation = op_owns_allocation(&target),
	};
	return root->name.p == NULL ? errinfo_set(why, ERR_NO_MEMORY, "too many targets")
				    : ERR_OK;
}

enum err
package_walk_new(struct op_call *call, const struct path *paths, size_t n,
    struct package_walk **out, struct errinfo *why)
{
	struct package_walk *w = calloc(1, sizeof *w);
	enum err e = ERR_OK;

	if (w == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an archive");
	w->call = call;
	str_init(&w->path, PATH_MAX_BYTES);
	arena_init(&w->page, PAGE_ARENA);
	w->root = calloc(n, sizeof *w->root);
	if (w->root == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "too many targets");
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		struct root root;

		e = find_root(w, paths[i], &root, why);
		if (e == ERR_OK && root.id != 0)
			w->root[w->n_roots++] = root;
	}
	if (e != ERR_OK) {
		package_walk_free(w);
		return e;
	}
	*out = w;
	return ERR_OK;
}

static void
leave(struct package_walk *w)
{
	struct frame *f = w->top;

	w->top = f->below;
	w->children.n = w->next_child = 0;
	free(f);
	if (w->top != NULL)
		w->path.n = w->top->path_n;
}

void
package_walk_free(struct package_walk *w)
{
	if (w == NULL)
		return;
	while (w->top != NULL)
		leave(w);
	free(w->root);
	str_release(&w->path);
	arena_release(&w->page);
	free(w);
}

/* Links */

/* The target whose tree holds a path; NULL: none does. */
static const struct root *
root_of(const struct package_walk *w, struct path path)
{
	for (size_t i = 0; i < w->n_roots; i++) {
		const struct root *root = &w->root[i];
		bool holds = path.n >= root->path.n;

		for (size_t k = 0; holds && k < root->path.n; k++)
			holds = bytes_eq(path.part[k], root->path.part[k]);
		if (holds)
			return root;
	}
	return NULL;
}

/* Where a node below a target is in the archive. */
static void
archive_path(struct str *s, const struct root *root, struct path path)
{
	str_add(s, root->name);
	for (size_t i = root->path.n; i < path.n; i++) {
		str_addc(s, '/');
		str_add(s, path.part[i]);
	}
}

/* How much of two paths is the same folders, the slash behind the last included. */
static size_t
common_folders(struct bytes a, struct bytes b)
{
	size_t n = 0;

	for (size_t i = 0; i < a.n && i < b.n && a.p[i] == b.p[i]; i++)
		if (a.p[i] == '/')
			n = i + 1;
	return n;
}

/* From the folder of the link, whose path is the walk's, to where it leads. */
static struct bytes
relative_target(const struct package_walk *w, struct arena *a, const struct root *root,
    struct path path)
{
	struct bytes link = str_bytes(&w->path), out = {NULL, 0};
	struct str to, s;
	size_t common;

	str_init(&to, PATH_MAX_BYTES);
	str_init(&s, PATH_MAX_BYTES);
	archive_path(&to, root, path);
	common = common_folders(link, str_bytes(&to));
	for (size_t i = common; i < link.n; i++)
		if (link.p[i] == '/')
			str_adds(&s, "../");
	str_add(&s, bytes_skip(str_bytes(&to), common));
	if (!str_failed(&to) && !str_failed(&s))
		out = arena_copy(a, str_bytes(&s));
	str_release(&to);
	str_release(&s);
	return out;
}

/* .p NULL: it leads out of the archive. */
static struct bytes
link_target(struct package_walk *w, struct arena *a, const struct node *link)
{
	struct op_call *call = w->call;
	struct errinfo ignored;
	struct vosuri uri;
	const struct root *root;

	if (vosuri_parse(a, link->target, &call->env->space->names,
		(size_t)call->env->settings->path_depth, &uri, &ignored) != ERR_OK ||
	    !uri.is_ours)
		return (struct bytes){NULL, 0};
	root = root_of(w, uri.path);
	return root == NULL ? (struct bytes){NULL, 0}
			    : relative_target(w, a, root, uri.path);
}

/* Members */

static enum package_step
failed(enum err e, struct errinfo *why)
{
	if (why->code == ERR_OK)
		(void)errinfo_set(why, e, "%s", err_text(e));
	return PACKAGE_FAILED;
}

/* Is the innermost container one whose folders are allocations? */
static bool
makes_allocations(struct package_walk *w, const struct root *root)
{
	struct path path = root->path;
	size_t at = root->name.n;

	while (at < w->path.n) {
		struct bytes rest = {w->path.p + at + 1, w->path.n - at - 1};
		struct bytes name = {rest.p, bytes_find(rest, '/')};

		path = path_child(&w->page, path, name);
		if (path.part == NULL)
			return false;
		at += 1 + name.n;
	}
	return op_is_allocation_parent(w->call, path);
}

/* The walk's path is the container's already. */
static bool
enter(struct package_walk *w, const struct root *root, uint64_t id, bool owns_allocation)
{
	struct frame *f = calloc(1, sizeof *f);

	if (f == NULL)
		return false;
	*f = (struct frame){
	    .below = w->top,
	    .root = root,
	    .id = id,
	    .owns_allocation = owns_allocation,
	    .path_n = w->path.n,
	};
	w->top = f;
	w->children.n = w->next_child = 0;
	arena_clear(&w->page);
	f->makes_allocations = makes_allocations(w, root);
	return true;
}

static enum archive_kind
kind_of(const struct node *node)
{
	return node->type == NODE_CONTAINER ? ARCHIVE_FOLDER
	       : node->type == NODE_LINK    ? ARCHIVE_LINK
					    : ARCHIVE_FILE;
}

/* The member of a node whose path in the archive is `path`. */
static enum package_step
member_of(struct package_walk *w, struct arena *a, const struct node *node,
    struct bytes path, struct archive_member *out, struct package_bytes *bytes_out,
    struct errinfo *why)
{
	*out = (struct archive_member){
	    .kind = kind_of(node),
	    .path = arena_copy(a, path),
	    .length = node_type_has_bytes(node->type) ? node->length : 0,
	    .modified_ms = node->content_ms != 0 ? node->content_ms : node->changed_ms,
	};
	*bytes_out = (struct package_bytes){node->id, node->blob_id};
	if (out->path.p == NULL)
		return failed(errinfo_set(why, ERR_NO_MEMORY, "a path is too long"), why);
	if (out->kind != ARCHIVE_LINK)
		return PACKAGE_MEMBER;
	out->target = link_target(w, a, node);
	return out->target.p == NULL ? PACKAGE_AGAIN : PACKAGE_MEMBER;
}

static enum package_step
next_root(struct package_walk *w, struct arena *a, struct archive_member *out,
    struct package_bytes *bytes_out, struct errinfo *why)
{
	const struct root *root = &w->root[w->next_root++];
	struct node node;
	enum err e;

	if (root->is_container != w->in_containers)
		return PACKAGE_AGAIN;
	e = nodes_get(w->call->env->reader, a, root->id, &node, why);
	if (e == ERR_NODE_NOT_FOUND)
		return PACKAGE_AGAIN;
	if (e != ERR_OK)
		return failed(e, why);
	str_clear(&w->path);
	if (root->is_container) {
		str_add(&w->path, root->name);
		if (str_failed(&w->path) ||
		    !enter(w, root, root->id, root->owns_allocation))
			return failed(
			    errinfo_set(why, ERR_NO_MEMORY, "the tree is too deep"), why);
	}
	return member_of(w, a, &node, root->name, out, bytes_out, why);
}

static enum err
read_page(struct package_walk *w, struct errinfo *why)
{
	struct frame *f = w->top;
	enum err e;

	arena_clear(&w->page);
	w->next_child = 0;
	e = nodes_page(w->call->env->reader, &w->page, f->id,
	    (struct bytes){f->last, f->last_n}, f->last_n > 0, PAGE, &w->children, why);
	if (e == ERR_NODE_NOT_FOUND || e == ERR_CONTAINER_NOT_FOUND) {
		w->children = (struct nodes_page){.n = 0};
		return ERR_OK;
	}
	return e;
}

/* A child of the innermost container, if the caller may read it. */
static enum package_step
next_child(struct package_walk *w, struct arena *a, struct archive_member *out,
    struct package_bytes *bytes_out, struct errinfo *why)
{
	struct frame *f = w->top;
	struct node node = w->children.node[w->next_child++];
	bool can, owns = f->owns_allocation;
	size_t path_n = w->path.n;
	enum package_step step;
	enum err e;

	(void)memcpy(f->last, node.name.p, node.name.n);
	f->last_n = node.name.n;
	if (f->makes_allocations && node.type == NODE_CONTAINER)
		owns = caller_owns(w->call->caller, node.owner);
	e = op_can_read_below(w->call->caller, owns, &node, &can, why);
	if (e != ERR_OK)
		return failed(e, why);
	if (!can)
		return PACKAGE_AGAIN;
	str_addc(&w->path, '/');
	str_add(&w->path, node.name);
	if (str_failed(&w->path))
		return failed(errinfo_set(why, ERR_NO_MEMORY, "a path is too long"), why);
	step = member_of(w, a, &node, str_bytes(&w->path), out, bytes_out, why);
	if (node.type != NODE_CONTAINER)
		w->path.n = path_n;
	else if (step == PACKAGE_MEMBER && !enter(w, f->root, node.id, owns))
		return failed(
		    errinfo_set(why, ERR_NO_MEMORY, "the tree is too deep"), why);
	return step;
}

enum package_step
package_walk_next(struct package_walk *w, struct arena *a, struct archive_member *member,
    struct package_bytes *bytes, struct errinfo *why)
{
	enum package_step step = PACKAGE_AGAIN;
	enum err e;

	for (unsigned seen = 0; step == PACKAGE_AGAIN && seen < STEP_NODES; seen++) {
		if (w->top != NULL && w->next_child < w->children.n) {
			step = next_child(w, a, member, bytes, why);
		} else if (w->top != NULL) {
			e = read_page(w, why);
			if (e != ERR_OK)
				return failed(e, why);
			if (w->children.n == 0)
				leave(w);
		} else if (w->next_root < w->n_roots) {
			step = next_root(w, a, member, bytes, why);
		} else if (!w->in_containers) {
			w->in_containers = true;
			w->next_root = 0;
		} else {
			return PACKAGE_END;
		}
	}
	return step;
}
