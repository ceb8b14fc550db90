/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/node_reply.h"

#include "service/op/accept.h"
#include "service/op/listing.h"
#include "service/op/views.h"

enum { DOCUMENT_MAX = 4 * 1024 * 1024 };

enum err
node_parse(struct op_call *call, struct node_doc *out)
{
	const struct settings *settings = call->env->settings;
	struct node_xml_limits limits = {
	    .bytes = settings->node_xml_max,
	    .properties = settings->properties_max,
	    .value_bytes = settings->property_max,
	};

	if (bytes_trim(call->body).n == 0)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "no node document");
	return node_xml_parse(call->arena, call->body, &limits, out, &call->why);
}

enum err
node_form_wanted(struct op_call *call, const struct node_form **out)
{
	struct bytes asked = op_param(call, "accept");

	*out = &node_form_xml;
	if (bytes_is(asked, node_form_json.content_type) ||
	    (asked.n == 0 &&
		accept_prefers(op_header(call, "accept"), node_form_json.content_type,
		    node_form_xml.content_type)))
		*out = &node_form_json;
	else if (asked.n > 0 && !bytes_is(asked, node_form_xml.content_type))
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "Media type %.*s not supported", BYTES_ARG(asked));
	return ERR_OK;
}

/* A single document has room for what a listing leaves out. */
static enum err
add_views(struct op_call *call, const struct node *node, struct node_out *out)
{
	struct lists_item *views =
	    arena_array(call->arena, struct lists_item, 2 * VIEWS_MAX);

	if (!node_type_has_bytes(node->type))
		return ERR_OK;
	if (views == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a node");
	out->accepts = views;
	out->n_accepts = views_marked(VIEW_ACCEPTS, views);
	out->provides = views + VIEWS_MAX;
	out->n_provides = views_marked(
	    VIEW_PROVIDES | (views_is_fits(node) ? VIEW_FITS : 0), views + VIEWS_MAX);
	return ERR_OK;
}

static enum err
write_document(struct op_call *call, int status, const struct node_form *form,
    const struct node *node, struct node_out *out)
{
	struct str text;
	enum err e = add_views(call, node, out);

	if (e != ERR_OK)
		return e;
	str_init(&text, DOCUMENT_MAX);
	form->write(&text, out);
	return op_reply_str(call, status, form->content_type, &text);
}

void
node_reply(struct op_call *call, int status, const struct op_target *target,
    enum props_detail detail)
{
	const struct node *node = op_leaf(target);
	const struct node_form *form;
	struct node_out out;
	enum err e = node_form_wanted(call, &form);

	if (e == ERR_OK)
		e = listing_node(call, call->arena, node, op_uri(call, target->path),
		    detail, &target->facts, &out);
	if (e == ERR_OK)
		e = write_document(call, status, form, node, &out);
	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}

void
node_reply_fresh(struct op_call *call, int status, struct path path, uint64_t id)
{
	const struct node_form *form;
	struct node_out out;
	struct node node;
	enum err e = nodes_get(call->env->reader, call->arena, id, &node, &call->why);

	/* Whoever changed it may see it, whatever the change did to the rights. */
	if (e == ERR_OK)
		e = props_of_node(call, call->arena, &node, op_uri(call, path),
		    PROPS_FULL, (struct props_rights){true, true}, &out);
	if (node_form_wanted(call, &form) != ERR_OK)
		form = &node_form_xml; /* what was done is not undone by that */
	if (e == ERR_OK)
		e = write_document(call, status, form, &node, &out);
	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}
