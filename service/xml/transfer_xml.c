/* SPDX-License-Identifier: Apache-2.0 */
#include "service/xml/transfer_xml.h"

#include "service/xml/names.h"
#include "service/xml/xml_in.h"
#include "service/xml/xml_out.h"

enum {
	DEPTH_MAX = 16,
	ELEMENTS_MAX = 65536, /* a package may name many targets */
	ATTRIBUTES_MAX = 256,
};

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for the transfer");
}

static enum err
parse_uri(const struct xml_elem *e, struct bytes *out, struct errinfo *why)
{
	struct bytes uri = bytes_trim(xml_attr(e, "", "uri"));

	if (uri.n == 0)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the %.*s element has no uri attribute", BYTES_ARG(e->name));
	*out = uri;
	return ERR_OK;
}

static enum err
parse_params(struct arena *a, const struct xml_elem *parent, struct transfer_params *out,
    struct errinfo *why)
{
	struct transfer_param *v;
	size_t n = 0;

	v = arena_array(
	    a, struct transfer_param, xml_count(parent, VOSPACE_NS, "param") + 1);
	if (v == NULL)
		return no_memory(why);
	for (const struct xml_elem *e = parent->children; e != NULL; e = e->next) {
		enum err err;

		if (!xml_is(e, VOSPACE_NS, "param"))
			continue;
		err = parse_uri(e, &v[n].uri, why);
		if (err != ERR_OK)
			return err;
		v[n++].value = bytes_trim(e->text);
	}
	*out = (struct transfer_params){v, n};
	return ERR_OK;
}

/* One client asks with `standardID`; a method without URI means the same as none. */
static struct bytes
security_method_uri(const struct xml_elem *e)
{
	struct bytes uri = bytes_trim(xml_attr(e, "", "uri"));

	return uri.n > 0 ? uri : bytes_trim(xml_attr(e, "", "standardID"));
}

static enum err
parse_protocol(struct arena *a, const struct xml_elem *protocol,
    struct transfer_protocol *out, struct errinfo *why)
{
	const struct xml_elem *endpoint = xml_child(protocol, VOSPACE_NS, "endpoint");
	struct bytes *methods;
	enum err err = parse_uri(protocol, &out->uri, why);

	if (err == ERR_OK)
		err = parse_params(a, protocol, &out->params, why);
	if (err != ERR_OK)
		return err;
	if (endpoint != NULL)
		out->endpoint = bytes_trim(endpoint->text);
	methods = arena_array(
	    a, struct bytes, xml_count(protocol, VOSPACE_NS, "securityMethod") + 1);
	if (methods == NULL)
		return no_memory(why);
	out->security_methods = methods;
	for (const struct xml_elem *e = protocol->children; e != NULL; e = e->next) {
		struct bytes uri = {NULL, 0};

		if (xml_is(e, VOSPACE_NS, "securityMethod"))
			uri = security_method_uri(e);
		if (uri.n > 0)
			methods[out->n_security_methods++] = uri;
	}
	return ERR_OK;
}

static enum err
parse_protocols(struct arena *a, const struct xml_elem *root, struct transfer_doc *doc,
    struct errinfo *why)
{
	struct transfer_protocol *protocols = arena_array(
	    a, struct transfer_protocol, xml_count(root, VOSPACE_NS, "protocol") + 1);

	if (protocols == NULL)
		return no_memory(why);
	doc->protocols = protocols;
	for (const struct xml_elem *e = root->children; e != NULL; e = e->next) {
		enum err err;

		if (!xml_is(e, VOSPACE_NS, "protocol"))
			continue;
		err = parse_protocol(a, e, &protocols[doc->n_protocols++], why);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static enum err
parse_targets(struct arena *a, const struct xml_elem *root, struct transfer_doc *doc,
    struct errinfo *why)
{
	size_t n = xml_count(root, VOSPACE_NS, "target");
	struct bytes *targets;

	if (n == 0)
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "the transfer has no target");
	targets = arena_array(a, struct bytes, n);
	if (targets == NULL)
		return no_memory(why);
	doc->targets = targets;
	for (const struct xml_elem *e = root->children; e != NULL; e = e->next)
		if (xml_is(e, VOSPACE_NS, "target"))
			targets[doc->n_targets++] = bytes_trim(e->text);
	return ERR_OK;
}

static enum err
parse_view(struct arena *a, const struct xml_elem *root, struct transfer_view *out,
    struct errinfo *why)
{
	const struct xml_elem *view = xml_child(root, VOSPACE_NS, "view");
	enum err err;

	if (view == NULL)
		return ERR_OK;
	err = parse_uri(view, &out->uri, why);
	return err == ERR_OK ? parse_params(a, view, &out->params, why) : err;
}

static enum err
parse_keep_bytes(
    const struct xml_elem *root, struct transfer_doc *doc, struct errinfo *why)
{
	const struct xml_elem *keep = xml_child(root, VOSPACE_NS, "keepBytes");
	struct bytes text;

	doc->keep_bytes = true;
	if (keep == NULL)
		return ERR_OK;
	text = bytes_trim(keep->text);
	doc->keep_bytes_given = true;
	doc->keep_bytes = bytes_is(text, "1") || bytes_caseeq(text, BYTES("true"));
	/* Move or copy must not be guessed. */
	if (!doc->keep_bytes && !bytes_is(text, "0") &&
	    !bytes_caseeq(text, BYTES("false")))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "keepBytes is neither true nor false: %.*s", BYTES_ARG(text));
	return ERR_OK;
}

enum err
transfer_xml_parse(struct arena *a, struct bytes text, size_t bytes_max,
    struct transfer_doc *out, struct errinfo *why)
{
	const struct xml_limits limits = {
	    bytes_max, DEPTH_MAX, ELEMENTS_MAX, ATTRIBUTES_MAX};
	const struct xml_elem *root, *direction;
	struct transfer_doc doc = {0};
	enum err e = xml_parse(a, text, &limits, &root, why);

	if (e != ERR_OK)
		return e;
	if (!xml_is(root, VOSPACE_NS, "transfer"))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "not a VOSpace transfer document: its root is {%.*s}%.*s",
		    BYTES_ARG(root->ns), BYTES_ARG(root->name));
	doc.is_2_1 = bytes_is(bytes_trim(xml_attr(root, "", "version")), "2.1");
	direction = xml_child(root, VOSPACE_NS, "direction");
	if (direction != NULL)
		doc.direction = bytes_trim(direction->text);
	e = parse_targets(a, root, &doc, why);
	if (e == ERR_OK)
		e = parse_view(a, root, &doc.view, why);
	if (e == ERR_OK)
		e = parse_protocols(a, root, &doc, why);
	if (e == ERR_OK)
		e = parse_keep_bytes(root, &doc, why);
	if (e == ERR_OK)
		e = parse_params(a, root, &doc.params, why);
	if (e == ERR_OK)
		*out = doc;
	return e;
}

static void
write_params(struct str *s, const struct transfer_params *params)
{
	for (size_t i = 0; i < params->n; i++) {
		str_add(s, BYTES("<vos:param"));
		xml_out_attr(s, "uri", params->v[i].uri);
		str_addc(s, '>');
		xml_out_text(s, params->v[i].value);
		str_add(s, BYTES("</vos:param>"));
	}
}

static void
write_view(struct str *s, const struct transfer_view *view)
{
	str_add(s, BYTES("<vos:view"));
	xml_out_attr(s, "uri", view->uri);
	str_addc(s, '>');
	write_params(s, &view->params);
	str_add(s, BYTES("</vos:view>"));
}

static void
write_protocol(struct str *s, const struct transfer_protocol *p)
{
	str_add(s, BYTES("<vos:protocol"));
	xml_out_attr(s, "uri", p->uri);
	str_addc(s, '>');
	if (p->endpoint.p != NULL)
		xml_out_leaf(s, "vos:endpoint", p->endpoint);
	write_params(s, &p->params);
	for (size_t i = 0; i < p->n_security_methods; i++) {
		str_add(s, BYTES("<vos:securityMethod"));
		xml_out_attr(s, "uri", p->security_methods[i]);
		str_add(s, BYTES("/>"));
	}
	str_add(s, BYTES("</vos:protocol>"));
}

void
transfer_xml_element(struct str *s, const struct transfer_doc *doc)
{
	str_add(s, BYTES("<vos:transfer xmlns:vos=\"" VOSPACE_NS "\" version=\"2.1\">"));
	for (size_t i = 0; i < doc->n_targets; i++)
		xml_out_leaf(s, "vos:target", doc->targets[i]);
	if (doc->direction.p != NULL)
		xml_out_leaf(s, "vos:direction", doc->direction);
	if (doc->view.uri.p != NULL)
		write_view(s, &doc->view);
	for (size_t i = 0; i < doc->n_protocols; i++)
		write_protocol(s, &doc->protocols[i]);
	xml_out_leaf(
	    s, "vos:keepBytes", doc->keep_bytes ? BYTES("true") : BYTES("false"));
	write_params(s, &doc->params);
	str_add(s, BYTES("</vos:transfer>"));
}

void
transfer_xml_write(struct str *s, const struct transfer_doc *doc)
{
	xml_out_declaration(s);
	transfer_xml_element(s, doc);
	str_addc(s, '\n');
}
