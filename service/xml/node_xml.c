/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/node_xml.h"

#include "service/core/check.h"
#include "service/xml/names.h"
#include "service/xml/node_form.h"
#include "service/xml/xml_in.h"
#include "service/xml/xml_out.h"

enum {
	DEPTH_MAX = 64,
	ELEMENTS_MAX = 8192, /* a posted container may carry a listing */
	ATTRIBUTES_MAX = 256,
};

static const struct {
	const char *name;
	enum node_type type;
} types[] = {
    {"ContainerNode", NODE_CONTAINER},
    {"DataNode", NODE_DATA},
    {"LinkNode", NODE_LINK},
    {"StructuredDataNode", NODE_STRUCTURED_DATA},
    {"UnstructuredDataNode", NODE_UNSTRUCTURED_DATA},
};

enum { N_TYPES = sizeof types / sizeof types[0] };

/* VOSpace 2.1 section 3.1: a node without xsi:type is a vos:Node. */
static enum err
parse_type(const struct xml_elem *root, struct node_doc *doc, struct errinfo *why)
{
	struct bytes qname = xml_attr(root, XSI_NS, "type"), ns, name;

	doc->type = NODE_DATA;
	if (qname.p == NULL)
		return ERR_OK;
	if (!xml_qname(root, qname, &ns, &name) || !bytes_is(ns, VOSPACE_NS))
		return errinfo_set(why, ERR_TYPE_NOT_SUPPORTED,
		    "unsupported node type: %.*s", BYTES_ARG(qname));
	if (bytes_is(name, "Node"))
		return ERR_OK;
	for (size_t i = 0; i < N_TYPES; i++)
		if (bytes_is(name, types[i].name)) {
			doc->type = types[i].type;
			doc->type_given = true;
			return ERR_OK;
		}
	return errinfo_set(
	    why, ERR_TYPE_NOT_SUPPORTED, "unsupported node type: %.*s", BYTES_ARG(qname));
}

/* The standard's prose and examples put nil into the schema language's own namespace. */
static bool
is_nil(const struct xml_elem *e)
{
	return xml_true(xml_attr(e, XSI_NS, "nil")) ||
	       xml_true(xml_attr(e, XSD_NS, "nil"));
}

static enum err
parse_property(const struct xml_elem *e, const struct node_xml_limits *limits,
    struct node_doc_property *out, struct errinfo *why)
{
	*out = (struct node_doc_property){
	    .uri = xml_attr(e, "", "uri"),
	    .value = e->text,
	    .is_nil = is_nil(e),
	};
	if (out->uri.n == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "a property has no uri attribute");
	if (out->value.n > limits->value_bytes)
		return errinfo_set(why, ERR_TOO_LARGE,
		    "the property %.*s has %zu bytes, the limit is %zu",
		    BYTES_ARG(out->uri), out->value.n, limits->value_bytes);
	return ERR_OK;
}

static enum err
parse_properties(struct arena *a, const struct xml_elem *list,
    const struct node_xml_limits *limits, struct node_doc *doc, struct errinfo *why)
{
	size_t n = xml_count(list, VOSPACE_NS, "property");
	struct node_doc_property *p;

	if (n > limits->properties)
		return errinfo_set(why, ERR_TOO_LARGE,
		    "the node has %zu properties, the limit is %zu", n,
		    limits->properties);
	p = arena_array(a, struct node_doc_property, n + 1);
	if (p == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for the properties");
	doc->properties = p;
	for (const struct xml_elem *e = list->children; e != NULL; e = e->next) {
		enum err err;

		if (!xml_is(e, VOSPACE_NS, "property"))
			continue;
		err = parse_property(e, limits, &p[doc->n_properties++], why);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

enum err
node_xml_parse(struct arena *a, struct bytes text, const struct node_xml_limits *limits,
    struct node_doc *out, struct errinfo *why)
{
	const struct xml_limits xml = {
	    limits->bytes, DEPTH_MAX, ELEMENTS_MAX, ATTRIBUTES_MAX};
	const struct xml_elem *root, *part;
	struct node_doc doc = {0};
	enum err e = xml_parse(a, text, &xml, &root, why);

	if (e != ERR_OK)
		return e;
	if (!xml_is(root, VOSPACE_NS, "node"))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "not a VOSpace node document: its root is {%.*s}%.*s",
		    BYTES_ARG(root->ns), BYTES_ARG(root->name));
	doc.uri = bytes_trim(xml_attr(root, "", "uri"));
	if (doc.uri.n == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the node has no uri attribute");
	e = parse_type(root, &doc, why);
	if (e != ERR_OK)
		return e;
	part = xml_child(root, VOSPACE_NS, "properties");
	if (part != NULL)
		e = parse_properties(a, part, limits, &doc, why);
	if (e != ERR_OK)
		return e;
	part = xml_child(root, VOSPACE_NS, "target");
	if (part != NULL) {
		doc.has_target = true;
		doc.target = bytes_trim(part->text);
	}
	*out = doc;
	return ERR_OK;
}

const char *
node_xml_type_name(enum node_type type)
{
	size_t i = 0;

	while (i < N_TYPES && types[i].type != type)
		i++;
	CHECK(i < N_TYPES);
	return types[i].name;
}

static void
write_properties(struct str *s, const struct node_out *n)
{
	str_add(s, BYTES("<vos:properties>"));
	for (size_t i = 0; i < n->n_properties; i++) {
		const struct node_out_property *p = &n->properties[i];

		str_add(s, BYTES("<vos:property"));
		xml_out_attr(s, "uri", p->uri);
		str_add(s, p->read_only ? BYTES(" readOnly=\"true\">") : BYTES(">"));
		xml_out_text(s, p->value);
		str_add(s, BYTES("</vos:property>"));
	}
	str_add(s, BYTES("</vos:properties>"));
}

static void
write_items(struct str *s, const char *name, const char *item,
    const struct lists_item *items, size_t n)
{
	if (n == 0) {
		str_addf(s, "<vos:%s/>", name);
		return;
	}
	str_addf(s, "<vos:%s>", name);
	for (size_t i = 0; i < n; i++) {
		str_addf(s, "<vos:%s", item);
		lists_xml_attributes(s, &items[i]);
		str_add(s, BYTES("/>"));
	}
	str_addf(s, "</vos:%s>", name);
}

/* From the first attribute on; the end tag of a container is left to the caller. */
static void
write_body(struct str *s, const struct node_out *n)
{
	xml_out_attr(s, "uri", n->uri);
	str_add(s, BYTES(" xsi:type=\"vos:"));
	str_adds(s, node_xml_type_name(n->type));
	str_addc(s, '"');
	if (node_type_has_bytes(n->type) && !n->minimal)
		str_add(s, n->busy ? BYTES(" busy=\"true\"") : BYTES(" busy=\"false\""));
	str_addc(s, '>');
	if (!n->minimal)
		write_properties(s, n);
	if (node_type_has_bytes(n->type)) {
		write_items(s, "accepts", "view", n->accepts, n->n_accepts);
		write_items(s, "provides", "view", n->provides, n->n_provides);
	}
	if (n->n_capabilities > 0)
		write_items(
		    s, "capabilities", "capability", n->capabilities, n->n_capabilities);
	if (n->type == NODE_LINK)
		xml_out_leaf(s, "vos:target", n->target);
}

static void
write_end(struct str *s, const struct node_out *n)
{
	if (n->type == NODE_CONTAINER)
		str_add(s, BYTES("<vos:nodes/>"));
	str_add(s, BYTES("</vos:node>\n"));
}

static void
write_root(struct str *s, const struct node_out *n)
{
	xml_out_declaration(s);
	str_add(s, BYTES("<vos:node xmlns:vos=\"" VOSPACE_NS "\" xmlns:xsi=\"" XSI_NS
			 "\" version=\"2.1\""));
	write_body(s, n);
}

static void
form_write(struct str *s, const struct node_out *n)
{
	write_root(s, n);
	write_end(s, n);
}

static void
form_open(struct str *s, const struct node_out *container)
{
	CHECK(container->type == NODE_CONTAINER);
	write_root(s, container);
	str_add(s, BYTES("<vos:nodes>\n"));
}

static void
form_child(struct str *s, const struct node_out *n, bool is_first)
{
	(void)is_first;
	str_add(s, BYTES("<vos:node"));
	write_body(s, n);
	write_end(s, n);
}

static void
form_close(struct str *s)
{
	str_add(s, BYTES("</vos:nodes></vos:node>\n"));
}

const struct node_form node_form_xml = {
    .content_type = "text/xml",
    .write = form_write,
    .open = form_open,
    .child = form_child,
    .close = form_close,
};
