/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET nodes/PATH (VOSpace 2.1 6.3.1): one node, or a container with its children.
 *
 * limit, uri     paging; the page begins at and includes `uri`
 * sort, order    core#date, core#length; asc, desc
 * name, since    only some of the children (listing_filter.h)
 * depth          what lies deeper too, each container before what is in it
 * detail         min, properties, max; anything else as properties
 * Accept         text/xml, application/json: a parameter, or the header
 * view=data      303 to files/PATH, before anything is looked at
 */
#include "service/core/isotime.h"
#include "service/op/listing.h"
#include "service/op/node_reply.h"
#include "service/op/ops.h"

#define CORE "ivo://ivoa.net/vospace/core#"

static void
redirect_to_files(struct op_call *call)
{
	struct bytes url = arena_format(call->arena, "%.*s/files%.*s",
	    BYTES_ARG(call->base_url), BYTES_ARG(call->rest));

	if (url.p == NULL)
		op_fail(call, ERR_NO_MEMORY);
	else
		op_see_other(call, url);
}

static enum props_detail
detail_of(struct bytes text)
{
	if (bytes_is(text, "min"))
		return PROPS_MIN;
	return bytes_is(text, "max") ? PROPS_MAX : PROPS_FULL;
}

static enum err
parse_limit(struct op_call *call, struct bytes text, uint64_t *out)
{
	*out = UINT64_MAX;
	if (text.p == NULL || bytes_u64(text, out))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "value for limit must be a positive integer.");
}

static enum err
not_a_child(struct op_call *call, struct bytes text, struct path container)
{
	struct bytes uri = op_uri(call, container);

	return errinfo_set(&call->why, ERR_INVALID_URI,
	    "uri parameter (%.*s) not a child of target uri (%.*s).", BYTES_ARG(text),
	    BYTES_ARG(uri));
}

/* Does it lie below the container, down to `depth`? The rest of its path then. */
static bool
is_below(struct path node, struct path container, size_t depth, struct path *rest)
{
	if (node.n <= container.n || node.n > container.n + depth)
		return false;
	for (size_t i = 0; i < container.n; i++)
		if (!bytes_eq(node.part[i], container.part[i]))
			return false;
	*rest = (struct path){node.part + container.n, node.n - container.n};
	return true;
}

/*
 * `uri` must be a child of what is listed, by the path asked for or by the one behind
 * its links, which is that of the answer; it need not exist.
 */
static enum err
parse_start(struct op_call *call, struct bytes text, struct path asked,
    struct path container, struct listing_ask *ask)
{
	struct path child;
	enum err e;

	if (text.p == NULL)
		return ERR_OK;
	e = op_parse_uri(call, text, &child);
	if (e != ERR_OK)
		return e;
	return is_below(child, asked, ask->depth, &ask->start) ||
		       is_below(child, container, ask->depth, &ask->start)
		   ? ERR_OK
		   : not_a_child(call, text, container);
}

static enum err
parse_depth(struct op_call *call, struct bytes text, size_t *out)
{
	const uint64_t max = call->env->settings->listing_depth_max;
	uint64_t depth = 1;

	if (text.n > 0 && (!bytes_u64(text, &depth) || depth == 0 || depth > max))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "depth=%.*s is not a number from 1 to %llu", BYTES_ARG(text),
		    (unsigned long long)max);
	*out = (size_t)depth;
	return ERR_OK;
}

static enum err
parse_sort(struct op_call *call, struct listing_ask *ask)
{
	struct bytes sort = op_param(call, "sort"), order = op_param(call, "order");

	if (sort.p == NULL || sort.n == 0 || bytes_is(sort, "name"))
		ask->sort = LISTING_BY_NAME;
	else if (bytes_is(sort, CORE "date"))
		ask->sort = LISTING_BY_DATE;
	else if (bytes_is(sort, CORE "length"))
		ask->sort = LISTING_BY_LENGTH;
	else
		return errinfo_set(&call->why, ERR_OPTION_NOT_SUPPORTED,
		    "sorting options not supported: sort by %.*s", BYTES_ARG(sort));
	if (order.p == NULL || order.n == 0 || bytes_caseeq(order, BYTES("asc")))
		ask->descending = false;
	else if (bytes_caseeq(order, BYTES("desc")))
		ask->descending = true;
	else
		return errinfo_set(&call->why, ERR_OPTION_NOT_SUPPORTED,
		    "sorting options not supported: sort order %.*s", BYTES_ARG(order));
	if (ask->depth > 1 && (ask->sort != LISTING_BY_NAME || ask->descending))
		return errinfo_set(&call->why, ERR_OPTION_NOT_SUPPORTED,
		    "sorting options not supported with depth=%zu", ask->depth);
	return ERR_OK;
}

static enum err
parse_filter(struct op_call *call, struct listing_filter *filter)
{
	struct bytes name = op_param(call, "name"), since = op_param(call, "since");

	if (name.n > 0)
		filter->name = name;
	if (since.n > 0 && !isotime_parse(since, &filter->since_ms))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "since=%.*s is no time (2026-01-02T03:04:05)", BYTES_ARG(since));
	return ERR_OK;
}

/* How deep a listing goes, where it begins, in what order it is, what of it is wanted. */
static enum err
parse_order(struct op_call *call, struct path asked, const struct op_target *target,
    struct listing_ask *ask)
{
	enum err e = parse_depth(call, op_param(call, "depth"), &ask->depth);

	if (e == ERR_OK)
		e = parse_start(call, op_param(call, "uri"), asked, target->path, ask);
	if (e == ERR_OK)
		e = parse_sort(call, ask);
	return e == ERR_OK ? parse_filter(call, &ask->filter) : e;
}

static enum err
check_form(struct op_call *call, const struct node_form **form)
{
	struct bytes view = op_param(call, "view");

	if (view.n > 0)
		return errinfo_set(
		    &call->why, ERR_VIEW_NOT_SUPPORTED, "%.*s", BYTES_ARG(view));
	return node_form_wanted(call, form);
}

static void
run(struct op_call *call)
{
	struct listing_ask ask = {.detail = detail_of(op_param(call, "detail"))};
	struct op_target target;
	struct path path;
	bool lists = false;
	enum err e;

	if (bytes_is(op_param(call, "view"), "data")) {
		redirect_to_files(call);
		return;
	}
	e = op_parse_path(call, call->rest, &path);
	if (e == ERR_OK)
		e = check_form(call, &ask.form);
	if (e == ERR_OK)
		e = parse_limit(call, op_param(call, "limit"), &ask.limit);
	if (e == ERR_OK)
		e = op_resolve_existing(call, path, OP_LEAF_AS_IS, &target);
	if (e == ERR_OK) {
		lists = op_leaf(&target)->type == NODE_CONTAINER && ask.limit > 0 &&
			!call->is_head;
		e = op_authorize(call, lists ? ACL_LIST : ACL_STAT, &target);
	}
	/* Only now: what is wrong with these tells that the container is there. */
	if (e == ERR_OK && op_leaf(&target)->type == NODE_CONTAINER)
		e = parse_order(call, path, &target, &ask);
	if (e != ERR_OK)
		op_fail(call, e);
	else if (lists)
		listing_reply(call, &target, &ask);
	else
		node_reply(call, 200, &target, ask.detail);
}

const struct op op_node_get = {
    .name = "node-get", .groups = true, .guests = GUESTS_MAY, .run = run};
