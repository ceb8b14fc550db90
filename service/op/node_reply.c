/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/node_reply.h"

#include "service/op/listing.h"

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

static enum err
write_document(struct op_call *call, int status, const struct node_out *out)
{
	struct str text;

	str_init(&text, DOCUMENT_MAX);
	node_xml_write(&text, out);
	return op_reply_str(call, status, "text/xml", &text);
}

void
node_reply(struct op_call *call, int status, const struct op_target *target,
    enum props_detail detail)
{
	struct node_out out;
	enum err e = listing_node(call, call->arena, op_leaf(target),
	    op_uri(call, target->path), detail, &target->facts, &out);

	if (e == ERR_OK)
		e = write_document(call, status, &out);
	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}

void
node_reply_fresh(struct op_call *call, int status, struct path path, uint64_t id)
{
	struct node_out out;
	struct node node;
	enum err e = nodes_get(call->env->reader, call->arena, id, &node, &call->why);

	/* Whoever changed it may see it, whatever the change did to the rights. */
	if (e == ERR_OK)
		e = props_of_node(call, call->arena, &node, op_uri(call, path),
		    PROPS_FULL, (struct props_rights){true, true}, &out);
	if (e == ERR_OK)
		e = write_document(call, status, &out);
	if (e == ERR_OK)
		op_finish(call);
	else
		op_fail(call, e);
}
