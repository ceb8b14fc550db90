/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/check.h"
#include "service/xml/json_out.h"
#include "service/xml/names.h"
#include "service/xml/node_form.h"

static void
write_properties(struct str *s, const struct node_out *n)
{
	str_adds(s, ",\"vos:properties\":{\"$\":[");
	for (size_t i = 0; i < n->n_properties; i++) {
		const struct node_out_property *p = &n->properties[i];

		str_adds(s, i == 0 ? "{\"property\":{" : ",{\"property\":{");
		json_out_member(s, "@uri", p->uri);
		if (p->read_only)
			str_adds(s, ",\"@readOnly\":\"true\"");
		str_addc(s, ',');
		json_out_member(s, "$", p->value);
		str_adds(s, "}}");
	}
	str_adds(s, "]}");
}

static void
write_items(struct str *s, const char *name, const char *item,
    const struct lists_item *items, size_t n)
{
	str_addf(s, ",\"vos:%s\":{\"$\":[", name);
	for (size_t i = 0; i < n; i++) {
		str_addf(s, "%s{\"%s\":{", i == 0 ? "" : ",", item);
		json_out_member(s, "@uri", items[i].uri);
		if (items[i].derived)
			str_adds(s, ",\"@original\":false");
		str_adds(s, "}}");
	}
	str_adds(s, "]}");
}

/* All members of a node but the children of a container. */
static void
write_members(struct str *s, const struct node_out *n, bool is_root)
{
	json_out_member(s, "@xmlns:vos", BYTES(VOSPACE_NS));
	str_addc(s, ',');
	if (is_root) {
		json_out_member(s, "@xmlns:xsi", BYTES(XSI_NS));
		str_addc(s, ',');
	}
	json_out_member(s, "@uri", n->uri);
	str_addf(s, ",\"@xsi:type\":\"vos:%s\"", node_xml_type_name(n->type));
	if (node_type_has_bytes(n->type) && !n->minimal)
		str_adds(s, n->busy ? ",\"@busy\":true" : ",\"@busy\":false");
	if (!n->minimal)
		write_properties(s, n);
	if (node_type_has_bytes(n->type)) {
		write_items(s, "accepts", "view", n->accepts, n->n_accepts);
		write_items(s, "provides", "view", n->provides, n->n_provides);
	}
	if (n->n_capabilities > 0)
		write_items(
		    s, "capabilities", "capability", n->capabilities, n->n_capabilities);
	if (n->type == NODE_LINK) {
		str_adds(s, ",\"vos:target\":{");
		json_out_member(s, "$", n->target);
		str_addc(s, '}');
	}
}

static void
write_end(struct str *s, const struct node_out *n)
{
	if (n->type == NODE_CONTAINER)
		str_adds(s, ",\"vos:nodes\":{\"$\":[]}");
	str_addc(s, '}');
}

static void
json_write(struct str *s, const struct node_out *n)
{
	str_adds(s, "{\"vos:node\":{");
	write_members(s, n, true);
	write_end(s, n);
	str_adds(s, "}\n");
}

static void
json_open(struct str *s, const struct node_out *container)
{
	CHECK(container->type == NODE_CONTAINER);
	str_adds(s, "{\"vos:node\":{");
	write_members(s, container, true);
	str_adds(s, ",\"vos:nodes\":{\"$\":[\n");
}

static void
json_child(struct str *s, const struct node_out *n, bool is_first)
{
	str_adds(s, is_first ? "{\"node\":{" : ",\n{\"node\":{");
	write_members(s, n, false);
	write_end(s, n);
	str_addc(s, '}');
}

static void
json_close(struct str *s)
{
	str_adds(s, "\n]}}}\n");
}

const struct node_form node_form_json = {
    .content_type = "application/json",
    .write = json_write,
    .open = json_open,
    .child = json_child,
    .close = json_close,
};
